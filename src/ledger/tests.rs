//! Stories told to a ledger, and what it has to say afterwards.

mod coverage;
mod passport;
mod save;

use super::*;
use crate::ledger::principal::{STEPS_MAX, Step};
use heelguard_detectors::contents::{Contents, DataClass, Field, Parameter, ParameterPlace, ValueType};
use heelguard_detectors::identity::ProofLevel;
use heelguard_detectors::saved::Saved;
use heelguard_detectors::story::{alerts, transactions};
use heelguard_detectors::transaction::MfaOutcome;

fn told(story: &str) -> Ledger {
    let ledger = Ledger::default();
    transactions(story).unwrap().iter().for_each(|tx| ledger.observe(tx));
    ledger
}

#[test]
fn a_morning_of_one_person() {
    let ledger = told(
        "08:00:00 203.0.113.7 -> offer POST /login 200 user=ann country=DE device=abcd
         08:00:09 203.0.113.7 -> mfa POST /mfa 401 user=ann factor=totp outcome=fail_code country=DE device=abcd
         08:00:20 203.0.113.7 -> mfa POST /mfa 200 user=ann factor=totp country=DE device=abcd
         08:01:00 203.0.113.7 -> use GET /orders/{1..20} 200 user=ann session=s1 route=/orders/{id} proof=mfa country=DE device=abcd every 30s
         12:00:00 198.51.100.9 -> use GET /orders/1 403 user=ann session=s1 route=/orders/{id} country=FR device=wxyz",
    );
    let ann = ledger.principal(PrincipalKind::User, "ann").unwrap();
    assert_eq!((ann.calls, ann.denied, ann.steps.len()), (24, 2, 3));
    // Twenty orders, and the step itself.
    assert_eq!(ann.proofs[ProofLevel::Mfa as usize], 21);
    let steps: Vec<Step> = ann.steps.iter().map(|stepped| stepped.step).collect();
    let told = [MfaOutcome::Challenge, MfaOutcome::FailCode, MfaOutcome::Success];
    let is_told =
        |(step, outcome): (&Step, MfaOutcome)| matches!(step, Step::Mfa(_, _, of) if *of == outcome);
    assert!(steps.iter().zip(told).all(is_told), "{steps:?}");
    let countries: Vec<_> =
        ann.countries.by_use().iter().map(|lane| (lane.name.to_string(), lane.calls)).collect();
    assert_eq!(countries, [("DE".to_owned(), 23), ("FR".to_owned(), 1)]);
    assert_eq!((ann.devices.len(), ann.addresses.len(), ann.credentials.len()), (2, 2, 1));
    let spans = ann.rhythm.spans().len();
    let france = ann.countries.iter().find(|lane| lane.name.as_str() == "FR").unwrap();
    assert_eq!(france.spans, 1 << (spans - 1), "the last span alone");
    let orders = ledger.endpoints().into_iter().find(|endpoint| &*endpoint.route == "/orders/{id}").unwrap();
    assert_eq!(
        (orders.calls, orders.statuses, orders.proofs[ProofLevel::Mfa as usize]),
        (21, [0, 0, 20, 0, 1, 0], 20)
    );
    assert!(ledger.principal(PrincipalKind::User, "bob").is_none());
}

#[test]
fn a_key_that_walks_around_is_known_by_its_fingerprint_alone() {
    let ledger = told(
        "09:00:00 203.0.113.7 -> use GET /admin/users 200 user=ann key=k1 proof=api_key has_mfa labels=admin country=DE x3
         09:10:00 198.51.100.9 -> use GET /admin/users 401 key=k1 proof=api_key labels=admin country=US
         09:20:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 proof=mfa has_mfa",
    );
    let credentials = ledger.credentials();
    let [key, session] = credentials.as_slice() else { panic!("{}", credentials.len()) };
    assert!(is_lasting(key.kind) && !is_lasting(session.kind));
    assert_eq!((key.calls, key.denied, key.privileged, key.around_mfa), (4, 1, 3, 3));
    assert_eq!((session.privileged, session.around_mfa), (0, 0));
    assert_eq!((key.countries.len(), key.routes.len()), (2, 1));
    assert_eq!(key.level(), Some(ProofLevel::ApiKey));
    assert_eq!(ledger.credential(key.fingerprint).unwrap().calls, 4);
}

#[test]
fn the_second_sight_of_an_exchange_counts_once() {
    let ledger = told(
        "09:00:00 203.0.113.7 -> use GET /a 200 user=ann
         09:00:01 203.0.113.7 -> use GET /a 200 user=ann repeat",
    );
    assert_eq!(ledger.overview().transactions, 1);
}

#[test]
fn a_flood_of_names_fills_no_more_than_its_part() {
    let ledger = told("09:00:00 203.0.113.7 -> login POST /login 401 user=u{1..30000} every 1ms");
    let rooms = ledger.overview().rooms;
    let principals = rooms.iter().find(|room| room.name == "principals").unwrap();
    assert_eq!((principals.used, principals.max), (PRINCIPALS_MAX / 4, PRINCIPALS_MAX));
    assert_eq!(principals.given_up, 30_000 - PRINCIPALS_MAX as u64 / 4);
    assert_eq!(ledger.principals().len(), PRINCIPALS_MAX / 4);
}

#[test]
fn nobody_who_succeeded_makes_room_for_names_keys_and_hosts_that_somebody_invents() {
    let honest = "09:00:00 203.0.113.7 -> use GET /r{1..5000} 200 user=u{1..5000} key=k{1..5000} host=api.example.com every 1ms";
    let ledger = told(&format!("{honest}\n{honest}\n{honest}"));
    let [from_names, from_addresses] = [
        "10:00:00 198.51.100.7 -> login POST /login 401 user=x{1..40000} key=s{1..40000} host=h{1..40000}.example every 1ms",
        "11:00:00 2001:db8:{1..9999}::1 -> use GET /r1 200 host=api.example.com every 1ms",
    ]
    .map(|story| transactions(story).unwrap());
    from_names.iter().chain(from_addresses.iter().cycle().take(30_000)).for_each(|tx| ledger.observe(tx));
    for number in 1..=5_000 {
        let name = format!("u{number}");
        let row = ledger.principal(PrincipalKind::User, &name);
        assert_eq!(row.map(|row| row.calls), Some(3), "{name}");
    }
    let keys = ledger.credentials();
    assert_eq!(keys.iter().filter(|key| key.calls == 3).count(), 5_000);
    let endpoints = ledger.endpoints();
    assert_eq!(endpoints.iter().filter(|endpoint| &*endpoint.host == "api.example.com").count(), 5_000);
}

#[test]
fn of_many_steps_the_last_are_kept() {
    let ledger = told("09:00:00 203.0.113.7 -> login POST /login 401 user=ann every 10s x100");
    let ann = ledger.principal(PrincipalKind::User, "ann").unwrap();
    assert_eq!((ann.steps.len(), ann.earlier_steps), (STEPS_MAX, 100 - STEPS_MAX as u64));
    assert_eq!(ann.steps.back().unwrap().time, ann.last);
}

#[test]
fn an_alert_is_there_in_its_last_state() {
    let ledger = Ledger::default();
    let story =
        "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann factor=totp outcome=fail_code every 20s x12";
    let states = alerts(story, heelguard_detectors::runtime::RuntimeConfig::default()).unwrap();
    assert!(states.len() > 1);
    states.iter().rev().chain(&states).for_each(|state| ledger.alert(state));
    let newest = |id| states.iter().filter(|state| state.id == id).max_by_key(|state| state.rev).unwrap();
    for alert in ledger.alerts() {
        assert_eq!(*alert, *newest(alert.id));
        assert_eq!(ledger.alert_of(alert.id).unwrap(), alert);
    }
}

/// Fills everything that a row of one name may hold: its lanes, its steps, its spans.
fn full() -> Ledger {
    let busy = |kind: &str, what: &str| {
        format!("{kind} GET /r{{1..60}} 200 {what} country={{DE,FR,US,GB,IT,ES,SE,NO,DK}} every 1h x3")
    };
    let hosts: String = (1..=40)
        .map(|n| {
            let client = format!("09:00:0{} 203.0.{n}.7 -> ", n % 10);
            let devices = format!("device={}bcd asn={n}", char::from(b'a' + n % 26));
            [
                busy("use", &format!("user=ann key=k{n} {devices}")),
                busy("use", &format!("user=u{n} key=one {devices}")),
                busy("use", &format!("user=u{n} session=one {devices}")),
                format!("login POST /login 401 user=ann {devices} every 1h x3"),
            ]
            .map(|rest| format!("{client}{rest}\n"))
            .concat()
        })
        .collect();
    let days = "09:00:00 203.0.1.7 -> use GET /r60 200 user=u40 key=one every 24h x100";
    told(&format!("{hosts}{days}"))
}

/// An endpoint that was called with every name, and of every size.
fn full_endpoint() -> Endpoint {
    let mut tx = transactions("09:00:00 203.0.113.7 -> use GET /r 200 user=ann").unwrap().remove(0);
    let mut request = tx.request.clone().unwrap();
    let mut endpoint = Endpoint::new(&request, tx.time);
    for number in 0..1_000_u64 {
        let name: Arc<str> = format!("x{number}").into();
        let parameter =
            Parameter { place: ParameterPlace::Json, name: Arc::clone(&name), kind: ValueType::String };
        let field = Field { name, kind: ValueType::String };
        let contents =
            Contents { parameters: vec![parameter], fields: vec![field], classes: DataClass::ALL.to_vec() };
        tx.contents = Some(Box::new(contents));
        request.bytes = number.pow(4);
        tx.ttfb_us = Some(number.pow(4));
        tx.response.as_mut().unwrap().bytes = number.pow(4);
        endpoint.note(&tx, &request);
    }
    endpoint
}

#[test]
fn what_is_saved_of_an_endpoint_goes_on_where_it_was() {
    let endpoint = full_endpoint();
    assert_eq!((endpoint.calls, endpoint.looked, endpoint.classes), (1_000, 1_000, [1_000; 6]));
    assert_eq!(endpoint.parameters.iter().count(), endpoint::PARAMETERS_MAX);
    assert_eq!(endpoint.fields.iter().count(), endpoint::FIELDS_MAX);
    let mut bytes = Vec::new();
    endpoint.save(&mut bytes);
    let loaded = Endpoint::load(&mut bytes.as_slice()).unwrap();
    assert_eq!(format!("{loaded:?}"), format!("{endpoint:?}"));
    for end in 0..bytes.len() {
        assert!(Endpoint::load(&mut bytes.get(..end).unwrap()).is_err(), "{end}");
    }
}

#[test]
fn what_somebody_only_tries_is_no_parameter() {
    let story = "09:00:00 203.0.113.7 -> use GET /r 200 user=ann
                 09:00:01 203.0.113.7 -> use GET /r 403 user=ann";
    let ledger = Ledger::default();
    for (mut tx, name) in transactions(story).unwrap().into_iter().zip(["page", "debug"]) {
        let parameter =
            Parameter { place: ParameterPlace::Query, name: name.into(), kind: ValueType::Integer };
        tx.contents = Some(Box::new(Contents {
            parameters: vec![parameter],
            classes: vec![DataClass::Email],
            ..Contents::default()
        }));
        ledger.observe(&tx);
    }
    let endpoint = ledger.endpoints().remove(0);
    let names: Vec<&str> = endpoint.parameters.iter().map(|name| &*name.name).collect();
    assert_eq!((names, endpoint.looked), (vec!["page"], 2));
    assert_eq!(endpoint.sensitive().collect::<Vec<_>>(), [(DataClass::Email, 2)], "a refusal may tell, too");
}

#[test]
fn full_tables_take_what_the_page_on_limits_says() {
    let ledger = full();
    let ann = ledger.principal(PrincipalKind::User, "ann").unwrap();
    let lanes = [ann.countries.len(), ann.systems.len(), ann.addresses.len(), ann.devices.len()];
    assert_eq!((lanes, ann.credentials.len(), ann.routes.len()), ([8, 8, 12, 8], 12, 24));
    assert_eq!((ann.steps.len(), ann.steps.capacity()), (STEPS_MAX, STEPS_MAX));
    let keys = ledger.credentials();
    let most_used =
        |lasts| keys.iter().filter(|key| is_lasting(key.kind) == lasts).max_by_key(|key| key.calls);
    let (key, token) = (most_used(true).unwrap(), most_used(false).unwrap());
    for (of, routes) in [(key, credential::KEY_ROUTES_MAX), (token, 16)] {
        let lanes = [of.owners.len(), of.countries.len(), of.systems.len(), of.addresses.len()];
        assert_eq!((lanes, of.routes.len()), ([4, 8, 8, 12], routes));
    }
    let lasting = key.lasting.as_ref().unwrap();
    assert_eq!((lasting.devices.len(), lasting.days.iter().len()), (8, days::DAYS_MAX));
    assert_eq!(lasting.at_once.networks.count, at_once::AT_ONCE_MAX as u64);
    let endpoint = full_endpoint();
    let spreads = [&endpoint.latency, &endpoint.request_bytes, &endpoint.answer_bytes];
    let names = [&endpoint.parameters, &endpoint.fields];
    let endpoint = size_of::<Endpoint>()
        + spreads.iter().map(|spread| spread.heap_bytes()).sum::<usize>()
        + names.iter().map(|names| names.heap_bytes()).sum::<usize>();
    let [principal, key, token] = [ann.bytes(), key.bytes(), token.bytes()];
    let sum = PRINCIPALS_MAX * principal + KEYS_MAX * key + TOKENS_MAX * token + ENDPOINTS_MAX * endpoint;
    let told = format!(
        "{:.1} kB a principal, {:.1} kB a key, {:.1} kB a session or token and {:.1} kB an endpoint, {} MB when all \
         tables are full",
        principal as f64 / 1e3,
        key as f64 / 1e3,
        token as f64 / 1e3,
        endpoint as f64 / 1e3,
        sum.div_ceil(1_000_000)
    );
    let page = include_str!("../../docs/limits.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&told), "docs/limits.md does not say: {told}");
}
