//! Requests against the pages of a run, without sockets.

mod figures;
mod views;

use super::access::Access;
use super::door::Door;
use super::html::Html;
use super::live::{Live, readiness};
use super::metrics::{Exhibit, exposition};
use super::site::Asked;
use super::views::words::markdown;
use super::{Config, Shown};
use crate::ledger::Ledger;
use crate::metrics::{Counters, DropReason, LiveRows, SinkCounters};
use crate::sinks::record::{ServiceRow, samples};
use crate::sinks::status::{State, Status};
use axum::body::Body;
use axum::http::Response;
use expect_test::expect;
use heelguard_detectors::alert::Alert;
use std::path::Path;
use std::sync::Arc;

/// A run that raised these alerts and saw one transaction.
fn live_in(alerts: &[Alert], state_dir: Option<&Path>) -> Door {
    let ledger = Arc::new(Ledger::default());
    let transaction =
        heelguard_detectors::transaction::Transaction { repeat_of: None, ..samples::transaction() };
    ledger.observe(&transaction);
    for alert in alerts {
        ledger.alert(alert);
    }
    of_ledger(ledger, state_dir)
}

fn of_ledger(ledger: Arc<Ledger>, state_dir: Option<&Path>) -> Door {
    let state_dir = state_dir.map(Path::to_path_buf);
    let shown = Shown {
        labels: samples::labels(),
        source: "a generated day".to_owned(),
        ledger,
        survey: Arc::default(),
        state_dir,
    };
    let live = Live::new(None).showing(shown);
    let service = ServiceRow { host: "api.example.com".to_owned(), port: 80, ..Default::default() };
    live.put_last(&Counters::default(), vec![service]);
    on_loopback(live)
}

fn on_loopback(live: Live) -> Door {
    Door { live: Arc::new(live), access: Access::of_loopback() }
}

/// At any time.
const NOW_S: u64 = 1_800_000_000;

fn knock(door: &Door, asked: &Asked<'_>) -> Response<Body> {
    door.respond(asked, NOW_S)
}

fn live(alerts: &[Alert]) -> Door {
    live_in(alerts, None)
}

fn body(response: Response<Body>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(axum::body::to_bytes(response.into_body(), 16 << 20)).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn asked<'a>(method: &'a str, host: &'a str, target: &'a str) -> Asked<'a> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Asked { method, host: Some(host), path, query, ..Asked::default() }
}

fn get(live: &Door, target: &str) -> (u16, String) {
    let response = knock(live, &asked("GET", "localhost:9470", target));
    (response.status().as_u16(), body(response))
}

#[test]
fn every_page_is_there_and_another_is_not() {
    let live = live(&[samples::alert()]);
    let alert = format!("/alerts/{}", samples::alert().id);
    let paths = [
        "/",
        "/alerts",
        "/principals",
        "/coverage",
        "/keys",
        "/keys?show=tokens",
        "/endpoints",
        "/openapi",
        "/sensor",
    ];
    let more =
        ["/rules", "/rules/mfa_failure_burst", "/stats", "/principal?id=user:alice@example.com", &alert];
    for path in paths.into_iter().chain(more) {
        let (status, body) = get(&live, path);
        assert_eq!(status, 200, "{path}");
        assert_eq!(body.matches("<h1").count(), 1, "{path}");
        assert!(body.contains("<main id=\"content\"") && body.contains("<nav aria-label"), "{path}");
    }
    let none = [
        "/x",
        "/sign-in",
        "/alerts/1",
        "/rules/none",
        "/stats/x",
        "/a/b/c/d",
        "/..%2f",
        "/principal",
        "/principal?id=user:x",
    ];
    for path in none.into_iter().chain(["/keys/zz", "/principal?id=dragon:x", "/alerts/+1"]) {
        assert_eq!(get(&live, path).0, 404, "{path}");
    }
}

#[test]
fn other_names_for_this_host_learn_nothing() {
    let live = live(&[samples::alert()]);
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:9470", ""] {
        let response = knock(&live, &asked("GET", host, "/"));
        assert_eq!(response.status(), 421, "{host:?}");
        assert!(!body(response).contains("alice"), "{host:?}");
    }
    assert_eq!(knock(&live, &Asked { method: "GET", path: "/", ..Asked::default() }).status(), 421);
    for host in ["localhost", "LOCALHOST:9470", "127.0.0.1:1", "[::1]:9470", "[::1]"] {
        assert_eq!(knock(&live, &asked("GET", host, "/")).status(), 200, "{host}");
    }
}

#[test]
fn the_page_can_only_be_read_but_for_its_form() {
    let live = live(&[samples::alert()]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        assert_eq!(knock(&live, &asked(method, "localhost", "/")).status(), 405, "{method}");
    }
    assert_eq!(knock(&live, &asked("HEAD", "localhost", "/")).status(), 200);
}

#[test]
fn every_answer_is_guarded() {
    let live = live(&[samples::alert()]);
    for (method, host, path) in [
        ("GET", "localhost", "/"),
        ("GET", "evil", "/"),
        ("PUT", "localhost", "/"),
        ("GET", "localhost", "/x"),
        ("GET", "localhost", "/style.css"),
        ("GET", "localhost", "/alerts.csv"),
    ] {
        let response = knock(&live, &asked(method, host, path));
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap().to_owned();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self' data:;"),
            "{policy}"
        );
        assert!(!policy.contains("script") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "same-origin");
        let body = body(response);
        assert!(!body.contains("style=") && !body.contains("<style") && !body.contains("<script"), "{path}");
    }
}

#[test]
fn a_page_of_elsewhere_may_link_here_and_loads_nothing() {
    let (open, guarded) = (live(&[samples::alert()]), guarded(&[samples::alert()]));
    let from = |site, mode, dest, path| Asked {
        fetch_site: Some(site),
        fetch_mode: mode,
        fetch_dest: dest,
        ..asked("GET", "localhost:9470", path)
    };
    for door in [&open, &guarded] {
        for (site, mode, dest) in [
            ("cross-site", Some("no-cors"), Some("image")),
            ("cross-site", Some("cors"), Some("empty")),
            ("same-site", Some("no-cors"), Some("script")),
            ("cross-site", Some("navigate"), Some("iframe")),
            ("cross-site", None, None),
        ] {
            for path in ["/?q=alice", "/metrics", "/style.css", "/alerts.csv", "/sign-in"] {
                let response = knock(door, &from(site, mode, dest, path));
                assert_eq!(response.status(), 403, "{site} {mode:?} {path}");
                assert!(body(response).len() < 100, "{path}");
            }
            assert_eq!(knock(door, &from(site, mode, dest, "/health/live")).status(), 200);
            assert_eq!(knock(door, &from(site, mode, dest, "/health/ready")).status(), 200);
        }
    }
    for (site, mode, dest) in [
        ("cross-site", Some("navigate"), Some("document")),
        ("same-site", Some("navigate"), None),
        ("same-origin", Some("no-cors"), Some("style")),
        ("none", Some("navigate"), Some("document")),
    ] {
        assert_eq!(knock(&open, &from(site, mode, dest, "/?q=alice")).status(), 200, "{site} {mode:?}");
    }
}

/// A form as a browser on this page would send it.
fn form<'a>(path: &'a str, form: &'a str) -> Asked<'a> {
    let origin = Some("http://localhost:9470");
    Asked { origin, fetch_site: Some("same-origin"), form, ..asked("POST", "localhost:9470", path) }
}

/// What a browser sends of the form on an alert's page that nobody filled in.
fn hidden(live: &Door, alert: &str) -> String {
    let (_, page) = get(live, alert);
    let fields = page.split("<input type=\"hidden\" name=\"").skip(1).map(|rest| {
        let (name, rest) = rest.split_once("\" value=\"").unwrap();
        format!("{name}={}", rest.split_once('"').unwrap().0)
    });
    fields.collect::<Vec<_>>().join("&")
}

#[test]
fn an_alert_is_acknowledged_by_a_form_of_this_page_alone() {
    let folder = tempfile::tempdir().unwrap();
    let live = live_in(&[samples::alert()], Some(folder.path()));
    let alert = format!("/alerts/{}", samples::alert().id);
    let path = format!("{alert}/acknowledge");
    let filled = format!("{}&note=the+load+test%3Cb%3E", hidden(&live, &alert));
    let good = form(&path, &filled);
    for (what, refused) in [
        ("without a word where it is from", Asked { origin: None, ..good }),
        ("of another site", Asked { origin: Some("http://evil.example"), ..good }),
        ("of another port", Asked { origin: Some("http://localhost:8000"), ..good }),
        ("of a page that hides", Asked { origin: Some("null"), ..good }),
        ("that a browser calls strange", Asked { fetch_site: Some("cross-site"), ..good }),
        ("without a token", Asked { form: "note=x", ..good }),
        ("with another token", Asked { form: "token=00000000000000000000000000000000", ..good }),
    ] {
        assert_eq!(knock(&live, &refused).status(), 403, "a form {what}");
    }
    assert!(!get(&live, &alert).1.contains("Acknowledged on"));
    let response = knock(&live, &good);
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (303, &format!("{alert}#acknowledge").parse::<axum::http::HeaderValue>().unwrap())
    );
    assert!(get(&live, &alert).1.contains("the load test&lt;b&gt;"));
    assert!(get(&live, "/?state=new").1.contains("No alert is like that"));
    assert!(get(&live, "/?state=acknowledged").1.contains("3 wrong MFA codes"));
    assert!(get(&live, "/alerts.csv").1.contains("the load test<b>"));
    // It outlives the process, and can be taken back; a token does not.
    let again = live_in(&[samples::alert()], Some(folder.path()));
    assert!(get(&again, &alert).1.contains("the load test&lt;b&gt;"));
    assert_eq!(knock(&again, &good).status(), 403);
    let back = format!("{}&take_back=1", hidden(&again, &alert));
    assert_eq!(knock(&again, &form(&path, &back)).status(), 303);
    assert!(!get(&again, &alert).1.contains("Acknowledged on"));
    let unknown = format!("/alerts/{}/acknowledge", heelguard_detectors::alert::AlertId(1));
    assert_eq!(knock(&again, &form(&unknown, &back)).status(), 404);
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// The same page, for those who have the token.
fn guarded(alerts: &[Alert]) -> Door {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    Door { access: Access::read(&file, true).unwrap(), ..live(alerts) }
}

fn signing(form: &str) -> Asked<'_> {
    let origin = Some("https://sensor.example:9470");
    Asked { origin, form, ..asked("POST", "sensor.example:9470", "/sign-in") }
}

#[test]
fn a_stranger_learns_nothing_and_who_signs_in_gets_where_they_wanted() {
    let door = guarded(&[samples::alert()]);
    let alert = format!("/alerts/{}", samples::alert().id);
    let strange = |method, path| asked(method, "sensor.example:9470", path);
    for path in ["/", "/alerts.csv", "/alerts.jsonl", "/principals", "/sensor", "/rules", "/nowhere", &alert]
    {
        let response = knock(&door, &strange("GET", path));
        assert_eq!(response.status(), 401, "{path}");
        let body = body(response);
        assert!(body.contains("type=\"password\"") && body.contains(&format!("value=\"{path}\"")), "{path}");
        let labels = samples::labels();
        for word in ["alice", "wrong MFA", "generated day", &labels.tenant, &labels.sensor] {
            assert!(!body.contains(word), "{path} tells {word}");
        }
    }
    for (method, path) in [("GET", "/metrics"), ("POST", "/reload"), ("POST", "/"), ("PUT", "/x")] {
        let response = knock(&door, &strange(method, path));
        assert_eq!(response.status(), 401, "{method} {path}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"heelguard\"");
    }
    assert_eq!(body(knock(&door, &strange("GET", "/health/live"))), "alive\n");
    assert_eq!(body(knock(&door, &strange("GET", "/health/ready"))), "{\"status\":\"ready\"}");
    let bearer = format!("Bearer {TOKEN}");
    let known = Asked { authorization: Some(&bearer), ..strange("GET", "/metrics") };
    assert!(body(knock(&door, &known)).contains("heelguard_packets_read_total"));

    let filled = format!("token={TOKEN}&to={alert}%3Fx%3D1");
    assert_eq!(knock(&door, &signing("token=x&to=/")).status(), 403);
    assert_eq!(
        knock(&door, &Asked { origin: Some("https://evil.example"), ..signing(&filled) }).status(),
        403
    );
    let response = knock(&door, &signing(&filled));
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!((response.status().as_u16(), header("location")), (303, format!("{alert}?x=1").as_str()));
    let cookie = header("set-cookie").split(';').next().unwrap();
    let signed_in = Asked { cookie: Some(cookie), ..strange("GET", &alert) };
    assert!(body(knock(&door, &signed_in)).contains("wrong MFA codes"));
    assert_eq!(door.respond(&signed_in, NOW_S + 12 * 3_600).status(), 401, "tomorrow");
    for elsewhere in ["https://evil.example", "//evil.example", "/%5Cevil.example", "", "/%0d%0aX: y"] {
        let form = format!("token={TOKEN}&to={elsewhere}");
        assert_eq!(knock(&door, &signing(&form)).headers()["location"], "/", "{elsewhere}");
    }
}

#[test]
fn pages_of_rules_are_rendered() {
    let mut html = Html::new();
    markdown(&mut html, "# A <b>\n\n## Head\n\nwords `a<b` and ` alone\nmore\n\n- one\n- two `x`\n");
    expect![[r#"<h1>A &lt;b&gt;</h1><h2>Head</h2><p>words <code>a&lt;b</code> and ` alone more</p><ul><li>one</li><li>two <code>x</code></li></ul>"#]].assert_eq(html.as_str());
}

#[test]
fn marks_do_not_pile_up_on_a_letter() {
    let mut html = Html::new();
    html.wire("Nguye\u{302}\u{303}n e\u{302}\u{303}\u{301}\u{20dd} e\u{302}").text("1\u{ad}");
    let shown = "<bdi>Nguye\u{302}\u{303}n e\u{302}\u{303}\\u{301}\\u{20dd} e\u{302}</bdi>1\\u{ad}";
    assert_eq!(html.as_str(), shown);
}

#[test]
fn names_go_on_in_the_next_line_at_their_joints_and_addresses_stay_whole() {
    let mut html = Html::new();
    html.jointed("user:ann.lee@acme.example").jointed("/v1/x{id}").jointed("198.51.100.9").jointed("<b>/&");
    let shown = "<bdi>user:ann<wbr>.lee<wbr>@acme<wbr>.example</bdi><bdi>/v1<wbr>/x{id}</bdi>\
                 <bdi>198.51.100.9</bdi><bdi>&lt;b&gt;<wbr>/&amp;</bdi>";
    assert_eq!(html.as_str(), shown);
    let mut long = Html::new();
    long.jointed(&"a/".repeat(200));
    assert!(long.as_str().ends_with("<span class=\"soft\">… 200 more letters</span></bdi>"));
}

#[test]
fn others_may_reach_the_page_under_tls_with_a_token_alone() {
    let config = |listen: &str, [cert_file, key_file, token_file]: [&str; 3]| Config {
        listen: listen.to_owned(),
        cert_file: cert_file.into(),
        key_file: key_file.into(),
        token_file: token_file.into(),
    };
    for listen in ["127.0.0.1:9470", "127.0.0.2:0", "[::1]:80"] {
        assert_eq!(config(listen, ["", "", ""]).check(), Ok(()));
        assert_eq!(config(listen, ["", "", "t"]).check(), Ok(()), "a token is never too much");
    }
    for listen in ["0.0.0.0:9470", "[::]:9470", "192.168.1.2:80"] {
        assert_eq!(config(listen, ["c", "k", "t"]).check(), Ok(()));
        for lacking in [["", "", ""], ["c", "k", ""], ["", "", "t"]] {
            let message = config(listen, lacking).check().unwrap_err();
            let wanted = [listen, "web.cert_file", "web.key_file", "web.token_file", "ssh -L"];
            assert!(wanted.iter().all(|word| message.contains(word)), "{message}");
        }
    }
    for listen in ["localhost:80", "9470", "127.0.0.1", ""] {
        let message = config(listen, ["c", "k", "t"]).check().unwrap_err();
        assert!(message.contains(listen) && message.contains("127.0.0.1"), "{message}");
    }
    let alone = config("127.0.0.1:0", ["c", "", ""]).check().unwrap_err();
    assert_eq!(alone, "web.cert_file is set without web.key_file; set both or none");
}

#[test]
fn metrics_add_up_and_hold_no_word_of_traffic() {
    let live = Live::new(None);
    let mut counters = Counters::default();
    counters.packets.read = 3;
    counters.flows.open = 2;
    counters.dropped.count(DropReason::NotTcp, 1);
    live.put(&counters, Vec::new());
    let live = on_loopback(live);
    let (status, text) = get(&live, "/metrics");
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
    assert_eq!(knock(&live, &asked("GET", "evil.example", "/metrics")).status(), 421);
    assert_eq!(knock(&live, &asked("POST", "localhost", "/metrics")).status(), 405);
    assert_eq!(get(&live, "/metric").0, 404);
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
    let readings = super::Readings::default();
    readings.note(true);
    readings.note(false);
    let text = exposition(&Exhibit {
        counters: &counters,
        sinks: &sinks,
        live: &live,
        locks: &[],
        readings: &readings,
        process: None,
    });
    for line in [
        "heelguard_sink_up{sink=\"kafka\",lane=\"alerts\"} 0\n",
        "heelguard_sink_records_total{sink=\"kafka\",lane=\"alerts\",outcome=\"lost\"} 1\n",
        "heelguard_sink_spooled_records{sink=\"kafka\",lane=\"alerts\"} 2\n",
        "heelguard_sink_oldest_unsent_seconds{sink=\"kafka\",lane=\"alerts\"} 12.5\n",
        "heelguard_sink_delivery_seconds{sink=\"kafka\",lane=\"alerts\",quantile=\"0.99\"} 0.25\n",
        "heelguard_config_reloads_total 1\n",
        "heelguard_config_reload_failed_total 1\n",
        "heelguard_config_last_reload_ok 0\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
