//! One description: its servers, operations, and what each allows and wants.
//! It is given a document as a tree and reads what there is of OpenAPI 3.0 and 3.1.
//! It promises to leave out only what is wrong, each time with its place and what to do about it.

use super::document::text_of;
use super::names::Names;
use super::pointer::{Root, below};
use super::security::{Demand, Scheme};
use heelguard_detectors::identity::Location;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Operations of one description.
const OPERATIONS_MAX: usize = 20_000;
/// Servers of one description, each filling of a server's variables counted.
const SERVERS_MAX: usize = 64;

/// Methods as a path item has them.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("trace", "TRACE"),
];

/// A description.
#[derive(Debug, Default)]
pub(super) struct Spec {
    pub(super) operations: Vec<Operation>,
    /// Places and names of static keys.
    pub(super) keys: BTreeSet<(Location, Arc<str>)>,
    /// What was left out or is odd, with its place.
    pub(super) notes: Vec<String>,
}

/// Where an API is reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Server {
    /// Host with its port where one is written; `None` for a path on the host that the description came from.
    pub(super) host: Option<Arc<str>>,
    /// What stands before every path: ``, `/v1`.
    pub(super) base: String,
}

/// One method of one path.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// As it is written, without the server's base.
    pub(super) path: String,
    pub(super) servers: Arc<[Server]>,
    pub(super) deprecated: bool,
    pub(super) demand: Demand,
    pub(super) query: Names,
    pub(super) body: Names,
}

/// Reads a document; the error says why it is none that can be used.
pub(super) fn read(document: &Value) -> Result<Spec, String> {
    let version = document.get("openapi").map(text_of);
    match version.as_deref() {
        Some(version) if version.starts_with("3.0") || version.starts_with("3.1") => {}
        Some(version) => return Err(format!("is of OpenAPI {version}; wanted: 3.0 or 3.1")),
        None if document.get("swagger").is_some() => {
            return Err("is of Swagger 2; convert it to OpenAPI 3, as with swagger2openapi".to_owned());
        }
        None => return Err("has no `openapi` at its top; wanted: OpenAPI 3.0 or 3.1".to_owned()),
    }
    let mut reading = Reading { root: Root(document), spec: Spec::default(), schemes: BTreeMap::new() };
    reading.schemes();
    let servers = reading.servers(document, "#").unwrap_or_else(|| [Server::here()].into());
    let demand = reading.demand(document, "#").unwrap_or_default();
    match document.get("paths") {
        Some(Value::Object(paths)) => {
            for (path, item) in paths {
                reading.path(path, item, &servers, &demand);
            }
        }
        // A 3.1 description may have webhooks or components alone.
        None => reading.spec.notes.push("#/paths: there are none, so nothing is declared".to_owned()),
        Some(_) => return Err("#/paths: wanted an object of paths".to_owned()),
    }
    Ok(reading.spec)
}

impl Server {
    fn here() -> Self {
        Self { host: None, base: String::new() }
    }

    /// Of a URL; the error says what is wrong with it.
    fn of(url: &str) -> Result<Self, String> {
        let (host, base) = match url.split_once("://") {
            Some((_, rest)) => {
                let (host, base) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
                (Some(host), base)
            }
            None => match url.strip_prefix("//") {
                Some(rest) => {
                    let (host, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                    (Some(host), base)
                }
                None => (None, url),
            },
        };
        if host.is_some_and(|host| host.is_empty() || host.contains(['{', '@', ' '])) {
            return Err(format!(
                "`{url}` has no host that can be used; wanted: https://api.example.com/base"
            ));
        }
        let base = base.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        let base = if matches!(base, "" | ".") { String::new() } else { format!("/{base}") };
        Ok(Self { host: host.map(|host| host.to_ascii_lowercase().into()), base })
    }
}

struct Reading<'a> {
    root: Root<'a>,
    spec: Spec,
    schemes: BTreeMap<&'a str, Scheme>,
}

impl<'a> Reading<'a> {
    fn note(&mut self, pointer: &str, what: impl std::fmt::Display) {
        self.spec.notes.push(format!("{pointer}: {what}"));
    }

    fn schemes(&mut self) {
        let root = self.root;
        let schemes = root.0.pointer("/components/securitySchemes").and_then(Value::as_object);
        for (name, value) in schemes.into_iter().flatten() {
            let scheme = root.resolve(value).and_then(Scheme::read).unwrap_or_else(|why| {
                self.note(
                    &below("#/components/securitySchemes", name),
                    format!("{why}; any credential counts for it"),
                );
                Scheme::Unknown
            });
            if let Scheme::Key(place, key) = &scheme {
                self.spec.keys.insert((*place, key.clone()));
            }
            self.schemes.insert(name, scheme);
        }
    }

    /// The servers that are named here; `None` where none are.
    fn servers(&mut self, of: &'a Value, pointer: &str) -> Option<Arc<[Server]>> {
        let list = of.get("servers")?.as_array().filter(|list| !list.is_empty())?;
        let mut servers = BTreeSet::new();
        for (number, server) in list.iter().enumerate() {
            let at = format!("{pointer}/servers/{number}");
            let Some(url) = server.get("url").and_then(Value::as_str) else {
                self.note(&at, "a server without a `url` is left out");
                continue;
            };
            for url in filled(url, server.get("variables").and_then(Value::as_object)) {
                match Server::of(&url) {
                    Ok(server) if servers.len() < SERVERS_MAX => {
                        servers.insert(server);
                    }
                    Ok(_) => {
                        self.note(&at, format!("more than {SERVERS_MAX} servers; the rest is left out"));
                        break;
                    }
                    Err(why) => self.note(&at, why),
                }
            }
        }
        Some(servers.into_iter().collect::<Vec<_>>().into())
    }

    /// What is wanted here; `None` where nothing is said.
    fn demand(&mut self, of: &'a Value, pointer: &str) -> Option<Demand> {
        let list = of.get("security")?;
        let Some(list) = list.as_array() else {
            self.note(&format!("{pointer}/security"), "wanted a list; it is left out");
            return None;
        };
        let mut alternatives = Vec::new();
        for (number, alternative) in list.iter().enumerate() {
            let mut schemes = Vec::new();
            for name in alternative.as_object().into_iter().flat_map(Map::keys) {
                let known = self.schemes.get(name.as_str()).cloned();
                schemes.push(known.unwrap_or_else(|| {
                    let at = format!("{pointer}/security/{number}");
                    self.note(
                        &at,
                        format!(
                            "`{name}` is not among components.securitySchemes; any credential counts for it"
                        ),
                    );
                    Scheme::Unknown
                }));
            }
            alternatives.push(schemes);
        }
        Some(Demand::of(alternatives))
    }

    fn path(&mut self, path: &str, item: &'a Value, servers: &Arc<[Server]>, demand: &Demand) {
        let pointer = below("#/paths", path);
        if path.starts_with("x-") {
            return;
        }
        let item = match self.root.resolve(item) {
            Ok(item) if path.starts_with('/') => item,
            Ok(_) => return self.note(&pointer, "a path begins with `/`; it is left out"),
            Err(why) => return self.note(&pointer, format!("{why}; the path is left out")),
        };
        let servers = self.servers(item, &pointer).unwrap_or_else(|| servers.clone());
        for (key, method) in METHODS {
            let Some(written) = item.get(key) else { continue };
            let at = below(&pointer, key);
            if !written.is_object() {
                self.note(&at, "wanted an object; the operation is left out");
                continue;
            }
            if self.spec.operations.len() >= OPERATIONS_MAX {
                return self
                    .note(&at, format!("more than {OPERATIONS_MAX} operations; the rest is left out"));
            }
            let mut query = self.parameters(item, &pointer);
            query.join(self.parameters(written, &at));
            let operation = Operation {
                method,
                path: path.to_owned(),
                servers: self.servers(written, &at).unwrap_or_else(|| servers.clone()),
                deprecated: written.get("deprecated") == Some(&Value::Bool(true)),
                demand: self.demand(written, &at).unwrap_or_else(|| demand.clone()),
                query,
                body: self.body(written, &at),
            };
            self.spec.operations.push(operation);
        }
    }

    /// Names in the query.
    fn parameters(&mut self, of: &'a Value, pointer: &str) -> Names {
        let mut names = Names::default();
        for (number, written) in
            of.get("parameters").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let parameter = match self.root.resolve(written) {
                Ok(parameter) => parameter,
                Err(why) => {
                    // What it names cannot be known.
                    names.open();
                    self.note(&format!("{pointer}/parameters/{number}"), why);
                    continue;
                }
            };
            match parameter.get("in").and_then(Value::as_str) {
                Some("query") => {}
                Some("querystring") => names.open(),
                _ => continue,
            }
            names.add(parameter.get("name").and_then(Value::as_str).unwrap_or_default());
            // An object in the default style stands in the query by its members.
            let is_plain = parameter.get("style").is_none_or(|style| style == "form")
                && parameter.get("explode") != Some(&Value::Bool(false));
            let schema = parameter.get("schema").and_then(|schema| self.root.resolve(schema).ok());
            let is_object = |schema: &&Value| schema.get("type").is_some_and(|kind| kind == "object");
            if let Some(schema) = schema.filter(is_object).filter(|_| is_plain) {
                names.join(Names::of_schema(schema, self.root));
            }
        }
        names
    }

    /// Names in the body.
    fn body(&mut self, of: &'a Value, pointer: &str) -> Names {
        let mut names = Names::default();
        let Some(body) = of.get("requestBody") else { return names };
        let content = self.root.resolve(body).map(|body| body.get("content").and_then(Value::as_object));
        match content {
            Ok(Some(content)) => {
                for media in content.values() {
                    match media.get("schema") {
                        Some(schema) => names.join(Names::of_schema(schema, self.root)),
                        None => names.open(),
                    }
                }
            }
            Ok(None) => names.open(),
            Err(why) => {
                names.open();
                self.note(&below(pointer, "requestBody"), why);
            }
        }
        names
    }
}

/// A server's URL with its variables filled in, each way that is listed.
fn filled(url: &str, variables: Option<&Map<String, Value>>) -> Vec<String> {
    let mut urls = vec![url.to_owned()];
    for (name, variable) in variables.into_iter().flatten() {
        let place = format!("{{{name}}}");
        let mut values: BTreeSet<String> =
            variable.get("enum").and_then(Value::as_array).into_iter().flatten().map(text_of).collect();
        values.extend(variable.get("default").map(text_of));
        let filled = urls.iter().flat_map(|url| values.iter().map(|value| url.replace(&place, value)));
        urls = filled.take(SERVERS_MAX + 1).collect::<BTreeSet<_>>().into_iter().collect();
    }
    urls
}

#[cfg(test)]
mod tests;
