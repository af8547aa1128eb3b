//! What is told of a token at the moment of use, and what never is.

use super::*;
use expect_test::expect;
use heelguard_detectors::anomaly::Anomaly;

fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.c2ln", input(header, claims))
}

#[test]
fn every_claim_at_the_moment_of_use() {
    let header = r#"{"alg":"RS256","kid":"k1","typ":"at+jwt"}"#;
    let claims = r#"{"iss":"https://i","aud":["a","b"],"client_id":"web","scope":"read  write","amr":["pwd","otp"],"acr":"aal2",
        "iat":1794211100,"nbf":1794211110,"exp":1794214700,"auth_time":1794211000,"jti":"j1","cnf":{"jkt":"x"},"sub":"u1"}"#;
    let jwt = Stage::new().call(&unsigned(header, claims), 200);
    assert!(jwt.jti.is_some() && jwt.bound);
    let told = format!("{:#?}", Jwt { jti: None, ..jwt });
    expect![[r#"
        Jwt {
            alg: "RS256",
            kid: Some(
                "k1",
            ),
            typ: Some(
                "at+jwt",
            ),
            iss: Some(
                "https://i",
            ),
            aud: [
                "a",
                "b",
            ],
            client_id: Some(
                "web",
            ),
            scope: [
                "read",
                "write",
            ],
            amr: [
                "pwd",
                "otp",
            ],
            acr: Some(
                "aal2",
            ),
            expires_in_s: Some(
                3500,
            ),
            valid_in_s: Some(
                -90,
            ),
            issued_ago_s: Some(
                100,
            ),
            auth_ago_s: Some(
                200,
            ),
            lifetime_s: Some(
                3600,
            ),
            jti: None,
            claims: Some(
                [
                    "client_id",
                    "sub",
                ],
            ),
            in_path: One(
                None,
            ),
            bound: true,
            bytes: 369,
            parts: 3,
            header: {},
            p2c: None,
            signature: Present,
            check: NotChecked,
            known_secret: None,
            confusion: None,
            tampered: false,
        }"#]]
    .assert_eq(&told);
}

#[test]
fn scopes_and_audiences_in_their_other_forms_are_bounded() {
    let many: Vec<String> = (0..99).map(|n| format!("\"s{n}\"")).collect();
    let claims = format!(r#"{{"scp":[{0}],"aud":[{0}],"amr":[{0}],"azp":"spa"}}"#, many.join(","));
    let jwt = Stage::new().call(&unsigned(r#"{"alg":"RS256"}"#, &claims), 200);
    assert_eq!((jwt.scope.len(), jwt.aud.len(), jwt.amr.len()), (32, 8, 8));
    assert_eq!(jwt.client_id.as_deref(), Some("spa"));
    let long = "é".repeat(200);
    let header = format!(r#"{{"alg":"{long}","kid":"{long}","typ":"{long}"}}"#);
    let jwt = Stage::new().call(&unsigned(&header, &format!(r#"{{"iss":"{long}","aud":"{long}"}}"#)), 200);
    let lengths = [&jwt.alg, &jwt.kid.unwrap(), &jwt.typ.unwrap(), &jwt.iss.unwrap(), &jwt.aud[0]];
    assert_eq!(lengths.map(|text| text.len()), [24, 64, 32, 128, 128]);
}

#[test]
fn a_secret_in_a_claim_is_masked_wherever_it_stands() {
    let cookie = "3d9f0c1b7a5e4f2d8c6b";
    let key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let texts = ["iss", "acr", "client_id"].map(|name| format!(r#""{name}":"x {cookie}""#)).join(",");
    let lists = ["aud", "amr", "scope"].map(|name| format!(r#""{name}":["{key}","{cookie}"]"#)).join(",");
    let header = format!(r#"{{"alg":"{cookie}","kid":"{key}","typ":"x{cookie}"}}"#);
    let token = unsigned(&header, &format!(r#"{{{texts},{lists},"jti":"{cookie}"}}"#));
    let jwt =
        Stage::new().call_with(&format!("Cookie: sessionid={cookie}\nAuthorization: Bearer {token}"), 200);
    let told = format!("{jwt:?}");
    assert!(!told.contains("3d9f0c") && !told.contains("16C7e4"), "{told}");
    // A key behind the place where the text is cut.
    let claims = format!(r#"{{"iss":"{} {key}"}}"#, "x".repeat(110));
    let jwt = Stage::new().call(&unsigned(r#"{"alg":"RS256"}"#, &claims), 200);
    assert_eq!(jwt.iss.as_deref(), Some("{secret}"));
}

#[test]
fn a_jwe_is_known_by_its_header_and_never_opened() {
    let header = B64.encode(
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","zip":"DEF","p2c":2000000,"cty":"JWT","kid":"e1"}"#,
    );
    let mut stage = Stage::new();
    let jwt = stage.call(&format!("{header}.a2V5.aXY.{}.dGFn", B64.encode(vec![0; 40_000])), 200);
    let traits: Vec<_> = jwt.header.iter().map(HeaderTrait::name).collect();
    assert_eq!((&*jwt.alg, jwt.parts, jwt.p2c), ("PBES2-HS256+A128KW", 5, Some(2_000_000)));
    assert_eq!((traits.as_slice(), jwt.signature.name()), (["zip", "nested"].as_slice(), "present"));
    assert_eq!(jwt.check, SignatureCheck::NotChecked);
}

#[test]
fn limits_of_header_and_payload() {
    let mut stage = Stage::new();
    let mut see = |token: &str| {
        let request = format!("GET /x\nHost: {API}\nAuthorization: Bearer {token}");
        let sighting = stage.see("10.0.0.5", &request, "401\nServer: x");
        let told = sighting.transaction.jwt.map(|jwt| jwt.bytes);
        (told, sighting.transaction.anomalies.iter().any(|a| a == Anomaly::JwtLimit))
    };
    let long = |bytes: usize| format!(r#"{{"alg":"RS256","x":"{}"}}"#, "x".repeat(bytes));
    assert_eq!(see(&unsigned(&long(8_000), "{}")), (Some(10_705), false));
    assert_eq!(see(&unsigned(&long(9_000), "{}")), (None, true));
    assert_eq!(see(&unsigned(&long(0), &long(32_000))), (Some(42_732), false));
    assert_eq!(see(&unsigned(&long(0), &long(100_000))), (Some(133_399), true), "the header is told");
}

/// RFC 9449: a proof is not the token, and its key is nobody's header trait.
#[test]
fn proofs_of_possession() {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
    let proof = |jti: &str, jwk: &str| {
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#);
        unsigned(&header, &format!(r#"{{"jti":"{jti}","htm":"GET","htu":"https://api"}}"#))
    };
    // The thumbprint of this key, as RFC 9449 6.1 has it.
    let token = unsigned(
        r#"{"alg":"ES256"}"#,
        r#"{"sub":"u","cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#,
    );
    let mut stage = Stage::new();
    let mut see = |proof: &str| {
        let request = format!("GET /x\nHost: {API}\nDPoP: {proof}\nAuthorization: DPoP {token}");
        let Sighting { transaction, clues } = stage.see("10.0.0.5", &request, "200\nServer: x");
        let jwt = transaction.jwt.unwrap();
        assert!(jwt.bound && jwt.header.iter().next().is_none(), "{jwt:?}");
        (clues.dpop_jti, clues.dpop_key_fits)
    };
    let (first, again) = (see(&proof("p1", jwk)), see(&proof("p1", jwk)));
    assert!(first.0.is_some());
    assert_eq!(first, again);
    assert_eq!(first.1, Some(true));
    assert_ne!(see(&proof("p2", jwk)).0, first.0);
    let other = see(&proof("p1", &jwk.replace("l8tF", "AAAA")));
    assert!(other.0.is_some() && other.0 != first.0, "another key counts for itself");
    assert_eq!(other.1, Some(false));
    assert_eq!(
        see(&proof("p1", jwk).replace(&B64.encode("{\"typ\":\"dpop"), &B64.encode("{\"typ\":\"nope"))),
        (None, None)
    );
}

#[test]
fn a_sealed_token_cannot_be_printed() {
    let token = hs256("k1", &claims("u1", "t1"), b"secret");
    let request = format!("GET /x\nHost: {API}\nAuthorization: Bearer {token}");
    let sighting = Stage::new().see("10.0.0.5", &request, "200\nServer: x");
    assert!(sighting.clues.token.is_some());
    let told = format!("{sighting:?}");
    for part in token.split('.') {
        assert!(!told.contains(&part[..12]), "{told}");
    }
    assert!(told.contains("SealedToken"));
}
