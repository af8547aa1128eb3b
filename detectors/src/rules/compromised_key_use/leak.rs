//! Keys that were seen being laid open, and the networks that used them before.
//! It is given transactions and tells which keys they lay open, and whether a later use is one of before.
//! It promises that a key which is handed to somebody, or which is public by design, is no leak.

use crate::anomaly::Anomaly;
use crate::few::Few;
use crate::identity::{Fingerprint, PrincipalKind};
use crate::label::{Label, Labels};
use crate::rules::network::Network;
use crate::sample::Sample;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Client, Completeness, Endpoint, Exposure, ExposureKind, Request, Transaction};
use std::fmt;
use std::net::IpAddr;

/// Networks remembered of one key: a key that is used from so many is at home everywhere.
const HOMES_MAX: usize = 32;
/// Kinds of keys that are no secret.
const PUBLIC: &[&str] = &[
    // These name a key, and say nothing without its secret.
    "aws_access_key",
    "razorpay_key",
    "twilio_key",
    // These stand in every page that has a map or counts its visits; what binds them is the site.
    "google_api_key",
    "posthog_project_key",
];
/// What stands in an answer there was asked for by the one who shall have it.
const HANDS_OUT: Labels = Labels::of(&[
    Label::Key,
    Label::Login,
    Label::Mfa,
    Label::OAuth,
    Label::Session,
    Label::SignUp,
    Label::Token,
]);

/// A key laid open.
#[derive(Clone, Debug)]
pub(super) struct Leak {
    pub(super) kind: ExposureKind,
    pub(super) endpoint: Endpoint,
    pub(super) client: IpAddr,
    pub(super) at: EventTime,
    pub(super) sample: Sample,
    /// The client as it is counted, where it was given the key and had not used it.
    taker: Option<IpAddr>,
}

saved!(Leak { kind, endpoint, client, at, sample, taker });

/// Where a key was accepted from before it was laid open.
#[derive(Debug, Default)]
pub(super) struct Homes(Few<Network>);

saved!(Homes { 0 });

/// Who uses a key that was laid open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    /// A network that used it before.
    Owner,
    /// The very client that it was given to.
    Taker,
    /// Another network.
    Stranger,
}

impl Homes {
    pub(super) fn note(&mut self, client: &Client) {
        let network = Network::of(client);
        if self.0.len() < HOMES_MAX && !self.has(&network) {
            self.0.push(network);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, network: &Network) -> bool {
        self.0.iter().any(|home| home.apart_from(network).is_none())
    }

    /// Whether this very client is known to have used it.
    fn has_client(&self, client: &Client) -> bool {
        self.0.iter().any(|home| home.ip == client.ip)
    }
}

impl Leak {
    /// Notes who has the key by it: whoever sends a `Referer` with a key in it had the key, nobody was given it.
    pub(super) fn of(tx: &Transaction, exposure: &Exposure, homes: &mut Homes) -> Option<Self> {
        let taker = match exposure.kind {
            ExposureKind::Referer => {
                homes.note(&tx.client);
                None
            }
            _ => (!homes.has_client(&tx.client)).then(|| tx.client.network()),
        };
        Some(Self {
            kind: exposure.kind,
            endpoint: tx.endpoint()?,
            client: tx.client.ip,
            at: tx.end,
            sample: Sample::of(tx),
            taker,
        })
    }

    pub(super) fn user(&self, client: &Client, homes: &Homes) -> User {
        if self.taker == Some(client.network()) {
            User::Taker
        } else if homes.0.len() >= HOMES_MAX || homes.has(&Network::of(client)) {
            User::Owner
        } else {
            User::Stranger
        }
    }
}

/// `laid open in an answer of GET /config.json on api.example.com to 203.0.113.9 at 2026-11-21T10:00:00.000Z`
impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, endpoint, client, at, .. } = self;
        let (place, way) = match kind {
            ExposureKind::Referer => ("the Referer", "from"),
            _ => ("an answer", "to"),
        };
        write!(f, "laid open in {place} of {endpoint} on {} {way} {client} at {at}", endpoint.host)
    }
}

/// The keys that a transaction lays open.
pub(super) fn laid_open(tx: &Transaction) -> impl Iterator<Item = (Fingerprint, &Exposure)> {
    let request = tx.request.as_ref().filter(|request| may_leak(tx, request));
    let open = request
        .into_iter()
        .flat_map(move |request| tx.exposed.iter().filter(move |exposure| is_open(tx, request, exposure)));
    open.filter_map(|exposure| exposure.fingerprint.zip(Some(exposure)))
}

/// Inside, services read their keys out of configuration that asks nobody who they are.
fn may_leak(tx: &Transaction, request: &Request) -> bool {
    tx.client.external && !request.labels.any(HANDS_OUT)
}

fn is_open(tx: &Transaction, request: &Request, exposure: &Exposure) -> bool {
    if PUBLIC.contains(&exposure.class) {
        return false;
    }
    match exposure.kind {
        ExposureKind::Response => is_asked_by_nobody(tx, request),
        // Whoever shows the key beside it is at work with it.
        ExposureKind::Referer => tx.credentials.iter().all(|c| Some(c.fingerprint) != exposure.fingerprint),
        ExposureKind::Query | ExposureKind::Path => false,
    }
}

/// Whether the caller showed no credential. What is made for such a caller, a device that registers itself, say, is
/// handed out: only reading, or an error, lays open what is there.
fn is_asked_by_nobody(tx: &Transaction, request: &Request) -> bool {
    let reads = &*request.method == "GET" || tx.status().is_some_and(|status| status >= 400);
    let is_seen = tx.completeness == Completeness::Whole && !tx.anomalies.contains(Anomaly::Http2HpackDesync);
    reads && is_seen && tx.credentials.is_empty() && tx.principal.kind == PrincipalKind::Anonymous
}
