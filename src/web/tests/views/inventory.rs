//! What the views of the inventory say of stories: holes and who goes through them, and descriptions beside traffic.

use super::{get, of_ledger};
use crate::ledger::Ledger;
use crate::openapi::{Book, Config, File, Survey};
use crate::sinks::record::samples;
use crate::web::tests::on_loopback;
use crate::web::{Live, Shown};
use heelguard_detectors::story::transactions;
use heelguard_detectors::transaction::Transaction;
use std::sync::Arc;

/// People with a second factor read orders; programs come with what programs have.
const PEOPLE: &str =
    "09:00:00 203.0.113.{1..3} -> use GET /orders 200 user=u{1..3} session=s{1..3} proof=mfa has_mfa host=a.example x4
     09:10:00 10.0.0.7 -> use POST /token 200 user=u1 session=s1 proof=mfa has_mfa labels=token host=a.example";

fn page_of(story: &str, target: &str) -> String {
    let ledger = Ledger::default();
    let story = format!("{PEOPLE}\n{story}");
    transactions(&story).unwrap().iter().for_each(|tx: &Transaction| ledger.observe(tx));
    let (status, page) = get(&of_ledger(Arc::new(ledger), None), target);
    assert_eq!(status, 200, "{target}");
    page
}

#[test]
fn who_walks_around_stands_beside_the_holes_or_nowhere() {
    const WALKING: &str = "Keys and sessions that walk around</h2>";
    // Tokens are handed out for a key where people hand in a second factor: signing in is no use.
    let signing_in = page_of(
        "10:00:00 10.0.0.9 -> use POST /token 200 key=k1 proof=api_key labels=token host=a.example",
        "/coverage",
    );
    assert!(signing_in.contains("No hole was seen") && !signing_in.contains(WALKING), "{signing_in}");
    let hole =
        page_of("10:00:00 10.0.0.9 -> use GET /orders 200 key=k1 proof=api_key host=a.example", "/coverage");
    assert!(!hole.contains("No hole was seen") && hole.contains(WALKING), "{hole}");
    assert!(hole.contains("1 success by 1 key, beside 12 with a second factor"), "{hole}");
    assert!(hole.contains("<span class=\"badge small low\">hole</span>"), "{hole}");
    // Nobody proves one there and it only reads: no hole, and said to be none.
    let light = page_of(
        "10:00:00 10.0.0.9 -> use GET /prices 200 user=u1 key=k1 proof=api_key has_mfa host=a.example",
        "/coverage",
    );
    assert!(light.contains("No hole was seen") && light.contains("no hole, and worth knowing"), "{light}");
    let administers = page_of(
        "10:00:00 10.0.0.9 -> use POST /roles 200 user=u1 key=k1 proof=api_key has_mfa labels=role host=a.example",
        "/coverage",
    );
    assert!(administers.contains("has a second factor; nobody proved one here"), "{administers}");
    assert!(!administers.contains("No hole was seen"), "{administers}");
}

#[test]
fn who_searches_for_a_route_sees_routes() {
    let found = page_of("", "/coverage?q=orders");
    assert!(found.contains("/orders") && !found.contains("No hole was seen"), "{found}");
    assert!(page_of("", "/coverage?q=nothing").contains("None is like that"));
    let sorted = page_of(
        "10:00:00 10.0.0.9 -> use GET /prices 200 proof=none host=a.example x30",
        "/coverage?sort=calls",
    );
    assert!(sorted.find("/prices") < sorted.find("/orders"), "{sorted}");
}

#[test]
fn the_worst_route_comes_first_however_seldom_it_is_granted() {
    let story = "10:00:00 10.0.0.9 -> use GET /prices 200 proof=none host=a.example x90
                 10:00:00 10.0.0.9 -> use GET /orders 200 key=k1 proof=api_key host=a.example";
    let page = page_of(story, "/coverage");
    let (_, routes) = page.split_once("By route</h2>").unwrap();
    assert!(routes.find("/orders") < routes.find("/prices"), "{routes}");
}

#[test]
fn an_endpoint_names_its_callers_and_its_holes() {
    let story =
        "10:00:00 10.0.0.9 -> use GET /orders 200 user=u3 key=k1 proof=api_key has_mfa host=a.example x2";
    let page = page_of(story, "/endpoint?method=GET&host=a.example&route=%2Forders");
    let (_, callers) = page.split_once("Callers</h2>").unwrap();
    assert!(callers.find("user:u3") < callers.find("user:u1"), "who goes past a factor first: {callers}");
    for words in ["walked around here</h2>", "2 successes by 1 key", "second factor 12 (85.7 %)", "2xx 14"] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
}

#[test]
fn a_key_says_what_to_do_about_it() {
    let key_page = |story: &str| {
        let keys = page_of(story, "/keys");
        let (_, link) = keys.split_once("href=\"/keys/").unwrap();
        page_of(story, &format!("/keys/{}", &link[..32]))
    };
    let calm = key_page("10:00:00 10.0.0.9 -> use GET /prices 200 key=k1 proof=api_key host=a.example");
    assert!(calm.contains("Nothing presses.") && calm.contains("on 1 day;"), "{calm}");
    let around = key_page(
        "10:00:00 10.0.0.9 -> use GET /prices 200 user=u1 key=k1 proof=api_key has_mfa host=a.example",
    );
    assert!(around.contains("goes around its owner’s second factor.</b>"), "{around}");
    let shared =
        key_page("10:00:00 198.51.100.{1,2} -> use GET /prices 200 key=k1 proof=api_key host=a.example x2");
    assert!(shared.contains("from several networks within one hour.</b>"), "{shared}");
}

const SPEC: &str = r#"
openapi: 3.1.0
servers: [{url: "https://a.example"}]
components: {securitySchemes: {t: {type: http, scheme: bearer}}}
paths:
  /orders: {get: {security: [{t: []}]}}
  /old: {get: {deprecated: true}}
  /never: {get: {}}
"#;

#[test]
fn a_description_stands_beside_what_was_answered_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, SPEC).unwrap();
    let book = Arc::new(Book::read(&Config { specs: vec![File { file, hosts: Vec::new() }] }).unwrap().book);
    let (survey, ledger) = (Survey::default(), Ledger::default());
    survey.describe(Some(Arc::clone(&book)));
    let story = "10:00:00 203.0.113.7 -> use GET /orders 200 host=a.example proof=none x3
                 10:00:01 203.0.113.7 -> use GET /old 200 host=a.example
                 10:00:02 203.0.113.7 -> use GET /debug 200 host=a.example";
    for mut tx in transactions(story).unwrap() {
        book.compare(&mut tx);
        survey.observe(&tx);
        ledger.observe(&tx);
    }
    let shown = Shown {
        labels: samples::labels(),
        source: "a day".to_owned(),
        ledger: Arc::new(ledger),
        survey: Arc::new(survey),
        state_dir: None,
    };
    let door = on_loopback(Live::new(None).showing(shown));
    let (status, page) = get(&door, "/openapi");
    assert_eq!(status, 200);
    for words in [
        "3 answered without any credential; declared is <bdi>bearer</bdi>",
        "<span class=\"badge long critical\">answers without its credential</span>",
        "href=\"/endpoint?method=GET&amp;host=a.example&amp;route=%2Fdebug\"",
        "Move its callers, then switch it off.",
        "<span class=\"soft\">never called</span>",
    ] {
        assert!(page.contains(words), "{words} is not in {page}");
    }
    let (_, one) = get(&door, "/openapi?q=not%20declared");
    assert!(one.contains("/debug") && !one.contains("/never"), "{one}");
    let (_, endpoint) = get(&door, "/endpoint?method=GET&host=a.example&route=%2Fdebug");
    assert!(
        endpoint.contains("is missing in the API&#39;s own description, and granted one call"),
        "{endpoint}"
    );
}
