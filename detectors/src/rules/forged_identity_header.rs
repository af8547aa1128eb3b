//! # Forged identity header
//!
//! ## What it sees
//!
//! A client that is no trusted proxy sends headers in which proxies say who the caller is: a user, a client
//! certificate, or one address after another.
//!
//! ## Why it matters
//!
//! A service behind a proxy believes such headers. Whoever reaches it past the proxy, or whose headers the proxy passes
//! on, is who he says he is. Made-up addresses get past limits that are kept by address.
//!
//! ## How it decides
//!
//! *Users and certificates* (`X-Forwarded-User`, `X-Remote-User`, `X-SSL-Client-*`, `X-Forwarded-Client-Cert` and their
//! like, see `network.identity_headers`). One request from a peer that is no trusted proxy fires. Severity is high when
//! it was accepted and carries no credential of its own: then the header may be all that opened the door. It is medium
//! when it was refused without a credential, or accepted beside one of unknown standing, and low when the sender's
//! credential is known, for then the header may mean nothing. A client is told once in `again_after_h` at a host, and again sooner only by something graver. When more
//! than `habit_clients` clients send a header to one host it is that service's own habit, or an attack that is not hidden
//! any more: the host is told once in `again_after_h` as low, and its clients no longer.
//!
//! *Addresses* (`X-Forwarded-For`, `Forwarded` and their like). So many different addresses claimed by one client
//! within `window_s`, left of what trusted proxies wrote. Severity is low.
//!
//! ## Benign look-alikes
//!
//! A load balancer or content network that is not listed in `network.trusted_proxies`: list it. Private addresses are
//! trusted without being listed. A company's own web proxy names its users' addresses, mostly private ones, which do
//! not count. Apps that send their user's id in a header of such a name: see `habit_clients`.
//!
//! ## Tuning
//!
//! Facts: `kind` (`user`, `certificate`, `address`, `habit`), `headers`, `accepted`, `own_credential`; of addresses
//! `kind`, `claimed`.
//!
//! ## References
//!
//! MITRE ATT&CK T1190, T1078; OWASP API2:2023, API8:2023; RFC 7239 section 8.1; RFC 9440 section 3.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Several, Span, tables,
};
use crate::hash::StableHasher;
use crate::identity::ProofLevel;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::time::EventTime;
use crate::transaction::{HeaderClaim, IdentityHeader, Request, Transaction};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Claimed addresses that are remembered of one client at least; of more, the one longest unused goes.
const CLAIMS_MIN: usize = 16;

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Clients that may send a header before it is taken for the service's habit (10: rarely do so many forge one).
    pub habit_clients: u32,
    /// Different addresses claimed by one client that fire (3: a home has two, one of each IP version).
    pub addresses: u32,
    /// The window the addresses are counted in (600 s: limits by address rarely look further back).
    pub window_s: u32,
    /// How soon the same is told again (24 h: once a day until the proxy is listed or the client blocked).
    pub again_after_h: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { habit_clients: 10, addresses: 3, window_s: 600, again_after_h: 24 }
    }
}

/// POS-04.
pub static RULE: Rule = Rule {
    id: "POS-04",
    name: "forged_identity_header",
    title: "Forged identity header",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    // The leg that the proxy did not write yet may be the second one seen.
    sees_repeats: true,
    lane: Lane::Services,
    order_free: false,
    mitre: &["T1190", "T1078"],
    owasp: &["API2:2023", "API8:2023"],
    response: "drop such headers at the edge and let nobody past it; list the proxy if it is one of your own",
};

/// A client at a host, and how grave it was when it was last told.
type Told = Keyed<(IpAddr, Arc<str>), Option<(Severity, EventTime)>>;

/// Who sent what.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    within: Duration,
    again_after: Duration,
    /// By host and header.
    headers: Keyed<(Arc<str>, Arc<str>), Senders>,
    clients: Told,
    /// By client.
    claims: Keyed<IpAddr, Claims>,
}

/// Who sends one header to one host.
#[derive(Debug, Default)]
struct Senders {
    /// Different clients, up to one more than a habit needs.
    clients: Vec<u64>,
    habit_told: Option<EventTime>,
}

saved!(Senders { clients, habit_told });

/// The addresses that one client claimed to have, the latest last.
#[derive(Debug, Default)]
struct Claims {
    addresses: Vec<(IpAddr, EventTime)>,
    told: Option<EventTime>,
}

saved!(Claims { addresses, told });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let again_after = Duration::from_secs(u64::from(thresholds.again_after_h) * 3600);
        let within = Duration::from_secs(u64::from(thresholds.window_s));
        let keys = limits.keys_per_table_max;
        Self {
            within,
            again_after,
            headers: Keyed::new(keys, again_after),
            clients: Keyed::new(keys, again_after),
            claims: Keyed::new(keys, within.max(again_after)),
            thresholds: thresholds.clone(),
        }
    }

    fn observe_identity(&mut self, tx: &Transaction, request: &Request, findings: &mut Findings<'_>) {
        let Some(header) = forged(request).next() else { return };
        let (client, host, now) = (tx.client.network(), &request.host, tx.end);
        let senders = self.headers.entry(&(host.clone(), header.name.clone()), now);
        if senders.are_habit(client, self.thresholds.habit_clients) {
            let is_news = senders.habit_told.is_none_or(|told| now.since(told) >= self.again_after);
            if is_news {
                senders.habit_told = Some(now);
                let crossing = crossing(About::Service(host), Severity::Low, now);
                let clients = self.thresholds.habit_clients;
                findings.raise(&crossing, || habit(tx, host, &header.name, clients));
            }
            return;
        }
        // What nobody is known to have been given proves as little as nothing, but may be a guest's.
        let is_unproved = tx.proof.level == ProofLevel::Unknown;
        let severity = match (tx.succeeded(), tx.credentials.is_empty()) {
            (true, true) => RULE.severity,
            (false, true) => Severity::Medium,
            (true, false) if is_unproved => Severity::Medium,
            (_, false) => Severity::Low,
        };
        let told = self.clients.entry(&(client, host.clone()), now);
        if told.is_some_and(|(grave, at)| grave >= severity && now.since(at) < self.again_after) {
            return;
        }
        *told = Some((severity, now));
        findings.raise(&crossing(About::Client(client), severity, now), || identity(tx, request));
    }

    fn observe_address(&mut self, tx: &Transaction, claimed: IpAddr, findings: &mut Findings<'_>) {
        let now = tx.end;
        let needed = self.thresholds.addresses.max(2) as usize;
        let claims = self.claims.entry(&tx.client.network(), now);
        claims.note(claimed, now, self.within, needed.max(CLAIMS_MIN));
        let is_told = claims.told.is_some_and(|told| now.since(told) < self.again_after);
        if claims.addresses.len() < needed || is_told {
            return;
        }
        claims.told = Some(now);
        let first = claims.addresses.first().map_or(now, |(_, at)| *at);
        let crossing = Crossing {
            window: Some(self.within),
            first,
            ..crossing(About::Client(tx.client.network()), Severity::Low, now)
        };
        findings.raise(&crossing, || addresses(tx, &claims.addresses, needed));
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::CLAIM
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let Some(request) = &tx.request else { return };
        if !request.identity_headers.is_empty() {
            self.observe_identity(tx, request, findings);
        }
        // The second sight of a request would be a second claim of the same address: it adds nothing, nor does it harm.
        if let Some(claimed) = tx.client.claimed_ip.filter(|claimed| is_public(*claimed)) {
            self.observe_address(tx, claimed, findings);
        }
    }

    tables!(headers, clients, claims);
}

impl Senders {
    /// Notes a client; whether so many send the header that it is no single one's doing.
    fn are_habit(&mut self, client: IpAddr, habit_clients: u32) -> bool {
        let client = StableHasher::of_parts(&[client.to_string().as_bytes()]) as u64;
        if self.clients.len() <= habit_clients as usize && !self.clients.contains(&client) {
            self.clients.push(client);
        }
        self.clients.len() > habit_clients as usize
    }
}

impl Claims {
    fn note(&mut self, claimed: IpAddr, now: EventTime, within: Duration, kept: usize) {
        self.addresses.retain(|(address, at)| *address != claimed && now.since(*at) <= within);
        if self.addresses.len() >= kept {
            self.addresses.remove(0);
        }
        self.addresses.push((claimed, now));
    }
}

/// Headers about users and certificates that no trusted proxy wrote.
fn forged(request: &Request) -> impl Iterator<Item = &IdentityHeader> {
    let headers = request.identity_headers.iter();
    headers.filter(|header| !header.by_proxy && header.claim != HeaderClaim::Address)
}

/// Web proxies name the private addresses of those behind them; nobody gains by claiming one that thousands have.
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()),
        IpAddr::V6(ip) => {
            !(ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified())
        }
    }
}

fn crossing(about: About<'_>, severity: Severity, now: EventTime) -> Crossing<'_> {
    Crossing { about, severity, first: now, fresh: 1, window: None }
}

fn identity(tx: &Transaction, request: &Request) -> Finding {
    let mut names: Vec<Arc<str>> = forged(request).map(|header| header.name.clone()).collect();
    names.dedup();
    let claims_certificate = forged(request).any(|header| header.claim == HeaderClaim::Certificate);
    let what = if claims_certificate { HeaderClaim::Certificate } else { HeaderClaim::User };
    let with = if tx.credentials.is_empty() { "without any credential" } else { "beside its own credential" };
    let answer = if tx.succeeded() { "accepted" } else { "not accepted" };
    let message = format!(
        "{}, which is no trusted proxy, sent {} to {} {with}, {answer}",
        tx.client.ip,
        names.join(", "),
        request.host,
    );
    Finding {
        facts: vec![
            ("kind", Fact::Text(what.name().into())),
            ("headers", Fact::List(names)),
            ("accepted", Fact::Flag(tx.succeeded())),
            ("own_credential", Fact::Flag(!tx.credentials.is_empty())),
        ],
        ..Finding::of(tx, message, answer)
    }
}

fn habit(tx: &Transaction, host: &str, header: &Arc<str>, clients: u32) -> Finding {
    let message = format!(
        "more than {} send {header} to {host} themselves: make sure that nothing there believes it",
        Several(u64::from(clients), "client"),
    );
    Finding {
        count: u64::from(clients) + 1,
        threshold: u64::from(clients) + 1,
        principal: None,
        client: None,
        facts: vec![("kind", Fact::Text("habit".into())), ("headers", Fact::List(vec![header.clone()]))],
        ..Finding::of(tx, message, "the latest of them")
    }
}

fn addresses(tx: &Transaction, claimed: &[(IpAddr, EventTime)], needed: usize) -> Finding {
    let first = claimed.first().map_or(tx.end, |(_, at)| *at);
    let shown = claimed.iter().rev().take(5).map(|(address, _)| Arc::from(address.to_string())).collect();
    let message = format!(
        "{} claimed to be at {} different addresses within {} (limit {needed})",
        tx.client.ip,
        claimed.len(),
        Span(tx.end.since(first)),
    );
    Finding {
        count: claimed.len() as u64,
        threshold: needed as u64,
        facts: vec![("kind", Fact::Text("address".into())), ("claimed", Fact::List(shown))],
        ..Finding::of(tx, message, "the latest claim")
    }
}

#[cfg(test)]
mod tests {
    use crate::story::check;
    use expect_test::expect;

    #[test]
    fn who_says_to_be_somebody() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 says=x-forwarded-user:user
             10:00:00 203.0.113.2 -> use GET /me 401 says=x-ssl-client-dn:certificate
             10:00:00 203.0.113.3 -> use GET /me 200 says=x-user-id:user user=ann session=s1
             10:01:00 203.0.113.2 -> use GET /me 200 says=x-ssl-client-dn:certificate
             10:02:00 203.0.113.2 -> use GET /me 401 says=x-ssl-client-dn:certificate
             10:03:00 203.0.113.1 -> use GET /me 200 says=x-forwarded-user:user repeat",
            expect![[r#"
                10:00:00.000 POS-04 forged_identity_header high 203.0.113.1: 203.0.113.1, which is no trusted proxy, sent x-forwarded-user to api.example.com without any credential, accepted
                10:00:00.000 POS-04 forged_identity_header medium 203.0.113.2: 203.0.113.2, which is no trusted proxy, sent x-ssl-client-dn to api.example.com without any credential, not accepted
                10:00:00.000 POS-04 forged_identity_header low 203.0.113.3: 203.0.113.3, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:01:00.000 POS-04 forged_identity_header high (update) 203.0.113.2: 203.0.113.2, which is no trusted proxy, sent x-ssl-client-dn to api.example.com without any credential, accepted; 2 in all since 2026-11-21T10:00:00Z
            "#]],
        );
    }

    #[test]
    fn a_second_sight_tells_what_the_first_did_not() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 says=x-forwarded-user:user repeat",
            expect![[r#"
            10:00:00.000 POS-04 forged_identity_header high 203.0.113.1: 203.0.113.1, which is no trusted proxy, sent x-forwarded-user to api.example.com without any credential, accepted
        "#]],
        );
    }

    #[test]
    fn nobody_says_anything_or_only_where_it_is() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200
             10:00:01 203.0.113.1 -> use GET /me 200 says=x-forwarded-for:address claims=192.0.2.1
             10:00:02 203.0.113.1 -> use GET /me 200 says=x-forwarded-for:address claims=192.0.2.2 x9
             10:00:03 203.0.113.1 -> use GET /me 200 says=x-forwarded-for:address claims=10.0.0.{1..9}",
            expect![[""]],
        );
    }

    #[test]
    fn one_address_after_another() {
        check(
            "10:00:00 203.0.113.1 -> login POST /login 401 user=ann claims=192.0.2.{1..30} every 1h
             2d+10:00:00 203.0.113.1 -> login POST /login 401 user=ann claims=192.0.2.{1..30} every 5m
             2d+14:00:00 2001:db8::1 -> login POST /login 401 user=ann claims=192.0.2.{1..30} every 5m",
            expect![[r#"
                10:10:00.000 POS-04 forged_identity_header low 203.0.113.1: 203.0.113.1 claimed to be at 3 different addresses within 600 s (limit 3)
                14:10:00.000 POS-04 forged_identity_header low 2001:db8::/64: 2001:db8::1 claimed to be at 3 different addresses within 600 s (limit 3)
            "#]],
        );
    }

    #[test]
    fn a_service_whose_clients_all_send_it() {
        check(
            "10:00:00 203.0.113.{1..40} -> use GET /me 200 says=x-user-id:user user=u{1..40} session=s{1..40}
             10:05:00 203.0.113.7 -> use GET /me 200 says=x-forwarded-user:user",
            expect![[r#"
                10:00:00.000 POS-04 forged_identity_header low 203.0.113.1: 203.0.113.1, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:01.000 POS-04 forged_identity_header low 203.0.113.2: 203.0.113.2, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:02.000 POS-04 forged_identity_header low 203.0.113.3: 203.0.113.3, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:03.000 POS-04 forged_identity_header low 203.0.113.4: 203.0.113.4, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:04.000 POS-04 forged_identity_header low 203.0.113.5: 203.0.113.5, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:05.000 POS-04 forged_identity_header low 203.0.113.6: 203.0.113.6, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:06.000 POS-04 forged_identity_header low 203.0.113.7: 203.0.113.7, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:07.000 POS-04 forged_identity_header low 203.0.113.8: 203.0.113.8, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:08.000 POS-04 forged_identity_header low 203.0.113.9: 203.0.113.9, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:09.000 POS-04 forged_identity_header low 203.0.113.10: 203.0.113.10, which is no trusted proxy, sent x-user-id to api.example.com beside its own credential, accepted
                10:00:10.000 POS-04 forged_identity_header low api.example.com: more than 10 clients send x-user-id to api.example.com themselves: make sure that nothing there believes it
                10:05:00.000 POS-04 forged_identity_header high (update) 203.0.113.7: 203.0.113.7, which is no trusted proxy, sent x-forwarded-user to api.example.com without any credential, accepted; 2 in all since 2026-11-21T10:00:06Z
            "#]],
        );
    }

    #[test]
    fn a_balancer_that_is_not_listed() {
        check(
            "10:00:00 203.0.113.1 -> use GET /me 200 says=x-forwarded-user:user x900 every 2m",
            expect![[r#"
                10:00:00.000 POS-04 forged_identity_header high 203.0.113.1: 203.0.113.1, which is no trusted proxy, sent x-forwarded-user to api.example.com without any credential, accepted
                10:00:00.000 POS-04 forged_identity_header high 203.0.113.1: 203.0.113.1, which is no trusted proxy, sent x-forwarded-user to api.example.com without any credential, accepted
            "#]],
        );
    }
}
