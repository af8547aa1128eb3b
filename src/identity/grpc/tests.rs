//! Calls as they are made by real services, in pairs: what is read of them, and what is not.

use super::*;
use crate::http::{Exchange, Header};
use crate::identity::extract::tests::{exchange, extractor};
use expect_test::{Expect, expect};
use heelguard_detectors::transaction::{Protocol, Transaction};
use std::io::Read as _;

/// A message of text fields, numbered from 1.
fn message(texts: &[&str]) -> Vec<u8> {
    numbered(&texts.iter().zip(1..).map(|(text, number)| (number, *text)).collect::<Vec<_>>())
}

/// A message of text fields with their numbers.
fn numbered(texts: &[(u8, &str)]) -> Vec<u8> {
    let field =
        |&(number, text): &(u8, &str)| [&[number << 3 | 2, text.len() as u8], text.as_bytes()].concat();
    framed(0, &texts.iter().flat_map(field).collect::<Vec<u8>>())
}

fn framed(flags: u8, bytes: &[u8]) -> Vec<u8> {
    [&[flags], &(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// A call with its answer: metadata, message, the answer's message, and how it ended.
fn call(
    path: &str,
    metadata: &str,
    asked: Vec<u8>,
    answered: Vec<u8>,
    ended: Option<(u32, &str)>,
) -> Exchange {
    // Both sides pack in the same way.
    let coding = metadata.lines().find(|line| line.starts_with("grpc-encoding")).unwrap_or_default();
    let mut call = exchange(
        &format!("POST {path} HTTP/2\nhost: api.test\ncontent-type: application/grpc\n{metadata}"),
        format!("200\ncontent-type: application/grpc\n{coding}").trim_end(),
    );
    call.protocol = Protocol::Grpc;
    let bodies =
        [call.request.as_mut().unwrap(), call.response.as_mut().unwrap()].into_iter().zip([asked, answered]);
    for (message, body) in bodies {
        message.body.bytes = body.len() as u64;
        message.body.prefix = body;
    }
    if let Some((status, words)) = ended {
        let response = call.response.as_mut().unwrap();
        for (name, value) in [("grpc-status", status.to_string()), ("grpc-message", words.to_owned())] {
            let start = response.head.len() as u32;
            response.head.extend_from_slice(name.as_bytes());
            let middle = response.head.len() as u32;
            response.head.extend_from_slice(value.as_bytes());
            let end = response.head.len() as u32;
            response.trailers.push(Header { name: start..middle, value: middle..end });
        }
    }
    call
}

fn see(call: Exchange) -> Transaction {
    extractor().extract(call).transaction
}

#[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
fn check(call: Exchange, expected: Expect) {
    let seen = see(call);
    let mfa =
        seen.mfa.map(|mfa| format!(" {}/{}/{}", mfa.event, mfa.factor, mfa.outcome)).unwrap_or_default();
    let login = seen
        .login
        .map(|l| format!(" {}:{}", l.name.as_deref().unwrap_or("-"), l.outcome))
        .unwrap_or_default();
    let ended = seen.response.and_then(|response| response.grpc_status);
    expected.assert_eq(&format!("{} {}{login}{mfa} {ended:?}", seen.activity, seen.outcome));
}

const LOGIN: &str = "/acme.auth.v1.Auth/Login";
const VERIFY: &str = "/acme.auth.v1.Auth/VerifyMfa";

#[test]
fn a_login_is_read_by_the_numbers_of_its_fields() {
    let asked = || message(&["ana", "Harbor-tide4758!", "dev-ana"]);
    let ticket = message(&["mKmbD0EDWeHcsQvnI46y7JNY", "totp", "recovery"]);
    check(
        call(LOGIN, "", asked(), ticket, Some((0, ""))),
        expect!["login denied ana:second_factor challenge/totp/challenge Some(0)"],
    );
    let token = message(&["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"]);
    check(call(LOGIN, "", asked(), token, Some((0, ""))), expect!["login success ana:success Some(0)"]);
    check(
        call(LOGIN, "", asked(), Vec::new(), Some((16, "bad credentials"))),
        expect!["login denied ana:refused Some(16)"],
    );
    check(
        call(LOGIN, "", asked(), Vec::new(), Some((14, "try later"))),
        expect!["login error ana:error Some(14)"],
    );
    // The trailers were not seen: nobody knows.
    check(call(LOGIN, "", asked(), Vec::new(), None), expect!["login unknown ana:unknown None"]);
    // A compressed message, and a call of another name, say nothing.
    check(
        call(LOGIN, "", framed(1, b"\x1f\x8b"), Vec::new(), Some((16, ""))),
        expect!["use denied Some(16)"],
    );
    check(call("/pay.Pay/Send", "", asked(), Vec::new(), Some((0, ""))), expect!["use success Some(0)"]);
}

const PASSWORD: &str = "Harbor-tide4758!";

#[test]
fn a_text_without_a_name_before_it_is_no_name() {
    let refused = |path, asked: &[(u8, &str)], expected: Expect| {
        let call = || call(path, "", numbered(asked), Vec::new(), Some((16, "")));
        let told = format!("{:?}", see(call()));
        assert!(
            asked.iter().all(|(number, text)| *number == 1 && *text == "ana" || !told.contains(text)),
            "{told}"
        );
        check(call(), expected);
    };
    // An empty name is not sent.
    refused(LOGIN, &[(2, PASSWORD), (3, "dev-ana")], expect!["login denied -:refused Some(16)"]);
    // Who signs in again has been named before.
    for path in ["/acme.Auth/Reauthenticate", "/acme.Auth/ReAuthenticate", "/acme.Auth/ConfirmPassword"] {
        refused(path, &[(1, PASSWORD), (2, "delete-account")], expect!["login denied -:refused Some(16)"]);
    }
    // Tokens and identifiers instead of a name.
    for token in ["9944b09199c62bcf9418ad846dd0e4bb", "1b4e28ba-2fa1-11d2-883f-0016d3cca427"] {
        refused(LOGIN, &[(1, token), (2, "dev-ana")], expect!["login denied -:refused Some(16)"]);
    }
    // A message that looks like a text: its field 4 has 33 letters.
    let inner = format!("\"!{PASSWORD}-{PASSWORD}");
    refused(LOGIN, &[(1, &inner), (2, "dev-ana")], expect!["login denied -:refused Some(16)"]);
    // The name is there, whatever else is and in whatever order.
    refused(
        LOGIN,
        &[(5, PASSWORD), (1, "ana"), (9, "dev-two")],
        expect!["login denied ana:refused Some(16)"],
    );
    // Of two names the last counts, as it does for the server.
    let twice = numbered(&[(1, "decoy"), (2, PASSWORD), (1, "ana")]);
    check(call(LOGIN, "", twice, Vec::new(), Some((16, ""))), expect!["login denied ana:refused Some(16)"]);
}

#[test]
fn a_tenant_that_the_name_tells_does_not_hide_it() {
    let asked = |texts: &[&str]| call(LOGIN, "", message(texts), Vec::new(), Some((16, "")));
    let refused = || expect!["login denied ana@acme-corp.example:refused Some(16)"];
    check(asked(&["ana@acme-corp.example", PASSWORD, "acme-corp"]), refused());
    check(asked(&["ana@acme-corp.example", PASSWORD, "dev-ana"]), refused());
    // The only text is the password.
    let hidden = expect!["login denied -:refused Some(16)"];
    check(asked(&["ana@acme-corp.example", "acme-corp"]), hidden);
}

#[test]
fn every_text_of_a_login_but_the_name_is_hidden() {
    let metadata = format!("user-agent: grpc-go/1.60 ({PASSWORD})");
    for asked in [&[(1, "ana"), (3, "acme"), (7, PASSWORD)][..], &[(2, "ana"), (3, PASSWORD)]] {
        let told = format!("{:?}", see(call(LOGIN, &metadata, numbered(asked), Vec::new(), Some((16, "")))));
        assert!(!told.contains(PASSWORD), "{told}");
    }
    let other = call("/pay.Pay/Send", &metadata, numbered(&[(1, "ana")]), Vec::new(), Some((0, "")));
    assert!(format!("{:?}", see(other)).contains("grpc-go/1.60"));
}

/// A message packed as `grpc-encoding` says.
fn packed(coding: &str, message: &[u8]) -> Vec<u8> {
    let plain = grpc::messages(message).next().unwrap().bytes;
    let mut bytes = Vec::new();
    let level = flate2::Compression::default();
    let done = match coding {
        "gzip" => flate2::read::GzEncoder::new(plain, level).read_to_end(&mut bytes),
        _ => flate2::read::ZlibEncoder::new(plain, level).read_to_end(&mut bytes),
    };
    done.unwrap();
    framed(1, &bytes)
}

#[test]
fn compressed_messages_are_read_as_others_are() {
    let asked = || message(&["ana", "Harbor-tide4758!", "dev-ana"]);
    let ticket = || message(&["mKmbD0EDWeHcsQvnI46y7JNY", "totp", "recovery"]);
    for coding in ["gzip", "deflate"] {
        let metadata = format!("grpc-encoding: {coding}");
        let read = |asked, answered| {
            check(
                call(LOGIN, &metadata, asked, answered, Some((0, ""))),
                expect!["login denied ana:second_factor challenge/totp/challenge Some(0)"],
            );
        };
        read(packed(coding, &asked()), packed(coding, &ticket()));
        // Each message says for itself whether it is packed.
        read(packed(coding, &asked()), [message(&["first"]), packed(coding, &ticket())].concat());
        read(asked(), ticket());
    }
}

#[test]
fn what_nobody_can_unpack_is_counted_and_left_alone() {
    let asked = || message(&["ana", "Harbor-tide4758!"]);
    let odd = |metadata: &str, body: Vec<u8>| {
        let seen = see(call(LOGIN, metadata, body, Vec::new(), Some((16, ""))));
        let login = seen.login.and_then(|login| login.name).map_or("-".to_owned(), |name| name.to_string());
        let odd: Vec<_> = seen.anomalies.iter().map(Anomaly::name).collect();
        format!("{login} {}", odd.join(" "))
    };
    // Unknown; not said; said to be nothing; something else than is said.
    for metadata in ["grpc-encoding: snappy", "", "grpc-encoding: identity", "grpc-encoding: gzip"] {
        assert_eq!(odd(metadata, framed(1, b"\x03\x08ana")), "- body.coding_error", "{metadata}");
    }
    // A message that is not packed is read, whatever the others could be.
    assert_eq!(odd("grpc-encoding: snappy", asked()), "ana ");
    assert_eq!(odd("grpc-encoding: gzip", packed("gzip", &asked())), "ana ");
    // A message that unpacks to a thousand times its size.
    let bomb = packed("gzip", &framed(0, &vec![0; 4 << 20]));
    assert_eq!(odd("grpc-encoding: gzip", bomb), "- body.decompression_limit");
}

#[test]
fn the_status_of_a_call_decides_what_a_code_came_to() {
    let asked = || message(&["mKmbD0EDWeHcsQvnI46y7JNY", "984493", "totp"]);
    let ended = |status, words| call(VERIFY, "", asked(), Vec::new(), Some((status, words)));
    check(ended(0, ""), expect!["mfa success attempt/totp/success Some(0)"]);
    check(ended(16, "invalid otp"), expect!["mfa denied attempt/totp/fail_code Some(16)"]);
    check(ended(16, "token expired"), expect!["mfa denied attempt/totp/fail_other Some(16)"]);
    check(ended(7, ""), expect!["mfa denied attempt/totp/fail_code Some(7)"]);
    check(ended(8, ""), expect!["mfa denied attempt/totp/throttled Some(8)"]);
    check(ended(14, ""), expect!["mfa error attempt/totp/fail_other Some(14)"]);
    check(call(VERIFY, "", asked(), Vec::new(), None), expect!["mfa unknown attempt/totp/unknown None"]);
    let backup = message(&["mKmbD0EDWeHcsQvnI46y7JNY", "5fd4-40b8", "recovery"]);
    check(
        call(VERIFY, "", backup, Vec::new(), Some((0, ""))),
        expect!["mfa success attempt/backup/success Some(0)"],
    );
}

#[test]
fn metadata_carries_credentials_in_letters_or_base64() {
    let kinds = |metadata: &str| {
        let seen = see(call("/pay.Pay/Send", metadata, message(&[]), Vec::new(), Some((0, ""))));
        let told =
            |c: &heelguard_detectors::identity::Credential| format!("{} {} {}", c.kind, c.location, c.name);
        seen.credentials.iter().map(told).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        kinds("authorization: Bearer jgWTwRuNtwSFF6YsXfAu9EjODAKP"),
        "bearer_opaque metadata authorization"
    );
    assert_eq!(kinds("x-api-key: 5357442683a5ad1695b3b8a7aa0a6e69"), "api_key metadata x-api-key");
    assert_eq!(kinds("x-api-key-bin: U1dEQ2aDpa0WlbO4p6oKbmkx"), "api_key metadata x-api-key-bin");
    assert_eq!(kinds("x-request-bin: U1dEQ2aDpa0WlbO4p6oKbmkx"), "");
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzEncoder::new(plain, flate2::Compression::default()).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn grpc_web_has_its_trailers_in_the_body() {
    let trailers = framed(0x80, b"grpc-status: 16\r\ngrpc-message: invalid%20otp\r\n");
    let web = |content_type: &str, body: Vec<u8>| {
        let asked = message(&["mKmbD0EDWeHcsQvnI46y7JNY", "984493", "totp"]);
        let mut call = exchange(
            &format!("POST {VERIFY} HTTP/1.1\ncontent-type: {content_type}"),
            &format!("200\ncontent-type: {content_type}"),
        );
        let coded = |bytes: Vec<u8>| {
            if grpc::is_text(content_type.as_bytes()) { STANDARD.encode(bytes).into() } else { bytes }
        };
        call.request.as_mut().unwrap().body.prefix = coded(asked);
        call.response.as_mut().unwrap().body.prefix = coded(body);
        call
    };
    for content_type in ["application/grpc-web+proto", "application/grpc-web-text"] {
        let seen = see(web(content_type, trailers.clone()));
        assert_eq!(seen.protocol, Protocol::Grpc);
        check(web(content_type, trailers.clone()), expect!["mfa denied attempt/totp/fail_code Some(16)"]);
    }
    let mut packed = web("application/grpc-web", gzip(&trailers));
    let response = packed.response.as_mut().unwrap();
    let start = response.head.len() as u32;
    response.head.extend_from_slice(b"content-encodinggzip");
    response.headers.push(Header { name: start..start + 16, value: start + 16..start + 20 });
    check(packed, expect!["mfa denied attempt/totp/fail_code Some(16)"]);
    check(web("application/grpc-web", message(&["ok"])), expect!["mfa unknown attempt/totp/unknown None"]);
}
