//! `dashboards/src/*.toml`: what people write. It promises that every key is known and every abbreviation is there.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Where Grafana's files are, and their source below.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards");

/// The boards, in the order in which a visitor meets them.
const BOARDS: &[&str] =
    &["overview", "mfa", "keys", "coverage", "data", "api", "principal", "alert", "health"];

/// All that is written.
pub struct Source {
    pub common: Common,
    pub boards: Vec<Board>,
    pub alerts: Alerts,
}

/// What boards share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// Abbreviations: `{scope}` in a query.
    pub sql: BTreeMap<String, String>,
    pub variables: BTreeMap<String, Variable>,
    /// How a column of a table looks, by its name.
    pub columns: BTreeMap<String, Column>,
}

/// What may be chosen at the top of a board.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    pub kind: VariableKind,
    pub label: String,
    /// Of a data source: which plugin's.
    #[serde(default)]
    pub plugin: String,
    pub sql: Option<String>,
    pub promql: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum VariableKind {
    Datasource,
    Query,
    Text,
}

/// One board.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Of its file.
    #[serde(skip)]
    pub name: String,
    pub title: String,
    pub description: String,
    pub variables: Vec<String>,
    #[serde(default = "a_day")]
    pub from: String,
    pub panels: Vec<Panel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    pub title: String,
    pub kind: Kind,
    /// Width, of 24, and height. Panels follow each other as words in lines.
    pub size: [u32; 2],
    /// Where a click leads: `board` or `board/Panel`. A table may lead by its columns instead.
    pub link: Option<String>,
    pub description: String,
    pub unit: Option<String>,
    pub decimals: Option<u32>,
    #[serde(default)]
    pub steps: Vec<Step>,
    /// A line that values should not pass.
    pub limit: Option<f64>,
    /// The column that names the series.
    pub legend: Option<String>,
    /// Of series, by their names.
    #[serde(default)]
    pub colors: BTreeMap<String, String>,
    /// Columns of this table alone.
    #[serde(default)]
    pub columns: BTreeMap<String, Column>,
    pub sql: Option<String>,
    #[serde(default)]
    pub promql: Vec<Expression>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One number.
    Stat,
    /// One text.
    Words,
    /// Numbers over time, stacked.
    Bars,
    /// Numbers over time.
    Lines,
    /// A number for each name, as bars.
    Ranking,
    /// A number for each name, as shares.
    Pie,
    Table,
}

/// From which value on which color; the first has no value.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub color: String,
    pub at: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    pub expr: String,
    pub legend: String,
}

#[derive(Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Column {
    pub width: Option<u32>,
    pub unit: Option<String>,
    pub decimals: Option<u32>,
    pub hidden: bool,
    /// A share, drawn as a bar.
    pub bar: bool,
    /// Of the cell, by its text.
    pub colors: BTreeMap<String, String>,
    pub steps: Vec<Step>,
    pub link: Option<Link>,
}

/// To a board, with a field of the row as one of its variables.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    pub board: String,
    pub variable: String,
    pub field: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// Data sources' uids, as environment variables of Grafana.
    pub sources: BTreeMap<String, String>,
    pub rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub uid: String,
    pub title: String,
    pub summary: String,
    pub action: String,
    /// The board to open, and the variable that the label of this name becomes.
    pub board: String,
    pub variable: Option<String>,
    /// Without one, that of the row.
    pub severity: Option<String>,
    /// How far back the query looks.
    pub minutes: u32,
    /// How long the condition must hold.
    pub for_minutes: u32,
    pub above: Option<f64>,
    pub below: Option<f64>,
    pub sql: Option<String>,
    pub promql: Option<String>,
}

impl Source {
    pub fn read() -> Self {
        let boards = BOARDS.iter().map(|name| Board { name: (*name).to_owned(), ..file(name) }).collect();
        let mut written = names(&format!("{FOLDER}/src"));
        written.retain(|name| !["common.toml", "alerts.toml"].contains(&name.as_str()));
        let mut listed: Vec<String> = BOARDS.iter().map(|name| format!("{name}.toml")).collect();
        listed.sort();
        assert_eq!(written, listed, "each board is in the list above");
        Self { common: file("common"), boards, alerts: file("alerts") }
    }

    pub fn board(&self, name: &str) -> &Board {
        let found = self.boards.iter().find(|board| board.name == name);
        found.unwrap_or_else(|| panic!("no board is called {name}"))
    }

    /// A query with its abbreviations written out; some of them hold others.
    pub fn written_out(&self, query: &str) -> String {
        let mut query = query.trim().to_owned();
        loop {
            let before = query.clone();
            for (name, text) in &self.common.sql {
                query = query.replace(&format!("{{{name}}}"), text);
            }
            if query == before {
                return query;
            }
        }
    }
}

impl Board {
    pub fn uid(&self) -> String {
        uid(&self.name)
    }
}

/// How Grafana knows a board.
pub fn uid(name: &str) -> String {
    format!("heelguard-{name}")
}

/// What is in a folder, in order.
pub fn names(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn a_day() -> String {
    "now-24h".to_owned()
}

fn file<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = format!("{FOLDER}/src/{name}.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}
