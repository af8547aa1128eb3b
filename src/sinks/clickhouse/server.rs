//! The server, asked over HTTP: statements, questions, and blocks of rows.
//! It is given SQL of our own making and blocks; no text from the wire is ever part of a statement.
//! It promises that an insert counts as done only after a whole, empty, error-free 200.
//!
//! Statements and questions go through the `clickhouse` crate. Blocks go through the sinks' own client, because an
//! insert of the crate drops the answer's body: an error, or a proxy's page, under a 200 would count as delivered.

use super::config::Config;
use crate::sinks::destination::Trouble;
use crate::sinks::escape::for_terminal;
use crate::sinks::http::{self, HttpClient};
use crate::sinks::secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clickhouse::error::Error;
use clickhouse::query::Query;
use clickhouse::{Client, RowOwned, RowRead};
use hyper_util::rt::TokioExecutor;
use std::time::Duration;
use zeroize::Zeroizing;

/// A question about the tables is answered in far less.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(4);

/// Statements that make tables. On a cluster they wait for every server and go on there when we do not.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(8);

/// Inserts, and what is added up again: what a worker can wait for.
pub(super) const WORK_TIMEOUT: Duration = Duration::from_secs(25);

/// An error's text is cut there.
const TEXT_MAX: usize = 400;

/// What every insert asks for.
const INSERT_SETTINGS: &[(&str, &str)] = &[
    // The answer comes when all is done, so that no error can follow a 200.
    ("wait_end_of_query", "1"),
    // A user's profile may say otherwise, but then an answer is no promise.
    ("async_insert", "0"),
    // A block that is dropped as a repetition still goes to the rollups, which drop it for themselves: the table and
    // its rollups are not one transaction, and the first try may have reached only the table.
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    // Merging rows of the same key inside each insert took two thirds of its time, and there hardly are any.
    ("optimize_on_insert", "0"),
    ("input_format_native_allow_types_conversion", "1"),
];

/// One server, for one thread.
pub(super) struct Server {
    section: String,
    peer: String,
    user: String,
    http: HttpClient,
    client: Client,
    url: String,
    authorization: Zeroizing<String>,
    compress: bool,
    /// Whether inserts must wait until the rows are on the cluster's other servers.
    spread: bool,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// There was no whole answer.
    NoAnswer(String),
    /// The server's error code and text.
    Refused(u32, String),
}

impl Fault {
    /// The server's error code.
    pub(super) fn code(&self) -> Option<u32> {
        match self {
            Self::NoAnswer(_) => None,
            Self::Refused(code, _) => Some(*code),
        }
    }

    /// The server's text, or ours.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::NoAnswer(text) | Self::Refused(_, text) => text,
        }
    }

    /// Whether it is the rows' fault, so that fewer of them may go in.
    pub(super) fn is_about_rows(&self) -> bool {
        match self {
            // TOO_MANY_PARTS is also said of one insert that would make too many partitions.
            Self::Refused(252, text) => text.contains("partitions"),
            // Codes of values that cannot be read, converted, or are against a constraint; see ErrorCodes.cpp.
            Self::Refused(code, _) => {
                matches!(
                    code,
                    6 | 26
                        | 27
                        | 33
                        | 38
                        | 41
                        | 69
                        | 70
                        | 72
                        | 117
                        | 128
                        | 131
                        | 321
                        | 349
                        | 395
                        | 407
                        | 469
                        | 691
                )
            }
            Self::NoAnswer(_) => false,
        }
    }
}

impl Server {
    /// Reads secrets and certificates; touches no network.
    pub(super) fn open(config: &Config, section: &str) -> Result<Self, String> {
        let files = config.tls(section);
        let setting = format!("{section}.password");
        let password = secret::resolve(&setting, &config.password, &config.password_file)?;
        let login =
            Zeroizing::new(format!("{}:{}", config.user, password.as_deref().map_or("", String::as_str)));
        let authorization = Zeroizing::new(format!("Basic {}", STANDARD.encode(login.as_bytes())));
        let transport = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(http::POOL_IDLE_TIMEOUT)
            .build(http::connector(&files)?);
        let url = format!("{}/", config.url.trim_end_matches('/'));
        let client = Client::with_http_client(transport)
            .with_url(&url)
            .with_header("Authorization", authorization.as_str())
            .with_product_info("heelguard", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            section: section.to_owned(),
            peer: url.parse().map(|uri| http::peer(&uri)).unwrap_or_default(),
            user: config.user.clone(),
            http: HttpClient::new(&files)?,
            client,
            url,
            authorization,
            compress: config.compress,
            spread: !config.cluster.is_empty(),
        })
    }

    /// Asks for rows.
    pub(super) fn ask<T: RowOwned + RowRead>(&self, sql: &str) -> Result<Vec<T>, Fault> {
        self.ask_with(sql, &[], QUESTION_TIMEOUT)
    }

    /// The same, with parameters and for as long as that takes.
    pub(super) fn ask_with<T: RowOwned + RowRead>(
        &self,
        sql: &str,
        parameters: &[(&str, &str)],
        timeout: Duration,
    ) -> Result<Vec<T>, Fault> {
        let query = with_parameters(self.client.query_raw(sql), parameters);
        self.http.run(timeout, query.fetch_all()).map_err(|error| self.fault(error, timeout))
    }

    /// Runs a statement.
    pub(super) fn run(&self, sql: &str, parameters: &[(&str, &str)], timeout: Duration) -> Result<(), Fault> {
        let query = self.client.query_raw(sql).with_setting("wait_end_of_query", "1");
        let query = with_parameters(query, parameters);
        self.http.run(timeout, query.execute()).map_err(|error| self.fault(error, timeout))
    }

    /// Sends a block in Native form; `token` tells the server whether it has seen it before.
    pub(super) fn insert(
        &self,
        table: &str,
        columns: &str,
        block: Vec<u8>,
        token: &str,
    ) -> Result<(), Fault> {
        let sql = format!("INSERT INTO {table} ({columns}) FORMAT Native");
        let mut url = format!("{}?query=", self.url);
        push_encoded(&mut url, &sql);
        let own = [("insert_deduplication_token", token)];
        let spread: &[_] = if self.spread { &[("distributed_foreground_insert", "1")] } else { &[] };
        for (name, value) in INSERT_SETTINGS.iter().chain(&own).chain(spread) {
            url.push_str(&format!("&{name}="));
            push_encoded(&mut url, value);
        }
        let mut headers = vec![("authorization", self.authorization.as_str())];
        let mut body = block;
        if self.compress
            && let Ok(smaller) = zstd::bulk::compress(&body, 1)
        {
            headers.push(("content-encoding", "zstd"));
            body = smaller;
        }
        let answer = self
            .http
            .post(&url, &headers, body, WORK_TIMEOUT)
            .map_err(|error| Fault::NoAnswer(error.to_string()))?;
        let text = String::from_utf8_lossy(&answer.body);
        let named = answer.header("x-clickhouse-exception-code").and_then(|code| code.parse().ok());
        match named.or_else(|| code_of(&text)) {
            Some(code) => Err(Fault::Refused(code, shortened(&text))),
            None if answer.status == 200 && text.is_empty() => Ok(()),
            None => {
                Err(Fault::NoAnswer(format!("{}: status {}, {}", self.peer, answer.status, stranger(&text))))
            }
        }
    }

    /// An error of the crate.
    fn fault(&self, error: Option<Error>, timeout: Duration) -> Fault {
        let text = match error {
            Some(Error::BadResponse(text)) => match code_of(&text) {
                Some(code) => return Fault::Refused(code, shortened(&text)),
                None => stranger(&text),
            },
            None | Some(Error::TimedOut) => http::timed_out(timeout),
            Some(Error::Network(error)) => http::reason(error.as_ref()),
            Some(error) => stranger(&error.to_string()),
        };
        Fault::NoAnswer(format!("{}: {text}", self.peer))
    }

    /// The line for the one who must mend it.
    pub(super) fn trouble(&self, fault: &Fault) -> Trouble {
        let Self { section, peer, user, .. } = self;
        let text = fault.text();
        Trouble::new(match fault.code() {
            None => format!("{section}.url: {text}"),
            Some(192..=194 | 516) => format!(
                "{section}.user, {section}.password: {peer} does not let `{user}` in; check both ({text})"
            ),
            Some(497) => format!("{section}.user: `{user}` may not do this on {peer}; grant it ({text})"),
            Some(164 | 452) => {
                format!("{section}.user: the profile of `{user}` on {peer} is read-only ({text})")
            }
            Some(16 | 47 | 53 | 60 | 81) => format!("{section}: the tables on {peer} have changed ({text})"),
            Some(115) => {
                format!("{section}.url: {peer} is too old, it needs ClickHouse 23.3 or later ({text})")
            }
            Some(241) => format!("{section}.url: {peer} is out of memory; waiting ({text})"),
            Some(242) => {
                format!("{section}.url: a table on {peer} is read-only; is its Keeper there? ({text})")
            }
            Some(243) => format!("{section}.url: the disk of {peer} is full; waiting ({text})"),
            Some(252) => format!("{section}.url: {peer} is behind with its merges; waiting ({text})"),
            Some(code) => format!("{section}.url: {peer} answers with code {code} ({text})"),
        })
    }
}

fn with_parameters(query: Query, parameters: &[(&str, &str)]) -> Query {
    parameters.iter().fold(query, |query, (name, value)| query.param(name, value))
}

/// The code in `Code: 60. DB::Exception: …`.
fn code_of(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("Code: ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The first line of what the server says, without its decoration.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split_once("DB::Exception: ").map_or(line, |(_, message)| message);
    let line = line.split(" (version ").next().unwrap_or_default();
    let cut: String = line.chars().take(TEXT_MAX).collect();
    for_terminal(cut.trim()).into_owned()
}

/// What to say of an answer that is none of ClickHouse's.
fn stranger(text: &str) -> String {
    let text = shortened(text);
    if text.is_empty() {
        "not an answer of ClickHouse".to_owned()
    } else {
        format!("not an answer of ClickHouse: {text}")
    }
}

fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_are_made_one_line() {
        let text = "Code: 60. DB::Exception: Table hg.alerts does not exist. (UNKNOWN_TABLE) (version 26.9.2.1 (official build))\n";
        assert_eq!(code_of(text), Some(60));
        assert_eq!(shortened(text), "Table hg.alerts does not exist. (UNKNOWN_TABLE)");
        assert_eq!(code_of("<html>Sign in</html>"), None);
        assert_eq!(shortened("a\u{1b}[2J\nb"), "a\\u{1b}[2J");
        assert_eq!(stranger(""), "not an answer of ClickHouse");
        assert!(shortened(&"x".repeat(10_000)).len() <= TEXT_MAX);
    }

    #[test]
    fn rows_are_to_blame_only_for_values_and_partitions() {
        let refused = |code, text: &str| Fault::Refused(code, text.to_owned());
        assert!(refused(469, "Constraint `c` is violated").is_about_rows());
        assert!(refused(252, "Too many partitions for single INSERT block").is_about_rows());
        assert!(!refused(252, "Too many parts (3000)").is_about_rows());
        assert!(!refused(241, "Memory limit exceeded").is_about_rows());
        assert!(!Fault::NoAnswer("connection refused".to_owned()).is_about_rows());
    }

    #[test]
    fn statements_survive_a_url() {
        let mut url = String::new();
        push_encoded(&mut url, "INSERT INTO `a`.b (x, y)&'%");
        assert_eq!(url, "INSERT%20INTO%20%60a%60.b%20%28x%2C%20y%29%26%27%25");
    }
}
