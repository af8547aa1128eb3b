//! Golden bodies: what Slack and PagerDuty are sent.

use super::{cut, pagerduty, slack};
use crate::sinks::escape::write_json;
use crate::sinks::form::json::Json;
use crate::sinks::form::native::Alert;
use crate::sinks::record::{AlertRecord, samples};
use expect_test::expect_file;
use heelguard_detectors::alert::{Alert as Raised, Severity, Status};

fn check(name: &str, raised: &Raised, write: impl FnOnce(&Alert<'_>, &[u8], &mut Json<'_>)) {
    let mut native = Vec::new();
    write_json(&mut native, &AlertRecord::new(raised, &samples::labels())).unwrap();
    let mut out = Vec::new();
    let mut json = Json::begin(&mut out);
    write(&Alert::parse(&native).unwrap(), &native, &mut json);
    json.end().unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let text = format!("{}\n", serde_json::to_string_pretty(&value).unwrap());
    expect_file![format!("{}/tests/forms/golden/{name}.json", env!("CARGO_MANIFEST_DIR"))].assert_eq(&text);
}

fn slack(name: &str, raised: &Raised) {
    check(name, raised, |alert, _, json| slack::message(alert, json));
}

fn pagerduty(name: &str, raised: &Raised) {
    check(name, raised, |alert, native, json| {
        pagerduty::event(
            alert,
            serde_json::from_slice(native).unwrap(),
            "0123456789abcdef0123456789abcdef",
            json,
        );
    });
}

#[test]
fn a_message_for_people() {
    slack("slack-open", &samples::alert());
}

#[test]
fn a_name_that_shouts_is_a_name() {
    let message = "3 wrong codes for <!channel> & <https://evil.example|you>".to_owned();
    let severity = Severity::Critical;
    slack("slack-hostile", &Raised { message, severity, status: Status::Closed, ..samples::bare_alert() });
}

#[test]
fn an_episode_that_opens_triggers() {
    pagerduty("pagerduty-open", &samples::alert());
}

#[test]
fn an_episode_that_ends_resolves() {
    pagerduty("pagerduty-closed", &Raised { rev: 2, status: Status::Closed, ..samples::alert() });
}

#[test]
fn a_cut_is_shown_and_counts_characters() {
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("abcd", 3), "ab…");
    assert_eq!(cut("山田山田", 3), "山田…");
    assert_eq!(cut("", 3), "");
}
