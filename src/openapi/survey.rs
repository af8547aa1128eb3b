//! The description beside what was seen: declared and called, declared and never called, called and not declared.
//! It is given what is declared and each transaction once; whoever shows it reads rows.
//! It promises bounded memory (what has no room is counted), and that only what was answered with 2xx makes a row of its
//! own.

use super::book::{Book, Entry};
use ahash::RandomState;
use heelguard_detectors::spec::{Comparison, Security, Standing, is_page};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Request, Transaction};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

#[allow(clippy::disallowed_types, reason = "held for one transaction or for a copy; readers are people")]
type Mutex<T> = std::sync::Mutex<T>;

/// Declared operations that were called, and what is not declared.
const ROWS_MAX: usize = 25_000;
/// Undeclared operations among them.
const UNDECLARED_MAX: usize = 5_000;
/// Undocumented names of an operation.
const NAMES_MAX: usize = 16;

/// What is declared and what was seen.
#[derive(Debug, Default)]
pub struct Survey {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    book: Option<Arc<Book>>,
    hashes: RandomState,
    seen: HashMap<u64, Row, RandomState>,
    undeclared: usize,
    left_out: u64,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As the description has it; as sent, where it is not declared.
    pub host: Arc<str>,
    /// In capital letters.
    pub method: Arc<str>,
    /// The declared path; the learned route, where it is not declared.
    pub path: Arc<str>,
    /// Whether it is declared.
    pub is_declared: bool,
    /// Whether it should be used no more.
    pub deprecated: bool,
    /// What is wanted, in words.
    pub wanted: Option<Arc<str>>,
    /// How often it was called.
    pub calls: u64,
    /// Answers of 2xx among them.
    pub successes: u64,
    /// Of these, those without a credential where one is wanted.
    pub unsecured: u64,
    /// Of these, those to a credential that is not declared.
    pub other_credential: u64,
    /// Parameters that were taken and of which nothing is said.
    pub undocumented: BTreeSet<Arc<str>>,
    /// When it was called last.
    pub last: Option<EventTime>,
}

/// How a row stands, the most pressing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Answered without the proof that is declared.
    Unsecured,
    /// Answered, and not declared.
    Undeclared,
    /// Answered, and declared as deprecated.
    Deprecated,
    /// Answered to other credentials, or with other parameters.
    Differs,
    /// Declared and called.
    Seen,
    /// Declared and never called.
    Never,
}

impl State {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unsecured => "answers without its credential",
            Self::Undeclared => "not declared",
            Self::Deprecated => "deprecated, still answered",
            Self::Differs => "differs",
            Self::Seen => "as declared",
            Self::Never => "never called",
        }
    }
}

impl Row {
    fn of(entry: Entry<'_>) -> Self {
        let Entry { host, method, path, deprecated, wanted } = entry;
        Self {
            host: host.into(),
            method: method.into(),
            path: path.clone(),
            is_declared: true,
            deprecated,
            wanted: wanted.cloned(),
            calls: 0,
            successes: 0,
            unsecured: 0,
            other_credential: 0,
            undocumented: BTreeSet::new(),
            last: None,
        }
    }

    /// How it stands.
    pub fn state(&self) -> State {
        match self {
            Self { is_declared: false, .. } => State::Undeclared,
            Self { calls: 0, .. } => State::Never,
            Self { unsecured: 1.., .. } => State::Unsecured,
            Self { deprecated: true, successes: 1.., .. } => State::Deprecated,
            Self { other_credential: 1.., .. } => State::Differs,
            _ if !self.undocumented.is_empty() => State::Differs,
            _ => State::Seen,
        }
    }

    fn note(&mut self, tx: &Transaction, comparison: &Comparison) {
        self.calls = self.calls.saturating_add(1);
        self.last = Some(tx.end);
        if !is_success(tx) {
            return;
        }
        self.successes = self.successes.saturating_add(1);
        self.unsecured += u64::from(comparison.security == Security::Missing);
        self.other_credential += u64::from(comparison.security == Security::Other);
        for (_, name) in &comparison.undocumented {
            if self.undocumented.len() < NAMES_MAX {
                self.undocumented.insert(name.clone());
            }
        }
    }
}

impl Survey {
    /// Compares with other descriptions from here on; what was seen stays.
    pub fn describe(&self, book: Option<Arc<Book>>) {
        self.with(|tables| tables.book = book);
    }

    /// Takes in a transaction that was compared; the second sight of an exchange is passed over.
    pub fn observe(&self, tx: &Transaction) {
        let (Some(comparison), Some(request)) = (&tx.spec, &tx.request) else { return };
        if tx.repeat_of.is_none()
            && (comparison.standing.is_declared() || comparison.standing.is_undeclared())
        {
            self.with(|tables| tables.observe(tx, request, comparison));
        }
    }

    /// Every declared operation, and what is called beside them; the most pressing first.
    pub fn rows(&self) -> Vec<Row> {
        let (book, mut seen, hashes) = self.with(|tables| {
            let seen: HashMap<u64, Row> = tables.seen.iter().map(|(key, row)| (*key, row.clone())).collect();
            (tables.book.clone(), seen, tables.hashes.clone())
        });
        let declared = book.iter().flat_map(|book| book.entries());
        let mut rows: Vec<Row> = declared
            .map(|entry| {
                let key = hashes.hash_one((entry.host, entry.method, &**entry.path));
                seen.remove(&key).unwrap_or_else(|| Row::of(entry))
            })
            .collect();
        rows.extend(seen.into_values());
        rows.sort_by(|a, b| {
            let place = |row: &Row| (row.state(), row.host.clone(), row.path.clone(), row.method.clone());
            place(a).cmp(&place(b))
        });
        rows
    }

    /// Transactions of operations that there was no room for.
    pub fn left_out(&self) -> u64 {
        self.with(|tables| tables.left_out)
    }

    /// Whether there is a description at all.
    pub fn is_described(&self) -> bool {
        self.with(|tables| tables.book.is_some())
    }

    /// The rows as text.
    pub fn table(&self) -> String {
        let mut lines = vec![
            ["HOST", "METHOD", "PATH", "STATE", "CALLS", "2XX", "WITHOUT", "LAST", "UNDOCUMENTED"]
                .map(str::to_owned),
        ];
        for row in self.rows() {
            lines.push([
                row.host.to_string(),
                row.method.to_string(),
                row.path.to_string(),
                row.state().words().to_owned(),
                row.calls.to_string(),
                row.successes.to_string(),
                row.unsecured.to_string(),
                row.last.map_or_else(|| "-".to_owned(), |last| last.to_string()),
                row.undocumented.iter().map(|name| &**name).collect::<Vec<_>>().join(","),
            ]);
        }
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..9).map(width).collect();
        let mut text = String::new();
        for line in &lines {
            let cells: Vec<String> =
                line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    fn with<T>(&self, look: impl FnOnce(&mut Tables) -> T) -> T {
        look(&mut self.tables.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Tables {
    fn observe(&mut self, tx: &Transaction, request: &Request, comparison: &Comparison) {
        let Some(book) = &self.book else { return };
        let is_declared = comparison.standing.is_declared();
        let host = book.host_of(&request.host).unwrap_or(&request.host);
        let path = comparison.path.as_ref().filter(|_| is_declared).unwrap_or(&request.route);
        // Whoever answers GET answers HEAD.
        let method = match &*request.method {
            "HEAD" if is_declared && !book.declares(host, "HEAD", path) => "GET",
            method => method,
        };
        let key = self.hashes.hash_one((host, method, &**path));
        if let Some(row) = self.seen.get_mut(&key) {
            return row.note(tx, comparison);
        }
        if !is_declared && (!is_success(tx) || is_page(tx)) {
            return;
        }
        if self.seen.len() >= ROWS_MAX || !is_declared && self.undeclared >= UNDECLARED_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.undeclared += usize::from(!is_declared);
        let entry = Entry { host, method, path, deprecated: false, wanted: comparison.wanted.as_ref() };
        let mut row =
            Row { is_declared, deprecated: comparison.standing == Standing::Deprecated, ..Row::of(entry) };
        row.note(tx, comparison);
        self.seen.insert(key, row);
    }
}

fn is_success(tx: &Transaction) -> bool {
    tx.succeeded() && matches!(tx.status(), Some(200..=299))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::{Config, File};
    use heelguard_detectors::story::transactions;

    const SPEC: &str = r#"
openapi: 3.1.0
servers: [{url: "https://api.example.com"}]
components: {securitySchemes: {t: {type: http, scheme: bearer}}}
paths:
  /a: {get: {security: [{t: []}]}}
  /b/{id}: {get: {deprecated: true}, put: {}}
  /c: {get: {}}
"#;

    fn survey(story: &str) -> Survey {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, SPEC).unwrap();
        let reading = Book::read(&Config { specs: vec![File { file, hosts: Vec::new() }] }).unwrap();
        let book = Arc::new(reading.book);
        let survey = Survey::default();
        survey.describe(Some(book.clone()));
        for mut tx in transactions(story).unwrap() {
            book.compare(&mut tx);
            survey.observe(&tx);
        }
        survey
    }

    #[test]
    fn what_is_declared_stands_beside_what_was_seen() {
        let survey = survey(
            "10:00:00 203.0.113.7 -> use GET /a 200 host=api.example.com:8443
             10:00:01 203.0.113.7 -> use GET /a 401
             10:00:02 203.0.113.7 -> use HEAD /b/7 200
             10:00:03 203.0.113.7 -> use GET /b/8 200
             10:00:04 203.0.113.7 -> use GET /debug 200
             10:00:05 203.0.113.7 -> use GET /nothing 404
             10:00:06 203.0.113.7 -> use DELETE /c 204
             10:00:07 203.0.113.7 -> use GET /x 200 host=other.example.com",
        );
        expect_test::expect![[r#"
            HOST             METHOD  PATH     STATE                           CALLS  2XX  WITHOUT  LAST                         UNDOCUMENTED
            api.example.com  GET     /a       answers without its credential  2      1    1        2026-11-21T10:00:01.000000Z
            api.example.com  DELETE  /c       not declared                    1      1    0        2026-11-21T10:00:06.000000Z
            api.example.com  GET     /debug   not declared                    1      1    0        2026-11-21T10:00:04.000000Z
            api.example.com  GET     /b/{id}  deprecated, still answered      2      2    0        2026-11-21T10:00:03.000000Z
            api.example.com  PUT     /b/{id}  never called                    0      0    0        -
            api.example.com  GET     /c       never called                    0      0    0        -
        "#]].assert_eq(&survey.table());
        assert_eq!(survey.left_out(), 0);
    }

    #[test]
    fn undeclared_operations_have_a_limit() {
        let survey = survey(&format!("10:00:00 203.0.113.7 -> use GET /x{{0..{UNDECLARED_MAX}}} 200"));
        assert_eq!((survey.rows().len(), survey.left_out()), (UNDECLARED_MAX + 4, 1));
    }
}
