//! Stories of keys: how they age, who follows whom, what they need.

use super::told;
use crate::ledger::Ledger;
use crate::ledger::credential::Credential;
use crate::ledger::gaps::Weight;
use crate::ledger::passport::passports;
use crate::ledger::scope::Scope;
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::story::transactions;
use std::sync::Arc;

/// The fingerprint of a story's key.
fn key(name: &str) -> Fingerprint {
    let story = format!("10:00:00 203.0.113.7 -> use GET /a 200 key={name}");
    transactions(&story).unwrap()[0].credentials[0].fingerprint
}

/// Who followed whom in a story, by names of keys, and whether it is sure.
fn followed(story: &str, names: &[&'static str]) -> Vec<(&'static str, &'static str, bool)> {
    let ledger = told(story);
    let now = ledger.overview().span.unwrap().1;
    let credentials = ledger.credentials();
    let name_of = |fingerprint| names.iter().copied().find(|name| key(name) == fingerprint).unwrap_or("?");
    let all = passports(&credentials, now);
    for of in &all {
        let back = |other| all.iter().find(|it| it.of.fingerprint == other).unwrap().replaces.unwrap().other;
        assert!(of.replaced_by.is_none_or(|by| back(by.other) == of.of.fingerprint), "seen from both sides");
    }
    all.iter()
        .filter_map(|of| of.replaced_by.map(|by| (name_of(of.of.fingerprint), name_of(by.other), by.is_sure)))
        .collect()
}

fn row(ledger: &Ledger, name: &str) -> Arc<Credential> {
    ledger.credential(key(name)).unwrap()
}

#[test]
fn a_passport_tells_age_days_devices_bytes_and_sharing() {
    let ledger = told(
        "09:00:00 203.0.113.7 -> use GET /orders/1 200 service=copy key=k1 proof=api_key route=/orders/{id} device=abcd issued
         09:00:10 198.51.100.9 -> use DELETE /admin/users/2 204 service=copy key=k1 proof=api_key route=/admin/users/{id} labels=admin device=wxyz
         09:00:20 198.51.100.9 -> use GET /admin/keys 403 service=copy key=k1 proof=api_key labels=admin
         100d+09:00:00 203.0.113.7 -> use GET /orders/1 200 service=copy key=k1 proof=api_key route=/orders/{id} device=abcd
         102d+09:00:00 203.0.113.7 -> use GET /health 200",
    );
    let now = ledger.overview().span.unwrap().1;
    let credentials = ledger.credentials();
    let all = passports(&credentials, now);
    let [of] = all.as_slice() else { panic!("{}", all.len()) };
    assert_eq!((of.age_days, of.is_old(), of.idle_days), (102, true, 2));
    let lasting = of.lasting;
    assert_eq!((lasting.days.active, lasting.days.dormant, lasting.days.longest_pause), (2, 99, 99));
    assert_eq!((lasting.at_once.networks.count, lasting.at_once.devices.count), (2, 2));
    assert_eq!((lasting.devices.len(), of.of.addresses.len(), of.of.privileged), (2, 2, 1));
    assert!(lasting.issued.is_some());
    assert!((of.refused_pct() - 25.0).abs() < 1e-9);
    assert!((of.replaced_by, of.replaces) == (None, None));
}

#[test]
fn ninety_days_are_old_and_a_day_less_is_not() {
    for (days, is_old) in [(89, false), (90, true)] {
        let ledger = told(&format!(
            "09:00:00 203.0.113.7 -> use GET /a 200 key=k1\n{days}d+09:00:00 203.0.113.7 -> use GET /a 200 key=k1"
        ));
        let credentials = ledger.credentials();
        let now = ledger.overview().span.unwrap().1;
        assert_eq!(passports(&credentials, now)[0].is_old(), is_old, "{days}");
    }
}

#[test]
fn what_a_key_needs_is_what_it_was_granted() {
    let ledger = told(
        "09:00:00 203.0.113.7 -> use POST /orders 201 key=k1 proof=api_key x3
         09:00:10 203.0.113.7 -> use GET /orders 200 key=k1 proof=api_key
         09:00:20 203.0.113.7 -> use GET /export 200 key=k1 proof=api_key labels=export
         09:00:30 203.0.113.7 -> use GET /admin/keys 403 key=k1 proof=api_key labels=admin",
    );
    let of = row(&ledger, "k1");
    let scope = Scope::of(&of);
    let told: Vec<_> =
        scope.grants.iter().map(|it| (it.method, it.route, it.success, it.writes, it.weight)).collect();
    assert_eq!(
        told,
        [
            ("GET", "/export", 1, false, Weight::Privileged),
            ("GET", "/orders", 1, false, Weight::Reads),
            ("POST", "/orders", 3, true, Weight::Changes),
        ]
    );
    assert_eq!((scope.refused, scope.forgotten), (1, 0));
    let many = told_many(60);
    let of = row(&many, "k1");
    let scope = Scope::of(&of);
    assert_eq!((scope.grants.len(), scope.forgotten), (48, 12), "a list that is not whole says so");
}

fn told_many(routes: u32) -> Ledger {
    told(&format!("09:00:00 203.0.113.7 -> use GET /r{{1..{routes}}} 200 key=k1 proof=api_key"))
}

/// A key that worked for ten days, an hour apart; the next lines tell what came then.
const OLD: &str =
    "09:00:00 203.0.113.7 -> use GET /{a,b,c,d} 200 service=copy key=old proof=api_key every 1h x240\n";

#[test]
fn the_key_that_takes_over_the_routes_of_its_owners_silent_one_follows_it() {
    let new =
        "11d+09:00:00 203.0.113.7 -> use GET /{a,b,c,d} 200 service=copy key=new proof=api_key every 1h x72";
    assert_eq!(followed(&format!("{OLD}{new}"), &["old", "new"]), [("old", "new", true)]);
    // Refusals of the old one, which some host still tries, are no use of it.
    let late = "13d+09:00:00 203.0.113.8 -> use GET /a 401 service=copy key=old proof=api_key x9";
    assert_eq!(followed(&format!("{OLD}{new}\n{late}"), &["old", "new"]), [("old", "new", true)]);
    // Half of the routes are enough to be told, not to be sure; a quarter is not.
    let half = new.replace("{a,b,c,d}", "{a,b,x,y}");
    assert_eq!(followed(&format!("{OLD}{half}"), &["old", "new"]), [("old", "new", false)]);
    let quarter = new.replace("{a,b,c,d}", "{a,x,y,z}");
    assert_eq!(followed(&format!("{OLD}{quarter}"), &["old", "new"]), []);
}

#[test]
fn a_key_that_goes_on_or_only_rests_has_no_successor() {
    let new =
        "11d+09:00:00 203.0.113.7 -> use GET /{a,b,c,d} 200 service=copy key=new proof=api_key every 1h x72";
    let both = "12d+09:00:00 203.0.113.7 -> use GET /a 200 service=copy key=old proof=api_key every 1h x48";
    assert_eq!(followed(&format!("{OLD}{new}\n{both}"), &["old", "new"]), [], "it goes on");
    let soon = new.replace("11d+09", "9d+23").replace("x72", "x10");
    assert_eq!(followed(&format!("{OLD}{soon}"), &["old", "new"]), [], "a few hours are no silence");
    let paused = OLD.replace("every 1h x240", "every 4d x4");
    assert_eq!(
        followed(&format!("{paused}{}", new.replace("11d", "13d")), &["old", "new"]),
        [],
        "it rests as it did before"
    );
    let late = new.replace("11d", "30d");
    assert_eq!(followed(&format!("{OLD}{late}"), &["old", "new"]), [], "too late to be its successor");
}

#[test]
fn keys_of_others_do_not_follow_and_without_an_owner_a_network_must_be_shared() {
    let new = "11d+09:00:00 198.51.100.9 -> use GET /{a,b,c,d} 200 service=other key=new proof=api_key every 1h x72";
    assert_eq!(followed(&format!("{OLD}{new}"), &["old", "new"]), []);
    let nobody = |story: &str| story.replace("service=copy ", "").replace("service=other ", "");
    assert_eq!(followed(&nobody(&format!("{OLD}{new}")), &["old", "new"]), []);
    let near = nobody(&format!("{OLD}{}", new.replace("198.51.100.9", "203.0.113.7")));
    assert_eq!(followed(&near, &["old", "new"]), [("old", "new", false)], "and it is never sure");
}

#[test]
fn each_key_follows_one_and_is_followed_by_one() {
    let one = |name: &str, day: u32, routes: &str| {
        format!(
            "{day}d+09:00:00 203.0.113.7 -> use GET /{routes} 200 service=copy key={name} proof=api_key every 1h x48\n"
        )
    };
    let story =
        [one("a", 0, "{a,b}"), one("b", 3, "{a,b}"), one("c", 3, "{a,x}"), one("d", 6, "{a,b}")].concat();
    let quiet = "12d+09:00:00 203.0.113.7 -> use GET /health 200";
    assert_eq!(
        {
            let mut told = followed(&format!("{story}{quiet}"), &["a", "b", "c", "d"]);
            told.sort_unstable();
            told
        },
        [("a", "b", true), ("b", "d", true)]
    );
}
