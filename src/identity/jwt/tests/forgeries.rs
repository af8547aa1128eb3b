//! Forged tokens and their nearest innocent twins: guessed secrets, swapped algorithms, changed claims.

use super::*;

#[test]
fn a_well_known_secret_and_a_random_one() {
    let mut stage = Stage::new();
    assert_eq!(stage.verdict(&hs256("k", &claims("u1", "1"), b"secret"), 401), "not_checked, builtin secret");
    assert_eq!(stage.verdict(&hs256("k", &claims("u2", "2"), b"s7Fq0LzP4mVx9Tn2"), 200), "not_checked");
    assert_eq!(stage.verdict(&hs256("k", &claims("u1", "3"), b""), 200), "not_checked, builtin secret");
    let jwt = stage.call(&hs256("k", &claims("u1", "1"), b"secret"), 200);
    let known = jwt.known_secret.unwrap();
    // SHA-256 of "secret" begins like this.
    assert_eq!(known.digest, [0x2b, 0xb8, 0x0d, 0x53]);
    assert_eq!(stage.counters().searched, 3, "a token that comes again is known");
}

#[test]
fn the_operators_own_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let secrets_file = folder.path().join("secrets");
    std::fs::write(&secrets_file, "first\nAcme-2019!\n").unwrap();
    let config = super::super::Config { secrets_file, keys: Vec::new() };
    let mut stage = Stage::with(TokenReference::load(&config).unwrap());
    let jwt = stage.call(&hs256("k", &claims("u1", "1"), b"Acme-2019!"), 200);
    let known = jwt.known_secret.unwrap();
    assert_eq!((known.builtin, known.line), (false, 2));
    assert!(Stage::new().call(&hs256("k", &claims("u1", "1"), b"Acme-2019!"), 200).known_secret.is_none());
}

/// An issuer of asymmetric tokens, settled.
fn settled(stage: &mut Stage, key: &Signing, tokens: u32) {
    for n in 0..tokens {
        let token = key.sign("k1", &claims(&format!("u{n}"), &format!("settled-{n}")));
        assert_eq!(stage.verdict(&token, 200), "not_checked");
    }
}

#[test]
fn a_shared_secret_after_private_keys() {
    let key = Signing::new();
    let forged = |kid| hs256(kid, &claims("admin", "x"), b"nobody knows this one");
    let mut stage = Stage::new();
    settled(&mut stage, &key, 20);
    assert_eq!(stage.verdict(&forged("k1"), 401), "not_checked, confusion suspected");
    assert_eq!(stage.verdict(&forged("k1"), 200), "not_checked, confusion suspected");
    // A new key id is how issuers change their algorithm.
    assert_eq!(stage.verdict(&forged("k2"), 200), "not_checked");
    // One short of settled.
    let mut stage = Stage::new();
    settled(&mut stage, &key, 19);
    assert_eq!(stage.verdict(&forged("k1"), 401), "not_checked");
}

#[test]
fn an_issuer_that_always_used_both_and_tokens_that_nobody_believed() {
    let key = Signing::new();
    let mut stage = Stage::new();
    assert_eq!(
        stage.verdict(&hs256("k1", &claims("u0", "0"), b"an honest random secret"), 200),
        "not_checked"
    );
    settled(&mut stage, &key, 30);
    assert_eq!(
        stage.verdict(&hs256("k1", &claims("u1", "y"), b"an honest random secret"), 200),
        "not_checked"
    );
    // Whoever sends rubbish teaches nothing about the issuer.
    let mut stage = Stage::new();
    for n in 0..40 {
        stage.verdict(&key.sign("k1", &claims("x", &format!("rubbish-{n}"))), 401);
    }
    assert_eq!(
        stage.verdict(&hs256("k1", &claims("u1", "z"), b"an honest random secret"), 200),
        "not_checked"
    );
}

#[test]
fn the_public_key_as_secret() {
    let key = Signing::new();
    let mut stage = Stage::new();
    stage.publish("10.0.0.9", "id.acme.example", "/jwks.json", &keys(&[key.jwk("k1")]));
    let jwk = serde_json::from_str(&key.jwk("k1")).unwrap();
    let material = super::super::keys::PublicKey::of_jwk(&jwk).unwrap().material;
    for (n, form) in super::super::pem::as_secrets(&material).iter().enumerate() {
        let forged = hs256("k1", &claims("admin", &format!("form-{n}")), form);
        assert_eq!(stage.verdict(&forged, 401), "not_checked, confusion proved", "form {n}");
        let other = hs256("k1", &claims("admin", &format!("other-{n}")), &[form.as_slice(), b"x"].concat());
        assert_eq!(stage.verdict(&other, 401), "not_checked", "form {n}");
    }
    // Without a key id every key of the issuer is tried.
    let forged = hs256("", &claims("admin", "no kid"), &super::super::pem::as_secrets(&material)[0]);
    assert_eq!(stage.verdict(&forged, 401), "not_checked, confusion proved");
}

#[test]
fn other_claims_under_the_same_signature() {
    let key = Signing::new();
    let token = key.sign("k1", &claims("u1", "t1"));
    let (header_payload, signature) = token.rsplit_once('.').unwrap();
    let header = header_payload.split('.').next().unwrap();
    let raised = format!("{header}.{}.{signature}", B64.encode(claims("admin", "t2")));
    let mut stage = Stage::new();
    assert_eq!(stage.verdict(&token, 200), "not_checked");
    assert_eq!(stage.verdict(&raised, 401), "not_checked, tampered");
    assert_eq!(stage.verdict(&token, 200), "not_checked", "the first one stays what it was");
    assert_eq!(stage.verdict(&raised, 200), "not_checked, tampered");
    // The header is signed as well.
    let redirected =
        format!("{}.{}", B64.encode(r#"{"alg":"ES256","kid":"../../dev/null"}"#), &token[header.len() + 1..]);
    assert_eq!(stage.verdict(&redirected, 401), "not_checked, kid_path, tampered");
    // Two lawful tokens of one person share nothing.
    assert_eq!(stage.verdict(&key.sign("k1", &claims("u1", "t3")), 200), "not_checked");
}

#[test]
fn a_token_that_was_handed_out_is_the_genuine_one() {
    let key = Signing::new();
    let token = key.sign("k1", &claims("u1", "t1"));
    let (_, signature) = token.rsplit_once('.').unwrap();
    let header = token.split('.').next().unwrap();
    let raised = format!("{header}.{}.{signature}", B64.encode(claims("admin", "t1")));
    let mut stage = Stage::new();
    stage.issue(&token);
    assert_eq!(stage.verdict(&raised, 401), "not_checked, tampered", "although it came first");
    assert_eq!(stage.verdict(&token, 200), "not_checked");
}

#[test]
fn one_jti_for_two_people_and_an_issuer_that_counts_badly() {
    let forged = |sub: &str| hs256("k1", &claims(sub, "ticket-one"), b"cracked offline, in no list");
    let mut stage = Stage::new();
    assert_eq!(stage.verdict(&Signing::new().sign("k1", &claims("u1", "ticket-one")), 200), "not_checked");
    assert_eq!(stage.verdict(&forged("u1"), 401), "not_checked", "the same person");
    assert_eq!(stage.verdict(&forged("admin"), 401), "not_checked, tampered");
    let widened = claims("u1", "ticket-one").replace("read", "read admin");
    assert_eq!(stage.verdict(&hs256("k1", &widened, b"in no list"), 401), "not_checked, tampered");
    let turned = claims("u2", "ticket-two").replace("read", "write read");
    assert_eq!(stage.verdict(&hs256("k1", &turned, b"in no list"), 200), "not_checked");
    let turned = claims("u2", "ticket-two").replace("read", "read write");
    assert_eq!(
        stage.verdict(&hs256("k1", &turned, b"also in no list"), 200),
        "not_checked",
        "one set of scopes"
    );
    // An issuer whose tokens all have the same number.
    let key = Signing::new();
    let mut stage = Stage::new();
    let [one, two] = ["u1", "u2"].map(|sub| key.sign("k1", &claims(sub, "ticket-same")));
    stage.issue(&one);
    stage.issue(&two);
    assert_eq!([stage.verdict(&one, 200), stage.verdict(&two, 200)], ["not_checked", "not_checked"]);
}

#[test]
fn a_jti_that_is_used_again_is_no_forgery() {
    let key = Signing::new();
    // A counter that starts anew with every process, and a word too short to be anybody's own.
    for jti in ["1794211200", "7", "ab-12"] {
        let mut stage = Stage::new();
        assert_eq!(stage.verdict(&key.sign("k1", &claims("u1", jti)), 200), "not_checked");
        assert_eq!(stage.verdict(&key.sign("k1", &claims("u2", jti)), 401), "not_checked", "{jti}");
    }
    // Two tokens that the server believes: the issuer gives one `jti` to several.
    let mut stage = Stage::new();
    for (sub, status) in [("u1", 200), ("u2", 200), ("u3", 401)] {
        let token = key.sign("k1", &claims(sub, "session-of-all"));
        assert_eq!(stage.verdict(&token, status), "not_checked", "{sub}");
    }
    // Whoever was refused first does not own it.
    let mut stage = Stage::new();
    for (sub, told) in [("admin", "not_checked"), ("u1", "not_checked"), ("root", "not_checked, tampered")] {
        let status = if sub == "u1" { 200 } else { 401 };
        assert_eq!(stage.verdict(&key.sign("k1", &claims(sub, "ticket-one")), status), told, "{sub}");
    }
}

#[test]
fn work_is_bounded_and_what_was_put_off_is_done_later() {
    let key = Signing::new();
    let mut stage = Stage::new();
    stage.publish("10.0.0.9", "id.acme.example", "/jwks.json", &keys(&[key.jwk("k1")]));
    let tokens: Vec<String> =
        (0..700).map(|n| hs256("k1", &claims("u", &format!("j{n}")), b"in no list at all")).collect();
    let over = tokens.iter().filter(|token| stage.verdict(token, 401) == "over_budget").count();
    assert!((200..600).contains(&over), "{over}");
    assert_eq!(stage.counters().over_budget, over as u64);
    assert_eq!(stage.counters().searched, 700 - over as u64);
    let late = tokens.last().unwrap();
    assert_eq!(stage.verdict(late, 401), "over_budget");
    assert_eq!(stage.at(5).verdict(late, 401), "not_checked");
}
