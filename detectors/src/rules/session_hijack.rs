//! # Session or token used by another client
//!
//! ## What it sees
//!
//! A session or access token that its holder uses on one device and network, used on another device from another
//! network.
//!
//! ## Why it matters
//!
//! Who has the session needs neither password nor second factor. A person takes a session along from one network to
//! another, but not from one device to another: that takes a copy.
//!
//! ## How it decides
//!
//! The first device and network that a session or token is accepted from are its holder's. A use differs when the
//! device differs (of four traits known on both sides at most two agree, of three one, of two none; see `new_device`)
//! and the network is another autonomous system. Where a system is not known another country counts, with medium
//! confidence at most; where neither is known another /16 (IPv6: /32), with low confidence. A known device in a new
//! network, or another device in a known network, is the holder's as well. Severity is critical when the use was
//! accepted and the session has a second factor, or something privileged or sensitive was done; high when it was
//! accepted otherwise; medium when it was not. It is one higher when the other client says that it is a program and
//! the holder's did not. All uses of one principal's sessions by other clients are one episode.
//!
//! ## Benign look-alikes
//!
//! A phone that leaves the Wi-Fi, a VPN that is switched on, an update of a browser: the device stays. An app and its
//! web view that share a session share a network, too. Programs inside pass tokens on: clients of internal networks
//! are passed over. API keys are carried by fleets (see `shared_key`), and so may be opaque tokens, or tokens of
//! programs, that were not seen being handed out (see `token_replay`). A refresh token may be redeemed by a server
//! whose browser uses the access token. A program outside that uses a browser's token by design has to be suppressed.
//!
//! ## Tuning
//!
//! `remembered_h` is how long a holder is remembered without use. A thief in the holder's own network, or with the
//! holder's own kind of device, is not seen here.
//! Facts: `changed`, `apart_by`, `holder_ip`, `holder_country`, `holder_device`, `unused_s`, `second_factor`,
//! `accepted`, `script`.
//!
//! ## References
//!
//! MITRE ATT&CK T1539, T1550.004, T1557; OWASP API2:2023.

use super::network::{Apart, Network};
use super::presence;
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample, Span, tables,
};
use crate::few::Few;
use crate::identity::{Credential, CredentialKind, Fingerprint, PrincipalKind, ProofLevel};
use crate::keyed::Keyed;
use crate::label::Labels;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{Device, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Devices remembered of one session; of more, the one longest unused goes.
const HOLDERS_MAX: usize = 4;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// How long the holder of a session is remembered without use (168 h: what is unused for a week begins anew).
    pub remembered_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { remembered_h: 168 }
    }
}

/// SES-01.
pub static RULE: Rule = Rule {
    id: "SES-01",
    name: "session_hijack",
    title: "Session or token used by another client",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Sessions,
    order_free: false,
    mitre: &["T1539", "T1550.004", "T1557"],
    owasp: &["API2:2023"],
    response: "revoke the session and its tokens; ask for password and second factor again",
};

/// Who holds each session.
#[derive(Debug)]
pub struct State {
    remembered: Duration,
    sessions: Keyed<Handle, Holders>,
}

/// A login's sessions, or its access tokens: a browser may hold the one, and a server the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Handle {
    login: Fingerprint,
    is_token: bool,
}

saved!(Handle { login, is_token });

/// The devices that use a session, and from where.
#[derive(Debug, Default)]
struct Holders(Few<Holder>);

saved!(Holders { 0 });

#[derive(Clone, Debug)]
struct Holder {
    device: Device,
    network: Network,
    is_script: bool,
    last: EventTime,
    /// The first use in this network.
    sample: Sample,
}

saved!(Holder { device, network, is_script, last, sample });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let remembered = Duration::from_secs(u64::from(thresholds.remembered_h) * 3600);
        Self { remembered, sessions: Keyed::new(limits.keys_per_table_max, remembered) }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::DEVICE
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(device) = tx.device.filter(|_| tx.client.external) else { return };
        let Some((handle, credential)) = Handle::of(tx) else { return };
        // What was never accepted has no holder: guesses make no state.
        let known = if tx.succeeded() {
            Some(self.sessions.entry(&handle, tx.end))
        } else {
            self.sessions.get(&handle, tx.end)
        };
        let Some(holders) = known else { return };
        holders.0.retain(|holder| tx.end.since(holder.last) <= self.remembered);
        let network = Network::of(&tx.client);
        let Some((holder, apart)) = holders.stranger(device, network) else {
            if tx.succeeded() {
                holders.learn(tx, device, network);
            }
            return;
        };
        let theft = Theft { handle, credential, holder, apart, device };
        let about = match tx.principal.kind {
            PrincipalKind::Anonymous | PrincipalKind::Session => About::Session(credential.fingerprint),
            _ => About::Principal(&tx.principal),
        };
        let severity = theft.severity(tx);
        let crossing = Crossing { about, severity, first: tx.end, fresh: 1, window: None };
        findings.raise(&crossing, || finding(tx, &theft));
    }

    tables!(sessions);
}

impl Handle {
    /// The session or access token of a request, where it is known to have one holder.
    fn of(tx: &Transaction) -> Option<(Self, &Credential)> {
        let holds = |credential: &&Credential| {
            let issued_in_sight = tx.session.is_some_and(|session| session.issued_in_sight);
            match credential.kind {
                CredentialKind::Session => true,
                CredentialKind::BearerJwt => issued_in_sight || tx.principal.is_user(),
                CredentialKind::BearerOpaque => issued_in_sight,
                _ => false,
            }
        };
        let credential = tx.credentials.iter().find(holds)?;
        let login = tx.session.map_or(credential.fingerprint, |session| session.id);
        let is_token = credential.kind != CredentialKind::Session;
        Some((Self { login, is_token }, credential))
    }
}

impl Holders {
    /// The latest holder and how its network is another one, if both device and network are unlike every holder's.
    fn stranger(&self, device: Device, network: Network) -> Option<(&Holder, Apart)> {
        let mut nearest = None;
        for holder in &self.0 {
            if !holder.device.differs_from(&device) {
                return None;
            }
            let apart = holder.network.apart_from(&network)?;
            if nearest.is_none_or(|(known, _): (&Holder, Apart)| known.last <= holder.last) {
                nearest = Some((holder, apart));
            }
        }
        nearest
    }

    /// Notes a use by the holder: a new network of a known device, or a new device in a known network.
    fn learn(&mut self, tx: &Transaction, device: Device, network: Network) {
        let now = tx.end;
        if let Some(known) = self.0.iter_mut().find(|known| known.device.same_as(&device)) {
            if known.network.ip != network.ip {
                (known.network, known.sample) = (network, Sample::of(tx));
            }
            known.last = now;
            return;
        }
        // A device that can be told neither from the others nor as one of them adds nothing.
        if !self.0.iter().all(|known| known.device.differs_from(&device)) {
            return;
        }
        if self.0.len() >= HOLDERS_MAX {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, known)| known.last);
            let oldest = oldest.map_or(0, |(place, _)| place);
            self.0.remove(oldest);
        }
        self.0.push(Holder { device, network, is_script: is_script(tx), last: now, sample: Sample::of(tx) });
    }
}

/// A use by somebody who is not the holder.
struct Theft<'a> {
    handle: Handle,
    credential: &'a Credential,
    holder: &'a Holder,
    apart: Apart,
    device: Device,
}

impl Theft<'_> {
    fn severity(&self, tx: &Transaction) -> Severity {
        let is_privileged = presence::is_sensitive(tx)
            || tx.request.as_ref().is_some_and(|request| request.labels.any(Labels::PRIVILEGED));
        let opens_much = has_second_factor(tx) || is_privileged;
        match (tx.succeeded(), self.is_by_script(tx)) {
            (true, by_script) if by_script || opens_much => Severity::Critical,
            (true, _) | (false, true) => Severity::High,
            (false, false) => Severity::Medium,
        }
    }

    /// Whether a program took the place of something else.
    fn is_by_script(&self, tx: &Transaction) -> bool {
        is_script(tx) && !self.holder.is_script
    }
}

fn is_script(tx: &Transaction) -> bool {
    tx.request.as_ref().is_some_and(|request| request.agent_kind.is_script())
}

fn has_second_factor(tx: &Transaction) -> bool {
    tx.proof.level == ProofLevel::Mfa || tx.session.is_some_and(|session| session.mfa_since.is_some())
}

fn finding(tx: &Transaction, theft: &Theft<'_>) -> Finding {
    let Theft { handle, credential, holder, apart, device } = theft;
    let unused = tx.end.since(holder.last);
    let changed: Vec<Arc<str>> =
        holder.device.changed(device).map(|changed| Arc::from(changed.name())).collect();
    let what = if handle.is_token { "token" } else { "session" };
    let whose = match tx.principal.kind {
        PrincipalKind::Anonymous | PrincipalKind::Session => "one",
        _ => &tx.principal.id,
    };
    let answer = if tx.succeeded() { "accepted" } else { "not accepted" };
    let message = format!(
        "{what} of {whose} used on {device} from {}, {} after {} on {}, {answer} (other {}, {})",
        Network::of(&tx.client),
        Span(unused),
        holder.network,
        holder.device,
        apart.words(),
        changed.join(", "),
    );
    let found = Finding::of(tx, message, "used by another client");
    let mut facts = vec![
        ("changed", Fact::List(changed)),
        ("apart_by", Fact::Text(apart.name().into())),
        ("holder_ip", Fact::Text(holder.network.ip.to_string().into())),
    ];
    let country = holder.network.country;
    facts.extend(country.map(|country| ("holder_country", Fact::Text(country.as_str().into()))));
    facts.extend([
        ("holder_device", Fact::Text(holder.device.to_string().into())),
        ("unused_s", Fact::Count(unused.as_secs())),
        ("second_factor", Fact::Flag(has_second_factor(tx))),
        ("accepted", Fact::Flag(tx.succeeded())),
        ("script", Fact::Flag(theft.is_by_script(tx))),
    ]);
    let before = holder.sample.evidence("first use by the holder in the network before");
    Finding {
        credential: Some((*credential).clone()),
        evidence: std::iter::once(before).chain(found.evidence).collect(),
        facts,
        doubts: apart.doubts(found.doubts),
        ..found
    }
}

#[cfg(test)]
mod tests;
