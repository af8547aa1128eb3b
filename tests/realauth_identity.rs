//! Who, and with what proof: every transaction of the captures of real products against what its driver wrote down.
//! A principal is right, unknown, or wrong; a wrong one is the worst this sensor can do, so none is allowed.
//! The step that each labelled event is must be told exactly: login, second factor, factor's kind, outcome.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and says what it found"
)]

mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use support::realauth::{aliases, captures, seconds, told, truth};
use support::replay::folder;

/// What the driver calls a step, and how records tell it: activity, login outcome, `event/factor/outcome`.
/// `*` takes anything.
const STEPS: &[(&str, [&str; 3])] = &[
    ("signup", ["sign_up", "-", "-"]),
    ("password_ok", ["*", "success", "-"]),
    ("password_ok_mfa_required", ["login", "second_factor", "challenge/totp/challenge"]),
    ("password_fail", ["login", "refused", "-"]),
    ("throttled", ["login", "throttled", "-"]),
    ("reauthenticate", ["login", "success", "-"]),
    ("mfa_ok", ["mfa", "-", "attempt/totp/success"]),
    ("mfa_fail", ["mfa", "-", "attempt/totp/fail_code"]),
    ("backup_ok", ["mfa", "-", "attempt/backup/success"]),
    ("backup_fail", ["mfa", "-", "attempt/backup/fail_code"]),
    ("mfa_enroll_start", ["mfa", "-", "enrolment/totp/pending"]),
    ("mfa_enroll_done", ["mfa", "-", "confirmation/totp/success"]),
    ("backup_codes_view", ["*", "-", "-"]),
    ("logout", ["logout", "-", "-"]),
    ("session_read", ["*", "-", "-"]),
    ("api_read", ["*", "-", "-"]),
    ("bulk_read", ["*", "-", "-"]),
    ("enum_read", ["*", "-", "-"]),
    ("api_key_create", ["key_issue", "-", "-"]),
    ("api_key_use", ["*", "-", "-"]),
    ("basic_auth_use", ["*", "-", "-"]),
    ("token_issue", ["token_issue", "-", "-"]),
    ("token_issue_password_only", ["token_issue", "success", "-"]),
    ("token_issue_dpop", ["token_issue", "-", "-"]),
    ("token_refresh", ["token_issue", "-", "-"]),
    ("refresh_reuse", ["token_issue", "-", "-"]),
    ("code_replay", ["token_issue", "-", "-"]),
    ("client_auth_fail", ["token_issue", "-", "-"]),
    ("device_poll", ["token_issue", "-", "-"]),
    ("open_registration", ["key_issue", "-", "-"]),
];

/// Which kinds of credentials a labelled event presents.
const CREDENTIALS: &[(&str, &str, &str)] = &[
    // Its login hands out a ticket, and no session.
    ("grpc", "mfa_ok", ""),
    ("grpc", "mfa_fail", ""),
    ("allauth-jwt", "api_read", "bearer_jwt"),
    ("", "token_refresh", "refresh_token"),
    ("", "refresh_reuse", "refresh_token"),
    ("", "api_key_use", "api_key"),
    ("", "api_key_admin", "api_key"),
    ("", "basic_auth_use", "basic"),
    ("", "basic_auth_fail", "basic"),
    ("", "mfa_ok", "session"),
    ("", "mfa_fail", "session"),
    ("", "session_read", "session"),
    ("", "jwt_alg_none", "bearer_jwt"),
    ("", "jwt_tampered", "bearer_jwt"),
    ("", "client_auth_fail", "client_secret"),
    ("oidc", "token_issue", "client_secret"),
    ("oidc", "api_read", "bearer_jwt"),
    ("", "api_read_dpop", "dpop"),
    ("", "unauthenticated_data", ""),
    ("", "unauthenticated_denied", ""),
];

#[derive(Default)]
struct Tally {
    right: usize,
    unknown: usize,
    /// Pages shown before anybody said a name.
    before_login: usize,
    /// Forged tokens that the server refused: whom they name is their bearer's claim.
    only_claimed: usize,
    wrong: usize,
}

#[test]
fn principals_and_steps_are_as_the_drivers_wrote_them_down() {
    let Some(realauth) = folder("HEELGUARD_REALAUTH") else { return };
    let (mut tallies, mut complaints) = (BTreeMap::<String, Tally>::new(), String::new());
    for (capture, labels) in captures(&realauth) {
        let name = labels["name"].as_str().unwrap_or_default().to_string();
        let run = told(&capture, &labels);
        let records: Vec<&Value> = run.transactions.iter().filter(|t| t["repeat_of"].is_null()).collect();
        let tally = tallies.entry(name.clone()).or_default();
        for fact in truth(&realauth, &labels) {
            let Some(record) = record_of(&fact, &records) else {
                let _ = writeln!(complaints, "{name} {}: not found", fact["i"]);
                continue;
            };
            judge_principal(&fact, record, &labels, tally, &mut complaints);
            for complaint in [step(&fact, record), credential(&name, &fact, record)].into_iter().flatten() {
                let _ = writeln!(complaints, "{name} {} {}: {complaint}", fact["i"], fact["event"]);
            }
        }
    }
    for (name, t) in &tallies {
        println!(
            "{name}: {} right, {} unknown, {} before login, {} only claimed, {} wrong",
            t.right, t.unknown, t.before_login, t.only_claimed, t.wrong
        );
        let told = t.right + t.unknown + t.wrong;
        assert!(t.right * 100 >= told * 99, "{name}: only {} of {told} principals are right", t.right);
    }
    assert!(complaints.is_empty(), "{complaints}");
}

/// The record of the same request: method and status, and nearest in time. The driver's clock and the wire's are
/// a few milliseconds apart.
fn record_of<'a>(fact: &Value, records: &[&'a Value]) -> Option<&'a Value> {
    let apart =
        |record: &Value| (seconds(&record["time"]) - fact["t_req"].as_f64().unwrap_or(f64::NAN)).abs();
    let same = |record: &&&Value| {
        record["request"]["method"] == fact["method"] && record["response"]["status"] == fact["status"]
    };
    let nearest = records.iter().filter(same).min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
    (apart(nearest) < 0.5).then_some(nearest)
}

fn judge_principal(fact: &Value, record: &Value, labels: &Value, tally: &mut Tally, complaints: &mut String) {
    let told = &record["principal"];
    let named = matches!(told["kind"].as_str(), Some("user" | "service"));
    let id = told["id"].as_str().unwrap_or_default();
    let Some(user) = fact["user"].as_str() else {
        let somebody = labels["identities"].as_object().is_some_and(|all| all.keys().any(|name| name == id));
        if named && somebody {
            tally.wrong += 1;
            let _ = writeln!(complaints, "{} is nobody's, told {told}", fact["uri"]);
        }
        return;
    };
    if aliases(user, labels).iter().any(|alias| alias == id) {
        tally.right += 1;
    } else if named {
        tally.wrong += 1;
        let _ = writeln!(complaints, "{} {} is {user}'s, told {told}", fact["event"], fact["uri"]);
    } else if matches!(fact["event"].as_str(), Some("authorize" | "authorize_step")) {
        tally.before_login += 1;
    } else if record["outcome"] == "denied" && fact["event"].as_str().is_some_and(|e| e.starts_with("jwt_")) {
        tally.only_claimed += 1;
    } else {
        tally.unknown += 1;
    }
}

/// What is wrong with the step that a record tells, if something is.
fn step(fact: &Value, record: &Value) -> Option<String> {
    let event = fact["event"].as_str()?;
    let (_, wanted) = STEPS.iter().find(|(name, _)| *name == event)?;
    let word = |value: &Value| value.as_str().unwrap_or("-").to_string();
    let mfa = match &record["mfa"] {
        Value::Null => "-".to_string(),
        mfa => format!("{}/{}/{}", word(&mfa["event"]), word(&mfa["factor"]), word(&mfa["outcome"])),
    };
    let told = [word(&record["activity"]), word(&record["login"]["outcome"]), mfa];
    let differs = wanted.iter().zip(&told).any(|(wanted, told)| *wanted != "*" && wanted != told);
    differs.then(|| format!("{} {} wanted {wanted:?}, told {told:?}", fact["method"], fact["uri"]))
}

/// What is wrong with the credentials that a record tells, if something is.
fn credential(name: &str, fact: &Value, record: &Value) -> Option<String> {
    let event = fact["event"].as_str()?;
    let (.., wanted) =
        CREDENTIALS.iter().find(|(system, known, _)| name.starts_with(system) && *known == event)?;
    let kinds: Vec<&str> = record["credentials"]
        .as_array()?
        .iter()
        .filter_map(|credential| credential["kind"].as_str())
        .collect();
    let right = if wanted.is_empty() { kinds.is_empty() } else { kinds.contains(wanted) };
    (!right).then(|| format!("wanted credential {wanted:?}, told {kinds:?}"))
}
