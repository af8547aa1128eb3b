//! Which public keys sign for which issuer: those configured, and those seen in answers.
//! It is given published documents in order, seen here or told by others, and gives the keys of an issuer.
//!
//! It promises that a key seen on the wire speaks only for those who published it. A key set belongs to the issuer
//! whose own provider configuration named that place, else to an issuer whose URL lies above that place on the same
//! host. A configuration counts only where RFC 8414 3 wants it, on the issuer's own host. Of two servers that
//! answer for one place, the first is believed, and another one adds nothing: public keys are known to everybody, so
//! to repeat them proves nothing. Only when the first has been silent for a day does one with a known key follow it.
//! An issuer with configured keys learns nothing from the wire. Nothing is ever fetched.

use super::document::Document;
use super::keys::PublicKey;
use super::publication::Publication;
use super::reference::TokenReference;
use super::shelf::Shelf;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Key sets, provider configurations and publishing hosts that are remembered.
const DOCUMENTS_MAX: usize = 1024;
/// Key sets of one host that are found without a configuration.
const PLACES_MAX: usize = 8;
/// Keys of one place, replaced ones included.
const KEYS_MAX: usize = 64;
/// How long a key is good for after its issuer stopped publishing it.
const GRACE: Duration = Duration::from_mins(10);

/// After this long without its server, a place is taken over by another one that publishes a key of it.
const SILENT_AFTER: Duration = Duration::from_hours(24);
/// A key set that goes on as it is is news again after this long, so that nobody else takes its server for silent.
const NEWS_AFTER: Duration = Duration::from_hours(1);

/// Where a document is: host in lower case without a default port, path and query as sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    host: Arc<str>,
    path: Arc<str>,
}

/// A key set as it was last seen.
struct KeySet {
    server: IpAddr,
    /// When that server last published it.
    published: EventTime,
    /// When it last was news.
    told: EventTime,
    keys: Vec<Held>,
}

struct Held {
    key: PublicKey,
    /// When it was first missed.
    retired: Option<EventTime>,
}

/// Where an issuer says that its keys are.
struct Configuration {
    server: IpAddr,
    keys: Place,
}

saved!(Place { host, path });
saved!(KeySet { server, published, keys } fresh { told });
saved!(Held { key, retired });
saved!(Configuration { server, keys });

/// All that is known.
pub(super) struct KeySets {
    reference: Arc<TokenReference>,
    documents: Shelf<Place, KeySet>,
    configurations: Shelf<Arc<str>, Configuration>,
    /// The paths of each host's key sets, in the order they were first seen.
    places: Shelf<Arc<str>, Vec<Arc<str>>>,
    /// Goes up whenever a verdict may have changed.
    pub(super) epoch: u64,
    /// Documents taken, and documents of a server that was not believed.
    pub(super) learned: u64,
    pub(super) refused: u64,
}

/// The keys that sign for an issuer now.
pub(super) struct UsableKeys<'a> {
    pub(super) keys: Vec<&'a PublicKey>,
    /// Whether the set is known to be this issuer's, so that a key without a name may be taken for the one meant.
    pub(super) bound: bool,
}

impl KeySets {
    pub(super) fn new(reference: Arc<TokenReference>) -> Self {
        Self {
            reference,
            documents: Shelf::new(DOCUMENTS_MAX),
            configurations: Shelf::new(DOCUMENTS_MAX),
            places: Shelf::new(DOCUMENTS_MAX),
            epoch: 0,
            learned: 0,
            refused: 0,
        }
    }

    /// Believes other configured keys from here on.
    pub(super) fn consult(&mut self, reference: Arc<TokenReference>) {
        self.reference = reference;
    }

    pub(super) fn evicted(&self) -> u64 {
        self.documents.evicted + self.configurations.evicted + self.places.evicted
    }

    /// Appends what was learned from the wire; what is configured is not kept.
    pub(super) fn save(&self, out: &mut Vec<u8>) {
        self.documents.save(out);
        self.configurations.save(out);
        self.places.save(out);
        self.epoch.save(out);
    }

    pub(super) fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        self.documents = Shelf::load(DOCUMENTS_MAX, from)?;
        self.configurations = Shelf::load(DOCUMENTS_MAX, from)?;
        self.places = Shelf::load(DOCUMENTS_MAX, from)?;
        self.epoch = Saved::load(from)?;
        Ok(())
    }

    /// The keys of an issuer; of a token without one, those published by the host it was sent to.
    pub(super) fn of(&mut self, issuer: &str, host: &str, now: EventTime) -> Option<UsableKeys<'_>> {
        if self.reference.keys(issuer).is_some() {
            let keys = self.reference.keys(issuer)?.iter().collect();
            return Some(UsableKeys { keys, bound: true });
        }
        let place = if issuer.is_empty() {
            self.above(&plain_host(host), "")?
        } else if let Some(configuration) = self.configurations.get(&Arc::from(issuer)) {
            configuration.keys.clone()
        } else {
            let (host, path) = parse(issuer)?;
            self.above(&host, path)?
        };
        let set = self.documents.get(&place)?;
        let good = |held: &&Held| held.retired.is_none_or(|at| now <= at.after(GRACE));
        let keys: Vec<&PublicKey> = set.keys.iter().filter(good).map(|held| &held.key).collect();
        (!keys.is_empty()).then_some(UsableKeys { keys, bound: !issuer.is_empty() })
    }

    /// The first key set of a host that lies below this path.
    fn above(&mut self, host: &str, path: &str) -> Option<Place> {
        let host: Arc<str> = host.into();
        let path = path.trim_end_matches('/');
        let below = |place: &str| place.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        let found = self.places.get(&host)?.iter().find(|place| below(place))?.clone();
        Some(Place { host, path: found })
    }

    /// Takes what was published. Whether it is believed, and says something that was not known lately.
    pub(super) fn learn(&mut self, publication: &Publication) -> bool {
        let Publication { host, path, server, at, document, .. } = publication;
        match document {
            Document::Keys(keys) => {
                let place = Place { host: host.clone(), path: path.clone() };
                self.learn_keys(&place, *server, keys, *at)
            }
            Document::Configuration { issuer, jwks_uri } => {
                is_configuration_of(issuer, host, path) && self.learn_configuration(issuer, *server, jwks_uri)
            }
        }
    }

    fn learn_configuration(&mut self, issuer: &Arc<str>, server: IpAddr, jwks_uri: &str) -> bool {
        let Some((host, path)) = parse(jwks_uri) else { return false };
        let keys = Place { host: host.into(), path: path.into() };
        match self.configurations.get(issuer) {
            Some(known) if known.keys == keys => false,
            Some(known) if known.server != server => {
                self.refused += 1;
                false
            }
            _ => {
                let made = || Configuration { server, keys: keys.clone() };
                self.configurations.entry(issuer, made).keys = keys.clone();
                self.learned += 1;
                self.epoch += 1;
                true
            }
        }
    }

    fn learn_keys(&mut self, place: &Place, server: IpAddr, keys: &[PublicKey], now: EventTime) -> bool {
        let made = || KeySet { server, published: now, told: EventTime::ZERO, keys: Vec::new() };
        let set = self.documents.entry(place, made);
        if now < set.published {
            // Told by somebody who is behind: what is known is newer.
            return false;
        }
        if set.server != server && !set.is_followed(keys, now) {
            // A replica that publishes the same is no news.
            let adds = keys.iter().any(|key| !set.keys.iter().any(|held| held.key == *key));
            self.refused += u64::from(adds);
            return false;
        }
        (set.server, set.published) = (server, now);
        let changed = set.renew(keys, now);
        let is_news = changed || now.since(set.told) >= NEWS_AFTER;
        if is_news {
            set.told = now;
        }
        self.learned += u64::from(changed);
        self.epoch += u64::from(changed);
        let places = self.places.entry(&place.host, Vec::new);
        if !places.contains(&place.path) && places.len() < PLACES_MAX {
            places.push(place.path.clone());
        }
        is_news
    }
}

impl KeySet {
    /// Whether another server may speak for this place from now on.
    fn is_followed(&self, keys: &[PublicKey], now: EventTime) -> bool {
        now.since(self.published) > SILENT_AFTER && self.keys.iter().any(|held| keys.contains(&held.key))
    }

    /// The set as it is published now; keys that are gone are good for a while. Whether anything changed.
    fn renew(&mut self, keys: &[PublicKey], now: EventTime) -> bool {
        let mut changed = false;
        for held in &mut self.keys {
            let retired = if keys.contains(&held.key) { None } else { Some(held.retired.unwrap_or(now)) };
            changed |= held.retired != retired;
            held.retired = retired;
        }
        self.keys.retain(|held| held.retired.is_none_or(|at| now <= at.after(GRACE)));
        for key in keys {
            if self.keys.len() < KEYS_MAX && !self.keys.iter().any(|held| held.key == *key) {
                self.keys.push(Held { key: key.clone(), retired: None });
                changed = true;
            }
        }
        changed
    }
}

/// Whether this place on this host is where the issuer's configuration belongs.
fn is_configuration_of(issuer: &str, host: &str, place: &str) -> bool {
    let Some((own, path)) = parse(issuer) else { return false };
    let path = path.trim_end_matches('/');
    let place = place.split('?').next().unwrap_or(place);
    own == host
        && (place.strip_prefix(path) == Some("/.well-known/openid-configuration")
            || place.strip_prefix("/.well-known/oauth-authorization-server") == Some(path)
            || place.strip_prefix("/.well-known/openid-configuration") == Some(path))
}

/// Host and path of a URL, the host as `plain_host` gives it; no fragment.
pub(super) fn parse(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let rest = rest.split('#').next().unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    (!host.is_empty()).then(|| (plain_host(host), path))
}

/// A host in lower case, without the port that its scheme stands for.
pub(super) fn plain_host(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let plain = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).map(str::to_owned);
    plain.unwrap_or(host)
}
