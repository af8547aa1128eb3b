//! Schemes and what each comes to: kind, class, and the name or the fact that it is a secret.

use super::*;
use crate::identity::tables::{self, Cookie};
use base64::prelude::{BASE64_STANDARD, Engine};

/// Kind, class and name of each credential: `=name` for a public one, `secret` otherwise; then the user.
fn told(header: &str) -> String {
    let (name, value) = header.split_once(": ").unwrap();
    let role = tables::names(Vec::new(), tables::REQUEST_HEADERS).get(name.as_bytes()).unwrap();
    let mut presented = Presented::default();
    presented.header(role, name.as_bytes(), value.as_bytes());
    let mut said: Vec<String> = presented.found.iter().map(shown).collect();
    said.extend(presented.user.as_deref().map(|user| format!("user {}", String::from_utf8_lossy(user))));
    said.join("; ")
}

fn shown(found: &Found<'_>) -> String {
    let value = String::from_utf8_lossy(found.secret.bytes()).into_owned();
    let class = match shape::class(found.secret.bytes()) {
        shape::OPAQUE | "hex" | "uuid" => found.carrier,
        class => class,
    };
    match found.named {
        Some(class) => format!("{} {class} ={value}", found.kind),
        None => format!("{} {class} secret", found.kind),
    }
}

fn authorization(value: &str) -> String {
    told(&format!("Authorization: {value}"))
}

#[test]
fn bearer_tokens_are_told_by_their_form() {
    let stripe = format!("Bearer {}{}", "sk_live_", "4eC39HqLyjWDarjtT1zdp7dc");
    for (value, expected) in [
        ("Bearer jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8", "bearer_opaque opaque secret"),
        ("bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "bearer_jwt jwt secret"),
        ("Bearer eyJhbGciOiJSU0EifQ.a.b.c.d", "bearer_opaque jwe secret"),
        ("Bearer v4.public.eyJzdWIiOiIxIn0c2ln", "bearer_opaque paseto secret"),
        (
            "Bearer v2.local.QAxIpVe-ECVNI1z4xQbm_qQYomyT3h8FtV8bxkz8pBJWkT8f7HtlOpbroPDEZUKop",
            "bearer_opaque paseto secret",
        ),
        ("DPoP Kz~8mXK1EalYznwH-LC-1fBAo", "bearer_opaque opaque secret"),
        ("Zoho-oauthtoken 1000.67013ab3960787bcf3affae67e649fc0", "bearer_opaque opaque secret"),
        ("vapid t=eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOiIxIn0.c2ln, k=BDd3", "bearer_jwt jwt secret"),
        (stripe.as_str(), "api_key stripe_live secret"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "bearer_jwt jwt secret"),
    ] {
        assert_eq!(authorization(value), expected, "{value}");
    }
}

#[test]
fn keys_have_many_schemes() {
    for value in [
        "Token 9944b09199c62bcf9418ad846dd0e4bb",
        "Token token=\"9944b09199c62bcf9418ad846dd0e4bb\"",
        "ApiKey VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw==",
        "SSWS 00QCjAl4MlV-WPXM-ABIGAIL",
        "GenieKey 6ac0e9d0-5e0d-4f1b-8d0f-1a2b3c4d5e6f",
        "Bot MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
        "PrivateToken token=\"AAIAAbcdefghijk\"",
        "9944b09199c62bcf9418ad846dd0e4bb",
    ] {
        assert_eq!(authorization(value), "api_key api_key secret", "{value}");
    }
}

#[test]
fn a_signed_request_is_known_by_the_id_of_its_key() {
    for (value, expected) in [
        (
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range, Signature=fe5f80f77d5fa3beca038a248ff027",
            "signature aws_access_key =AKIAIOSFODNN7EXAMPLE",
        ),
        (
            "AWS4-ECDSA-P256-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/s3/aws4_request,SignedHeaders=host,Signature=3045",
            "signature aws_access_key =AKIAIOSFODNN7EXAMPLE",
        ),
        (
            "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
            "signature aws_access_key =AKIAIOSFODNN7EXAMPLE",
        ),
        (
            "GOOG4-HMAC-SHA256 Credential=GOOGEXAMPLE/20190301/us/storage/goog4_request, SignedHeaders=host, Signature=ab",
            "signature google_access_id =GOOGEXAMPLE",
        ),
        ("GOOG1 GOOGEXAMPLE:c2ln", "signature google_access_id =GOOGEXAMPLE"),
        ("SharedKey acme:ctzMq410TV3wS7upTBcunJTDLEJwMAZuFPfr0mrrA08=", "signature azure_account =acme"),
        ("SharedKeyLite acme:ctzMq410TV3wS7upTBcunJTDLEJwMAZuFPfr0mrrA08=", "signature azure_account =acme"),
        (
            "SharedAccessSignature sr=acme.example%2fq&sig=abc%3d&se=1700000000&skn=sender",
            "signature azure_sas =sender",
        ),
        ("acs LTAIEXAMPLE:26NBxoKdsyly4EDv6inkoDft/yA=", "signature alibaba_access_key =LTAIEXAMPLE"),
        (
            "ACS3-HMAC-SHA256 Credential=LTAIEXAMPLE,SignedHeaders=host,Signature=e9",
            "signature alibaba_access_key =LTAIEXAMPLE",
        ),
        (
            "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2019-02-25/cvm/tc3_request, SignedHeaders=host, Signature=72",
            "signature tencent_secret_id =AKIDEXAMPLE",
        ),
        (
            "SDK-HMAC-SHA256 Access=QTEXAMPLE, SignedHeaders=host, Signature=7f",
            "signature huawei_access_key =QTEXAMPLE",
        ),
        (
            "bce-auth-v1/BCEEXAMPLE/2015-04-27T08:23:49Z/1800/host/d74a04",
            "signature baidu_access_key =BCEEXAMPLE",
        ),
        (
            "HMAC-SHA256 Credential=0-l9-s0:EXAMPLE&SignedHeaders=host&Signature=c2ln",
            "signature hmac =0-l9-s0:EXAMPLE",
        ),
        (
            "hmac username=\"billing\", algorithm=\"hmac-sha256\", headers=\"date\", signature=\"c2ln\"",
            "signature hmac =billing",
        ),
        ("HmacSHA256 partner-7:c2lnbmF0dXJl==", "signature hmac =partner-7"),
        ("APIAuth-HMAC-SHA256 partner-7:c2lnbmF0dXJl", "signature signature =partner-7"),
        (
            "Hawk id=\"dh37fgj492je\", ts=\"1353832234\", nonce=\"j4h3g2\", mac=\"6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=\"",
            "hawk hawk =dh37fgj492je",
        ),
        (
            "MAC id=\"h480djs93hd8\", nonce=\"1336363200:dj83hs9s\", mac=\"bhCQXTVyfj5cmA9uKkPFx1zeOXM=\"",
            "signature mac =h480djs93hd8",
        ),
        (
            "Signature keyId=\"https://a.example/u#main,key\",algorithm=\"rsa-sha256\",signature=\"c2ln\"",
            "signature signature =https:",
        ),
    ] {
        assert_eq!(authorization(value), expected, "{value}");
    }
    // Nearest innocents: schemes that only begin alike are no signatures.
    for value in ["Macaroon MDAxY2xvY2F0aW9u", "Awsome abc:defghijklmn", "Hawkeye id=abcdefgh"] {
        assert_eq!(authorization(value), "other other secret", "{value}");
    }
}

#[test]
fn signatures_of_rfc_9421_have_headers_of_their_own() {
    assert_eq!(
        told(
            "Signature-Input: sig1=(\"@method\" \"@authority\");created=1618884473;keyid=\"test-key;1\";alg=\"ed25519\""
        ),
        "signature signature =test-key"
    );
    assert_eq!(
        told("Signature: sig1=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w==:"),
        ""
    );
    assert_eq!(
        told("Signature: keyId=\"main-key\",headers=\"date\",signature=\"c2ln\""),
        "signature signature =main-key"
    );
}

#[test]
fn oauth_is_a_signature_in_its_first_version_and_a_bearer_elsewhere() {
    let first = "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_token=\"nnch734d00sl2jdk\", oauth_signature=\"74KNZJeDHnMBp0EMJ9ZHt%2FXKycU%3D\"";
    assert_eq!(
        authorization(first),
        "signature oauth_consumer_key =dpf43f3p2l4k3l03; bearer_opaque oauth_token secret"
    );
    assert_eq!(authorization("OAuth y0_AgAAAAAexample"), "bearer_opaque opaque secret");
}

#[test]
fn users_stand_for_passwords_and_nobody_for_a_handshake() {
    let basic = |text: &str| authorization(&format!("Basic {}", BASE64_STANDARD.encode(text)));
    assert_eq!(basic("dave:pass:word"), "basic basic =dave; user dave");
    assert_eq!(basic("nocolon"), "basic basic =; user ");
    assert_eq!(authorization("Basic !!!"), "basic basic =");
    let digest = "Digest username=\"Mu, fasa\", realm=\"r\", nonce=\"7ypf\", uri=\"/dir\", response=\"753927fa0e85d155564e2e272a28d180\"";
    assert_eq!(authorization(digest), "digest digest =Mu, fasa; user Mu, fasa");
    assert_eq!(
        authorization("Digest username*=UTF-8''J%C3%A4s%20Doe, realm=\"r\""),
        "digest digest =Jäs Doe; user Jäs Doe"
    );
    assert_eq!(
        authorization(
            "Digest username=\"488869477bf257147b804c45308cd62ac4e25eb717b12b298c79e62dcea254ec\", userhash=true"
        ),
        "digest digest =488869477bf257147b804c45308cd62ac4e25eb717b12b298c79e62dcea254ec"
    );
    assert_eq!(authorization("Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa8="), "negotiate negotiate =");
    assert_eq!(
        authorization(&format!("NTLM {}", BASE64_STANDARD.encode(ntlm(1, "", true)))),
        "negotiate ntlm ="
    );
    for unicode in [true, false] {
        let message = BASE64_STANDARD.encode(ntlm(3, "jsmith", unicode));
        assert_eq!(authorization(&format!("NTLM {message}")), "negotiate ntlm =jsmith; user jsmith");
    }
    // A name that points outside of the message is no name.
    let mut lying = ntlm(3, "jsmith", true);
    lying[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(authorization(&format!("Negotiate {}", BASE64_STANDARD.encode(lying))), "negotiate ntlm =");
}

/// A message of NTLM with nothing in it but a user.
fn ntlm(kind: u32, user: &str, unicode: bool) -> Vec<u8> {
    let name: Vec<u8> = if unicode {
        user.encode_utf16().flat_map(u16::to_le_bytes).collect()
    } else {
        user.as_bytes().to_vec()
    };
    let mut message = b"NTLMSSP\0".to_vec();
    message.extend(kind.to_le_bytes());
    message.resize(36, 0);
    let len = name.len() as u16;
    message.extend(len.to_le_bytes().into_iter().chain(len.to_le_bytes()));
    message.extend(64u32.to_le_bytes());
    message.resize(60, 0);
    message.extend(u32::from(unicode).to_le_bytes());
    message.extend(name);
    message
}

#[test]
fn what_a_proxy_is_told_is_hidden_password_and_all() {
    let value = format!("Basic {}", BASE64_STANDARD.encode("al:Harbor-rill9925!"));
    let mut presented = Presented::default();
    presented.header(RequestHeader::ProxyAuthorization, b"proxy-authorization", value.as_bytes());
    assert!(presented.found.is_empty() && presented.is_within(b"/x/Harbor-rill9925!"));
    assert!(!presented.is_within(b"/x/Harbor-rill9926!"));
}

#[test]
fn a_secret_is_seen_in_other_letters() {
    let mut presented = Presented::default();
    presented.hide(b"Harbor rill/99".as_slice());
    for text in [
        "a Harbor rill/99 b",
        "x-SGFyYm9yIHJpbGwvOTk=",
        "dTpIYXJib3IgcmlsbC85OTo",
        "486172626f722072696c6c2f3939",
    ] {
        assert!(presented.tells(text.as_bytes()), "{text}");
        assert!(String::from_utf8(presented.masked(text.as_bytes())).unwrap().contains("{secret}"), "{text}");
    }
    assert_eq!(presented.masked(b"x/Harbor%20rill%2F99"), b"{secret}");
    for innocent in ["Harbor rill", "harbor", "x-SGFyYm9yIHJpbA=="] {
        assert!(!presented.tells(innocent.as_bytes()), "{innocent}");
        assert_eq!(presented.masked(innocent.as_bytes()), innocent.as_bytes());
    }
}

#[test]
fn with_more_secrets_than_can_be_compared_every_text_is_one() {
    let mut presented = Presented::default();
    for number in 0..2048 {
        presented.hide(format!("hidden-{number:04}").into_bytes());
    }
    assert!(!presented.tells(b"/innocent") && presented.masked(b"/innocent") == b"/innocent");
    presented.hide(b"one more".as_slice());
    for text in ["/one more/", "/innocent"] {
        assert!(presented.tells(text.as_bytes()) && presented.is_within_any_case(text.as_bytes()), "{text}");
        assert_eq!(presented.masked(text.as_bytes()), b"{secret}", "{text}");
    }
}

#[test]
fn the_password_of_basic_is_hidden_by_itself() {
    let value = format!("Basic {}", BASE64_STANDARD.encode("annabel:Harbor rill 99"));
    let mut presented = Presented::default();
    presented.authorization(b"Authorization", value.as_bytes());
    assert!(presented.tells(b"/Harbor rill 99/") && !presented.tells(b"/annabel/"));
}

#[test]
fn masking_ends_whatever_the_secret_is() {
    for secret in ["secret", "{secret}", "t}{secr", "}{secret", "aaaaaa", "secret}x"] {
        let mut presented = Presented::default();
        presented.hide(secret.as_bytes());
        let text = format!("/a/{secret}{secret}/{secret}b");
        let masked = String::from_utf8(presented.masked(text.as_bytes())).unwrap();
        assert!(masked.replace("{secret}", "").len() < text.len(), "{masked}");
    }
}

#[test]
fn with_more_secrets_than_can_be_compared_everything_is_one() {
    let names = tables::names(Vec::new(), tables::COOKIES);
    let line: String = (0..1025).map(|n| format!("sid=value-{n:05}; ")).collect();
    let mut few = Presented::default();
    few.cookies(line.get(..line.len() - 20).unwrap().as_bytes(), &names);
    assert!(!few.is_within(b"/customers") && few.is_within(b"/x/value-01000"));
    let mut many = Presented::default();
    many.cookies(line.as_bytes(), &names);
    assert!(many.is_within(b"/customers"));
    assert_eq!(many.masked(b"/customers"), b"{secret}");
}

#[test]
fn literals_of_a_graphql_document_are_hidden_by_their_arguments() {
    let names = tables::names(Vec::new(), tables::FIELDS);
    let mut presented = Presented::default();
    let document = r#"mutation { login(email: "al@x.example", password: "Harbor-\"rill\"9925", otp: 492817) { id }
        note(text: "password reset", secret_key: """
          block-secret-77""") }"#;
    presented.hide_literals(document.as_bytes(), &names);
    for secret in ["Harbor-\"rill\"9925", "492817", "block-secret-77"] {
        assert!(presented.is_within(secret.as_bytes()), "{secret}");
    }
    for innocent in ["al@x.example", "password reset"] {
        assert!(!presented.is_within(innocent.as_bytes()), "{innocent}");
    }
}

#[test]
fn matrix_parameters_are_fields() {
    let names = tables::names(Vec::new(), tables::FIELDS);
    let mut presented = Presented::default();
    presented.path(b"/cart;token=abc-def-ghi;version=2-beta-1/reset/k9x2p7q", &names);
    assert!(presented.is_within(b"abc-def-ghi") && presented.is_within(b"k9x2p7q"));
    assert!(!presented.is_within(b"2-beta-1"));
}

#[test]
fn cookies_of_settings_are_no_secrets() {
    let names = tables::names(Vec::<(String, Cookie)>::new(), tables::COOKIES);
    let mut presented = Presented::default();
    presented.cookies(
        b"language=german; csrftoken=9a0b1c2d3e4f5a6b7c8d; s%3Aabcdefgh=1; sid=s%3Aabcdefgh.sig",
        &names,
    );
    assert!(!presented.is_within(b"/courses/german"));
    assert!(presented.is_within(b"9a0b1c2d3e4f5a6b7c8d") && presented.is_within(b"s:abcdefgh.sig"));
}
