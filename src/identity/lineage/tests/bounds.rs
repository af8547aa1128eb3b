//! The memory is bounded, a flood of strangers does not push out those in use, and its size is what the page says.

use super::*;
use crate::identity::lineage::handles::Held;
use heelguard_detectors::identity::Principal;

fn memory(handles_max: usize, accounts_max: usize) -> Lineage {
    Lineage::new(&LineageConfig { handles_max, accounts_max, ..LineageConfig::default() })
}

#[test]
fn a_flood_of_new_names_and_sessions_leaves_those_in_use_alone() {
    let mut lineage = memory(100, 100);
    let mut see = |step: Sighting| lineage.attribute(step).principal;
    for n in 0..20 {
        let session = format!("s{n}");
        see(login(API, &format!("user{n}"), LoginOutcome::Success)
            .issues(HandleKind::Session, &session)
            .at(n));
        see(step(API, Activity::Use).presents(HandleKind::Session, &session).at(n + 600));
    }
    for n in 0..1000 {
        let session = format!("f{n}");
        see(login(API, &format!("flood{n}"), LoginOutcome::Success)
            .issues(HandleKind::Session, &session)
            .at(700));
    }
    let known = |principal: Principal| principal.kind == PrincipalKind::User;
    let left = (0..20)
        .filter(|n| {
            known(see(step(API, Activity::Use).presents(HandleKind::Session, &format!("s{n}")).at(701)))
        })
        .count();
    assert_eq!(left, 20);
    let evicted = lineage.evicted();
    assert_eq!((evicted.handles, evicted.accounts), (925, 925));
}

#[test]
fn a_ticket_in_use_of_a_known_account_outlives_a_flood_of_strangers() {
    let mut lineage = memory(100, 100);
    let mut see = |step: Sighting| lineage.attribute(step).principal;
    see(login(API, "ann", LoginOutcome::Success).at(0));
    see(login(API, "ann", LoginOutcome::SecondFactor).issues(HandleKind::Challenge, "t").at(700));
    see(login(API, "new", LoginOutcome::SecondFactor).issues(HandleKind::Challenge, "u").at(700));
    for ticket in ["t", "u"] {
        see(step(API, Activity::Mfa).presents(HandleKind::Challenge, ticket).at(701));
    }
    for n in 0..1000 {
        see(step(API, Activity::Use).presents(HandleKind::Session, &format!("f{n}")).at(702));
    }
    let mut is_known = |ticket: &str| {
        let step = step(API, Activity::Mfa).presents(HandleKind::Challenge, ticket).at(703);
        see(step).kind == PrincipalKind::User
    };
    assert!(is_known("t"));
    assert!(!is_known("u"));
}

#[test]
fn who_was_forgotten_is_unknown_and_not_somebody_else() {
    let mut lineage = memory(1000, 3);
    for n in 0..50 {
        let session = format!("s{n}");
        lineage.attribute(
            login(API, &format!("user{n}"), LoginOutcome::Success).issues(HandleKind::Session, &session),
        );
    }
    for n in 0..50 {
        let session = format!("s{n}");
        let principal =
            lineage.attribute(step(API, Activity::Use).presents(HandleKind::Session, &session)).principal;
        let expected = if n < 47 { "anonymous:203.0.113.7".to_owned() } else { format!("user:user{n}") };
        assert_eq!(principal.key(), expected);
    }
}

#[test]
fn a_tiny_memory_forgets_and_never_mixes_up() {
    for handles_max in 1..6 {
        let mut lineage = memory(handles_max, 4);
        for n in 0..200 {
            let (own, session) = (format!("user{}", n % 7), format!("s{n}"));
            let old = format!("s{}", n / 2);
            lineage.attribute(
                login(API, &own, LoginOutcome::Success)
                    .presents(HandleKind::Session, &old)
                    .issues(HandleKind::Session, &session)
                    .issues(HandleKind::Refresh, &format!("r{n}"))
                    .at(n),
            );
            let used = step(API, Activity::Use).presents(HandleKind::Session, &session).at(n);
            let principal = lineage.attribute(used).principal;
            assert!(!principal.is_user() || *principal.id == *own, "{} is not {own}", principal.key());
        }
    }
}

/// What `docs/limits.md` says of memory.
#[test]
fn a_handle_and_an_account_take_what_the_page_says() {
    let mut lineage = memory(20_000, 20_000);
    for n in 0..20_000u32 {
        let session = format!("session-{n}");
        let name = format!("user{n}@example.com");
        lineage.attribute(login(API, &name, LoginOutcome::Success).issues(HandleKind::Session, &session));
    }
    let (handles, accounts) = (lineage.handles.bytes() / 15_000, lineage.accounts.bytes() / 15_000);
    let page = include_str!("../../../../docs/limits.md");
    // How full a hash table may be when it grows depends on the hashes, which are random.
    for (bytes, of) in [(handles, " bytes a handle"), (accounts, " bytes an account")] {
        let before = page.split_once(of).unwrap().0;
        let said: usize = before.rsplit(' ').next().unwrap().parse().unwrap();
        assert!(bytes <= said && bytes * 10 >= said * 9, "docs/limits.md says {said}{of}, it is {bytes}");
    }
    assert!(size_of::<Held>() <= 128);
}
