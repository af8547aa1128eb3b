//! Tests of the score: an attack is caught by its own detector at its own time, and nobody else's.

use super::*;
use heelguard_detectors::alert::{AlertClient, Confidence, Scope, Status, Subject, Visibility};
use heelguard_detectors::identity::{Principal, PrincipalKind, PrincipalSource};

const AT: EventTime = EventTime::from_secs(1_794_182_400);

fn label(detector: &'static str, benign: bool) -> Label {
    Label {
        detector,
        also: &["new_device"],
        benign,
        principals: vec!["alice@acme.example".into(), "id-1".into()],
        clients: vec![IpAddr::from([84, 142, 1, 1])],
        endpoint: None,
        from: AT,
        to: AT.after(Duration::from_secs(100)),
        note: "a story",
    }
}

fn alert(id: u128, detector: &'static str, who: &str, at: EventTime) -> Alert {
    let principal = Principal { kind: PrincipalKind::User, id: who.into(), source: PrincipalSource::Login };
    Alert {
        id: AlertId(id),
        rev: 1,
        status: Status::Open,
        rule: "AAA-00",
        detector,
        title: "",
        severity: Severity::Medium,
        confidence: Confidence::High,
        message: format!("{detector} for {who}"),
        time: at,
        first_seen: at,
        last_seen: at,
        count: 1,
        threshold: 1,
        window: None,
        subject: Subject { scope: Scope::Principal, value: principal.key().into() },
        principal: Some(principal),
        client: None,
        credential: None,
        endpoint: None,
        evidence: Vec::new(),
        facts: Vec::new(),
        response: "",
        mitre: &[],
        owasp: &[],
        visibility: Visibility::default(),
    }
}

#[test]
fn an_attack_is_caught_by_either_name_of_its_account() {
    let labels = [label("mfa_failure_burst", false)];
    for who in ["alice@acme.example", "id-1"] {
        let result = score(&labels, &[alert(1, "mfa_failure_burst", who, AT)]);
        assert!(result.perfect(), "{result:?}");
    }
}

#[test]
fn another_account_another_detector_or_another_time_is_no_catch() {
    let labels = [label("mfa_failure_burst", false)];
    let late = AT.after(Duration::from_secs(161));
    for wrong in [
        alert(1, "mfa_failure_burst", "bob@acme.example", AT),
        alert(1, "impossible_travel", "alice@acme.example", AT),
        alert(1, "mfa_failure_burst", "alice@acme.example", late),
    ] {
        let result = score(&labels, &[wrong]);
        assert_eq!((result.caught(), result.missed(), result.invented.len()), (0, 1, 1));
    }
}

#[test]
fn a_minute_of_slack_and_no_more() {
    let labels = [label("mfa_failure_burst", false)];
    let edge = AT.after(Duration::from_secs(160));
    assert!(score(&labels, &[alert(1, "mfa_failure_burst", "id-1", edge)]).perfect());
}

#[test]
fn what_else_follows_from_an_attack_is_explained_but_does_not_catch_it() {
    let labels = [label("mfa_failure_burst", false)];
    let result = score(&labels, &[alert(1, "new_device", "id-1", AT)]);
    assert_eq!((result.missed(), result.invented.len()), (1, 0));
}

#[test]
fn an_accused_innocent_counts_once_for_all_states_of_the_episode() {
    let labels = [label("impossible_travel", true)];
    assert!(score(&labels, &[]).perfect());
    let open = alert(1, "impossible_travel", "id-1", AT);
    let closed = Alert { rev: 2, status: Status::Closed, ..open.clone() };
    let result = score(&labels, &[open, closed]);
    assert_eq!((result.accused(), result.invented.len()), (1, 0));
    assert!(report(&result).contains("ACCUSED"), "{}", report(&result));
}

#[test]
fn an_address_is_enough() {
    let labels = [label("credential_stuffing", false)];
    let mut found = alert(1, "credential_stuffing", "203.0.113.9", AT);
    found.principal = None;
    found.client =
        Some(AlertClient { ip: IpAddr::from([84, 142, 1, 1]), country: None, asn: None, device: None });
    assert!(score(&labels, &[found]).perfect());
}
