//! Requests against a site, without sockets.

use super::html::Html;
use super::live::readiness;
use super::metrics::{Exhibit, exposition};
use super::site::Site;
use super::{Config, Live, Snapshot, rules};
use crate::metrics::{Counters, DropReason, LiveRows, SinkCounters};
use crate::sinks::record::{ServiceRow, samples};
use crate::sinks::status::{State, Status};
use axum::body::Body;
use axum::http::Response;
use expect_test::expect;
use heelguard_detectors::alert::Alert;

fn site(alert: Alert) -> Site {
    Site::new(Snapshot {
        labels: samples::labels(),
        source: "a generated day".to_owned(),
        episodes: vec![alert],
        counters: Counters::default(),
        services: vec![ServiceRow { host: "api.example.com".to_owned(), port: 80, ..Default::default() }],
    })
}

fn body(response: Response<Body>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(axum::body::to_bytes(response.into_body(), 1 << 20)).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn get(site: &Site, path: &str) -> (u16, String) {
    let response = site.respond("GET", Some("localhost:9470"), path);
    (response.status().as_u16(), body(response))
}

#[test]
fn every_page_is_there_and_another_is_not() {
    let site = site(samples::alert());
    let alert = format!("/alerts/{}", samples::alert().id);
    for path in ["/", "/rules", "/rules/mfa_failure_burst", "/stats", &alert] {
        let (status, body) = get(&site, path);
        assert_eq!(status, 200, "{path}");
        assert!(body.contains("<h1>"), "{path}");
    }
    for path in ["/x", "/alerts", "/alerts/1", "/rules/none", "/stats/x", "/a/b/c/d", "/..%2f"] {
        assert_eq!(get(&site, path).0, 404, "{path}");
    }
}

#[test]
fn a_name_from_the_wire_stays_text() {
    let mut alert = samples::alert();
    alert.message = "<script>alert(1)</script> \u{202e}".to_owned();
    alert.subject.value = "user:\"><img src=x onerror=alert(1)>".into();
    alert.evidence[0].path = "/'onmouseover='x".into();
    let id = alert.id;
    let site = site(alert);
    for path in ["/".to_owned(), format!("/alerts/{id}")] {
        let (_, body) = get(&site, &path);
        assert!(!body.contains("<script") && !body.contains("<img") && !body.contains("'on"), "{body}");
        assert!(body.contains("&lt;script&gt;") && body.contains("\\u{202e}"), "{body}");
    }
}

#[test]
fn other_names_for_this_host_learn_nothing() {
    let site = site(samples::alert());
    for host in [
        Some("evil.example"),
        Some("localhost.evil.example"),
        Some("127.0.0.1.evil.example:9470"),
        Some(""),
        None,
    ] {
        let response = site.respond("GET", host, "/");
        assert_eq!(response.status(), 421, "{host:?}");
        assert!(!body(response).contains("alice"), "{host:?}");
    }
    for host in ["localhost", "LOCALHOST:9470", "127.0.0.1:1", "[::1]:9470", "[::1]"] {
        assert_eq!(site.respond("GET", Some(host), "/").status(), 200, "{host}");
    }
}

#[test]
fn the_page_can_only_be_read() {
    let site = site(samples::alert());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        assert_eq!(site.respond(method, Some("localhost"), "/").status(), 405, "{method}");
    }
    assert_eq!(site.respond("HEAD", Some("localhost"), "/").status(), 200);
}

#[test]
fn every_answer_is_guarded() {
    let site = site(samples::alert());
    for (method, host, path) in [
        ("GET", "localhost", "/"),
        ("GET", "evil", "/"),
        ("PUT", "localhost", "/"),
        ("GET", "localhost", "/x"),
    ] {
        let response = site.respond(method, Some(host), path);
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'nonce-"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        let nonce = policy.split("nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        assert!(body(response).contains(&format!("<style nonce=\"{nonce}\">")), "{path}");
    }
}

#[test]
fn pages_of_rules_are_rendered() {
    let mut html = Html::new();
    rules::markdown(&mut html, "# A <b>\n\n## Head\n\nwords `a<b` and ` alone\nmore\n\n- one\n- two `x`\n");
    expect![[r#"<h1>A &lt;b&gt;</h1><h2>Head</h2><p>words <code>a&lt;b</code> and ` alone more</p><ul><li>one</li><li>two <code>x</code></li></ul>"#]].assert_eq(html.as_str());
}

#[test]
fn only_loopback_may_be_listened_on() {
    let check = |listen: &str| Config { listen: listen.to_owned() }.check();
    for listen in ["127.0.0.1:9470", "127.0.0.2:0", "[::1]:80"] {
        assert_eq!(check(listen), Ok(()));
    }
    for listen in ["0.0.0.0:9470", "[::]:9470", "192.168.1.2:80", "localhost:80", "9470", "127.0.0.1", ""] {
        let message = check(listen).unwrap_err();
        assert!(message.contains(listen) && message.contains("127.0.0.1"), "{message}");
    }
}

fn ask(live: &Live, host: &str, path: &str) -> (u16, String) {
    let response = live.respond("GET", Some(host), path);
    (response.status().as_u16(), body(response))
}

#[test]
fn metrics_add_up_and_hold_no_word_of_traffic() {
    let live = Live::new(None);
    let mut counters = Counters::default();
    counters.packets.read = 3;
    counters.flows.open = 2;
    counters.dropped.count(DropReason::NotTcp, 1);
    live.put(&counters);
    let (status, text) = ask(&live, "localhost:9470", "/metrics");
    assert_eq!(status, 200);
    for line in [
        "# TYPE heelguard_packets_read_total counter\nheelguard_packets_read_total 3\n",
        "# TYPE heelguard_flows_open gauge\nheelguard_flows_open 2\n",
        "heelguard_packets_dropped_total{reason=\"not_tcp\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    let families: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    let mut unique = families.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), families.len(), "a family is there twice");
    assert_eq!(ask(&live, "evil.example", "/metrics").0, 421);
    assert_eq!(live.respond("POST", Some("localhost"), "/metrics").status(), 405);
    assert_eq!(ask(&live, "localhost", "/metric").0, 404);
}

#[test]
fn a_sink_that_is_down_makes_a_sensor_degraded_not_dead() {
    let status = |state| Status {
        sink: "kafka".to_owned(),
        lane: "alerts",
        state,
        counters: SinkCounters { queued: 7, delivered: 4, spooled: 2, lost: 1 },
        waiting: 2,
        oldest_s: 12.5,
        retries: 3,
        refused: 1,
        corrupt: 0,
        lag_p50_s: 0.01,
        lag_p99_s: 0.25,
        trouble: Some("sinks.kafka.brokers: refused".to_owned()),
    };
    assert!(readiness(&[], vec![status(State::Up)]).starts_with("{\"status\":\"ready\""));
    let degraded = readiness(&[], vec![status(State::Up), status(State::Down)]);
    assert!(degraded.starts_with("{\"status\":\"degraded\"") && degraded.contains("refused"), "{degraded}");
    let (counters, sinks) = (Counters::default(), [status(State::Down)]);
    let live = LiveRows::default();
    let text = exposition(&Exhibit { counters: &counters, sinks: &sinks, live: &live, process: None });
    for line in [
        "heelguard_sink_up{sink=\"kafka\",lane=\"alerts\"} 0\n",
        "heelguard_sink_records_total{sink=\"kafka\",lane=\"alerts\",outcome=\"lost\"} 1\n",
        "heelguard_sink_spooled_records{sink=\"kafka\",lane=\"alerts\"} 2\n",
        "heelguard_sink_oldest_unsent_seconds{sink=\"kafka\",lane=\"alerts\"} 12.5\n",
        "heelguard_sink_delivery_seconds{sink=\"kafka\",lane=\"alerts\",quantile=\"0.99\"} 0.25\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
