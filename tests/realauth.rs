//! Captures of real authentication products in use and under attack, judged by their labels:
//! every expected event of the rules that exist fires, and no `must_not` does.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it found"
)]

mod support;

use serde_json::Value;
use std::fmt::Write as _;
use support::realauth::{aliases, captures, list, options, seconds, told, truth};
use support::replay::folder;

/// The labels' plain words and the detectors that answer to them.
const DETECTORS: &[(&str, &[&str])] = &[
    ("mfa_failed_burst", &["mfa_failure_burst"]),
    ("mfa_repeated_failures_ip", &["mfa_failure_spray"]),
    ("backup_code_use", &["backup_code_use"]),
    ("location_change", &["new_country", "impossible_travel"]),
    ("bulk_extraction", &["bulk_extraction"]),
    ("key_in_url", &["credential_exposure"]),
    ("cleartext_credentials", &["credential_exposure"]),
    ("basic_auth", &["basic_auth_in_use"]),
    ("credential_stuffing", &["credential_stuffing"]),
    (
        "weak_jwt",
        &[
            "unsigned_jwt",
            "guessable_jwt_secret",
            "jwt_algorithm_confusion",
            "jwt_header_injection",
            "jwt_claim_tampering",
        ],
    ),
    ("otp_replay", &["one_time_code_replay"]),
    ("method_switching", &["factor_switching"]),
    ("password_bruteforce", &["password_brute_force"]),
    ("refresh_token_reuse", &["token_replay"]),
    ("code_replay", &["token_replay"]),
    ("dpop_proof_replay", &["token_replay"]),
    ("new_device", &["new_device"]),
    ("simultaneous_logins", &["concurrent_locations"]),
    ("id_enumeration", &["object_enumeration"]),
    ("missing_auth", &["mixed_authentication"]),
    ("expired_jwt", &["expired_jwt_accepted"]),
    ("api_key_privileged_2fa", &["mfa_bypass_by_key"]),
    ("mfa_bypass", &["mfa_bypass_by_key"]),
    ("privileged_without_mfa", &["sensitive_action_without_fresh_mfa", "mfa_bypass_by_key"]),
    ("shared_api_key", &["shared_key"]),
    ("api_key_guessing", &["key_guessing"]),
    ("client_secret_guessing", &["key_guessing"]),
    ("session_hijack", &["session_hijack"]),
    ("odd_timing", &["odd_timing"]),
    ("xff_spoofing", &["forged_identity_header"]),
];

/// What each variant of `weak_jwt` must be told by, whatever else is told of the same token.
const WEAK_JWT: &[(&str, &str)] = &[
    ("alg_none", "unsigned_jwt"),
    ("hs256_known_secret", "guessable_jwt_secret"),
    ("hs256_confusion", "jwt_algorithm_confusion"),
    ("kid_injection", "jwt_header_injection"),
    ("jku_injection", "jwt_header_injection"),
    ("tampered_payload", "jwt_claim_tampering"),
];

#[test]
fn labelled_events_fire_and_the_innocent_do_not() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let mut wrong = String::new();
    let mut met = 0;
    for (capture, labels) in captures(&realauth) {
        let alerts = told(&capture, &labels).alerts;
        let name = labels["name"].as_str().unwrap_or_default();
        for expected in list(&labels, "expected").filter(|e| judged(e)) {
            if alerts.iter().any(|alert| answers(alert, expected, &labels) && is_meant(alert, expected)) {
                met += 1;
            } else {
                let _ = writeln!(wrong, "{name}: missed {expected}");
            }
        }
        let weak = alerts.iter().filter(|alert| alert["status"] == "open" && alert["detector"] == "weak_tls");
        let faults: Vec<&str> = weak.filter_map(|alert| alert["facts"]["fault"].as_str()).collect();
        if faults != Vec::from_iter(tls_fault(&labels)) {
            let _ = writeln!(wrong, "{name}: TLS is {}, and told as {faults:?}", labels["tls"]["version"]);
        }
        for alert in alerts.iter().filter(|alert| alert["status"] == "open") {
            if let Some(reason) = false_alarm(alert, &labels) {
                let _ = writeln!(wrong, "{name}: {reason}: {}", alert["message"]);
            }
        }
    }
    println!("{met} expected events met");
    assert!(wrong.is_empty(), "{wrong}");
    assert!(met >= 25, "only {met} expected events were judged");
}

#[test]
fn every_transaction_of_the_wire_is_found() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    for (capture, labels) in captures(&realauth) {
        let truth = truth(&realauth, &labels);
        if truth.is_empty() {
            continue;
        }
        let run = told(&capture, &labels);
        let legs = if labels["two_legs"] == true { 2 } else { 1 };
        // A load generator wrote down how many requests it made, and no more of them.
        let more = labels["h2load_requests"].as_u64().unwrap_or(0) as usize;
        // Nor did a driver write down what it asked in a connection that was refused.
        let count = |name: &str| labels["verification"][name].as_u64().unwrap_or(0) as usize;
        let unanswered = count("http_requests_tshark").saturating_sub(count("http_responses_tshark"));
        assert_eq!(run.transactions.len(), truth.len() * legs + more + unanswered, "{}", capture.display());
        assert_eq!(run.stats["balanced"], true, "{}", run.stats);
        let repeats = run.transactions.iter().filter(|t| !t["repeat_of"].is_null()).count();
        assert_eq!(repeats, truth.len() * (legs - 1), "each exchange counts once");
    }
}

#[test]
fn output_is_the_same_bytes_for_every_number_of_shards() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    for (capture, labels) in captures(&realauth) {
        let options = options(&capture, &labels);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        support::replay::assert_same_for_all_shards_with(&[&capture], &options);
    }
}

/// Whether a rule that exists answers for this label. A token out of its time that was refused is nobody's fault, and
/// ids that are counted through in message bodies are not seen. One call without a credential beside a dozen with one,
/// which is all that a capture of connections turned into HTTP/2 has, is less than rules go by.
fn judged(label: &Value) -> bool {
    let refused = label["detector"] == "expired_jwt" && !is_served(label);
    let in_bodies = label["detector"] == "id_enumeration"
        && label["note"].as_str().is_some_and(|note| note.contains("protobuf field"));
    let alone = label["detector"] == "missing_auth"
        && label["note"].as_str().is_some_and(|note| note.contains("Upgrade: h2c"));
    detectors(label).is_some() && !refused && !in_bodies && !alone
}

fn is_served(label: &Value) -> bool {
    let refused_by_rpc = label["note"].as_str().is_some_and(|note| note.contains("grpc-status 16"));
    label["status"].as_u64().is_some_and(|status| (200..300).contains(&status)) && !refused_by_rpc
}

fn detectors(label: &Value) -> Option<&'static [&'static str]> {
    let word = label["detector"].as_str()?;
    DETECTORS.iter().find(|(kind, _)| *kind == word).map(|(_, detectors)| *detectors)
}

/// Whether this detector must tell the label's variant, where it has one.
fn is_meant(alert: &Value, label: &Value) -> bool {
    let Some(variant) = label["variant"].as_str().filter(|_| label["detector"] == "weak_jwt") else {
        return true;
    };
    WEAK_JWT.iter().any(|(name, detector)| *name == variant && alert["detector"] == *detector)
}

/// Whether an alert is about the labelled event: kind, then principal, client or credential, then time.
fn answers(alert: &Value, label: &Value, labels: &Value) -> bool {
    let fits = detectors(label).is_some_and(|d| d.iter().any(|name| alert["detector"] == *name));
    // One detector answers to two words: clear text is about a service for as long as it goes on.
    match label["detector"].as_str() {
        Some("cleartext_credentials") => fits && alert["facts"]["where"] == "cleartext",
        Some("key_in_url") if alert["facts"]["where"] == "cleartext" => false,
        _ => fits && touches(alert, label) && about(alert, label, labels),
    }
}

fn about(alert: &Value, label: &Value, labels: &Value) -> bool {
    let (principal, client) = (label["principal"].as_str(), label["client_ip"].as_str());
    if principal.is_none() && client.is_none() {
        return true;
    }
    let same_client = client.is_some() && alert["client"]["ip"].as_str() == client;
    let same_subject = client.is_some_and(|ip| alert["subject"]["value"].as_str() == Some(ip));
    let names = principal.map(|name| aliases(name, labels)).unwrap_or_default();
    let same_principal = alert["principal"]["id"].as_str().is_some_and(|id| names.iter().any(|n| n == id));
    same_client || same_subject || same_principal
}

/// Whether the alert's span comes within a minute of the label's.
fn touches(alert: &Value, label: &Value) -> bool {
    let at = label["t"].as_f64().unwrap_or(f64::NAN);
    let from = label["earliest_t"].as_f64().or(label["from"].as_f64()).unwrap_or(at);
    let to = label["latest_t"].as_f64().or(label["to"].as_f64()).unwrap_or(at);
    if from.is_nan() {
        return true;
    }
    seconds(&alert["first_seen"]) <= to + 60.0 && seconds(&alert["last_seen"]) >= from - 60.0
}

/// Three backup codes used within a day are labelled as three uses, and are a drain as well.
fn is_drain_of_labelled_uses(alert: &Value, labels: &Value) -> bool {
    let is_use = |label: &&Value| label["detector"] == "backup_code_use" && about(alert, label, labels);
    alert["detector"] == "backup_code_drain" && list(labels, "expected").filter(is_use).count() >= 3
}

/// Whoever takes everything page by page walks through the list as well.
fn is_walk_of_labelled_extraction(alert: &Value, labels: &Value) -> bool {
    let takes_all = |label: &Value| {
        label["detector"] == "bulk_extraction" && touches(alert, label) && about(alert, label, labels)
    };
    alert["detector"] == "pagination_walk" && list(labels, "expected").any(takes_all)
}

/// What is wrong with the TLS that the whole capture was made under.
fn tls_fault(labels: &Value) -> Option<&'static str> {
    match labels["tls"]["version"].as_str()? {
        "1.2" => Some("not_latest"),
        "1.2rsa" => Some("no_forward_secrecy"),
        _ => None,
    }
}

/// Why an alert is a false alarm, if it is one: a `must_not`, or about somebody in no list.
fn false_alarm(alert: &Value, labels: &Value) -> Option<String> {
    let named = |key: &str| list(labels, key).any(|label| answers(alert, label, labels));
    let expected = list(labels, "expected").any(|label| answers(alert, label, labels));
    if expected || named("either_way") {
        return None;
    }
    if is_drain_of_labelled_uses(alert, labels) || is_walk_of_labelled_extraction(alert, labels) {
        return None;
    }
    if alert["detector"] == "weak_tls" && tls_fault(labels).is_some() {
        return None;
    }
    if let Some(label) = list(labels, "must_not").find(|label| answers(alert, label, labels)) {
        return Some(format!("must not, because {}", label["why"]));
    }
    // A stolen key goes on: its first bypass is labelled, what it does next is told by class of routes, and what it
    // changes by kind.
    let of_that_kind = |label: &&Value| detectors(label).is_some_and(|d| d.contains(&"mfa_bypass_by_key"));
    let by_key = ["mfa_bypass_by_key", "administration_by_key"].iter().any(|name| alert["detector"] == *name);
    if by_key && list(labels, "expected").filter(of_that_kind).any(|label| about(alert, label, labels)) {
        return None;
    }
    // So does a stolen token: its thief tries it again when it has expired.
    let is_thief =
        |label: &Value| label["detector"] == "session_hijack" && label["client_ip"] == alert["client"]["ip"];
    if alert["detector"] == "session_hijack" && list(labels, "expected").any(is_thief) {
        return None;
    }
    // Where everything crosses in clear text, so do the secrets of factors.
    let in_the_clear = alert["detector"] == "totp_secret_exposure" && alert["facts"]["fault"] == "cleartext";
    let is_labelled = |label: &Value| label["detector"] == "cleartext_credentials";
    if in_the_clear && ["expected", "either_way"].iter().any(|key| list(labels, key).any(is_labelled)) {
        return None;
    }
    let attacker = list(labels, "attacker_ips").any(|ip| *ip == alert["client"]["ip"]);
    let secondary = ["new_country", "impossible_travel", "new_device", "concurrent_locations"]
        .iter()
        .any(|name| alert["detector"] == *name);
    (!(attacker && secondary)).then(|| "in no list".to_string())
}
