//! How something is found in long lists and pictures: searches that find nothing, lists that are cut, colours.

use super::super::{form, get, knock, live, of_ledger};
use super::{alert, run};
use crate::ledger::Ledger;
use crate::sinks::record::samples;
use crate::web::frame::STYLE;
use heelguard_detectors::alert::{Alert, AlertId, Severity};
use heelguard_detectors::story::transactions;
use std::sync::Arc;

#[test]
fn a_search_that_finds_nothing_says_so() {
    let live = of_ledger(run(), None);
    for path in ["/principals", "/endpoints", "/coverage", "/keys"] {
        let (_, page) = get(&live, &format!("{path}?q=nobody+is+called+like+this"));
        assert!(page.contains("None is like that"), "{path}: {page}");
        assert!(!get(&live, path).1.contains("None is like that"), "{path}");
    }
}

#[test]
fn a_list_that_is_cut_says_how_much_more_there_is_and_leads_there() {
    let ledger = Ledger::default();
    let story = |host: u32| {
        format!(
            "08:00:00 203.0.113.7 -> use GET /x 200 user=ann session=s1 proof=mfa host=h{host}.example.com\n"
        )
    };
    let lines: String = (0..130).map(story).collect();
    transactions(&lines).unwrap().iter().for_each(|tx| ledger.observe(tx));
    for id in 0..140 {
        ledger.alert(&alert(id + 1, Severity::Low, "again"));
    }
    let live = of_ledger(Arc::new(ledger), None);
    let rows = |target: &str| get(&live, target).1.matches("<td class=\"story\">").count();
    let (_, alice) = get(&live, "/principal?id=user:alice@example.com");
    let more = "40 more are not shown here: <a href=\"/?about=user:alice@example.com\">all 140</a>";
    assert!(alice.contains(more), "{alice}");
    let all = "/?about=user:alice@example.com";
    assert_eq!(rows(all) + rows(&format!("{all}&page=2")), 140);
    let (_, coverage) = get(&live, "/coverage");
    let more = "30 more are not shown here: <a href=\"/coverage?show=hosts\">all 130</a>";
    assert!(coverage.contains(more), "{coverage}");
    let (_, hosts) = get(&live, "/coverage?show=hosts");
    assert_eq!(hosts.matches("<th scope=\"row\">").count(), 130);
    assert!(!hosts.contains("more are not shown"), "{hosts}");
}

#[test]
fn the_answer_to_a_form_has_no_link_that_leads_nowhere() {
    let live = live(&[samples::alert()]);
    let path = format!("/alerts/{}/acknowledge", AlertId(1));
    let response = knock(&live, &form(&path, "token=none"));
    assert_eq!(response.status(), 403);
    let page = super::super::body(response);
    // An empty address is that of the form, which can only be sent to.
    assert!(!page.contains("href=\"\"") && page.contains("To the alerts"), "{page}");
    assert!(get(&live, "/").1.contains("href=\"\""), "a page can be loaded again");
}

#[test]
fn a_part_of_a_picture_says_what_it_is() {
    let (_, coverage) = get(&of_ledger(run(), None), "/coverage");
    assert!(coverage.contains("<title>static key 25 %</title></rect>"), "{coverage}");
    assert_eq!(coverage.matches("Static key</th>").count(), 2, "a column in both tables");
    assert!(
        coverage.contains("75.0 %</td><td class=\"number\">25.0 %</td><td class=\"number soft\">0.0 %"),
        "{coverage}"
    );
}

/// Relative luminance, as WCAG 2.2 defines it.
fn luminance(colour: &str) -> f64 {
    let digits = colour.strip_prefix('#').unwrap();
    let each = digits.len() / 3;
    let channel = |place: usize| {
        let part = digits[place * each..(place + 1) * each].repeat(2 / each);
        let value = f64::from(u8::from_str_radix(&part, 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn colours_of_proofs_stand_out_and_the_two_that_matter_differ_in_lightness() {
    let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
    for (look, sheet) in [("light", light), ("dark", dark)] {
        let colour = |name: &str| {
            let (_, rest) = sheet.split_once(&format!("--{name}: ")).unwrap();
            rest.split(';').next().unwrap().to_owned()
        };
        for proof in ["mfa", "certificate", "password", "service", "key", "none", "unknown"] {
            let contrast = contrast(&colour(proof), &colour("card"));
            assert!(contrast >= 3.0, "{proof} on a card, {look}: {contrast:.2}");
        }
        let apart = contrast(&colour("mfa"), &colour("key"));
        assert!(apart >= 2.5, "second factor and static key, {look}: {apart:.2}");
    }
}

#[test]
fn nobody_has_to_be_found_in_an_empty_list() {
    let about_nobody = Alert { principal: None, ..samples::alert() };
    let (_, page) = get(&live(&[about_nobody]), "/?about=user:nobody");
    assert!(page.contains("No alert is like that") && page.contains("About anybody"), "{page}");
}

#[test]
fn a_page_that_is_left_open_loads_itself_again_if_one_wishes() {
    let live = live(&[samples::alert()]);
    for path in ["/", "/sensor", "/principals", "/keys"] {
        let (_, once) = get(&live, path);
        assert!(!once.contains("http-equiv") && once.contains("href=\"?every=10\">every 10 s</a>"), "{path}");
        let (_, again) = get(&live, &format!("{path}?q=a&every=60"));
        assert!(again.contains("<meta http-equiv=\"refresh\" content=\"60\">"), "{path}");
        assert!(again.contains("href=\"?q=a\">no more</a>"), "{path}: {again}");
        for wrong in ["0", "1", "060", "-1", "x", "10;url=//evil.example"] {
            assert!(!get(&live, &format!("{path}?every={wrong}")).1.contains("http-equiv"), "{path} {wrong}");
        }
    }
    // Somebody may be writing there.
    assert!(!get(&live, &format!("/alerts/{}?every=10", samples::alert().id)).1.contains("http-equiv"));
}
