//! Lanes: sets of them, what is in one place of each, who is in which, and what comes late.

use super::*;
use crate::alert::{Alert, Status};
use crate::runtime::Runtime;
use crate::story::{line_of, transactions};

fn keys_of(story: &str, lane: Lane) -> Vec<u64> {
    transactions(story).unwrap().iter().map(|tx| key(lane, tx)).collect()
}

#[test]
fn a_set_says_what_is_in_it() {
    let set = Lanes::of(Lane::Client).with(Lane::Tenant);
    assert!(set.has(Lane::Client) && set.has(Lane::Tenant) && !set.has(Lane::Principal));
    assert_eq!(set.iter().collect::<Vec<_>>(), [Lane::Client, Lane::Tenant]);
    assert_eq!((Lanes::NONE.is_empty(), set.is_empty(), Lanes::default()), (true, false, Lanes::NONE));
    assert_eq!(Lanes::ALL.iter().collect::<Vec<_>>(), Lane::ALL);
    assert_eq!(Lanes::DEALT.with(Lane::Tenant), Lanes::ALL);
    assert!(!Lanes::DEALT.has(Lane::Tenant));
}

#[test]
fn a_set_is_saved_and_what_is_none_is_refused() {
    for set in [Lanes::NONE, Lanes::ALL, Lanes::DEALT, Lanes::of(Lane::Endpoint)] {
        let mut saved = Vec::new();
        set.save(&mut saved);
        assert_eq!(Lanes::load(&mut &*saved), Ok(set));
    }
    assert_eq!(Lanes::load(&mut &[0xff_u8, 0xff][..]), Err(Damaged));
}

#[test]
fn a_key_is_what_transactions_have_in_common() {
    let story = "10:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1
                 10:00:01 203.0.113.8 -> login POST /login 200 user=ann
                 10:00:02 203.0.113.7 -> use GET /me 200 session=s1
                 10:00:03 203.0.113.7 -> use GET /other 200
                 10:00:04 203.0.113.7 -> use POST /me 200";
    let principals = keys_of(story, Lane::Principal);
    assert_eq!(principals[0], principals[1]);
    assert_ne!(principals[0], principals[2]);
    assert_ne!(principals[2], principals[3]);
    assert_eq!(principals[3], principals[4]);
    let clients = keys_of(story, Lane::Client);
    assert_ne!(clients[0], clients[1]);
    assert_eq!([clients[2], clients[3], clients[4]], [clients[0]; 3]);
    let endpoints = keys_of(story, Lane::Endpoint);
    assert_eq!(endpoints[0], endpoints[2]);
    assert!(endpoints[3] != endpoints[0] && endpoints[4] != endpoints[0]);
    assert_eq!(keys_of(story, Lane::Tenant), [0; 5]);
    // A person's session is no key of a program.
    assert_eq!(keys_of(story, Lane::Credential), [0; 5]);
}

#[test]
fn clients_are_counted_as_rules_count_them_and_keys_as_they_look_for_them() {
    let networks = "10:00:00 2001:db8::{7..8} -> use GET /me 200
                    11:00:00 2001:db8:0:1::7 -> use GET /me 200";
    let clients = keys_of(networks, Lane::Client);
    assert_eq!(clients[0], clients[1]);
    assert_ne!(clients[0], clients[2]);
    let credentials = keys_of(
        "10:00:00 203.0.113.{7..8} -> use GET /me 200 user=u{1..2} key=k1
         10:01:00 203.0.113.7 -> use GET /me 200 user=ann basic
         10:02:00 203.0.113.7 -> use GET /me 200 user=ann bearer=t1 key=k1",
        Lane::Credential,
    );
    assert_eq!(credentials[0], credentials[1]);
    assert!(credentials[2] != credentials[0] && credentials[2] != 0);
    // Beside somebody's token a key only names the program.
    assert_eq!(credentials[3], 0);
}

#[test]
fn a_key_is_the_same_tomorrow() {
    let story = "10:00:00 203.0.113.7 -> use GET /me 200 user=ann";
    let keys = [Lane::Principal, Lane::Client, Lane::Endpoint].map(|lane| keys_of(story, lane)[0]);
    // Written down once: a change would deal out what is remembered anew.
    assert_eq!(keys, [8_837_740_154_797_203_540, 8_034_794_550_264_000_399, 5_272_260_379_899_042_719]);
}

#[test]
fn rules_that_look_beyond_transactions_are_of_the_tenant() {
    for name in ["weak_tls", "sensor_self_check", "unusual_silence", "never_issued_token"] {
        let entry = rules::catalogue().iter().find(|entry| entry.rule.name == name).unwrap();
        assert_eq!((entry.rule.lane, entry.rule.order_free), (Lane::Tenant, false), "{name}");
    }
}

#[test]
fn a_runtime_has_the_rules_of_its_lanes_and_keeps_to_them() {
    let config = RuntimeConfig::default();
    let parts = |lanes| Runtime::new_in(config.clone(), lanes).unwrap().parts().collect::<Vec<_>>();
    let all = parts(Lanes::ALL);
    assert_eq!(all, Runtime::new(config.clone()).unwrap().parts().collect::<Vec<_>>());
    let mut rules = 0;
    for &lane in Lane::ALL {
        let parts = parts(Lanes::of(lane));
        assert!(parts.len() > 1 && parts.last() == all.last(), "{lane}");
        rules += parts.len() - 1;
    }
    assert_eq!(rules, all.len() - 1);
    assert_eq!(parts(Lanes::NONE).len(), 1);
    let mut runtime = Runtime::new_in(config.clone(), Lanes::DEALT).unwrap();
    let mut changed = config.clone();
    changed.rules.mfa_failure_burst.enabled = false;
    runtime.reconfigure(changed).unwrap();
    let mut expected = parts(Lanes::DEALT);
    expected.retain(|name| *name != "mfa_failure_burst");
    assert_eq!(runtime.parts().collect::<Vec<_>>(), expected);
}

#[test]
fn a_transaction_is_wanted_where_a_rule_would_be_asked() {
    let lanes = |config: &RuntimeConfig, line: &str| {
        let tx = transactions(&format!("10:00:00 203.0.113.7 -> {line}")).unwrap().remove(0);
        Wanting::new(config).lanes(&tx)
    };
    let mut config = RuntimeConfig::default();
    let wrong_code = "mfa POST /mfa 401 user=ann";
    let dealt = Lanes::of(Lane::Principal).with(Lane::Endpoint).with(Lane::Sessions).with(Lane::Services);
    let wanted = dealt.with(Lane::Tenant);
    assert_eq!(lanes(&config, wrong_code), wanted);
    assert!(lanes(&config, "use GET /me 200 key=k1").has(Lane::Credential));
    assert!(!lanes(&config, "use GET /me 200 user=ann session=s1").has(Lane::Credential));
    assert!(lanes(&config, "use GET /me 401 jwt=none unsigned").has(Lane::Client));
    // Nobody waits for a rule that is off.
    config.rules.mfa_lockout_missing.enabled = false;
    config.rules.mfa_backoff_missing.enabled = false;
    assert!(lanes(&config, "mfa POST /mfa 200 user=ann").has(Lane::Principal));
    assert!(!lanes(&config, "mfa POST /mfa 200 user=ann").has(Lane::Endpoint));
}

/// What is told of the first line when it comes after the others.
fn first_comes_late(story: &str, lanes: Lanes) -> (Vec<Alert>, String) {
    let mut runtime = Runtime::new(RuntimeConfig::default()).unwrap();
    let (mut told, mut late) = (Vec::new(), Vec::new());
    let seen = transactions(story).unwrap();
    for tx in &seen[1..] {
        runtime.observe(tx, &mut told);
    }
    runtime.observe_late(&seen[0], lanes, &mut late);
    (told, late.iter().map(line_of).collect())
}

#[test]
fn what_comes_late_is_counted_and_told_now() {
    let story = "10:00:00 203.0.113.7 -> login POST /login 401 user=first
                 10:00:01 203.0.113.7 -> login POST /login 401 user=u{1..19} every 100ms
                 10:00:04 203.0.113.8 -> use GET /me 200 user=ann session=s1";
    let (told, late) = first_comes_late(story, Lanes::ALL);
    assert!(told.is_empty(), "nineteen are too few");
    assert_eq!(
        late,
        "10:00:04.000 ABU-01 credential_stuffing high 203.0.113.7: 20 failed logins on 20 accounts in 2.8 s \
         from 203.0.113.7 (limit 20 on 10 in 600 s)\n"
    );
    assert_eq!(first_comes_late(story, Lanes::DEALT).1, "", "another lane's work is not done twice");
}

#[test]
fn a_rule_that_asks_what_came_first_is_not_shown_what_comes_late() {
    // A wrong code that comes late may have come before a right one, which makes an end of what was wrong so far.
    let story = "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann
                 10:00:01 203.0.113.7 -> mfa POST /mfa 401 user=ann x2";
    let (told, late) = first_comes_late(story, Lanes::ALL);
    assert!(told.is_empty());
    assert_eq!(late, "");
}

#[test]
fn what_comes_late_closes_nothing_before_its_time_and_opens_nothing_in_the_past() {
    let mut runtime = Runtime::new(RuntimeConfig::default()).unwrap();
    let mut alerts = Vec::new();
    let story = "10:00:00 203.0.113.7 -> use GET /me 401 jwt=none unsigned
                 10:30:00 203.0.113.8 -> use GET /me 401 jwt=none unsigned";
    let seen = transactions(story).unwrap();
    runtime.observe(&seen[1], &mut alerts);
    runtime.observe_late(&seen[0], Lanes::ALL, &mut alerts);
    let states: Vec<_> = alerts.iter().map(|alert| (alert.status, alert.time, alert.first_seen)).collect();
    let (early, now) = (seen[0].end, seen[1].end);
    assert_eq!(states, [(Status::Open, now, now), (Status::Open, now, early)]);
}
