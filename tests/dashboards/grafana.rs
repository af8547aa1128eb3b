//! What Grafana and its ClickHouse plugin make of a query before the server sees it: variables, then macros.
//! It is given a query, the chosen time and values, and gives SQL; it knows what our boards use and refuses the rest.

use std::collections::BTreeMap;

/// What a visitor chose.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Seconds since 1970.
    pub from: u64,
    pub to: u64,
    /// How many seconds a point of a graph is wide.
    pub interval: u64,
    pub chosen: BTreeMap<&'static str, Vec<String>>,
}

impl Visit {
    /// The query as it is sent.
    pub fn sql(&self, query: &str) -> String {
        self.macros(&self.variables(query))
    }

    /// `${name:format}`, as Grafana's formats have it.
    fn variables(&self, query: &str) -> String {
        let mut made = String::new();
        let mut rest = query;
        while let Some((before, after)) = rest.split_once("${") {
            let (inner, after) = after.split_once('}').expect("a variable ends");
            let (name, format) = inner.split_once(':').expect("every variable says how it is written");
            let values = self.chosen.get(name).unwrap_or_else(|| panic!("{name} was not chosen"));
            made.push_str(before);
            made.push_str(&match format {
                "sqlstring" => sqlstring(values),
                "percentencode" => percentencode(&values[0]),
                _ => panic!("{format} is a format that the boards do not need"),
            });
            rest = after;
        }
        made + rest
    }

    fn macros(&self, query: &str) -> String {
        let (from, to) = (format!("toDateTime({})", self.from), format!("toDateTime({})", self.to));
        let query =
            calls(query, "$__timeFilter", |column| format!("{column} >= {from} AND {column} <= {to}"));
        let query = calls(&query, "$__timeInterval", |column| {
            format!("toStartOfInterval(toDateTime({column}), INTERVAL {} second)", self.interval.max(1))
        });
        let query = query.replace("$__fromTime", &from).replace("$__toTime", &to);
        let query = query.replace("$__interval_s", &self.interval.max(1).to_string());
        assert!(!query.contains("$_"), "a macro that the plugin does not have: {query}");
        query
    }
}

/// Replaces each call of a macro of one argument, which is a plain column.
fn calls(query: &str, name: &str, made: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once(&format!("{name}(")) {
        let (argument, after) = after.split_once(')').expect("a call ends");
        let is_plain = argument.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        assert!(is_plain, "{name}({argument}): older plugins do not find the end of more than a column");
        text.push_str(before);
        text.push_str(&made(argument));
        rest = after;
    }
    text + rest
}

fn sqlstring(values: &[String]) -> String {
    values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect::<Vec<_>>().join(",")
}

/// JavaScript's `encodeURIComponent`, and `!'()*` besides.
fn percentencode(value: &str) -> String {
    let one = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(one).collect()
}

#[test]
fn queries_are_written_as_grafana_does() {
    let chosen = [("tenant", vec!["a".to_owned(), "o'b".to_owned()]), ("who", vec!["x' \\é".to_owned()])];
    let visit = Visit { from: 10, to: 20, interval: 60, chosen: chosen.into() };
    assert_eq!(visit.sql("${tenant:sqlstring} ${who:percentencode}"), r"'a','o''b' x%27%20%5C%C3%A9");
    assert_eq!(visit.sql("$__timeFilter(t.a)"), "t.a >= toDateTime(10) AND t.a <= toDateTime(20)");
    let point = "toStartOfInterval(toDateTime(a), INTERVAL 60 second)";
    assert_eq!(visit.sql("$__timeInterval(a) $__interval_s"), format!("{point} 60"));
}
