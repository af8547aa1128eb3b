//! All descriptions together: for each host the operations that are declared, to compare requests with.
//! It is given the files of the configuration and reads each once.
//! It promises that a file which cannot be used leaves the others as they are, and an answer in well below a
//! microsecond.

use super::spec::{self, Operation, Spec};
use super::tree::Tree;
use super::{Config, File, document};
use crate::files;
use ahash::RandomState;
use heelguard_detectors::contents::ParameterPlace;
use heelguard_detectors::identity::Location;
use heelguard_detectors::spec::{Comparison, Standing};
use heelguard_detectors::transaction::{Protocol, Request, Transaction};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a file.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Notes told of a file.
const NOTES_MAX: usize = 20;
/// Undocumented names told of a request.
const UNDOCUMENTED_MAX: usize = 16;
/// The host that stands for all others.
const EVERY_HOST: &str = "*";
/// Names that browsers, campaigns and caches add to any address.
const ADDED: [&str; 4] = ["_", "fbclid", "gclid", "msclkid"];
/// Campaigns name theirs so.
const CAMPAIGN: &str = "utm_";

/// What is declared.
#[derive(Debug, Default)]
pub struct Book {
    /// By host, with its port where one is written.
    hosts: HashMap<Box<str>, usize, RandomState>,
    trees: Vec<Tree<Methods>>,
    every_host: Option<usize>,
    operations: usize,
    keys: BTreeSet<(Location, Arc<str>)>,
}

/// The methods of a path.
type Methods = BTreeMap<&'static str, Declared>;

/// An operation on one host.
#[derive(Debug)]
struct Declared {
    /// With the server's base: `/v1/users/{id}`.
    path: Arc<str>,
    operation: Arc<Operation>,
}

/// A declared operation, to be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) host: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a Arc<str>,
    pub(super) deprecated: bool,
    /// In words.
    pub(super) wanted: Option<&'a Arc<str>>,
}

/// What came of reading the files.
#[derive(Debug, Default)]
pub struct Reading {
    /// What can be used.
    pub book: Book,
    /// What was left out, for the operator.
    pub warnings: Vec<String>,
    /// Files that cannot be used at all, and why.
    pub unusable: Vec<String>,
}

impl Book {
    /// Reads the files; `None` where there are none to read.
    pub fn read(config: &Config) -> Option<Reading> {
        if config.specs.is_empty() {
            return None;
        }
        let mut reading = Reading::default();
        for file in &config.specs {
            let name = file.file.display();
            match load(&file.file) {
                Ok((spec, notes)) => {
                    let mut notes: Vec<String> =
                        notes.into_iter().chain(spec.notes.iter().cloned()).collect();
                    match reading.book.take(spec, file, &mut notes) {
                        Ok(()) => reading.warnings.extend(told(&name.to_string(), notes)),
                        Err(why) => reading.unusable.push(format!("{name}: {why}")),
                    }
                }
                Err(why) => reading.unusable.push(format!("{name}: {why}")),
            }
        }
        Some(reading)
    }

    /// Places and names of the static keys that are declared.
    pub fn keys(&self) -> impl Iterator<Item = (Location, &Arc<str>)> {
        self.keys.iter().map(|(place, name)| (*place, name))
    }

    /// Operations, each counted for every host that has it.
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// The name under which the descriptions have a host.
    pub(super) fn host_of(&self, host: &str) -> Option<&str> {
        let known = self.hosts.get_key_value(host).or_else(|| self.hosts.get_key_value(without_port(host)));
        known.map(|(name, _)| &**name).or_else(|| self.every_host.map(|_| EVERY_HOST))
    }

    /// Whether a declared path of such a host has the method.
    pub(super) fn declares(&self, host: &str, method: &str, path: &str) -> bool {
        let is_it = |methods: &Methods| methods.get(method).is_some_and(|declared| *declared.path == *path);
        self.tree_of(host).is_some_and(|tree| tree.find(path, is_it).is_some())
    }

    /// Every declared operation, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let every = self.every_host.map(|place| (EVERY_HOST, place));
        let hosts = self.hosts.iter().map(|(host, place)| (&**host, *place)).chain(every);
        let trees = hosts.filter_map(|(host, place)| Some((host, self.trees.get(place)?)));
        trees.flat_map(|(host, tree)| {
            tree.all().flat_map(|methods| methods.iter()).map(move |(method, declared)| Entry {
                host,
                method,
                path: &declared.path,
                deprecated: declared.operation.deprecated,
                wanted: declared.operation.demand.words(),
            })
        })
    }

    /// Says of a transaction what is declared of it.
    pub fn compare(&self, tx: &mut Transaction) {
        let Some(request) = tx.request.as_ref().filter(|_| tx.protocol != Protocol::Grpc) else { return };
        // Preflights and tunnels are no operations.
        if matches!(&*request.method, "OPTIONS" | "CONNECT") {
            return;
        }
        let comparison = self.comparison(tx, request);
        tx.spec = Some(Box::new(comparison));
    }

    fn comparison(&self, tx: &Transaction, request: &Request) -> Comparison {
        let Some(tree) = self.tree_of(&request.host) else { return Comparison::without(Standing::NoSpec) };
        // Whoever answers GET answers HEAD.
        let methods = [&*request.method, if &*request.method == "HEAD" { "GET" } else { "" }];
        let with =
            |method: &&str| tree.find(&request.path, |known| known.contains_key(*method))?.get(*method);
        let Some(declared) = methods.iter().find_map(with) else {
            let Some(others) = tree.find(&request.path, |_| true) else {
                return Comparison::without(Standing::UndeclaredPath);
            };
            let path = others.values().next().map(|declared| declared.path.clone());
            return Comparison { path, ..Comparison::without(Standing::UndeclaredMethod) };
        };
        let operation = &declared.operation;
        Comparison {
            standing: if operation.deprecated { Standing::Deprecated } else { Standing::Declared },
            path: Some(declared.path.clone()),
            security: operation.demand.judge(tx),
            wanted: operation.demand.words().cloned(),
            undocumented: self.undocumented(operation, tx, request),
        }
    }

    fn tree_of(&self, host: &str) -> Option<&Tree<Methods>> {
        let place = self.hosts.get(host).or_else(|| self.hosts.get(without_port(host))).copied();
        self.trees.get(place.or(self.every_host)?)
    }

    /// What the request has and nothing is said of. Keys have their names from `securitySchemes`.
    fn undocumented(
        &self,
        operation: &Operation,
        tx: &Transaction,
        request: &Request,
    ) -> Vec<(ParameterPlace, Arc<str>)> {
        let is_key = |name: &str| {
            self.keys.iter().any(|(place, key)| *place == Location::Query && key.eq_ignore_ascii_case(name))
        };
        let is_added = |name: &str| ADDED.contains(&name) || name.starts_with(CAMPAIGN);
        let query = request.query_keys.iter().filter(|name| !operation.query.allow(name));
        let query = query.filter(|name| !is_key(name) && !is_added(name));
        let body = tx.contents.iter().flat_map(|contents| &contents.parameters);
        let body = body.filter(|parameter| parameter.place != ParameterPlace::Query);
        let body = body.filter(|parameter| !operation.body.allow(&parameter.name));
        let named = query.map(|name| (ParameterPlace::Query, name.clone()));
        named.chain(body.map(|it| (it.place, it.name.clone()))).take(UNDOCUMENTED_MAX).collect()
    }

    /// Takes in a description; the error says why it cannot be used.
    fn take(&mut self, spec: Spec, file: &File, notes: &mut Vec<String>) -> Result<(), String> {
        let (mut placed, mut homeless) = (0usize, 0usize);
        for operation in spec.operations {
            let operation = Arc::new(operation);
            for server in &*operation.servers {
                let written = file.hosts.iter().map(String::as_str);
                let own = server.host.as_deref().filter(|_| file.hosts.is_empty());
                let hosts: Vec<&str> = written.chain(own).collect();
                placed += hosts.len();
                homeless += usize::from(hosts.is_empty());
                for host in hosts {
                    self.add(&host.to_ascii_lowercase(), &server.base, &operation, notes);
                }
            }
        }
        if homeless > 0 {
            let what = format!("its servers name no host for {homeless} operations");
            let instead = "write `hosts` beside `file`, as in hosts = [\"api.example.com\"]";
            if placed == 0 {
                return Err(format!("{what}; {instead}"));
            }
            notes.push(format!("{what}, which are left out; {instead}"));
        }
        self.keys.extend(spec.keys);
        Ok(())
    }

    fn add(&mut self, host: &str, base: &str, operation: &Arc<Operation>, notes: &mut Vec<String>) {
        let new = self.trees.len();
        let place = if host == EVERY_HOST {
            *self.every_host.get_or_insert(new)
        } else {
            *self.hosts.entry(host.into()).or_insert(new)
        };
        if place == new {
            self.trees.push(Tree::default());
        }
        let (method, path) = (operation.method, format!("{base}{}", operation.path));
        let Some(here) = self.trees.get_mut(place).and_then(|tree| tree.at(&path)) else {
            return notes.push(format!("{path}: more segments than a path may have; it is left out"));
        };
        let methods = here.get_or_insert_default();
        if methods.contains_key(method) {
            return notes.push(format!("{method} {host}{path} is declared already; the first counts"));
        }
        methods.insert(method, Declared { path: path.into(), operation: operation.clone() });
        self.operations += 1;
    }
}

/// A file as a description, with what is odd in its text.
fn load(path: &Path) -> Result<(Spec, Vec<String>), String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    let file = files::open(path).map_err(cannot)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("has more than {} MiB; split it into several files", FILE_BYTES_MAX >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is no text in UTF-8")?;
    let document = document::read(&text)?;
    Ok((spec::read(&document.root)?, document.notes))
}

/// Notes on a file, not too many.
fn told(name: &str, notes: Vec<String>) -> Vec<String> {
    let more = notes.len().saturating_sub(NOTES_MAX);
    let mut told: Vec<String> =
        notes.into_iter().take(NOTES_MAX).map(|note| format!("{name}: {note}")).collect();
    if more > 0 {
        told.push(format!("{name}: {more} more of the kind"));
    }
    told
}

/// A host as sent, without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
