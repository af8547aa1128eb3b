//! Which keys speak for whom: rotation and forgery, and those who publish keys that are not theirs to publish.

use super::*;

const IDP: (&str, &str) = ("10.0.0.9", "id.acme.example");

fn published(stage: &mut Stage, path: &str, jwks: &[String]) {
    stage.publish(IDP.0, IDP.1, path, &keys(jwks));
}

#[test]
fn a_signature_of_the_issuer_and_one_of_somebody_else() {
    let (key, other) = (Signing::new(), Signing::new());
    let mut stage = Stage::new();
    let early = key.sign("k1", &claims("u0", "t0"));
    assert_eq!(stage.verdict(&early, 200), "not_checked");
    published(&mut stage, "/jwks.json", &[key.jwk("k1")]);
    assert_eq!(stage.verdict(&early, 200), "valid", "it is looked at again");
    assert_eq!(stage.verdict(&key.sign("k1", &claims("u1", "t1")), 200), "valid");
    assert_eq!(stage.verdict(&other.sign("k1", &claims("admin", "t2")), 200), "invalid");
    assert_eq!(stage.verdict(&other.sign("k2", &claims("admin", "t3")), 200), "key_unknown");
    let foreign = claims("u1", "t4").replace(ISSUER, "https://elsewhere.example");
    assert_eq!(stage.verdict(&other.sign("k1", &foreign), 200), "not_checked");
    assert_eq!(stage.counters().checked, 3);
}

#[test]
fn a_rotated_key_and_a_forged_one() {
    let (old, new, forger) = (Signing::new(), Signing::new(), Signing::new());
    let mut stage = Stage::new();
    published(&mut stage, "/jwks.json", &[old.jwk("k1")]);
    assert_eq!(stage.verdict(&old.sign("k1", &claims("u1", "t1")), 200), "valid");
    published(stage.at(100), "/jwks.json", &[new.jwk("k2")]);
    assert_eq!(stage.verdict(&new.sign("k2", &claims("u1", "t2")), 200), "valid");
    assert_eq!(stage.verdict(&old.sign("k1", &claims("u1", "t3")), 200), "valid", "within the grace");
    assert_eq!(stage.verdict(&forger.sign("k2", &claims("u1", "t4")), 200), "invalid");
    assert_eq!(stage.at(699).verdict(&old.sign("k1", &claims("u1", "t5")), 200), "valid");
    assert_eq!(stage.at(701).verdict(&old.sign("k1", &claims("u1", "t6")), 200), "key_unknown");
    // The same name for another key.
    published(stage.at(800), "/jwks.json", &[new.jwk("k2"), forger.jwk("k3")]);
    let renamed = Signing::new();
    published(stage.at(900), "/jwks.json", &[renamed.jwk("k2")]);
    assert_eq!(stage.verdict(&new.sign("k2", &claims("u1", "t7")), 200), "valid");
    assert_eq!(stage.verdict(&renamed.sign("k2", &claims("u1", "t8")), 200), "valid");
    assert_eq!(stage.at(1600).verdict(&new.sign("k2", &claims("u1", "t9")), 200), "invalid");
}

#[test]
fn keys_from_an_untrusted_place_prove_nothing() {
    let (key, evil) = (Signing::new(), Signing::new());
    let forged = |jti: &str| evil.sign("k1", &claims("admin", jti));
    let mut stage = Stage::new();
    // From the attacker's own host, and from one that merely begins like the issuer.
    stage.publish("192.0.2.66", "evil.example", "/jwks.json", &keys(&[evil.jwk("k1")]));
    stage.publish("192.0.2.66", "id.acme.example.evil.example", "/jwks.json", &keys(&[evil.jwk("k1")]));
    assert_eq!(stage.verdict(&forged("t1"), 200), "not_checked");
    // Another server that answers to the issuer's name, after the issuer.
    published(&mut stage, "/jwks.json", &[key.jwk("k1")]);
    stage.publish("192.0.2.66", IDP.1, "/jwks.json", &keys(&[evil.jwk("k1")]));
    assert_eq!(stage.verdict(&forged("t2"), 200), "invalid");
    assert_eq!(stage.counters().key_sets_refused, 1);
    // Another place on the issuer's host: the first one is meant.
    published(&mut stage, "/uploads/keys.json", &[evil.jwk("k1")]);
    assert_eq!(stage.verdict(&forged("t3"), 200), "invalid");
    // What was asked for with another method, or refused, is no publication.
    let sent = format!("POST /jwks.json\nHost: {}\n\n{}", IDP.1, keys(&[evil.jwk("k1")]));
    let sighting = stage.see(IDP.0, &sent, &format!("200\n\n{}", keys(&[evil.jwk("k1")])));
    stage.lineage.attribute(sighting);
    assert_eq!(stage.verdict(&forged("t4"), 200), "invalid");
    assert_eq!(stage.verdict(&key.sign("k1", &claims("u1", "t5")), 200), "valid");
}

#[test]
fn a_replica_repeats_keys_and_adds_none() {
    let (key, next) = (Signing::new(), Signing::new());
    let both = keys(&[key.jwk("k1"), next.jwk("k2")]);
    let mut stage = Stage::new();
    published(&mut stage, "/jwks.json", &[key.jwk("k1")]);
    stage.publish("10.0.0.10", IDP.1, "/jwks.json", &keys(&[key.jwk("k1")]));
    assert_eq!(stage.counters().key_sets_refused, 0);
    // Everybody knows the public key: who repeats it and adds one of his own may be anybody.
    stage.publish("10.0.0.10", IDP.1, "/jwks.json", &both);
    assert_eq!(stage.verdict(&next.sign("k2", &claims("u1", "t1")), 200), "key_unknown");
    assert_eq!(stage.counters().key_sets_refused, 1);
    // The first server has it, too: now it is the issuer's.
    stage.publish(IDP.0, IDP.1, "/jwks.json", &both);
    assert_eq!(stage.verdict(&next.sign("k2", &claims("u1", "t2")), 200), "valid");
}

#[test]
fn a_server_that_is_silent_for_a_day_is_followed_by_one_that_knows_a_key() {
    let (key, next) = (Signing::new(), Signing::new());
    let mut stage = Stage::new();
    published(&mut stage, "/jwks.json", &[key.jwk("k1")]);
    stage.at(86_400 + 60).publish("10.0.0.11", IDP.1, "/jwks.json", &keys(&[next.jwk("k2")]));
    assert_eq!(stage.verdict(&next.sign("k2", &claims("u1", "t1")), 200), "key_unknown");
    stage.publish("10.0.0.10", IDP.1, "/jwks.json", &keys(&[key.jwk("k1"), next.jwk("k2")]));
    assert_eq!(stage.verdict(&next.sign("k2", &claims("u1", "t2")), 200), "valid");
}

#[test]
fn a_configuration_names_the_place() {
    let (key, decoy) = (Signing::new(), Signing::new());
    let token = key.sign("k1", &claims("u1", "t1"));
    let configuration = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"https://keys.acme.example/v3/certs"}}"#);
    let mut stage = Stage::new();
    published(&mut stage, "/old/jwks.json", &[decoy.jwk("k1")]);
    stage.publish("10.0.0.11", "keys.acme.example", "/v3/certs", &keys(&[key.jwk("k1")]));
    assert_eq!(stage.verdict(&token, 200), "invalid", "nothing says that those keys are this issuer's");
    // A configuration counts on the issuer's own host alone, and where it belongs.
    stage.publish("10.0.0.5", API, "/.well-known/openid-configuration", &configuration);
    stage.publish(IDP.0, IDP.1, "/uploads/.well-known/openid-configuration", &configuration);
    assert_eq!(stage.verdict(&token, 200), "invalid");
    stage.publish(IDP.0, IDP.1, "/.well-known/openid-configuration", &configuration);
    assert_eq!(stage.verdict(&token, 200), "valid");
    // And cannot be moved by another server.
    let moved = configuration.replace("keys.acme.example", "evil.example");
    stage.publish("192.0.2.66", IDP.1, "/.well-known/openid-configuration", &moved);
    assert_eq!(stage.verdict(&token, 200), "valid");
}

#[test]
fn issuers_that_share_a_host_are_told_apart() {
    let [a, b] = [Signing::new(), Signing::new()];
    let of = |realm: &str, jti: &str| {
        claims("u1", jti).replace(ISSUER, &format!("https://id.acme.example/realms/{realm}"))
    };
    let mut stage = Stage::new();
    published(&mut stage, "/realms/a/protocol/openid-connect/certs", &[a.jwk("k1")]);
    assert_eq!(stage.verdict(&a.sign("k1", &of("a", "t1")), 200), "valid");
    assert_eq!(stage.verdict(&b.sign("k1", &of("b", "t2")), 200), "not_checked");
    assert_eq!(stage.verdict(&a.sign("k1", &of("ab", "t3")), 200), "not_checked");
    published(&mut stage, "/realms/b/protocol/openid-connect/certs", &[b.jwk("k1")]);
    assert_eq!(stage.verdict(&b.sign("k1", &of("b", "t4")), 200), "valid");
    assert_eq!(stage.verdict(&a.sign("k1", &of("b", "t5")), 200), "invalid");
}

#[test]
fn tokens_without_issuer_belong_to_the_host_they_are_used_on() {
    let key = Signing::new();
    let mut stage = Stage::new();
    stage.publish("10.0.0.5", API, "/auth/jwks", &keys(&[key.jwk("k1")]));
    let anonymous = |sub: &str| format!(r#"{{"sub":"{sub}"}}"#);
    assert_eq!(stage.verdict(&key.sign("k1", &anonymous("u1")), 200), "valid");
    assert_eq!(stage.verdict(&Signing::new().sign("k1", &anonymous("u2")), 200), "invalid");
    // The host's keys may be for something else: only a key with this name is meant.
    let nameless = Signing::new().sign("k1", &anonymous("u3"));
    let (_, rest) = nameless.split_once('.').unwrap();
    assert_eq!(stage.verdict(&format!("{}.{rest}", B64.encode(r#"{"alg":"ES256"}"#)), 200), "not_checked");
}

#[test]
fn one_token_without_issuer_on_two_hosts_is_judged_by_the_keys_of_each() {
    let [own, foreign] = [Signing::new(), Signing::new()];
    let check = |stage: &mut Stage, host: &str, token: &str| {
        let request = format!("GET /v1/orders\nHost: {host}\nAuthorization: Bearer {token}");
        let sighting = stage.see("10.0.0.5", &request, "200\nServer: x");
        stage.lineage.attribute(sighting).jwt.unwrap().check.name()
    };
    for (first, second) in [("a.example", "b.example"), ("b.example", "a.example")] {
        let mut stage = Stage::new();
        stage.publish("10.0.0.5", "a.example", "/jwks", &keys(&[own.jwk("a")]));
        stage.publish("10.0.0.6", "b.example", "/jwks", &keys(&[foreign.jwk("a")]));
        let token = own.sign("a", r#"{"sub":"u1"}"#);
        for host in [first, second, first] {
            let expected = if host == "a.example" { "valid" } else { "invalid" };
            assert_eq!(check(&mut stage, host, &token), expected, "{host}");
        }
    }
}

#[test]
fn a_configured_issuer_learns_nothing_from_the_wire() {
    let (key, evil) = (Signing::new(), Signing::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    std::fs::write(&file, keys(&[key.jwk("k1"), r#"{"kty":"oct","k":"AAAA"}"#.to_owned()])).unwrap();
    let keys_of = |file| super::super::IssuerKeys { issuer: ISSUER.to_owned(), file };
    let config = |file| super::super::Config { keys: vec![keys_of(file)], ..Default::default() };
    let mut stage = Stage::with(TokenReference::load(&config(file)).unwrap());
    published(&mut stage, "/jwks.json", &[evil.jwk("k1")]);
    assert_eq!(stage.verdict(&key.sign("k1", &claims("u1", "t1")), 200), "valid");
    assert_eq!(stage.verdict(&evil.sign("k1", &claims("u1", "t2")), 200), "invalid");
    // Files that are no key set are named, and not quoted.
    for text in ["{\"keys\":[{\"kty\":\"oct\",\"k\":\"hunter2\"}]}", "hunter2", "{\"keys\":\"hunter2\"}"] {
        let file = folder.path().join("broken.json");
        std::fs::write(&file, text).unwrap();
        let why = TokenReference::load(&config(file)).unwrap_err();
        assert!(why.contains("broken.json") && !why.contains("hunter2"), "{why}");
    }
}

#[test]
fn documents_that_are_none() {
    use super::super::document::Document;
    let key = Signing::new().jwk("k1");
    assert!(
        Document::read(format!(" {{\"issuer\":\"x\",\"keys\":[{key},5,{{}}]}}").as_bytes(), false).is_some()
    );
    let cut = keys(std::slice::from_ref(&key));
    let none = [
        &cut[..cut.len() - 1],
        r#"{"keys":[{"id":1,"name":"billing"}]}"#,
        r#"{"issuer":"https://x.example","jwks_uri":"https://x.example/k"}"#,
        "[1]",
        "",
    ];
    for body in none {
        assert_eq!(Document::read(body.as_bytes(), false), None, "{body}");
    }
    let late = format!("{{\"x\":\"{}\",\"keys\":[{key}]}}", "x".repeat(300));
    assert_eq!(Document::read(late.as_bytes(), false), None, "nobody writes the keys so late");
    assert!(Document::read(format!("{}1", "[".repeat(50_000)).as_bytes(), true).is_none());
}

#[test]
fn what_was_learned_of_keys_and_tokens_outlives_the_process() {
    let (key, other) = (Signing::new(), Signing::new());
    let mut stage = Stage::new();
    published(&mut stage, "/jwks.json", &[key.jwk("k1")]);
    for n in 0..20 {
        assert_eq!(
            stage.verdict(&key.sign("k1", &claims("u1", &format!("ticket-number-{n}"))), 200),
            "valid"
        );
    }
    stage.restart();
    assert_eq!(stage.verdict(&key.sign("k1", &claims("u1", "one-ticket-more")), 200), "valid");
    assert_eq!(stage.verdict(&other.sign("k1", &claims("admin", "ticket-by-a-forger")), 401), "invalid");
    // Twenty tokens of a private key: a shared secret is a surprise. A `jti` that is somebody's already is forged.
    let confused = hs256("k1", &claims("admin", "a-ticket-of-its-own"), b"nobody-knows-this-one");
    assert_eq!(stage.verdict(&confused, 401), "not_checked, confusion suspected");
    assert_eq!(
        stage.verdict(&other.sign("k1", &claims("admin", "ticket-number-7")), 401),
        "invalid, tampered"
    );
    // The innocent twin: whoever remembers nothing has nothing to say.
    let mut fresh = Stage::new();
    assert_eq!(fresh.verdict(&other.sign("k1", &claims("admin", "ticket-number-7")), 401), "not_checked");
}
