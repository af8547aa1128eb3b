//! What an API was seen to do, on the way to a description of it.
//! It is given transactions in order, behind the learned routes, and keeps what was answered with 2xx by names and types.
//! It promises bounded memory, what was left out counted, and that what it wrote declares all that it saw.

use super::shape::{Shape, Types};
use super::tree::Tree;
use super::{draft, yaml};
use heelguard_detectors::contents::{Contents, ParameterPlace, ValueType};
use heelguard_detectors::identity::{Credential, CredentialKind, Location, PrincipalKind};
use heelguard_detectors::spec::is_page;
use heelguard_detectors::transaction::{Protocol, Request, Transaction};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Operations of all hosts; later ones are left out.
const OPERATIONS_MAX: usize = 5_000;
/// Names in the query of an operation; with more, any name is allowed.
const QUERY_NAMES_MAX: usize = 200;
/// Bytes of a name that is written down.
const NAME_BYTES_MAX: usize = 200;
/// Media types of an operation, each way.
const MEDIA_MAX: usize = 8;
/// Sets of credentials of an operation; with more, nothing is wanted.
const PROOFS_MAX: usize = 16;
/// What stands in a route for what differs, besides the rest of a long path.
const PLACES: [&str; 6] = ["{id}", "{uuid}", "{email}", "{date}", "{slug}", "{secret}"];

/// What was learned so far.
#[derive(Debug, Default)]
pub struct Learner {
    hosts: BTreeMap<Arc<str>, Tree<Seen>>,
    operations: usize,
    left_out: u64,
}

/// One path.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Its segments: a word as it is written in a path, or what stood in a place.
    pub(super) segments: Vec<Segment>,
    /// By method.
    pub(super) operations: BTreeMap<&'static str, Learned>,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
}

/// A segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Word(String),
    Place(BTreeSet<&'static str>),
    Rest,
}

/// One operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    /// Answers of 2xx.
    pub(super) successes: u64,
    /// Whether any of them was more than a page.
    pub(super) is_api: bool,
    pub(super) statuses: BTreeSet<u16>,
    pub(super) query: BTreeMap<Arc<str>, Types>,
    pub(super) any_query: bool,
    pub(super) json: Shape,
    pub(super) form: Shape,
    pub(super) takes: BTreeSet<Arc<str>>,
    pub(super) answer: Shape,
    pub(super) gives: BTreeSet<Arc<str>>,
    /// Each set of schemes that succeeded.
    pub(super) proofs: BTreeSet<BTreeSet<Proof>>,
}

/// A way in which a credential was presented, as descriptions know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    Basic,
    Bearer,
    Digest,
    MutualTls,
    Key(Location, Arc<str>),
}

impl Learner {
    /// Takes in one transaction; the second sight of an exchange is passed over.
    pub fn observe(&mut self, tx: &Transaction) {
        let Some(request) = tx.request.as_ref().filter(|_| tx.repeat_of.is_none()) else { return };
        let Some(method) = method(request).filter(|_| tx.protocol != Protocol::Grpc) else { return };
        let Some(status) = tx.status() else { return };
        if tx.succeeded() && (200..=299).contains(&status) {
            if let Some(learned) = self.place(request, method) {
                learned.take(tx, request);
            } else {
                self.left_out += 1;
            }
        } else if let Some(seen) = self.hosts.get_mut(&request.host)
            && let Some(seen) = seen.find_mut(&request.path, |seen| seen.operations.contains_key(method))
            && let Some(learned) = seen.operations.get_mut(method)
        {
            learned.statuses.insert(status);
        }
    }

    /// Transactions that there was no room or no way to write down for.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// One description of all hosts, in YAML.
    pub fn text(&self) -> String {
        yaml::write(&draft::document(self.hosts.iter()))
    }

    /// Writes one description of all hosts, or into a folder one of each; JSON where the name ends in `.json`.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        if !path.is_dir() {
            let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
            let json = || format!("{:#}\n", draft::document(self.hosts.iter()));
            return std::fs::write(path, if is_json { json() } else { self.text() });
        }
        for host in &self.hosts {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            let name: String = host.0.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
            let text = yaml::write(&draft::document(std::iter::once(host)));
            std::fs::write(path.join(format!("{}.yaml", name.trim_start_matches('.'))), text)?;
        }
        Ok(())
    }

    /// The operation that a path belongs to, as whoever reads the description will find it.
    fn place(&mut self, request: &Request, method: &'static str) -> Option<&mut Learned> {
        let host = &request.host;
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_:[]".contains(&b);
        if host.is_empty() || !host.bytes().all(is_plain) {
            return None;
        }
        let segments = segments(&request.route)?;
        let has_room = self.operations < OPERATIONS_MAX;
        if !has_room && !self.hosts.contains_key(host) {
            return None;
        }
        let tree = self.hosts.entry(host.clone()).or_default();
        let template: String = segments.iter().map(|segment| format!("/{}", segment.template())).collect();
        if has_room {
            let seen = tree.at(&template)?.get_or_insert_default();
            if seen.segments.is_empty() {
                (seen.segments, seen.scheme) = (segments.clone(), request.scheme);
            }
            self.operations += usize::from(!seen.operations.contains_key(method));
            seen.operations.entry(method).or_default();
        }
        let seen = tree.find_mut(&request.path, |seen| seen.operations.contains_key(method))?;
        for (known, new) in seen.segments.iter_mut().zip(segments) {
            if let (Segment::Place(known), Segment::Place(new)) = (known, new) {
                known.extend(new);
            }
        }
        seen.operations.get_mut(method)
    }
}

impl Segment {
    fn template(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Place(_) => "{id}".to_owned(),
            Self::Rest => "{rest+}".to_owned(),
        }
    }
}

/// A learned route; `None` for one that stands for all that there was no room for.
fn segments(route: &str) -> Option<Vec<Segment>> {
    let segments = route.split('/').filter(|segment| !segment.is_empty());
    segments
        .map(|segment| match PLACES.iter().find(|place| **place == segment) {
            Some(place) => Some(Segment::Place([*place].into())),
            None if segment == "{rest}" => Some(Segment::Rest),
            None if segment == "{other}" => None,
            None => Some(Segment::Word(escaped(segment))),
        })
        .collect()
}

/// A word as it may stand in a path and in a template.
fn escaped(word: &str) -> String {
    let mut text = String::new();
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The method, where a description can have it and it is an operation.
fn method(request: &Request) -> Option<&'static str> {
    const METHODS: [&str; 7] = ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "TRACE"];
    METHODS.into_iter().find(|known| **known == *request.method)
}

impl Learned {
    fn take(&mut self, tx: &Transaction, request: &Request) {
        self.successes += 1;
        self.statuses.extend(tx.status());
        let answered = tx.response.as_ref().and_then(|response| response.content_type.as_ref());
        self.is_api |= !is_page(tx);
        note_media(&mut self.gives, answered);
        if request.bytes > 0 {
            note_media(&mut self.takes, request.content_type.as_ref());
        }
        for name in &request.query_keys {
            self.note_query(name, None);
        }
        if let Some(contents) = &tx.contents {
            self.take_contents(contents);
        }
        if self.proofs.len() <= PROOFS_MAX {
            self.proofs.insert(proofs(tx));
        }
    }

    fn take_contents(&mut self, contents: &Contents) {
        for parameter in &contents.parameters {
            match parameter.place {
                ParameterPlace::Query => self.note_query(&parameter.name, Some(parameter.kind)),
                ParameterPlace::Json => self.json.note(&parameter.name, parameter.kind),
                ParameterPlace::Form => self.form.note(&parameter.name, parameter.kind),
            }
        }
        contents.fields.iter().for_each(|field| self.answer.note(&field.name, field.kind));
    }

    fn note_query(&mut self, name: &Arc<str>, kind: Option<ValueType>) {
        if let Some(types) = self.query.get_mut(name) {
            types.extend(kind);
        } else if self.query.len() < QUERY_NAMES_MAX && name.len() <= NAME_BYTES_MAX && !name.is_empty() {
            self.query.insert(name.clone(), kind.into_iter().collect());
        } else {
            self.any_query = true;
        }
    }

    /// What is wanted of callers: any of these sets; none where some success had nothing, or too much was seen.
    pub(super) fn wanted(&self) -> Vec<&BTreeSet<Proof>> {
        if self.proofs.len() > PROOFS_MAX {
            return Vec::new();
        }
        // Whoever shows more shows enough.
        let is_least = |set: &&BTreeSet<Proof>| {
            !self.proofs.iter().any(|less| !less.is_empty() && less != *set && less.is_subset(set))
        };
        self.proofs.iter().filter(is_least).collect()
    }

    /// Takes over what was seen of the same operation on another host.
    pub(super) fn join(&mut self, other: &Self) {
        self.successes += other.successes;
        self.is_api |= other.is_api;
        self.any_query |= other.any_query;
        self.statuses.extend(&other.statuses);
        for (name, types) in &other.query {
            self.query.entry(name.clone()).or_default().extend(types);
        }
        self.json.join(&other.json);
        self.form.join(&other.form);
        self.answer.join(&other.answer);
        self.takes.extend(other.takes.iter().cloned());
        self.gives.extend(other.gives.iter().cloned());
        self.proofs.extend(other.proofs.iter().cloned());
    }
}

fn note_media(known: &mut BTreeSet<Arc<str>>, media: Option<&Arc<str>>) {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"/.+-_".contains(&b);
    let media =
        media.filter(|media| media.contains('/') && media.len() <= 100 && media.bytes().all(is_plain));
    if let Some(media) = media.filter(|_| known.len() < MEDIA_MAX) {
        known.insert(media.clone());
    }
}

/// What was presented, as far as descriptions have words for it.
fn proofs(tx: &Transaction) -> BTreeSet<Proof> {
    if tx.credentials.is_empty() && tx.principal.kind == PrincipalKind::Anonymous {
        return BTreeSet::new();
    }
    tx.credentials.iter().filter_map(proof).collect()
}

fn proof(credential: &Credential) -> Option<Proof> {
    use CredentialKind as Kind;
    let is_authorization = &*credential.name == "authorization";
    match (credential.kind, credential.location) {
        (Kind::Dpop, _) => None,
        (Kind::ClientCertificate, _) => Some(Proof::MutualTls),
        (Kind::Basic, Location::Header) => Some(Proof::Basic),
        (Kind::Digest, Location::Header) => Some(Proof::Digest),
        (Kind::BearerJwt | Kind::BearerOpaque, Location::Header) if is_authorization => Some(Proof::Bearer),
        (_, place @ (Location::Header | Location::Cookie | Location::Query)) => {
            Some(Proof::Key(place, credential.name.clone()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
