//! What somebody must see at first: what nobody has looked at, what succeeded, whom it leads to, and that the sensor is
//! blind.

use super::super::{form, get, hidden, knock, live, of_ledger};
use super::{alert, run};
use crate::ledger::Ledger;
use crate::metrics::InterfaceRow;
use crate::openapi::Survey;
use crate::sinks::record::samples;
use crate::sinks::status::{State, Status as SinkStatus};
use crate::web::Moment;
use crate::web::ask::Pairs;
use crate::web::notes::Notes;
use crate::web::views::{Sight, alerts};
use heelguard_detectors::alert::{Alert, AlertId, Fact, Scope, Severity, Status, Subject};
use std::sync::Arc;

#[test]
fn an_acknowledgement_does_not_hide_an_episode_that_grows() {
    let ledger = Arc::new(Ledger::default());
    let small = Alert { severity: Severity::Low, count: 3, ..samples::alert() };
    ledger.alert(&small);
    let live = of_ledger(Arc::clone(&ledger), None);
    let rows = |target: &str| get(&live, target).1.matches("<td class=\"story\">").count();
    let path = format!("/alerts/{}", small.id);
    assert!(get(&live, "/").1.contains("<b>1 needs a look:</b> 1 low."));
    assert!(get(&live, "/").1.contains(">nobody has looked</b>"));
    let filled = hidden(&live, &path);
    assert_eq!(knock(&live, &form(&format!("{path}/acknowledge"), &filled)).status(), 303);
    assert_eq!((rows("/?state=new"), rows("/?state=acknowledged")), (0, 1));
    let (_, calm) = get(&live, "/");
    assert!(
        calm.contains("Nothing needs a look") && calm.contains("acknowledged at 3 events</span>"),
        "{calm}"
    );

    ledger.alert(&Alert { rev: 2, severity: Severity::Critical, count: 10_000, ..small });
    assert_eq!((rows("/?state=new"), rows("/?state=acknowledged")), (1, 0));
    let (_, grown) = get(&live, "/");
    assert!(grown.contains("<b>1 needs a look:</b> 1 critical."), "{grown}");
    assert!(grown.contains("<b class=\"critical\">1 of 1</b>"), "{grown}");
    for page in [grown, get(&live, &path).1] {
        assert!(
            page.contains("<b>acknowledged at 3 events when it was low, 9\u{2009}997 since</b>"),
            "{page}"
        );
    }
}

#[test]
fn what_nobody_has_looked_at_stands_first_then_the_worst() {
    let over = Alert { status: Status::Closed, ..alert(1, Severity::Critical, "seen already") };
    let live = live(&[
        alert(2, Severity::Low, "a small one"),
        over,
        alert(3, Severity::High, "a large one"),
        alert(4, Severity::Info, "by the way"),
    ]);
    let filled = hidden(&live, &format!("/alerts/{}", AlertId(1)));
    let path = format!("/alerts/{}/acknowledge", AlertId(1));
    assert_eq!(knock(&live, &form(&path, &filled)).status(), 303);
    let (_, page) = get(&live, "/");
    let places: Vec<_> =
        ["a large one", "a small one", "by the way", "seen already"].map(|words| page.find(words)).to_vec();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    assert!(page.contains("<b>2 need a look:</b> 1 high, 1 low."), "{page}");
    assert!(
        page.contains("<b class=\"critical\">0 of 1</b>") && page.contains("<b class=\"low\">1 of 1</b>")
    );
    assert!(page.contains("<b>going on</b>") && page.contains("over since 10:03"), "{page}");
    let (_, worst_first) = get(&live, "/?sort=severity");
    assert!(worst_first.find("seen already") < worst_first.find("a large one"));
}

/// A page of alerts of this moment.
fn first_page(ledger: &Ledger, moment: &Moment) -> String {
    let (notes, asked) = (Notes::default(), Pairs::default());
    let sight =
        Sight { ledger, survey: &Survey::default(), notes: &notes, moment, asked: &asked, source: "eth0" };
    alerts::page(&sight).content.into_string()
}

#[test]
fn a_sensor_that_is_blind_says_so_above_the_alerts() {
    let ledger = Ledger::default();
    let well = || {
        let mut moment = Moment { is_over: false, ..Moment::default() };
        moment.rows.interfaces =
            vec![InterfaceRow { name: "eth0".to_owned(), up: true, ..Default::default() }];
        moment.rows.troubles = vec![("one_way", false)];
        moment
    };
    assert!(!first_page(&ledger, &well()).contains("class=\"blind\""));
    let down = SinkStatus {
        sink: "kafka".to_owned(),
        lane: "alerts",
        state: State::Down,
        counters: crate::metrics::SinkCounters::default(),
        waiting: 7,
        oldest_s: 0.0,
        retries: 0,
        refused: 0,
        corrupt: 0,
        lag_p50_s: 0.0,
        lag_p99_s: 0.0,
        trouble: None,
    };
    let mut moments = [(); 5].map(|()| well());
    let [interface, sink, account, kernel, trouble] = &mut moments;
    interface.rows.interfaces[0].up = false;
    sink.sinks.push(down);
    account.counters.packets.read = 3;
    account.is_over = true;
    kernel.counters.live.received = 1_000;
    kernel.counters.live.kernel_dropped = 5;
    trouble.rows.troubles[0].1 = true;
    let words = [
        "Interface <bdi>eth0</bdi> is down",
        "Sink <bdi>kafka</bdi> (alerts) is down: 7 records wait",
        "The accounts do not add up",
        "The kernel dropped 5 packets (0.5 %)",
        "The mirror: one way.",
    ];
    for (moment, words) in moments.iter().zip(words) {
        let page = first_page(&ledger, moment);
        assert!(page.contains("class=\"blind\"") && page.contains(words), "{words} is not in {page}");
        assert!(page.contains("href=\"/sensor\"") && page.contains("which says little"), "{page}");
    }
    ledger.alert(&samples::alert());
    let page = first_page(&ledger, &moments[0]);
    assert!(page.find("class=\"blind\"") < page.find("class=\"cards\""), "above what was raised: {page}");
}

/// A critical alert about an address, another about a host that is called like Ann.
fn sources() -> [Alert; 2] {
    let about = |scope, value: &str| Subject { scope, value: value.into() };
    let of = |id, subject| Alert { subject, principal: None, ..alert(id, Severity::Critical, "many logins") };
    [of(1, about(Scope::Client, "105.4.252.170")), of(2, about(Scope::Service, "user:ann"))]
}

#[test]
fn a_source_of_alerts_has_a_page_and_a_name_is_looked_at_by_its_scope() {
    let ledger = run();
    for alert in &sources() {
        ledger.alert(alert);
    }
    let live = of_ledger(ledger, None);
    let link = "href=\"/principal?id=anonymous:105.4.252.170\"";
    let (_, principals) = get(&live, "/principals");
    let (_, row) = principals.split_once(link).unwrap();
    assert!(row.split("</tr>").next().unwrap().contains("1 critical"), "{principals}");
    assert_eq!(principals.matches("1 critical").count(), 1, "the host is not Ann");
    assert!(!principals.contains("</span> <span class=\"soft\">of "), "all of them are as bad");
    let (status, source) = get(&live, "/principal?id=anonymous:105.4.252.170");
    assert!(status == 200 && source.contains("many logins"), "{source}");
    assert!(!get(&live, "/principal?id=user:ann").1.contains("many logins"));
    assert!(get(&live, "/").1.contains(link), "the list leads there");
    let (_, page) = get(&live, &format!("/alerts/{}", AlertId(1)));
    assert!(page.contains(link) && page.contains("href=\"/?q=203.0.113.7\""), "{page}");
    assert!(page.contains("href=\"/endpoints?q=POST%20api.example.com%20%2Fmfa%2Fverify\""), "{page}");
    let rows = |target: &str| get(&live, target).1.matches("<td class=\"story\">").count();
    assert_eq!((rows("/?about=anonymous:105.4.252.170"), rows("/?about=user:ann")), (1, 0));
}

#[test]
fn among_alerts_about_somebody_only_the_worst_are_called_so() {
    let live = live(&[
        alert(1, Severity::Critical, "a"),
        alert(2, Severity::Low, "b"),
        alert(3, Severity::Low, "c"),
    ]);
    let (_, principals) = get(&live, "/principals");
    let badge = "<span class=\"badge critical\">1 critical</span> <span class=\"soft\">of 3</span>";
    assert!(principals.contains(badge), "{principals}");
}

#[test]
fn a_row_names_the_owner_of_a_key_and_the_source_of_what_was_forged() {
    let of = |id, scope, value: &str| Alert {
        subject: Subject { scope, value: value.into() },
        ..alert(id, Severity::Critical, "a story")
    };
    let who = |alert: Alert| {
        let (_, page) = get(&live(&[alert]), "/");
        page.split("<td class=\"actor\">").nth(1).unwrap().split("</td>").next().unwrap().to_owned()
    };
    let alice = "<a href=\"/principal?id=user:alice@example.com\"><bdi>alice<wbr>@example<wbr>.com</bdi></a>";
    assert_eq!(who(of(1, Scope::Credential, "5b0e5b0e5b0e5b0e5b0e5b0e5b0e5b0e (role)")), alice);
    assert_eq!(who(of(1, Scope::Endpoint, "POST api.example.com /login")), alice);
    assert_eq!(who(samples::alert()), alice);
    let source = "<a href=\"/principal?id=anonymous:198.51.100.9\"><bdi>198.51.100.9</bdi></a>";
    assert_eq!(who(of(1, Scope::Client, "198.51.100.9")), source, "not the account whose name was forged");
}

#[test]
fn an_alert_page_goes_from_what_happened_to_what_else_it_may_be() {
    let mut seen = samples::alert();
    seen.facts.push(("guess_odds_pct", Fact::Number(0.0009)));
    seen.facts.push(("even_odds_after_h", Fact::Number(465.1)));
    let (_, page) = get(&live(std::slice::from_ref(&seen)), &format!("/alerts/{}", seen.id));
    let heads = [
        "<h1 class=\"message\">",
        "Did it succeed? <b class=\"refused\">No:</b>",
        "<b>Do:</b>",
        "<form class=\"note\"",
        "Who and from where</h2>",
        "<h2>Evidence</h2>",
        "<h2>What else it may be</h2>",
    ];
    let places = heads.map(|head| page.find(head));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {page}");
    assert!(page.contains("<bdi>0.0009</bdi>") && page.contains("<bdi>465.1</bdi>"), "{page}");
}

#[test]
fn which_locks_hold_and_which_do_not_stands_with_the_sensor() {
    let live = |locks| {
        let mut live = super::super::live(&[]);
        let open = Arc::get_mut(&mut live.live).unwrap();
        *open = std::mem::take(open).locked(locks);
        live
    };
    assert!(
        !get(&live(vec![]), "/sensor").1.contains("<h2>Locks</h2>"),
        "a run that took nothing from itself"
    );
    let (_, page) = get(&live(vec![("seccomp", true), ("no_new_privs", false)]), "/sensor");
    assert!(page.contains("seccomp</th><td>holds</td>"), "{page}");
    assert!(page.contains("no new privs</th><td><b class=\"high\">open</b></td>"), "{page}");
}
