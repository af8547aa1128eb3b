//! # Token replay
//!
//! ## What it sees
//!
//! A refresh token, an authorization code or a DPoP proof presented a second time; a program's access token in use by
//! two clients at once; access tokens that live too long.
//!
//! ## Why it matters
//!
//! What is for one use and comes again is in two hands, or a client does not keep its own. A token in two hands opens
//! the door to both. A token that lives for days is worth stealing, and stays stolen.
//!
//! ## How it decides
//!
//! *Reuse.* One reuse fires, whatever the server answered: a refusal shows that the server noticed, and the copy is out
//! all the same. Severity is high; low where the same client sends a refresh token again within 30 s and is answered, for
//! issuers allow that after an answer that was lost. All reuse by one client is one episode.
//!
//! *Two clients.* A JWT accepted from two devices in two networks (as `session_hijack` tells them apart) within
//! `places_within_s`. Only tokens of programs that were not seen being handed out are looked at here: nobody knows which
//! of the two clients is the right one. Where the owner is known, because a person has the token or its issue was seen,
//! `session_hijack` speaks. Severity is high.
//!
//! *Life.* An accepted bearer JWT whose `exp` is more than `life_h` after its `iat` (else `nbf`). Refresh tokens may live
//! longer and are not presented as bearers. Severity is low; each issuer is told once in `again_after_days` at a host.
//!
//! ## Benign look-alikes
//!
//! A client that sends a request again after a lost answer: the fact `same_client` tells. Tickets of second-factor
//! steps are not looked at here. A fleet with one program has one device, wherever it runs. Programs inside pass tokens
//! on: clients of internal networks are passed over.
//!
//! ## Tuning
//!
//! `retry_s` forgives the same client's own second try within that time. Facts of a reuse: `what`, `first_use_s`,
//! `same_client`, `accepted`; of two clients `what` (`access_token`), `other_ip`, `apart_by`, `changed`; of a life
//! `what` (`access_token`), `life_s`, `issuer` (where it is named).
//!
//! ## References
//!
//! MITRE ATT&CK T1528, T1550.001; OWASP API2:2023; RFC 9700 section 4.14; RFC 6749 section 4.1.2; RFC 9449 section 11.1;
//! RFC 9068.

use super::network::{Apart, Network};
use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Sample, Span, tables,
};
use crate::identity::{Credential, CredentialKind, Fingerprint, PrincipalKind};
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::session::{OneTime, Reuse};
use crate::time::EventTime;
use crate::transaction::{Activity, Device, Transaction};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long issuers let a client use its refresh token once more, where they do.
const GRACE: Duration = Duration::from_secs(30);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// The same client's second try within this time is forgiven (0 s: none; a thing for one use is for one use).
    pub retry_s: u32,
    /// Two clients within this time have a token at once (300 s: a program that moves is not back in five minutes).
    pub places_within_s: u32,
    /// Life of an access token that is still allowed (24 h: what is stolen today should be worthless tomorrow).
    pub life_h: u32,
    /// How soon an issuer is told again at a host (7 days: it is a setting, and settings change by the week).
    pub again_after_days: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { retry_s: 0, places_within_s: 300, life_h: 24, again_after_days: 7 }
    }
}

/// JWT-09.
pub static RULE: Rule = Rule {
    id: "JWT-09",
    name: "token_replay",
    title: "Token replay",
    severity: Severity::High,
    scope: Scope::Client,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Sessions,
    order_free: false,
    mitre: &["T1528", "T1550.001"],
    owasp: &["API2:2023"],
    response: "revoke the whole chain of tokens; rotate, and bind tokens to their client (DPoP, mutual TLS)",
};

/// The tokens of programs in use, and the issuers told.
#[derive(Debug)]
pub struct State {
    thresholds: Thresholds,
    retry: Duration,
    at_once: Duration,
    again_after: Duration,
    tokens: Keyed<Fingerprint, Option<Bearer>>,
    issuers: Keyed<(Arc<str>, Arc<str>), Option<EventTime>>,
}

/// Who used a token last.
#[derive(Debug)]
struct Bearer {
    device: Device,
    network: Network,
    last: EventTime,
    sample: Sample,
}

saved!(Bearer { device, network, last, sample });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let keys = limits.keys_per_table_max;
        let at_once = Duration::from_secs(u64::from(thresholds.places_within_s));
        let again_after = Duration::from_hours(24).saturating_mul(thresholds.again_after_days);
        Self {
            retry: Duration::from_secs(u64::from(thresholds.retry_s)),
            at_once,
            again_after,
            tokens: Keyed::new(keys, at_once),
            issuers: Keyed::new(keys, again_after),
            thresholds: thresholds.clone(),
        }
    }

    fn observe_reuse(&self, tx: &Transaction, reuse: Reuse, findings: &mut Findings<'_>) {
        let ago = tx.end.since(reuse.first);
        let is_retry = reuse.same_client && ago <= self.retry;
        if reuse.what == OneTime::Ticket || is_retry {
            return;
        }
        let is_in_grace = reuse.what == OneTime::RefreshToken && reuse.same_client && ago <= GRACE;
        let severity = if is_in_grace && tx.succeeded() { Severity::Low } else { RULE.severity };
        let crossing = Crossing { severity, ..crossing(tx, About::Client(tx.client.network())) };
        findings.raise(&crossing, || reused(tx, reuse, ago));
    }

    fn observe_places(&mut self, tx: &Transaction, token: &Credential, findings: &mut Findings<'_>) {
        let Some(device) = tx.device.filter(|_| tx.client.external) else { return };
        let network = Network::of(&tx.client);
        let bearer = self.tokens.entry(&token.fingerprint, tx.end);
        let before = bearer.replace(Bearer { device, network, last: tx.end, sample: Sample::of(tx) });
        let Some(before) = before.filter(|before| tx.end.since(before.last) <= self.at_once) else { return };
        if !before.device.differs_from(&device) {
            return;
        }
        let Some(apart) = before.network.apart_from(&network) else { return };
        let about = match tx.principal.kind {
            PrincipalKind::Anonymous | PrincipalKind::Session => About::Session(token.fingerprint),
            _ => About::Principal(&tx.principal),
        };
        findings.raise(&crossing(tx, about), || in_two_places(tx, token, &before, apart, device));
    }

    fn observe_life(
        &mut self,
        tx: &Transaction,
        token: &Credential,
        life_s: u64,
        findings: &mut Findings<'_>,
    ) {
        let Some(request) = &tx.request else { return };
        let issuer = tx.jwt.as_ref().and_then(|jwt| jwt.iss.clone()).unwrap_or_else(|| "".into());
        let told = self.issuers.entry(&(request.host.clone(), issuer.clone()), tx.end);
        if told.is_some_and(|told| tx.end.since(told) < self.again_after) {
            return;
        }
        *told = Some(tx.end);
        let crossing = Crossing { severity: Severity::Low, ..crossing(tx, About::Service(&request.host)) };
        let limit_h = self.thresholds.life_h;
        findings.raise(&crossing, || long_lived(tx, token, life_s, &issuer, limit_h));
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::JWT_OR_REUSE
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        if let Some(reuse) = tx.reuse {
            self.observe_reuse(tx, reuse, findings);
        }
        let Some(jwt) = tx.jwt.as_ref().filter(|_| tx.succeeded() && tx.activity != Activity::TokenIssue)
        else {
            return;
        };
        let Some(token) = tx.credentials.iter().find(|c| c.kind == CredentialKind::BearerJwt) else { return };
        let life_s = jwt.lifetime_s.and_then(|life| u64::try_from(life).ok()).unwrap_or(0);
        if life_s > u64::from(self.thresholds.life_h) * 3600 {
            self.observe_life(tx, token, life_s, findings);
        }
        let issued_in_sight = tx.session.is_some_and(|session| session.issued_in_sight);
        if !tx.principal.is_user() && !issued_in_sight {
            self.observe_places(tx, token, findings);
        }
    }

    tables!(tokens, issuers);
}

fn crossing<'a>(tx: &Transaction, about: About<'a>) -> Crossing<'a> {
    Crossing { about, severity: RULE.severity, first: tx.end, fresh: 1, window: None }
}

fn reused(tx: &Transaction, reuse: Reuse, ago: Duration) -> Finding {
    let what = match reuse.what {
        OneTime::RefreshToken => "refresh token",
        OneTime::AuthorizationCode => "authorization code",
        OneTime::DpopProof => "DPoP proof",
        OneTime::Ticket => "ticket",
    };
    let by = if reuse.same_client { "the same client" } else { "another client" };
    let answer = if tx.succeeded() { "accepted" } else { "not accepted" };
    let message = format!(
        "{what} used again from {}, {} after its first use by {by}, {answer}",
        tx.client.ip,
        Span(ago)
    );
    Finding {
        facts: vec![
            ("what", Fact::Text(reuse.what.name().into())),
            ("first_use_s", Fact::Count(ago.as_secs())),
            ("same_client", Fact::Flag(reuse.same_client)),
            ("accepted", Fact::Flag(tx.succeeded())),
        ],
        ..Finding::of(tx, message, answer)
    }
}

fn in_two_places(
    tx: &Transaction,
    token: &Credential,
    before: &Bearer,
    apart: Apart,
    device: Device,
) -> Finding {
    let changed: Vec<Arc<str>> = before.device.changed(&device).map(|part| Arc::from(part.name())).collect();
    let message = format!(
        "access token of {} in use on {device} from {} and on {} from {} within {} (other {}, {})",
        tx.principal.id,
        Network::of(&tx.client),
        before.device,
        before.network,
        Span(tx.end.since(before.last)),
        apart.words(),
        changed.join(", "),
    );
    let found = Finding::of(tx, message, "accepted from the one");
    Finding {
        credential: Some(token.clone()),
        evidence: std::iter::once(before.sample.evidence("accepted from the other"))
            .chain(found.evidence)
            .collect(),
        facts: vec![
            ("what", Fact::Text("access_token".into())),
            ("other_ip", Fact::Text(before.network.ip.to_string().into())),
            ("apart_by", Fact::Text(apart.name().into())),
            ("changed", Fact::List(changed)),
        ],
        doubts: apart.doubts(found.doubts),
        ..found
    }
}

fn long_lived(tx: &Transaction, token: &Credential, life_s: u64, issuer: &Arc<str>, limit_h: u32) -> Finding {
    let of = if issuer.is_empty() { String::new() } else { format!(" of {issuer}") };
    let host = tx.request.as_ref().map_or("", |request| &request.host);
    let life = Span(Duration::from_secs(life_s));
    let message = format!("access tokens{of} accepted at {host} live for {life} (limit {limit_h} h)");
    let mut facts = vec![("what", Fact::Text("access_token".into())), ("life_s", Fact::Count(life_s))];
    if !issuer.is_empty() {
        facts.push(("issuer", Fact::Text(issuer.clone())));
    }
    Finding { credential: Some(token.clone()), facts, ..Finding::of(tx, message, "accepted") }
}

#[cfg(test)]
mod tests {
    use crate::story::{check, check_confidence};
    use expect_test::expect;

    #[test]
    fn two_tabs_that_refresh_at_once() {
        check(
            "10:00:00 203.0.113.1 -> token POST /token 200 reuse=refresh_token:30s
             11:00:00 203.0.113.2 -> token POST /token 200 reuse=refresh_token:30001ms
             12:00:00 203.0.113.3 -> token POST /token 400 reuse=refresh_token:1s
             13:00:00 203.0.113.4 -> token POST /token 200 reuse=refresh_token:1s:other
             14:00:00 203.0.113.5 -> token POST /token 200 reuse=authorization_code:1s",
            expect![[r#"
                10:00:00.000 JWT-09 token_replay low 203.0.113.1: refresh token used again from 203.0.113.1, 30 s after its first use by the same client, accepted
                11:00:00.000 JWT-09 token_replay high 203.0.113.2: refresh token used again from 203.0.113.2, 30 s after its first use by the same client, accepted
                12:00:00.000 JWT-09 token_replay high 203.0.113.3: refresh token used again from 203.0.113.3, 1 s after its first use by the same client, not accepted
                13:00:00.000 JWT-09 token_replay high 203.0.113.4: refresh token used again from 203.0.113.4, 1 s after its first use by another client, accepted
                14:00:00.000 JWT-09 token_replay high 203.0.113.5: authorization code used again from 203.0.113.5, 1 s after its first use by the same client, accepted
            "#]],
        );
    }

    #[test]
    fn what_is_for_one_use_is_used_again() {
        check(
            "10:00:00 203.0.113.1 -> token POST /token 400 reuse=refresh_token:5m:other
             11:00:00 203.0.113.2 -> token POST /token 200 reuse=refresh_token:5m:other
             12:00:00 203.0.113.3 -> token POST /token 400 reuse=authorization_code:2s
             13:00:00 203.0.113.4 -> use GET /me 401 reuse=dpop_proof:1s",
            expect![[r#"
                10:00:00.000 JWT-09 token_replay high 203.0.113.1: refresh token used again from 203.0.113.1, 300 s after its first use by another client, not accepted
                11:00:00.000 JWT-09 token_replay high 203.0.113.2: refresh token used again from 203.0.113.2, 300 s after its first use by another client, accepted
                12:00:00.000 JWT-09 token_replay high 203.0.113.3: authorization code used again from 203.0.113.3, 2 s after its first use by the same client, not accepted
                13:00:00.000 JWT-09 token_replay high 203.0.113.4: DPoP proof used again from 203.0.113.4, 1 s after its first use by the same client, not accepted
            "#]],
        );
    }

    #[test]
    fn a_first_use_a_ticket_and_a_second_sight() {
        check(
            "10:00:00 203.0.113.1 -> token POST /token 200
             10:00:01 203.0.113.1 -> mfa POST /mfa 401 reuse=ticket:5s
             10:00:02 203.0.113.1 -> token POST /token 200 reuse=refresh_token:1s repeat",
            expect![""],
        );
    }

    #[test]
    fn a_programs_token_in_two_hands() {
        check(
            "10:00:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t1 device=abcd asn=1 country=CA
             10:05:00 203.0.113.7 -> use GET /me 200 service=sync jwt=t1 device=wxyz asn=2 country=CN
             11:00:00 198.51.100.4 -> use GET /me 200 service=load jwt=t2 device=abcd asn=1
             11:05:00.000000001 203.0.113.7 -> use GET /me 200 service=load jwt=t2 device=wxyz asn=2",
            expect![[r#"
                10:05:00.000 JWT-09 token_replay high service:sync: access token of sync in use on d:515d0b1f from 203.0.113.7 (CN) and on d:8103e7a6 from 198.51.100.4 (CA) within 300 s (other autonomous system, tls, agent, header_order, platform)
            "#]],
        );
        check_confidence(
            "10:00:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t1 device=abcd country=CA
             10:05:00 203.0.113.7 -> use GET /me 200 service=sync jwt=t1 device=wxyz country=CN",
            expect!["JWT-09 medium"],
        );
    }

    #[test]
    fn a_fleet_a_move_and_what_others_speak_of() {
        check(
            "10:00:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t1 device=abcd asn=1
             10:01:00 203.0.113.7 -> use GET /me 200 service=sync jwt=t1 device=abcd asn=2
             10:02:00 203.0.113.7 -> use GET /me 200 service=sync jwt=t1 device=wxyz asn=2
             10:03:00 192.0.2.7 -> use GET /me 401 service=sync jwt=t1 device=abcd asn=3
             10:03:00 10.0.0.7 -> use GET /me 200 service=sync jwt=t1 device=abcd
             10:00:00 198.51.100.4 -> use GET /me 200 service=load jwt=t2 issued device=abcd asn=1
             10:01:00 203.0.113.7 -> use GET /me 200 service=load jwt=t2 issued device=wxyz asn=2",
            expect![[r#"
                10:01:00.000 SES-01 session_hijack high service:load: token of load used on d:515d0b1f from 203.0.113.7, 60 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
            "#]],
        );
    }

    #[test]
    fn a_token_that_lives_longer_than_a_day() {
        check(
            "10:00:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t1 lifetime=24h iss=idp
             10:01:00 198.51.100.4 -> use GET /me 401 service=sync jwt=t1 lifetime=25h iss=idp
             10:02:00 198.51.100.4 -> token POST /token 200 service=sync jwt=t1 lifetime=25h iss=idp
             10:03:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t1 lifetime=86401s iss=idp
             10:20:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t2 lifetime=720h iss=other
             10:40:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t3 lifetime=720h host=two.example.com
             7d+10:02:59 198.51.100.4 -> use GET /me 200 service=sync jwt=t1 lifetime=25h iss=idp
             7d+10:03:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t1 lifetime=25h iss=idp",
            expect![[r#"
                10:03:00.000 JWT-09 token_replay low api.example.com: access tokens of idp accepted at api.example.com live for 86401 s (limit 24 h)
                10:20:00.000 JWT-09 token_replay low api.example.com: access tokens of other accepted at api.example.com live for 2592000 s (limit 24 h)
                10:40:00.000 JWT-09 token_replay low two.example.com: access tokens accepted at two.example.com live for 2592000 s (limit 24 h)
                10:03:00.000 JWT-09 token_replay low api.example.com: access tokens of idp accepted at api.example.com live for 90000 s (limit 24 h)
            "#]],
        );
    }
}
