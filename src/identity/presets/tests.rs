//! Every preset holds what it promises: its examples, played in order, are told as it says.

mod examples;
mod page;
mod routes;

use super::format::Preset;
use super::*;
use crate::identity::config::{Identity, RouteLabel};

include!(concat!(env!("OUT_DIR"), "/preset_tests.rs"));

/// A file with this in it.
fn preset(file: &str, more: &str) -> Preset {
    Preset::parse(file, &format!("title = \"T\"\nsource = \"S\"\n{more}")).unwrap()
}

#[test]
fn a_name_means_one_thing_in_all_presets_together() {
    let together = vocabulary(&[ALL.to_owned()], &[]);
    assert!(together.is_ok(), "{}", together.err().unwrap_or_default());
    let conflict = |one: &str, other: &str| {
        let (one, other) = (preset("one.toml", one), preset("other.toml", other));
        Vocabulary::default().add(&[&one, &other]).err().unwrap_or_default()
    };
    let told = conflict("[words]\nlocked = [\"E42\"]", "[words]\nbad_code = [\"e42\"]");
    assert!(told.contains("one.toml") && told.contains("other.toml") && told.contains("`e42`"), "{told}");
    let told = conflict("[fields]\ncode = [\"door_word\"]", "[fields]\nticket = [\"doorWord\"]");
    assert!(told.contains("one.toml") && told.contains("other.toml"), "{told}");
    let route = |label: &str| format!("[[routes]]\npath = \"/x\"\nlabels = [\"{label}\"]");
    let told = conflict(&route("mfa"), &route("login"));
    assert!(told.contains("other.toml") && told.contains("`/x`"), "{told}");
    assert_eq!(conflict(&route("mfa"), &route("mfa")), "");
    assert_eq!(conflict("[fields]\ncode = [\"zahl\"]", "[answers]\nticket = [\"zahl\"]"), "");
}

#[test]
fn every_preset_says_where_it_is_from_and_shows_itself() {
    for preset in BUILT_IN.as_ref().unwrap() {
        assert!(!preset.examples.is_empty(), "{} has no example", preset.file);
        for example in &preset.examples {
            let given = |step: &format::Step| {
                let e = &step.expect;
                e.activity.is_some() || e.login.is_some() || e.mfa.is_some() || e.principal.is_some()
            };
            assert!(
                !example.steps.is_empty() && example.steps.iter().all(given),
                "{}: every step of `{}` says what is to be told of it",
                preset.file,
                example.name
            );
        }
    }
}

#[test]
fn an_example_that_does_not_hold_is_told_with_file_step_and_key() {
    let steps = "[[examples]]\nname = \"a\"\n[[examples.steps]]\nrequest = \"POST /mfa/verify HTTP/1.1\\n\\n{\\\"code\\\":\\\"123456\\\"}\"\n\
        response = \"HTTP/1.1 400 Bad Request\\n\\n{\\\"error\\\":\\\"invalid_code\\\"}\"\nexpect = { mfa = \"attempt/sms/success\", outcome = \"denied\" }\n";
    let wrong = examples::differences(&preset("a.toml", steps), &Identity::default());
    assert_eq!(
        wrong,
        [
            "a.toml: `a`, step 1 (POST /mfa/verify HTTP/1.1): mfa: wanted `attempt/sms/success`, got `attempt/totp/fail_code`"
        ]
    );
}

/// A home-made API: its words say nothing, so that labels have to.
const HOME_MADE: &str = r#"
[[examples]]
name = "password right, code wrong, code right"
[[examples.steps]]
request = """
POST /x/door HTTP/1.1
Content-Type: application/json

{"wer":"alice@example.com","password":"her-own-41!"}"""
response = """
HTTP/1.1 200 OK
Content-Type: application/json

{"weiter":"zahl","pass":"dr_5f20c1a97be3"}"""
expect = { login = "second_factor", mfa = "challenge/unknown/challenge", issued = true }
[[examples.steps]]
request = """
POST /x/second HTTP/1.1
Content-Type: application/json

{"pass":"dr_5f20c1a97be3","zahl":"111111"}"""
response = """
HTTP/1.1 400 Bad Request
Content-Type: application/json

{"fehler":"falsche zahl"}"""
expect = { mfa = "attempt/sms/fail_code", principal = "user:alice@example.com", ticket = true }
[[examples.steps]]
request = """
POST /x/second HTTP/1.1
Content-Type: application/json

{"pass":"dr_5f20c1a97be3","zahl":"469439"}"""
response = """
HTTP/1.1 200 OK
Content-Type: application/json

{"ausweis":"at_1c7be02f93d84aa1b6e0"}"""
expect = { mfa = "attempt/sms/success", principal = "user:alice@example.com", proof = "mfa", issued = true }
"#;

/// What the operator would write down of it.
const HOME_MADE_WORDS: &str = r#"
[fields]
name = ["wer"]
code = ["zahl"]
ticket = ["pass"]
[answers]
ticket = ["pass"]
access = ["ausweis"]
reason = ["weiter", "fehler"]
[words]
needs_mfa = ["zahl"]
bad_code = ["falsche zahl"]
[[routes]]
path = "/x/door"
method = "POST"
labels = ["login"]
[[routes]]
path = "/x/second"
labels = ["attempt"]
factor = "sms"
"#;

#[test]
fn a_home_made_api_is_understood_by_what_its_operator_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home.toml");
    let text = format!("title = \"T\"\nsource = \"S\"\n{HOME_MADE_WORDS}");
    std::fs::write(&path, text).unwrap();
    let labelled = Identity { preset_files: vec![path], ..Identity::default() };
    let example = preset("home.toml", HOME_MADE);
    assert_eq!(examples::differences(&example, &labelled), Vec::<String>::new());
    // Nothing but the labels did that.
    let unlabelled = examples::differences(&example, &Identity::default());
    let keys = [
        "login: wanted",
        "mfa: wanted `attempt/sms/fail_code`, got `none`",
        "proof: wanted",
        "issued: wanted",
    ];
    for key in keys {
        assert!(unlabelled.iter().any(|line| line.contains(key)), "{key} not in {unlabelled:#?}");
    }
}

#[test]
fn the_operators_words_come_before_presets_and_those_before_the_built_in_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let text = "title = \"T\"\nsource = \"S\"\n[words]\nlocked = [\"mfa_authenticate\"]\n\
        bad_password = [\"invalid_code\"]\n[[routes]]\npath = \"**/auth/2fa/*\"\nlabels = [\"none\"]\n";
    std::fs::write(&path, text).unwrap();
    let both = vocabulary(&[ALL.to_owned()], &[path]).unwrap();
    let first = |word: &str| both.words.iter().find(|(known, _)| known == word).map(|&(_, meaning)| meaning);
    assert_eq!(first("mfa_authenticate"), Some(crate::identity::markers::Marker::Locked));
    let none = vocabulary(&[], &[]).unwrap();
    assert!(none.words.is_empty() && none.routes.is_empty());
    let keyring = crate::identity::secret::Keyring::from_bytes(&[7; 32]).unwrap();
    let identity = Identity {
        preset_files: vec![folder.path().join("own.toml")],
        routes: vec![RouteLabel {
            path: "/own/auth/2fa/authenticate".to_owned(),
            label: Some("attempt".to_owned()),
            ..RouteLabel::default()
        }],
        ..Identity::default()
    };
    let settings = crate::identity::Settings::build(
        &crate::identity::config::Network::default(),
        &identity,
        &crate::identity::config::Privacy::default(),
        keyring,
        crate::identity::geo::Geo::builtin(),
    )
    .unwrap();
    assert_eq!(settings.words.read(b"invalid code"), Some(crate::identity::markers::Marker::BadPassword));
    let labels = |path: &str| settings.route(b"POST", path.as_bytes(), b"").unwrap().labels.unwrap().public();
    assert_eq!(format!("{:?}", labels("/own/auth/2fa/authenticate")), r#"{"mfa"}"#);
    assert_eq!(format!("{:?}", labels("/_allauth/app/v1/auth/2fa/reauthenticate")), "{}");
}
