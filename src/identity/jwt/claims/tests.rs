//! Claims of people, programs and strangers, each token in one line.

use super::*;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use expect_test::{Expect, expect};

fn token(header: &str, payload: &str, signature: &str) -> String {
    format!("{}.{}{signature}", B64.encode(header), B64.encode(payload))
}

#[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
fn check(token: &str, expected: Expect) {
    let (claims, beyond) = read(token.as_bytes(), None, &Keyring::from_bytes(&[7; 32]).unwrap());
    let line = match claims {
        Some(c) => format!(
            "{} kid={:?} iss={:?} sub={:?} name={:?} client={:?} exp={:?} amr={:?} mfa={} service={} signed={} beyond={beyond}",
            c.header.alg,
            c.header.kid,
            c.iss,
            c.sub,
            c.name,
            c.client_id,
            c.exp,
            c.amr,
            c.says_mfa(),
            c.is_service(),
            c.signed
        ),
        None => format!("unreadable beyond={beyond}"),
    };
    expected.assert_eq(&line);
}

#[test]
fn a_person_and_a_program() {
    check(
        &token(
            r#"{"alg":"RS256","kid":"k1"}"#,
            r#"{"sub":"u1","preferred_username":"al","email":"al@x.example","exp":1794223800,"iss":"https://i","amr":["pwd","otp"],"azp":"web"}"#,
            ".c2ln",
        ),
        expect![[
            r#"RS256 kid=Some("k1") iss=Some("https://i") sub=Some("u1") name=Some("al@x.example") client=Some("web") exp=Some(1794223800) amr=["pwd", "otp"] mfa=true service=false signed=true beyond=false"#
        ]],
    );
    check(
        &token(r#"{"alg":"RS256"}"#, r#"{"sub":"svc","client_id":"svc","exp":1.5e9,"amr":["pwd"]}"#, ".c2ln"),
        expect![[
            r#"RS256 kid=None iss=None sub=Some("svc") name=None client=Some("svc") exp=Some(1500000000) amr=["pwd"] mfa=false service=true signed=true beyond=false"#
        ]],
    );
}

#[test]
fn unsigned_tokens_and_claims_that_are_no_claims() {
    check(
        &token(r#"{"alg":"nOnE"}"#, r#"{"sub":"1","x":{"sub":"2"}}"#, "."),
        expect![[
            r#"nOnE kid=None iss=None sub=Some("1") name=None client=None exp=None amr=[] mfa=false service=false signed=false beyond=false"#
        ]],
    );
    check(
        &token(r#"{"typ":"JWT"}"#, r#"{"sub":"null"}"#, ""),
        expect![[
            r" kid=None iss=None sub=None name=None client=None exp=None amr=[] mfa=false service=false signed=false beyond=false"
        ]],
    );
}

#[test]
fn hostile_tokens() {
    check(
        &token(r#"{"alg":"RS256"}"#, &"x".repeat(100_000), ".c"),
        expect![
            "RS256 kid=None iss=None sub=None name=None client=None exp=None amr=[] mfa=false service=false signed=true beyond=true"
        ],
    );
    check(
        &token(r#"{"alg":"RS256"}"#, &"[".repeat(20_000), ".c"),
        expect![[
            r"RS256 kid=None iss=None sub=None name=None client=None exp=None amr=[] mfa=false service=false signed=true beyond=true"
        ]],
    );
    check(
        &"ey.".repeat(5000),
        expect![
            " kid=None iss=None sub=None name=None client=None exp=None amr=[] mfa=false service=false signed=true beyond=false"
        ],
    );
    check("eyJ.%%%.x", expect!["unreadable beyond=false"]);
}
