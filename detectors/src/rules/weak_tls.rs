//! # Weak TLS
//!
//! ## What it sees
//!
//! A server that speaks an old version of TLS, or one whose recorded traffic a stolen key would open.
//!
//! ## Why it matters
//!
//! Passwords, tokens and keys are as safe as the connection they go through. TLS below 1.2 has been withdrawn, and
//! without forward secrecy whoever gets the server's key later reads everything that was recorded until then.
//!
//! ## How it decides
//!
//! It looks at what servers chose, in connections that could not be read as in those that could, and judges by the name
//! the client asked for (where it said none, by the server's address). A version below 1.2 is high. A cipher suite
//! without an ephemeral key exchange is medium. TLS 1.2 is info after 20 connections or exchanges without one of TLS 1.3
//! in 30 days: where 1.3 is spoken with others, it is the client that is old. Offers say nothing, nor does a handshake
//! whose answer was not seen. Each is told once in 30 days for a name; of more than 10 names on one server the rest is
//! told in one alert about its address, for clients make names up.
//!
//! ## Benign look-alikes
//!
//! Servers of others, where the sensor sees what leaves (suppress them by name), a test of your own of what the server
//! still takes: it takes it.
//!
//! ## Tuning
//!
//! Raise `connections` where old clients are many and new ones few. What a proxy behind the sensor speaks is not seen.
//! Facts: `fault` (`old_version`, `no_forward_secrecy` or `not_latest`), `version`, `cipher`, `server`, `transport`.
//!
//! ## References
//!
//! MITRE ATT&CK T1557, T1040; OWASP API8:2023; RFC 8996; RFC 9325 sections 3.1 and 4.1.

use super::keys::{Crowd, Telling};
use crate::alert::{AlertClient, Evidence, Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Doubts, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, tables,
};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::tls::{CipherSuite, Tls, TlsConnection, TlsVersion, Transport};
use crate::transaction::{Client, Completeness, Transaction, TransactionId};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const TLS_1_2: TlsVersion = TlsVersion(0x0303);
const DAY: Duration = Duration::from_hours(24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Connections or exchanges in TLS 1.2, none in 1.3 among them, before that is told (20: several clients).
    pub connections: u32,
    /// How soon the same is told again (30 days: a server's settings change with its releases).
    pub again_after_days: u32,
    /// Names of one server told one by one (10: more are one setting, or made up).
    pub names: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { connections: 20, again_after_days: 30, names: 10 }
    }
}

/// POS-02.
pub static RULE: Rule = Rule {
    id: "POS-02",
    name: "weak_tls",
    title: "Weak TLS",
    severity: Severity::High,
    scope: Scope::Service,
    maturity: Maturity::Preview,
    grouping: Grouping::Event,
    sees_repeats: false,
    lane: Lane::Tenant,
    order_free: false,
    mitre: &["T1557", "T1040"],
    owasp: &["API8:2023"],
    response: "let the server speak TLS 1.3 and, for old clients, 1.2 with ECDHE alone",
};

/// What servers speak.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    again_after: Duration,
    services: Keyed<Arc<str>, Service>,
    /// Names that were told, by the server's address.
    servers: Keyed<(IpAddr, u16), Crowd>,
}

/// One name.
#[derive(Debug, Default)]
struct Service {
    /// When TLS 1.3 was spoken last; zero for never.
    latest: EventTime,
    /// Connections and exchanges in TLS 1.2 since.
    behind: u32,
    /// When each fault was told; zero for never.
    told: [EventTime; Fault::ALL.len()],
}

saved!(Service { latest, behind, told });

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    OldVersion,
    NoForwardSecrecy,
    NotLatest,
}

/// One handshake as far as it was answered, of a connection that was read or of one that was not.
struct Handshake<'a> {
    id: TransactionId,
    at: EventTime,
    version: TlsVersion,
    cipher: CipherSuite,
    service: Arc<str>,
    server: SocketAddr,
    client: &'a Client,
    transport: Transport,
    is_whole: bool,
}

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = DAY.saturating_mul(thresholds.again_after_days);
        Self {
            again_after,
            services: Keyed::new(limits.keys_per_table_max, again_after),
            servers: Keyed::new(limits.keys_per_table_max, again_after),
            thresholds: thresholds.clone(),
        }
    }

    fn look(&mut self, handshake: &Handshake<'_>, findings: &mut Findings<'_>) {
        let service = self.services.entry(&handshake.service, handshake.at);
        let Some(fault) = service.note(handshake, self.thresholds.connections, self.again_after) else {
            return;
        };
        let Some(told) = service.told.get_mut(fault as usize) else { return };
        let is_old_news = *told != EventTime::ZERO && handshake.at.since(*told) < self.again_after;
        if is_old_news {
            return;
        }
        *told = handshake.at;
        let server = (handshake.server.ip(), handshake.server.port());
        let crowd = self.servers.entry(&server, handshake.at);
        let address = handshake.server.to_string();
        let (about, is_one) = match crowd.joins(handshake.at, self.again_after, self.thresholds.names) {
            Telling::Key => (About::Service(&handshake.service), true),
            Telling::Crowd => (About::Service(&address), false),
            Telling::Nothing => return,
        };
        let severity = fault.severity();
        let crossing = Crossing { about, severity, first: handshake.at, fresh: 1, window: None };
        findings.raise(&crossing, || finding(handshake, fault, is_one, &self.thresholds));
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::TLS
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let (Some(tls), server) = (&tx.tls, tx.flow.dst) else { return };
        let Some((version, cipher)) = chosen(tls) else { return };
        let host = tx.request.as_ref().map(|request| &request.host);
        let handshake = Handshake {
            id: tx.id,
            at: tx.end,
            version,
            cipher,
            service: name_of(tls, host, server),
            server,
            client: &tx.client,
            transport: Transport::Tcp,
            is_whole: !matches!(tx.completeness, Completeness::Gap | Completeness::Truncated),
        };
        self.look(&handshake, findings);
    }

    fn connection(&mut self, connection: &TlsConnection, findings: &mut Findings<'_>) {
        let (tls, server) = (&connection.tls, connection.flow.dst);
        let Some((version, cipher)) = chosen(tls) else { return };
        let handshake = Handshake {
            id: connection.id,
            at: connection.end,
            version,
            cipher,
            service: name_of(tls, None, server),
            server,
            client: &connection.client,
            transport: connection.transport,
            is_whole: connection.completeness == Completeness::Whole,
        };
        self.look(&handshake, findings);
    }

    tables!(services, servers);
}

/// What the server chose; nothing where its answer was not seen.
fn chosen(tls: &Tls) -> Option<(TlsVersion, CipherSuite)> {
    tls.version.zip(tls.cipher)
}

/// The name the client asked for, else the host of its request, else the server's address.
fn name_of(tls: &Tls, host: Option<&Arc<str>>, server: SocketAddr) -> Arc<str> {
    let name = tls.sni.as_ref().or(host).filter(|name| !name.is_empty());
    name.cloned().unwrap_or_else(|| server.to_string().into())
}

impl Service {
    /// Notes a handshake; gives the worst that is wrong with it.
    fn note(&mut self, handshake: &Handshake<'_>, connections: u32, known_for: Duration) -> Option<Fault> {
        let version = handshake.version;
        if version > TLS_1_2 {
            (self.latest, self.behind) = (handshake.at, 0);
            return None;
        }
        if version < TLS_1_2 {
            return Some(Fault::OldVersion);
        }
        self.behind = self.behind.saturating_add(1);
        if handshake.cipher.lacks_forward_secrecy() {
            return Some(Fault::NoForwardSecrecy);
        }
        let speaks_latest = self.latest != EventTime::ZERO && handshake.at.since(self.latest) < known_for;
        (!speaks_latest && self.behind >= connections).then_some(Fault::NotLatest)
    }
}

impl Fault {
    const ALL: [Self; 3] = [Self::OldVersion, Self::NoForwardSecrecy, Self::NotLatest];

    fn severity(self) -> Severity {
        match self {
            Self::OldVersion => RULE.severity,
            Self::NoForwardSecrecy => Severity::Medium,
            Self::NotLatest => Severity::Info,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::OldVersion => "old_version",
            Self::NoForwardSecrecy => "no_forward_secrecy",
            Self::NotLatest => "not_latest",
        }
    }
}

fn finding(handshake: &Handshake<'_>, fault: Fault, is_one: bool, limits: &Thresholds) -> Finding {
    let Handshake { version, cipher, service, server, client, .. } = handshake;
    let who = if is_one {
        service.to_string()
    } else {
        format!("{server} under more than {}, now {service},", Several(u64::from(limits.names), "name"))
    };
    let message = match fault {
        Fault::OldVersion => format!("{who} speaks {version} with {} ({cipher})", client.ip),
        Fault::NoForwardSecrecy => {
            format!("{who} speaks {version} without forward secrecy with {} ({cipher})", client.ip)
        }
        Fault::NotLatest => {
            let times = Several(u64::from(limits.connections), "connection");
            format!("{who} speaks {version} in {times} and TLS 1.3 in none")
        }
    };
    let count = if fault == Fault::NotLatest { u64::from(limits.connections) } else { 1 };
    let note = format!("{version}, {cipher}");
    Finding {
        message,
        count,
        threshold: count,
        principal: None,
        client: Some(AlertClient { ip: client.ip, country: client.country, asn: client.asn, device: None }),
        credential: None,
        endpoint: None,
        evidence: vec![Evidence {
            transaction: handshake.id,
            time: handshake.at,
            method: "".into(),
            path: "".into(),
            status: None,
            note,
        }],
        facts: vec![
            ("fault", Fact::Text(fault.name().into())),
            ("version", Fact::Text(version.to_string().into())),
            ("cipher", Fact::Text(cipher.to_string().into())),
            ("server", Fact::Text(server.to_string().into())),
            ("transport", Fact::Text(handshake.transport.name().into())),
        ],
        doubts: Doubts { cut: u32::from(!handshake.is_whole), ..Doubts::default() },
    }
}

#[cfg(test)]
mod tests;
