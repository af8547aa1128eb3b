//! What each view shows of a small run: its numbers, its filters, and hostile words made inert.

mod attention;
mod finding;
mod inventory;

use super::{get, live, of_ledger};
use crate::ledger::Ledger;
use crate::sinks::record::samples;
use crate::web::html::Html;
use heelguard_detectors::alert::{Alert, AlertId, Scope, Severity, Status, Subject};
use heelguard_detectors::contents::{Contents, DataClass, Field, Parameter, ParameterPlace, ValueType};
use heelguard_detectors::story::transactions;
use std::sync::Arc;

/// Letters that turn, hide or break what is around them, in one user name.
const HOSTILE: &str =
    "<script>alert(1)</script>\"><img src=x onerror=alert(1)>\u{202e}evil\u{200b}\u{0}שלום👩‍💻'onclick='x";

const STORY: &str =
    "08:00:00 203.0.113.7 -> offer POST /login 200 user=ann country=DE device=abcd host=api.example.com labels=login
     08:00:20 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp country=DE device=abcd host=api.example.com labels=mfa
     08:01:00 203.0.113.7 -> use GET /admin/users 200 user=ann session=s1 proof=mfa has_mfa country=DE device=abcd host=api.example.com labels=admin ttfb=20ms x9
     09:00:00 198.51.100.9 -> use GET /admin/users 200 user=ann key=k1 proof=api_key has_mfa country=FR host=api.example.com labels=admin ttfb=20ms x3
     09:01:00 198.51.100.9 -> use GET /reports 500 key=k1 country=FR host=b.example.com ttfb=2500ms";

fn run() -> Arc<Ledger> {
    let ledger = Ledger::default();
    transactions(STORY).unwrap().iter().for_each(|tx| ledger.observe(tx));
    Arc::new(ledger)
}

fn alert(id: u128, severity: Severity, message: &str) -> Alert {
    Alert { id: AlertId(id), severity, message: message.to_owned(), ..samples::alert() }
}

#[test]
fn the_list_is_filtered_sorted_and_turned() {
    let mut alerts: Vec<Alert> =
        (0..150).map(|n| alert(n + 10, Severity::Low, &format!("story number {n}."))).collect();
    alerts.push(Alert { status: Status::Closed, ..alert(1, Severity::Critical, "the worst of all") });
    let live = live(&alerts);
    let rows = |target: &str| get(&live, target).1.matches("<td class=\"story\">").count();
    assert_eq!((rows("/"), rows("/?page=2"), rows("/?page=99"), rows("/?page=x")), (100, 51, 51, 100));
    assert_eq!((rows("/?severity=critical"), rows("/?severity=nonsense&page=2")), (1, 51));
    assert_eq!((rows("/?state=closed"), rows("/?state=open&q=number+149.")), (1, 1));
    assert_eq!((rows("/?q=ALICE+worst"), rows("/?q=nobody"), rows("/?rule=MFA-01&page=2")), (1, 0, 51));
    assert_eq!(rows("/?q=203.0.113.7+api.example.com"), 100, "address and host");
    let (_, worst_first) = get(&live, "/?sort=severity");
    assert!(worst_first.find("the worst of all") < worst_first.find("story number"));
    let (_, second) = get(&live, "/?q=story&page=2");
    assert!(second.contains("href=\"?q=story&amp;page=1\"") && second.contains("Page 2 of 2"), "{second}");
    let lines = |target: &str| get(&live, target).1.lines().count();
    assert_eq!(
        (lines("/alerts.csv?state=closed"), lines("/alerts.jsonl"), lines("/alerts.jsonl?q=worst")),
        (2, 151, 1)
    );
}

#[test]
fn an_alert_tells_its_story_its_evidence_and_what_else_it_may_be() {
    let mut seen = samples::alert();
    let mut later = seen.evidence[0].clone();
    later.time = seen.last_seen;
    later.status = None;
    seen.evidence.push(later);
    seen.visibility.one_way = true;
    let (status, page) = get(&live(std::slice::from_ref(&seen)), &format!("/alerts/{}", seen.id));
    assert_eq!(status, 200);
    for words in [
        "3 wrong MFA codes in 179 s for alice@example.com",
        "temporary account lock",
        "href=\"/principal?id=user:alice@example.com\"",
        "<circle r=\"6\" cy=\"14\" class=\"refused\" cx=\"1.000%\">",
        "<circle r=\"6\" cy=\"14\" class=\"unseen\" cx=\"99.000%\">",
        "One direction only was seen",
        "fat fingers",
        "AS64500",
        "end with this run",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
}

#[test]
fn views_show_who_walks_around_what() {
    let live = of_ledger(run(), None);
    let page = |target: &str| {
        let (status, page) = get(&live, target);
        assert_eq!(status, 200, "{target}");
        page
    };
    let principal = page("/principal?id=user:ann");
    for words in ["second factor, attempt (totp): success", "<svg class=\"columns\"", "</span> <bdi>FR</bdi>"]
    {
        assert!(principal.contains(words), "{words} is not in {principal}");
    }
    let coverage = page("/coverage");
    assert!(
        coverage.contains("static key") && coverage.contains("second factor 75 %, static key 25 %"),
        "{coverage}"
    );
    assert!(
        coverage.contains("3 successes by 1 key, beside 9 with a second factor by 1 session of 1 account"),
        "{coverage}"
    );
    let (_, around) = coverage.split_once("walk around</h2>").unwrap();
    assert!(around.contains("<bdi>user:ann</bdi>"), "{around}");
    let keys = page("/keys");
    assert!(
        keys.contains("<td class=\"number\">4</td><td class=\"number\">3</td><td class=\"number\">3</td>"),
        "calls, privileged ones, and past a factor: {keys}"
    );
    let (_, link) = keys.split_once("href=\"/keys/").unwrap();
    let key = page(&format!("/keys/{}", &link[..32]));
    assert!(key.contains("198.51.100.9") && key.contains("around the owner’s second factor"), "{key}");
    for words in ["<svg class=\"calendar\"", "Least privilege", "not in sight", "4 calls, 0 refused"] {
        assert!(key.contains(words), "{words} is not in {key}");
    }
    let scope = page(&format!("/scope.jsonl?key={}", &link[..32]));
    assert!(scope.lines().count() == 1 && scope.contains(r#""route":"/admin/users","success":3"#), "{scope}");
    let policy = page("/scope.opa.json");
    assert!(policy.contains(&link[..32]) && policy.contains(r#""path":"/admin/users"#), "{policy}");
    assert!(page("/keys?show=tokens").contains("session"));
    let endpoints = page("/endpoints?q=reports");
    assert!(endpoints.contains("5xx 100 %") && endpoints.contains("2.49 s"), "{endpoints}");
    assert!(!endpoints.contains("/admin/users"));
    assert!(
        page("/principals?q=FR+ann").contains("user:ann") && !page("/principals?q=BR").contains("user:ann")
    );
}

/// A run in which an endpoint gives everybody what it should not.
fn exposed() -> Ledger {
    let ledger = Ledger::default();
    let story = "09:00:00 203.0.113.7 -> use GET /export/{1..3} 200 user=ann session=s1 proof=password route=/export/{id} labels=export host=api.example.com
                 09:05:00 203.0.113.9 -> use GET /export/4 200 route=/export/{id} labels=export host=api.example.com proof=none";
    for mut tx in transactions(story).unwrap() {
        let parameter =
            Parameter { place: ParameterPlace::Query, name: HOSTILE.into(), kind: ValueType::Integer };
        let field = Field { name: "data[].card_number".into(), kind: ValueType::String };
        let contents =
            Contents { parameters: vec![parameter], fields: vec![field], classes: vec![DataClass::Card] };
        tx.contents = Some(Box::new(contents));
        ledger.observe(&tx);
    }
    ledger
}

#[test]
fn an_endpoint_has_a_page_with_its_risk_and_what_it_holds() {
    let live = of_ledger(Arc::new(exposed()), None);
    let list = get(&live, "/endpoints?sort=risk&q=card").1;
    let target = "/endpoint?method=GET&host=api.example.com&route=%2Fexport%2F%7Bid%7D";
    assert!(list.contains("href=\"/endpoint?method=GET&amp;host=api.example.com&amp;route="), "{list}");
    assert!(get(&live, "/endpoints?q=anonymous_data").1.contains("/export<wbr>/{id}"), "reasons are found");
    assert!(get(&live, "/endpoints?q=iban").1.contains("None is like that"));
    let (status, page) = get(&live, target);
    assert_eq!(status, 200, "{page}");
    for words in [
        "answered one call without any credential, beside 3 with one",
        "is for export",
        "card numbers (in 4 of 4 looked into)",
        "data[].card_number",
        "Time to the first byte",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    assert!(!page.contains("<script"), "{page}");
    for other in ["/endpoint", "/endpoint?method=POST&host=api.example.com&route=%2Fexport%2F%7Bid%7D"] {
        assert_eq!(get(&live, other).0, 404, "{other}");
    }
    let (status, csv) = get(&live, "/endpoints.csv?q=card");
    assert_eq!((status, csv.lines().count()), (200, 2), "{csv}");
    assert!(csv.contains("\"/export/{id}\",\"export\",\"75\",\"anonymous anonymous_data"), "{csv}");
}

#[test]
fn where_nothing_is_there_is_a_word_on_what_to_do() {
    let live = of_ledger(Arc::new(Ledger::default()), None);
    for path in ["/", "/principals", "/coverage", "/keys", "/endpoints", "/openapi"] {
        let (status, page) = get(&live, path);
        assert!(status == 200 && page.contains("<div class=\"empty\">"), "{path}: {page}");
    }
    assert!(get(&live, "/sensor").1.contains("heelguard doctor"));
}

#[test]
fn hostile_words_stay_words_in_every_view() {
    let ledger = Ledger::default();
    for (number, mut tx) in transactions(STORY).unwrap().into_iter().enumerate() {
        // As long as a name may be, and longer than a page shows; every second one is short.
        let long = format!("{HOSTILE}{}", "x".repeat(150));
        tx.principal.id = if number % 2 == 0 { HOSTILE.into() } else { long.as_str().into() };
        let request = tx.request.as_mut().unwrap();
        request.host = HOSTILE.into();
        request.route = HOSTILE.into();
        request.method = HOSTILE.into();
        for credential in &mut tx.credentials {
            credential.name = HOSTILE.into();
        }
        ledger.observe(&tx);
    }
    let mut raised = samples::alert();
    raised.message = format!("{HOSTILE} {}", "y".repeat(10_000));
    raised.subject = Subject { scope: Scope::Service, value: HOSTILE.into() };
    raised.evidence[0].path = HOSTILE.into();
    raised.evidence[0].note = HOSTILE.to_owned();
    ledger.alert(&raised);
    let ledger = Arc::new(ledger);
    let live = of_ledger(Arc::clone(&ledger), None);
    let short: Vec<_> = ledger.principals().into_iter().filter(|of| &*of.id == HOSTILE).collect();
    assert!(!short.is_empty());
    for of in short {
        let mut path = Html::new();
        path.raw("/principal?id=").part(&of.key());
        assert!(get(&live, "/principals").1.contains(path.as_str()), "a link to {}", of.key());
        let (status, page) = get(&live, path.as_str());
        assert!(status == 200 && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{status}: {page}");
    }
    let shown = super::Shown {
        labels: samples::labels(),
        source: "a capture".to_owned(),
        ledger,
        survey: Arc::default(),
        state_dir: None,
    };
    let pages = super::super::pages(shown, &crate::metrics::Counters::default(), &[]).unwrap();
    assert!(pages.len() >= 10, "{}", pages.len());
    let mut seen = 0;
    for page in pages {
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("'onclick"), "{page}");
        assert!(!page.contains(['\u{202e}', '\u{200b}', '\u{0}']), "{page}");
        assert!(
            !page.contains(&format!("{}</bdi>", "x".repeat(150))) && !page.contains(&"y".repeat(1_000)),
            "a word is not cut"
        );
        seen += page.matches("&lt;script&gt;").count();
    }
    assert!(seen > 10, "{seen}");
}
