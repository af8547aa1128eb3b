//! Webhooks against far sides that behave, and that do not: each is a small HTTP server in the test's own process.
//! A test gives the server its answers in order, and looks at what it was sent.
//! Signatures are verified by a second implementation, as a receiver would write it from the page.

mod far_side;

use crate::certificate::certificate;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use far_side::{Answer, FarSide, Seen};
use heelguard::sinks::destination::{Destination, Refused};
use heelguard::sinks::record::Labels;
use heelguard::sinks::spool::{Batch, Kind, Lane, Record};
use heelguard::sinks::webhook::{Config, open};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const ID: &str = "6f3f1a52-6f0c-5a43-9a52-6c1f6c1e9b10";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The golden alert as its `rev`th state, with a severity.
fn alert(rev: u32, severity: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms/golden/alert.native.json");
    let text = std::fs::read_to_string(path).unwrap();
    let severity = format!("\"severity\":\"{severity}\"");
    text.trim_end()
        .replace("\"rev\":1", &format!("\"rev\":{rev}"))
        .replace("\"severity\":\"medium\"", &severity)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// Alerts `1..=count`, raised then.
fn batch(count: u32, raised_ms: u64) -> Batch {
    let mut batch = Batch::new(7, Lane::Alerts, 100);
    for rev in 1..=count {
        let body = alert(rev, "medium");
        let record = Record { kind: Kind::Alert, raised_ms, id: 1, key: 1, body: body.as_bytes() };
        batch.push(99 + u64::from(rev), &record);
    }
    batch
}

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

fn webhook(text: &str) -> Box<dyn Destination> {
    let labels = Labels { tenant: "default".to_owned(), sensor: "sensor-1".to_owned() };
    open(&config(text), "pager", &labels, Lane::Alerts).unwrap()
}

fn revs(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|request| request.header("idempotency-key").strip_prefix(ID).unwrap()).collect()
}

#[test]
fn a_request_carries_the_record_and_proves_who_sent_it() {
    let server = FarSide::start([Answer::status(204)]);
    let mut webhook = webhook(&format!(
        "url = '{}'\nsecret = '{SECRET}'\nheaders = {{ Authorization = 'Bearer opensesame' }}",
        server.url()
    ));
    assert_eq!(webhook.prepare(), Ok(()));
    assert_eq!(webhook.deliver(&batch(1, now_ms())).unwrap().refused, []);
    let seen = server.seen();
    let request = &seen[0];
    assert_eq!(request.line, "POST /hook/secret-path HTTP/1.1");
    assert_eq!(request.body, alert(1, "medium"));
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("authorization"), "Bearer opensesame");
    assert_eq!(request.header("webhook-id"), format!("{ID}-1"));
    assert_eq!(request.header("idempotency-key"), format!("{ID}-1"));
    let timestamp = request.header("webhook-timestamp");
    assert!(now_ms() / 1000 - timestamp.parse::<u64>().unwrap() < 60);
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!("{ID}-1.{timestamp}.{}", request.body);
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key), signed.as_bytes());
    assert_eq!(request.header("webhook-signature"), format!("v1,{}", STANDARD.encode(tag)));
}

#[test]
fn a_retry_goes_on_where_it_stopped_and_repeats_its_name() {
    let down = Answer::status(503).with("Retry-After", "1");
    let answers = [Answer::status(200), down, Answer::status(200), Answer::status(200)];
    let server = FarSide::start(answers);
    let mut webhook = webhook(&format!("url = '{}'", server.url()));
    let batch = batch(3, now_ms());
    let trouble = webhook.deliver(&batch).unwrap_err();
    assert_eq!(trouble.message, "sinks.pager.url answered 503; it is tried again");
    assert_eq!(webhook.deliver(&batch).unwrap().refused, []);
    let seen = server.seen();
    assert_eq!(revs(&seen), ["-1", "-2", "-2", "-3"]);
    assert_eq!(seen[1].body, seen[2].body);
    assert!(!seen[1].has("webhook-signature"));
}

/// A worker that was started again makes other batches: they begin anew.
#[test]
fn another_batch_starts_from_its_first_alert() {
    let answers = [Answer::status(200), Answer::status(403), Answer::status(200), Answer::status(200)];
    let server = FarSide::start(answers);
    let mut webhook = webhook(&format!("url = '{}'", server.url()));
    webhook.deliver(&batch(3, now_ms())).unwrap_err();
    assert_eq!(webhook.deliver(&batch(2, now_ms())).unwrap().refused, []);
    assert_eq!(revs(&server.seen()), ["-1", "-2", "-1", "-2"]);
}

#[test]
fn a_far_side_that_asks_for_patience_gets_it_within_reason() {
    let slow = |seconds: &str| Answer::status(429).with("Retry-After", seconds);
    let server = FarSide::start([slow("7"), slow("999999"), Answer::status(429)]);
    let mut webhook = webhook(&format!("url = '{}'", server.url()));
    let batch = batch(1, now_ms());
    let waits = [Some(Duration::from_secs(7)), Some(Duration::from_mins(15)), None];
    for wait in waits {
        assert_eq!(webhook.deliver(&batch).unwrap_err().retry_after, wait);
    }
}

#[test]
fn an_alert_that_will_never_do_is_refused_and_the_next_is_sent() {
    let server = FarSide::start([
        Answer::status(200),
        Answer::status(400).body("invalid_payload\x1b[31m"),
        Answer::status(200),
        Answer::status(413),
    ]);
    let mut webhook = webhook(&format!("url = '{}'", server.root()));
    let delivered = webhook.deliver(&batch(4, now_ms())).unwrap();
    let refused = |index, reason: &str| Refused { index, reason: reason.to_owned() };
    let wanted = [refused(1, "answered 400 (invalid_payload\\u{1b}[31m)"), refused(3, "answered 413")];
    assert_eq!(delivered.refused, wanted);
}

/// PagerDuty says 400 to a wrong routing key, too: it is about the alert only where another was taken.
#[test]
fn a_400_is_about_the_alert_once_another_was_taken() {
    let server = FarSide::start([400, 200, 400, 200].map(Answer::status));
    let mut webhook = webhook(&format!("url = '{}'", server.url()));
    let trouble = webhook.deliver(&batch(1, now_ms())).unwrap_err().message;
    assert!(trouble.contains("answered 400; it has taken nothing yet: look at "), "{trouble}");
    assert_eq!(webhook.deliver(&batch(1, now_ms())).unwrap().refused, []);
    let refused = webhook.deliver(&batch(2, now_ms())).unwrap().refused;
    assert_eq!(refused, [Refused { index: 0, reason: "answered 400".to_owned() }]);
    assert_eq!(revs(&server.seen()), ["-1", "-1", "-1", "-2"]);
}

#[test]
fn an_alert_that_is_never_taken_holds_up_no_other_and_not_for_ever() {
    let answers = [500, 200, 200].into_iter().chain([500; 9]);
    let server = FarSide::start(answers.map(Answer::status));
    let mut webhook = webhook(&format!("url = '{}'", server.url()));
    let batch = batch(3, now_ms());
    let message = "sinks.pager.url answered 500; it is tried again";
    assert_eq!(webhook.deliver(&batch).unwrap_err().message, message);
    assert_eq!(revs(&server.seen()), ["-1", "-2", "-3"]);
    for _ in 0..8 {
        webhook.deliver(&batch).unwrap_err();
        assert_eq!(revs(&server.seen()), ["-1"]);
    }
    let reason = format!("answered 500 ten times while others were taken: {message}");
    assert_eq!(webhook.deliver(&batch).unwrap().refused, [Refused { index: 0, reason }]);
}

/// Its innocent twin: where nobody is taken, it is the far side, however long that lasts.
#[test]
fn a_far_side_that_takes_nobody_loses_nothing() {
    let server = FarSide::start([500; 24].into_iter().chain([200; 2]).map(Answer::status));
    let mut webhook = webhook(&format!("url = '{}'", server.url()));
    let batch = batch(2, now_ms());
    for _ in 0..12 {
        webhook.deliver(&batch).unwrap_err();
    }
    assert_eq!(webhook.deliver(&batch).unwrap().refused, []);
}

/// What a wrong setting brings is no fault of the alert: it waits until the setting is mended.
#[test]
fn a_wrong_setting_is_trouble_and_loses_nothing() {
    for status in [301, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 425, 500, 502, 504] {
        let server = FarSide::start([Answer::status(status).with("Location", "http://127.0.0.1:1/")]);
        let mut webhook = webhook(&format!("url = '{}'", server.url()));
        let trouble = webhook.deliver(&batch(1, now_ms())).unwrap_err().message;
        assert!(trouble.starts_with(&format!("sinks.pager.url answered {status}; ")), "{trouble}");
        assert_eq!(server.seen().len(), 1, "{status}");
    }
}

#[test]
fn what_the_filters_leave_out_counts_as_delivered() {
    let server = FarSide::start([Answer::status(200)]);
    let body = [alert(1, "low"), alert(2, "critical"), alert(3, "medium")];
    let mut batch = Batch::new(7, Lane::Alerts, 0);
    for (number, body) in body.iter().enumerate() {
        let record = Record { kind: Kind::Alert, raised_ms: 0, id: 1, key: 1, body: body.as_bytes() };
        batch.push(number as u64, &record);
    }
    let mut webhook = webhook(&format!("url = '{}'\nseverity_min = 'high'", server.url()));
    assert_eq!(webhook.deliver(&batch).unwrap().refused, []);
    assert_eq!(revs(&server.seen()), ["-2"]);
}

#[test]
fn half_an_answer_is_no_answer() {
    let torn =
        [Answer::raw(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nhalf"), Answer::raw(b"HTTP/1.1 2")];
    let server = FarSide::start(torn.into_iter().chain([Answer::raw(b""), Answer::status(200)]));
    let mut webhook = webhook(&format!("url = '{}'\ntimeout_s = 1", server.url()));
    let batch = batch(1, now_ms());
    for _ in 0..3 {
        let trouble = webhook.deliver(&batch).unwrap_err().message;
        assert!(trouble.starts_with(&format!("sinks.pager.url {}: ", server.peer())), "{trouble}");
        assert!(!trouble.contains("secret-path"), "{trouble}");
    }
    assert_eq!(webhook.deliver(&batch).unwrap().refused, []);
}

#[test]
fn a_silent_far_side_costs_its_time_and_no_more() {
    let server = FarSide::start([Answer::silence(Duration::from_secs(3))]);
    let mut webhook = webhook(&format!("url = '{}'\ntimeout_s = 1", server.url()));
    let trouble = webhook.deliver(&batch(3, now_ms())).unwrap_err().message;
    assert_eq!(trouble, format!("sinks.pager.url {}: no whole answer within 1 s", server.peer()));
}

/// Each is tried before it is given up, and the far side is left alone between the tries.
#[test]
fn what_is_too_old_is_given_up_with_the_reason() {
    let down = || Answer::status(503).with("Retry-After", "1").body("down for repair");
    let server = FarSide::start([down(), down()]);
    let mut webhook = webhook(&format!("url = '{}'", server.root()));
    let batch = batch(2, now_ms() - 73 * 3_600_000);
    for rev in ["-1", "-2"] {
        webhook.deliver(&batch).unwrap_err();
        assert_eq!(revs(&server.seen()), [rev]);
    }
    let refused = webhook.deliver(&batch).unwrap().refused;
    let reason =
        "not delivered within 72 h: sinks.pager.url answered 503 (down for repair); it is tried again";
    assert_eq!(
        refused.iter().map(|one| (one.index, &*one.reason)).collect::<Vec<_>>(),
        [(0, reason), (1, reason)]
    );
}

/// Its innocent twin: an old alert is still delivered when the far side takes it.
#[test]
fn what_is_old_and_taken_is_delivered() {
    let server = FarSide::start([Answer::status(200), Answer::status(200)]);
    let mut webhook = webhook(&format!("url = '{}'", server.url()));
    let long_ago = now_ms() - 73 * 3_600_000;
    assert_eq!(webhook.deliver(&batch(2, long_ago)).unwrap().refused, []);
}

#[test]
fn nothing_secret_comes_back_in_a_message() {
    let key = "0123456789abcdef0123456789abcdef";
    for said in ["no such hook: %2Fhook%2Fsecret-path", "bad token: opensesame", key] {
        let server = FarSide::start([Answer::status(403).body(said)]);
        let mut webhook = webhook(&format!(
            "url = '{}'\nbody = 'pagerduty'\nrouting_key = '{key}'\nheaders = {{ Authorization = 'Bearer opensesame' }}",
            server.url()
        ));
        let trouble = webhook.deliver(&batch(1, now_ms())).unwrap_err().message;
        let wanted =
            "sinks.pager.url answered 403; look at sinks.pager.url, its secrets and sinks.pager.headers";
        assert_eq!(trouble, wanted);
    }
}

#[test]
fn bodies_are_what_their_readers_know() {
    let cases = [
        ("form = 'ocsf'", "/class_uid", "2004"),
        ("form = 'ecs'", "/event/kind", "\"alert\""),
        ("form = 'eve'", "/alert/signature_id", "1940101"),
        ("body = 'slack'", "/blocks/0/type", "\"header\""),
        (
            "body = 'pagerduty'\nrouting_key = '0123456789abcdef0123456789abcdef'",
            "/payload/severity",
            "\"warning\"",
        ),
    ];
    for (settings, pointer, wanted) in cases {
        let server = FarSide::start([Answer::status(202)]);
        let mut webhook = webhook(&format!("url = '{}'\n{settings}", server.url()));
        assert_eq!(webhook.deliver(&batch(1, now_ms())).unwrap().refused, []);
        let body: serde_json::Value = serde_json::from_str(&server.seen()[0].body).unwrap();
        assert_eq!(body.pointer(pointer).unwrap().to_string(), wanted, "{settings}");
    }
}

#[test]
fn a_far_side_must_prove_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let Some(tls) = certificate(folder.path(), "a webhook over TLS") else { return };
    let server = FarSide::start_tls([Answer::status(200)], &tls);
    let batch = batch(1, now_ms());
    let trouble = webhook(&format!("url = '{}'", server.url())).deliver(&batch).unwrap_err().message;
    let wanted = "its certificate is signed by an authority that is not known here; set ca_file";
    assert_eq!(trouble, format!("sinks.pager.url {}: {wanted}", server.peer()));
    assert!(server.seen().is_empty());
    let known = format!("url = '{}'\nca_file = '{}'", server.url(), tls.certificate.display());
    assert_eq!(webhook(&known).deliver(&batch).unwrap().refused, []);
    assert_eq!(revs(&server.seen()), ["-1"]);
}

#[test]
fn what_cannot_be_opened_names_its_setting() {
    let labels = Labels { tenant: "default".to_owned(), sensor: "sensor-1".to_owned() };
    let error = |text: &str| open(&config(text), "pager", &labels, Lane::Alerts).err().unwrap_or_default();
    let url = "url = 'https://hooks.example.com/x'";
    assert_eq!(error(""), "sinks.pager.url is empty");
    assert!(error("url_file = '/nowhere/url'").starts_with("sinks.pager.url_file /nowhere/url: "));
    assert!(
        error(&format!("{url}\nsecret = 'short'")).starts_with("sinks.pager.secret: 5 bytes are too short")
    );
    assert!(
        error(&format!("{url}\nca_file = '/nowhere/ca'")).starts_with("sinks.pager.ca_file /nowhere/ca: ")
    );
    let short = error(&format!("{url}\nbody = 'pagerduty'\nrouting_key = 'abc'"));
    assert_eq!(short, "sinks.pager.routing_key: an integration key has 32 characters, this one 3");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, "http://hooks.example.com/T0/B0/xyz\n").unwrap();
    let plain = error(&format!("url_file = '{}'", file.display()));
    assert!(plain.starts_with("sinks.pager.url: alerts name users") && !plain.contains("xyz"), "{plain}");
}
