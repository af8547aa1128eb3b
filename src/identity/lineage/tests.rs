//! Stories of who is who: each step is one exchange, each line says whom it was attributed to and with what proof.

use super::*;
use crate::identity::clues::{AccountNames, Clues, Ends, Handle, HandleKind, Spend, TokenSubject};
use expect_test::{Expect, expect};
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::identity::{Factor, Fingerprint, Proof};
use heelguard_detectors::session::{EndCause, OneTime};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{
    Activity, Client, Completeness, Device, Flow, Login, Mfa, MfaEvent, Protocol, Request, Response,
    TransactionId,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

mod anyone;
mod bounds;
mod ends;
mod journey;
mod names;
mod proof;
mod reuse;
mod save;
mod sessions;

/// Runs the steps through one memory and compares `name by source, proof` of each.
fn check(steps: Vec<Sighting>, expected: &Expect) {
    tell(steps, expected, |tx| {
        let enrolled = if tx.proof.account_has_mfa { ", account has MFA" } else { "" };
        format!("{} by {}, proof {}{enrolled}", tx.principal.key(), tx.principal.source, tx.proof.level)
    });
}

/// Runs the steps through one memory and compares what `line` tells of each.
fn tell(steps: Vec<Sighting>, expected: &Expect, line: impl Fn(&Transaction) -> String) {
    let mut lineage = Lineage::new(&LineageConfig::default());
    let lines = steps.into_iter().map(|step| format!("{}\n", line(&lineage.attribute(step))));
    expected.assert_eq(&lines.collect::<String>());
}

fn text(value: &str) -> Arc<str> {
    Arc::from(value)
}

fn handle(kind: HandleKind, value: &str) -> Handle {
    let mut fingerprint = [0; 16];
    fingerprint.iter_mut().zip(value.bytes()).for_each(|(f, b)| *f = b);
    Handle { kind, fingerprint: Fingerprint(fingerprint) }
}

/// An exchange on `host` that the server took, nothing known of its caller.
fn step(host: &str, activity: Activity) -> Sighting {
    let ip = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
    let address = SocketAddr::new(ip, 443);
    let empty = || text("");
    let transaction = Transaction {
        id: TransactionId(0),
        time: EventTime::from_secs(1),
        end: EventTime::from_secs(1),
        ttfb_us: None,
        flow: Flow { src: address, dst: address, vlan: Vec::new(), tunnel: None, vni: None, tls: false },
        protocol: Protocol::Http11,
        tls: None,
        request: Some(Request {
            method: text("POST"),
            scheme: "http",
            host: text(host),
            path: empty(),
            route: empty(),
            query_keys: Vec::new(),
            page_limit: None,
            position: None,
            bytes: 0,
            content_type: None,
            user_agent: None,
            labels: heelguard_detectors::label::Labels::NONE,
            mark: 0,
            agent_kind: heelguard_detectors::transaction::AgentKind::Unknown,
            hints: None,
            identity_headers: Vec::new(),
            graphql: None,
        }),
        response: Some(Response {
            status: 200,
            grpc_status: None,
            bytes: 0,
            content_type: None,
            items: None,
            date_s: None,
            retry_after_s: None,
        }),
        client: Client {
            ip,
            external: true,
            country: None,
            city: None,
            place: None,
            asn: None,
            class: None,
            claimed_ip: None,
        },
        device: None,
        principal: Principal {
            kind: PrincipalKind::Anonymous,
            id: text("203.0.113.7"),
            source: PrincipalSource::Address,
        },
        proof: Proof::UNKNOWN,
        credentials: Vec::new(),
        jwt: None,
        mfa: None,
        login: None,
        activity,
        exposed: Vec::new(),
        factor_secrets: Vec::new(),
        contents: None,
        spec: None,
        outcome: Outcome::Success,
        completeness: Completeness::Whole,
        anomalies: AnomalySet::EMPTY,
        session: None,
        reuse: None,
        repeat_of: None,
    };
    Sighting { transaction, clues: Clues::default() }
}

trait Story: Sized {
    fn edit(self, change: impl FnOnce(&mut Transaction, &mut Clues)) -> Self;

    fn presents(self, kind: HandleKind, value: &str) -> Self {
        self.edit(|_, clues| clues.presented.push(handle(kind, value)))
    }

    fn issues(self, kind: HandleKind, value: &str) -> Self {
        self.edit(|_, clues| clues.issued.push(handle(kind, value)))
    }

    /// Seconds after the first step that it begins, and takes no time.
    fn at(self, seconds: u64) -> Self {
        self.edit(|tx, _| (tx.time, tx.end) = (EventTime::from_secs(seconds), EventTime::from_secs(seconds)))
    }

    /// Where it comes from: an address and a device.
    fn from(self, last_octet: u8, device: u32) -> Self {
        self.edit(|tx, _| {
            tx.client.ip = IpAddr::V4(Ipv4Addr::new(203, 0, 113, last_octet));
            tx.flow.src = SocketAddr::new(tx.client.ip, 40_000 + u16::from(last_octet));
            tx.device = Some(Device { traits: [device; 4] });
        })
    }

    fn refused(self) -> Self {
        self.edit(|tx, _| tx.outcome = Outcome::Denied)
    }

    fn ends(self, what: Ends, cause: EndCause) -> Self {
        self.edit(|_, clues| clues.ends = Some((what, cause)))
    }

    fn spends(self, what: OneTime, kind: HandleKind, value: &str) -> Self {
        let spent = handle(kind, value);
        self.edit(|_, clues| {
            clues.spends = Some(Spend { what, fingerprint: spent.fingerprint });
            clues.presented.push(spent);
        })
    }

    fn answers(self, primary: &str, aliases: &[&str]) -> Self {
        self.edit(|_, clues| {
            let mut names = AccountNames::default();
            for &name in [primary].iter().chain(aliases) {
                let slot = match name {
                    mail if mail.contains('@') => &mut names.email,
                    id if id.bytes().all(|b| b.is_ascii_digit()) => &mut names.id,
                    _ => &mut names.user_name,
                };
                *slot = Some(text(name));
            }
            clues.answered = names;
        })
    }
}

impl Story for Sighting {
    fn edit(mut self, change: impl FnOnce(&mut Transaction, &mut Clues)) -> Self {
        change(&mut self.transaction, &mut self.clues);
        self
    }
}

fn login(host: &str, name: &str, outcome: LoginOutcome) -> Sighting {
    step(host, Activity::Login).edit(|tx, clues| {
        let refused = matches!(outcome, LoginOutcome::Refused | LoginOutcome::SecondFactor);
        tx.outcome = if refused { Outcome::Denied } else { Outcome::Success };
        tx.login = Some(Login { name: Some(text(name)), outcome });
        tx.principal =
            Principal { kind: PrincipalKind::User, id: text(name), source: PrincipalSource::Login };
        clues.login_name = Some(text(name));
    })
}

fn verify(host: &str, outcome: MfaOutcome) -> Sighting {
    step(host, Activity::Mfa).edit(|tx, _| {
        tx.outcome = if outcome == MfaOutcome::Success { Outcome::Success } else { Outcome::Denied };
        tx.mfa = Some(Mfa {
            event: MfaEvent::Attempt,
            factor: Factor::Totp,
            outcome,
            by_status_only: false,
            code: None,
            ticket: None,
            codes_left: None,
        });
    })
}

const API: &str = "api.example.com";

#[test]
fn the_second_factor_belongs_to_the_account_of_the_password() {
    check(
        vec![
            login(API, "alice", LoginOutcome::SecondFactor).issues(HandleKind::Challenge, "ticket"),
            verify(API, MfaOutcome::FailCode).presents(HandleKind::Challenge, "ticket"),
            verify(API, MfaOutcome::Success)
                .presents(HandleKind::Challenge, "ticket")
                .issues(HandleKind::Session, "s1"),
            step(API, Activity::Use).presents(HandleKind::Session, "s1"),
        ],
        &expect![[r#"
            user:alice by login, proof unknown
            user:alice by lineage, proof password, account has MFA
            user:alice by lineage, proof mfa, account has MFA
            user:alice by lineage, proof mfa, account has MFA
        "#]],
    );
}

#[test]
fn a_refused_login_binds_nothing() {
    check(
        vec![
            login(API, "alice", LoginOutcome::Refused).issues(HandleKind::Session, "s1"),
            step(API, Activity::Use).presents(HandleKind::Session, "s1"),
        ],
        &expect![[r#"
            user:alice by login, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
        "#]],
    );
}

#[test]
fn a_session_of_the_password_step_alone_is_no_second_factor() {
    check(
        vec![
            login(API, "bob", LoginOutcome::Success).issues(HandleKind::Session, "s1"),
            step(API, Activity::Use).presents(HandleKind::Session, "s1"),
        ],
        &expect![[r#"
            user:bob by login, proof unknown
            user:bob by lineage, proof password
        "#]],
    );
}

#[test]
fn the_same_user_name_on_another_host_is_another_account() {
    check(
        vec![
            login("a.example", "alice", LoginOutcome::Success).answers("alice@a.example", &["alice"]),
            login("b.example", "alice", LoginOutcome::Success).issues(HandleKind::Session, "s1"),
            step("b.example", Activity::Use).presents(HandleKind::Session, "s1"),
        ],
        &expect![[r#"
            user:alice@a.example by login, proof unknown
            user:alice by login, proof unknown
            user:alice by lineage, proof password
        "#]],
    );
}

#[test]
fn a_key_belongs_to_the_account_it_was_issued_for_not_to_the_one_who_made_it() {
    check(
        vec![
            login(API, "root", LoginOutcome::Success).issues(HandleKind::Session, "s1"),
            step(API, Activity::KeyIssue)
                .presents(HandleKind::Session, "s1")
                .issues(HandleKind::ApiKey, "k1")
                .edit(|_, clues| clues.key_owner.user_name = Some(text("robot"))),
            step(API, Activity::Use).presents(HandleKind::ApiKey, "k1"),
        ],
        &expect![[r#"
            user:root by login, proof unknown
            user:root by lineage, proof password
            user:robot by lineage, proof api_key
        "#]],
    );
}

#[test]
fn a_code_carries_the_proof_of_its_session_to_the_token_and_its_refreshed_heirs() {
    check(
        vec![
            login(API, "carol", LoginOutcome::Success).issues(HandleKind::Session, "s1"),
            verify(API, MfaOutcome::Success).presents(HandleKind::Session, "s1"),
            step(API, Activity::Use).presents(HandleKind::Session, "s1").issues(HandleKind::Code, "c1"),
            step(API, Activity::TokenIssue)
                .presents(HandleKind::Code, "c1")
                .issues(HandleKind::Access, "t1")
                .issues(HandleKind::Refresh, "r1"),
            step(API, Activity::TokenIssue)
                .presents(HandleKind::Refresh, "r1")
                .issues(HandleKind::Access, "t2"),
            step(API, Activity::Use).presents(HandleKind::Access, "t2"),
        ],
        &expect![[r#"
            user:carol by login, proof unknown
            user:carol by lineage, proof mfa, account has MFA
            user:carol by lineage, proof mfa, account has MFA
            user:carol by lineage, proof mfa, account has MFA
            user:carol by lineage, proof mfa, account has MFA
            user:carol by lineage, proof mfa, account has MFA
        "#]],
    );
}

#[test]
fn a_token_that_was_refused_names_nobody_but_itself() {
    let forged = || {
        step(API, Activity::Use).edit(|tx, clues| {
            tx.outcome = Outcome::Denied;
            tx.principal =
                Principal { kind: PrincipalKind::User, id: text("root"), source: PrincipalSource::Jwt };
            clues.presented_subject = Some(TokenSubject {
                issuer: text("https://idp.example"),
                subject: text("root"),
                name: None,
                service: false,
                says_mfa: true,
            });
            clues.presented.push(handle(HandleKind::Access, "forged"));
        })
    };
    check(
        vec![forged(), step(API, Activity::Use).presents(HandleKind::Access, "forged")],
        &expect![[r#"
            anonymous:203.0.113.7 by address, proof unknown
            anonymous:203.0.113.7 by address, proof unknown
        "#]],
    );
}

#[test]
fn an_answer_that_names_another_account_gives_no_way_into_it() {
    check(
        vec![
            login(API, "alice@x.example", LoginOutcome::Success).issues(HandleKind::Session, "a"),
            login(API, "mallory", LoginOutcome::Success)
                .issues(HandleKind::Session, "m")
                .answers("alice@x.example", &["mallory"]),
            step(API, Activity::Use).presents(HandleKind::Session, "m"),
            step(API, Activity::Use).presents(HandleKind::Session, "m").answers("alice@x.example", &[]),
            step(API, Activity::Use).presents(HandleKind::Session, "a"),
        ],
        &expect![[r#"
            user:alice@x.example by login, proof unknown
            user:mallory by login, proof unknown
            user:mallory by lineage, proof password
            user:mallory by lineage, proof password
            user:alice@x.example by lineage, proof password
        "#]],
    );
}

#[test]
fn a_login_in_a_planted_session_makes_it_the_victims() {
    check(
        vec![
            login(API, "attacker", LoginOutcome::Success).issues(HandleKind::Session, "s"),
            login(API, "victim", LoginOutcome::Success).presents(HandleKind::Session, "s"),
            step(API, Activity::Use).presents(HandleKind::Session, "s"),
        ],
        &expect![[r#"
            user:attacker by login, proof unknown
            user:victim by login, proof unknown
            user:victim by lineage, proof password
        "#]],
    );
}

#[test]
fn who_makes_an_account_for_another_stays_who_they_are() {
    check(
        vec![
            login(API, "admin", LoginOutcome::Success).issues(HandleKind::Session, "s"),
            step(API, Activity::SignUp)
                .presents(HandleKind::Session, "s")
                .answers("gina", &["12"])
                .edit(|_, clues| clues.login_name = Some(text("gina"))),
            step(API, Activity::Use).presents(HandleKind::Session, "s"),
        ],
        &expect![[r#"
            user:admin by login, proof unknown
            user:admin by lineage, proof password
            user:admin by lineage, proof password
        "#]],
    );
}
