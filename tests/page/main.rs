//! The local page in a real browser: every view, in light and dark, narrow and wide, by keyboard, and with hostile
//! words in the traffic. Without a browser it says that it was not run; `HEELGUARD_BROWSER=required` makes that a failure.
//! With `HEELGUARD_PICTURES=FOLDER` it leaves a picture of every view there.

#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on stops, and says what was not run"
)]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod served;

use browser::Browser;
use served::Served;

/// Every view that needs no name of anything, and how many rows it has for the demonstration's day at least.
const VIEWS: [(&str, &str, u64); 11] = [
    ("alerts", "/", 25),
    ("alerts-filtered", "/?severity=high&sort=count", 3),
    ("principals", "/principals", 50),
    ("coverage", "/coverage", 20),
    ("keys", "/keys", 8),
    ("tokens", "/keys?show=tokens", 50),
    ("endpoints", "/endpoints", 20),
    ("openapi", "/openapi", 0),
    ("sensor", "/sensor", 12),
    ("counters", "/stats", 3),
    ("detectors", "/rules", 40),
];

/// What is wrong with a page for somebody who cannot see it well, or at all.
const LOOK: &str = include_str!("look.js");

#[test]
fn people_find_their_way_through_a_day() {
    let Some(mut browser) = Browser::open() else { return };
    let described =
        concat!("openapi.specs=[{file=\"", env!("CARGO_MANIFEST_DIR"), "/tests/page/acme.yaml\"}]");
    let demo = Served::start(&["demo", "--set", described], None);
    let mut views: Vec<(String, String)> =
        VIEWS.iter().map(|(name, path, _)| ((*name).to_owned(), (*path).to_owned())).collect();
    browser.look(1_280, false);
    for (name, path, least) in VIEWS {
        browser.go(&demo.at(path));
        let rows = browser.eval("document.querySelectorAll('tbody tr').length").as_u64().unwrap();
        assert!(rows >= least, "{name} has {rows} rows");
    }
    browser.go(&demo.at("/openapi"));
    let drift = "[...document.querySelectorAll('td .badge')].map(badge => badge.textContent).join()";
    let drift = browser.eval(drift).as_str().unwrap().to_owned();
    for state in ["answers without its credential", "not declared", "deprecated", "differs"] {
        assert!(drift.contains(state), "{state} is not among {drift}");
    }
    for (name, from, link) in [
        ("alert", "/?sort=severity", "td.story a"),
        ("principal", "/principals", "tbody th a"),
        ("key", "/keys", "tbody th a"),
        ("endpoint", "/endpoints", "tbody th a"),
        ("endpoint-with-a-hole", "/coverage", "tbody th a"),
        ("detector", "/rules", "tbody td a"),
    ] {
        browser.go(&demo.at(from));
        let path = browser.eval(&format!("document.querySelector('{link}').getAttribute('href')"));
        views.push((name.to_owned(), path.as_str().unwrap().to_owned()));
    }
    for (width, is_dark) in [(1_280, false), (1_280, true), (360, false), (2_560, false)] {
        browser.look(width, is_dark);
        for (name, path) in &views {
            browser.go(&demo.at(path));
            let wrong = browser.eval(LOOK);
            assert_eq!(wrong, serde_json::json!([]), "{name} at {width}, dark: {is_dark}");
            assert_eq!(browser.objections(), Vec::<String>::new(), "{name}");
            browser.picture(&format!("{name}-{width}{}", if is_dark { "-dark" } else { "" }));
        }
    }
    a_keyboard_is_enough(&mut browser, &demo);
    an_alert_is_acknowledged(&mut browser, &demo);
    a_script_that_got_in_would_not_run(&mut browser, &demo);
}

fn a_keyboard_is_enough(browser: &mut Browser, demo: &Served) {
    browser.go(&demo.at("/"));
    let focus = "document.activeElement.textContent.trim().slice(0, 40)";
    browser.press("Tab");
    assert_eq!(browser.eval(focus), "Skip to content");
    browser.press("Enter");
    assert_eq!(browser.eval("document.activeElement.id"), "content");
    // From there on the first thing that takes a key is of the content.
    browser.press("Tab");
    assert_eq!(browser.eval("document.activeElement.closest('main') !== null"), true);
    browser.eval("document.querySelector('input[type=search]').focus()");
    browser.write("nobody is called like this");
    browser.leave_by_key("Enter");
    assert!(browser.eval("document.body.innerText").as_str().unwrap().contains("No alert is like that"));
    assert_eq!(browser.objections(), Vec::<String>::new());
}

fn an_alert_is_acknowledged(browser: &mut Browser, demo: &Served) {
    browser.go(&demo.at("/?sort=severity"));
    browser.leave_by("document.querySelector('td.story a').click()");
    browser.eval("document.querySelector('.note input[name=note]').focus()");
    browser.write("<b>seen</b> by the night shift");
    browser.leave_by("document.querySelector('.note button').click()");
    let text = browser.eval("document.body.innerText");
    assert!(text.as_str().unwrap().contains("“<b>seen</b> by the night shift”"), "{text}");
    browser.go(&demo.at("/?state=acknowledged"));
    assert_eq!(browser.eval("document.querySelectorAll('td.story').length"), 1);
    assert_eq!(browser.objections(), Vec::<String>::new());
}

/// The policy is in force, and this test would hear of a page that breaks it.
fn a_script_that_got_in_would_not_run(browser: &mut Browser, demo: &Served) {
    browser.go(&demo.at("/"));
    browser.eval(
        "const script = document.createElement('script');\
         script.textContent = 'document.title = \"taken over\"'; document.body.append(script);",
    );
    assert_ne!(browser.eval("document.title"), "taken over");
    let objections = browser.objections();
    assert!(objections.iter().any(|text| text.contains("Content Security Policy")), "{objections:?}");
}

#[test]
fn hostile_words_of_traffic_stay_words() {
    let Some(mut browser) = Browser::open() else { return };
    let name = "\\u202e<img src=x onerror=alert(1)>\\\"'><script>alert(2)</script>\\u200b\\u05e9\\u05dc\\ud83d\\udc69";
    let traffic = include_str!("../cases/mfa-three-wrong-codes/traffic.txt");
    let hostile = traffic.replace("alice@example.com", name);
    assert_ne!(traffic, hostile);
    let served =
        Served::start(&["replay", "--serve", "a.pcap"], Some(&support::conversation::pcap(&hostile)));
    browser.look(1_280, false);
    let mut shown = 0;
    for (view, path, _) in VIEWS {
        browser.go(&served.at(path));
        let elements =
            browser.eval("document.querySelectorAll('script, img, [onerror], [style], iframe').length");
        assert_eq!(elements, 0, "{view}");
        assert_eq!(browser.objections(), Vec::<String>::new(), "{view}");
        let text = browser.eval("document.body.innerText").as_str().unwrap().to_owned();
        assert!(!text.contains(['\u{202e}', '\u{200b}']), "{view}");
        shown += text.matches("<script>alert(2)").count();
        browser.picture(&format!("hostile-{view}"));
    }
    assert!(shown > 0, "the name was not shown anywhere");
    browser.go(&served.at("/principals"));
    browser
        .leave_by("[...document.querySelectorAll('tbody th a')].find(a => a.href.includes('img')).click()");
    assert_eq!(browser.eval("document.querySelectorAll('script, img').length"), 0);
    assert_eq!(browser.objections(), Vec::<String>::new());
    browser.picture("hostile-principal");
}
