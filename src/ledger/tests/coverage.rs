//! Stories of routes where something walks around a second factor, and of their innocent twins.

use super::told;
use crate::ledger::coverage::Coverage;
use crate::ledger::gaps::{Gap, Weight};
use crate::ledger::visited::Way;
use heelguard_detectors::identity::ProofLevel;

/// People with a second factor on a route.
const PEOPLE: &str =
    "09:00:00 203.0.113.{1..12} -> use GET /orders 200 user=u{1..12} session=s{1..12} proof=mfa has_mfa x2";

fn of(story: &str) -> Coverage {
    told(&format!("{PEOPLE}\n{story}")).coverage()
}

fn holes(story: &str) -> Vec<(Way, u64, u64)> {
    of(story).gaps.iter().map(|gap| (gap.way, gap.granted, gap.callers)).collect()
}

#[test]
fn a_key_that_succeeds_where_sessions_carry_a_second_factor_is_a_hole_with_its_numbers() {
    let coverage =
        of("10:00:00 198.51.100.9 -> use GET /orders 200 user=ann key=k{1,2} proof=api_key has_mfa x4");
    let [gap] = coverage.gaps.as_slice() else { panic!("{:?}", coverage.gaps) };
    assert_eq!(
        gap.evidence(),
        "4 successes by 2 keys, beside 24 with a second factor by 12 sessions of 12 accounts; 4 for an account that has one"
    );
    assert_eq!((gap.weight, gap.owners, gap.by.len()), (Weight::Reads, 1, 2));
}

#[test]
fn routes_of_programs_public_routes_and_health_checks_are_none() {
    // No session is seen beside the key.
    assert_eq!(holes("10:00:00 198.51.100.9 -> use POST /events 204 key=k1 proof=api_key x9"), []);
    // Everybody is served, people with sessions among them.
    assert_eq!(holes("10:00:00 198.51.100.{1..9} -> use GET /orders 200 proof=none"), []);
    assert_eq!(holes("10:00:00 10.0.0.9 -> use GET /health 200 proof=none x50"), []);
    // It only names the program beside somebody's session.
    assert_eq!(
        holes("10:00:00 203.0.113.1 -> use GET /orders 200 user=u1 session=s1 key=app proof=mfa has_mfa x9"),
        []
    );
    // It was refused.
    assert_eq!(holes("10:00:00 198.51.100.9 -> use GET /orders 403 key=k1 proof=api_key x9"), []);
    // What is not known counts for nothing.
    assert_eq!(holes("10:00:00 198.51.100.9 -> use GET /orders 200 bearer=b1 proof=unknown x9"), []);
    // Signing in is no use.
    let login = "labels=login proof=api_key key=k1";
    let factor = "labels=login user=u1 session=s1 proof=mfa has_mfa";
    let both = format!(
        "10:00:00 10.0.0.9 -> use POST /in 200 {login}\n10:00:01 10.0.0.9 -> use POST /in 200 {factor}"
    );
    assert_eq!(holes(&both), []);
}

#[test]
fn a_key_of_an_account_with_a_factor_is_a_hole_where_one_administers_though_nobody_proves_one_there() {
    let key = |more: &str| {
        format!("10:00:00 198.51.100.9 -> use POST /roles 200 user=ann key=k1 proof=api_key {more} x5")
    };
    let coverage = of(&key("has_mfa labels=role"));
    let [gap] = coverage.gaps.as_slice() else { panic!("{:?}", coverage.gaps) };
    assert_eq!(
        gap.evidence(),
        "5 successes by 1 key for an account that has a second factor; nobody proved one here"
    );
    assert_eq!((gap.way, gap.weight, gap.granted, gap.around), (Way::Key, Weight::Privileged, 5, 5));
    // An account without a factor, a program, a route that only reads.
    assert_eq!(holes(&key("labels=role")), []);
    assert_eq!(holes("10:00:00 198.51.100.9 -> use POST /roles 200 key=k1 proof=api_key labels=role x5"), []);
    assert_eq!(holes(&key("has_mfa")), []);
    // A program's key beside it is how it should be, and counts for nothing.
    let beside = "10:00:01 198.51.100.9 -> use POST /roles 200 key=k2 proof=api_key labels=role x9";
    assert_eq!(holes(&format!("{}\n{beside}", key("has_mfa labels=role"))), [(Way::Key, 5, 1)]);
}

#[test]
fn a_password_is_a_hole_where_one_administers_if_its_account_could_prove_more() {
    let by =
        |proof: &str| format!("10:00:00 198.51.100.9 -> use POST /roles 200 user=bob {proof} labels=role x3");
    assert_eq!(holes(&by("basic proof=password has_mfa")), [(Way::Basic, 3, 1)]);
    assert_eq!(holes(&by("session=s99 proof=password has_mfa")), [(Way::Password, 3, 1)]);
    assert_eq!(holes(&by("basic proof=password")), []);
    assert_eq!(holes(&by("session=s99 proof=password")), []);
    assert_eq!(holes(&by("session=s99 proof=mfa has_mfa")), []);
    assert_eq!(holes("10:00:00 198.51.100.9 -> use POST /roles 200 proof=none labels=role x3"), []);
}

#[test]
fn one_anonymous_success_in_twenty_is_a_hole_and_one_more_makes_the_route_public() {
    // 24 successes with a second factor: one of 25, then two of 26.
    assert_eq!(holes("10:00:00 198.51.100.1 -> use GET /orders 200 proof=none"), [(Way::Anonymous, 1, 1)]);
    assert_eq!(holes("10:00:00 198.51.100.{1,2} -> use GET /orders 200 proof=none x2"), []);
}

#[test]
fn a_password_every_time_is_a_hole_and_beside_a_session_it_is_a_proxys() {
    let basic = "10:00:00 198.51.100.9 -> use GET /orders 200 user=bob basic proof=password x3";
    assert_eq!(holes(basic), [(Way::Basic, 3, 1)]);
    let beside =
        "10:00:00 198.51.100.9 -> use GET /orders 200 user=bob basic session=s99 proof=mfa has_mfa x3";
    assert_eq!(holes(beside), []);
}

#[test]
fn a_key_that_was_given_for_a_password_is_a_key() {
    let given = "10:00:00 198.51.100.9 -> use GET /orders 200 user=bob key=k1 proof=password x3";
    assert_eq!(holes(given), [(Way::Key, 3, 1)]);
    let beside =
        "10:00:00 198.51.100.9 -> use GET /orders 200 user=b{1,2} key=k1 session=s{98,99} proof=password x2";
    assert_eq!(holes(beside), []);
}

#[test]
fn a_session_without_a_factor_walks_around_where_its_account_has_one_or_nearly_all_prove_one() {
    let past = "10:00:00 198.51.100.9 -> use GET /orders 200 user=bob session=s99 proof=password";
    assert_eq!(holes(&format!("{past} has_mfa x3")), [(Way::Password, 3, 1)]);
    // 12 accounts prove one: with one that does not they are 92 %, with two 86 %.
    assert_eq!(holes(past), [(Way::Password, 1, 1)]);
    let two = "10:00:00 198.51.100.9 -> use GET /orders 200 user=b{1,2} session=s{98,99} proof=password x2";
    assert_eq!(holes(two), []);
}

#[test]
fn the_heaviest_route_comes_first_then_the_one_with_most_callers() {
    let with = |labels: &str, path: &str, keys: u32| {
        format!(
            "10:00:00 203.0.113.1 -> use GET {path} 200 user=u1 session=s1 proof=mfa {labels}
             10:00:01 198.51.100.9 -> use GET {path} 200 key=k{{1..{keys}}} proof=api_key {labels}\n"
        )
    };
    let story = [
        with("", "/a", 1),
        with("", "/b", 3),
        with("labels=payment", "/c", 1),
        with("labels=admin", "/d", 1),
    ];
    let order = |story: &str| -> Vec<String> {
        told(story).coverage().gaps.iter().map(|gap: &Gap| gap.endpoint.route.to_string()).collect()
    };
    assert_eq!(order(&story.concat()), ["/d", "/c", "/b", "/a"]);
    let back: String = story.iter().rev().map(String::as_str).collect();
    assert_eq!(order(&back), ["/d", "/c", "/b", "/a"], "whatever came first");
}

#[test]
fn the_map_adds_methods_up_to_routes_and_routes_to_hosts() {
    let coverage = of("10:00:00 198.51.100.9 -> use POST /orders 201 key=k1 proof=api_key x6
         10:00:00 198.51.100.9 -> use GET /prices 200 bearer=b1 proof=unknown x10");
    let shares: Vec<_> = coverage
        .routes
        .iter()
        .map(|of| (&*of.route, of.methods.len(), of.successes(), of.percent(ProofLevel::Mfa)))
        .collect();
    assert_eq!(shares, [("/orders", 2, 30, 80.0), ("/prices", 1, 10, 0.0)]);
    let [host] = coverage.hosts.as_slice() else { panic!("{:?}", coverage.hosts) };
    assert_eq!((host.percent(ProofLevel::Unknown), host.percent(ProofLevel::ApiKey)), (25.0, 15.0));
    assert_eq!(coverage.endpoints.len(), 3);
    assert!(coverage.gaps.is_empty(), "people read orders and programs write them");
}
