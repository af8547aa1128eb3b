//! Documents that publish keys, and tokens of any bytes, as the desk that judges tokens sees them one after the other.
//! None is called valid that no published key verifies, whatever it says of itself; one that is signed as it should be is
//! called valid, whatever it says of its bearer. The second opinion is JSON, base64 and `ring`, and no choice between keys.

use super::bodies::sighting;
use super::input::{Input, Turn, piece};
use super::wire::{CLIENT, SERVER, found};
use crate::support::sensor::settings;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use heelguard::flow::Origin;
use heelguard::http::Config;
use heelguard::identity::jwt::{self, Publication, TokenReference};
use heelguard::identity::{Bench, Sighting};
use heelguard_detectors::saved::Saved as _;
use heelguard_detectors::token::SignatureCheck;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA384, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

const ISSUER: &str = "https://auth.example.com";
const HEADER: &str = r#"{"alg":"EdDSA","kid":"k"}"#;

/// The key of an honest issuer.
static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any seed will do"));
/// How others read base64: in whichever form it is.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.byte() % 4;
    let document = input.piece();
    match kind {
        0 => {
            let claims = json!({ "iss": ISSUER, "sub": String::from_utf8_lossy(document) }).to_string();
            let check = judged(own_document().as_bytes(), &signed(HEADER.as_bytes(), claims.as_bytes()));
            assert!(matches!(check, None | Some(SignatureCheck::Valid)), "{check:?} of {claims}");
        }
        1 => hold(document, &signed(input.piece(), input.piece())),
        2 => {
            let [header, claims, signature] = [input.piece(), input.piece(), input.rest()].map(encoded);
            hold(document, &format!("{header}.{claims}.{signature}"));
        }
        _ => {
            let token: Vec<u8> =
                input.rest().iter().copied().filter(|byte| (b'!'..=b'~').contains(byte)).collect();
            hold(document, &String::from_utf8_lossy(&token));
        }
    }
}

fn hold(document: &[u8], token: &str) {
    if judged(document, token) == Some(SignatureCheck::Valid) {
        let document = String::from_utf8_lossy(document);
        assert!(is_verified(&document, token), "nobody's key in {document} verifies {token}");
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A token under the honest issuer's signature.
fn signed(header: &[u8], claims: &[u8]) -> String {
    let said = format!("{}.{}", encoded(header), encoded(claims));
    let signature = encoded(KEY.sign(said.as_bytes()).as_ref());
    format!("{said}.{signature}")
}

fn own_document() -> String {
    let x = encoded(KEY.public_key().as_ref());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x }] }).to_string()
}

/// What the desk says of the token, where it took it for one, when it has seen the document before.
fn judged(document: &[u8], token: &str) -> Option<SignatureCheck> {
    let reference = TokenReference::load(&jwt::Config::default()).expect("there are no files to read");
    let reference = Arc::new(reference);
    let [mut bench, mut told] = [(); 2].map(|()| Bench::new(Arc::clone(&reference), settings().keyring()));
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        document.len()
    );
    let published = [head.as_bytes(), document].concat();
    let asked = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: auth.example.com\r\n\r\n";
    let presented =
        format!("GET /me HTTP/1.1\r\nHost: auth.example.com\r\nAuthorization: Bearer {token}\r\n\r\n");
    let turn = |kind, bytes| Turn { kind, bytes };
    let turns = [
        turn(CLIENT, asked.as_bytes()),
        turn(SERVER, &published),
        turn(CLIENT, presented.as_bytes()),
        turn(SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ];
    let sightings =
        || found(&Config::default(), Origin::Handshake, &turns, None).exchanges.into_iter().map(sighting);
    let mut check = None;
    for (mut sighting, mut elsewhere) in sightings().zip(sightings()) {
        if let Some(news) = bench.judge(&mut sighting) {
            told.hear(&passed_on(&news));
        }
        check = checked(&sighting);
        if check.is_some() {
            told.judge(&mut elsewhere);
            assert_eq!(checked(&elsewhere), check, "who is told of keys judges as who saw them");
        }
    }
    check
}

fn checked(sighting: &Sighting) -> Option<SignatureCheck> {
    sighting.transaction.jwt.as_ref().map(|jwt| jwt.check)
}

/// As another sensor reads it.
fn passed_on(news: &Publication) -> Publication {
    let mut written = Vec::new();
    news.save(&mut written);
    let read = Publication::load(&mut written.as_slice()).expect("what was written is read");
    assert_eq!(format!("{read:?}"), format!("{news:?}"));
    read
}

/// Whether some key of the document verifies the token, by any algorithm of the key's kind.
fn is_verified(document: &str, token: &str) -> bool {
    let Some((said, signature)) = token.rsplit_once('.') else { return false };
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let keys = document["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    bytes(signature).is_some_and(|signature| {
        keys.iter().any(|key| verifies(key, said.as_bytes(), &signature).unwrap_or_default())
    })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.replace('+', "-").replace('/', "_")).ok()
}

fn verifies(key: &Value, said: &[u8], signature: &[u8]) -> Option<bool> {
    let member = |name: &str| key[name].as_str().and_then(bytes);
    let plain = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
        UnparsedPublicKey::new(algorithm, key).verify(said, signature).is_ok()
    };
    let point = |size: usize| -> Option<Vec<u8>> {
        let padded = |part: Vec<u8>| [vec![0; size.saturating_sub(part.len())], part].concat();
        Some([vec![4], padded(member("x")?), padded(member("y")?)].concat())
    };
    Some(match (key["kty"].as_str()?, key["crv"].as_str()) {
        ("OKP", Some("Ed25519")) => plain(&ED25519, &member("x")?),
        ("EC", Some("P-256")) => plain(&ECDSA_P256_SHA256_FIXED, &point(32)?),
        ("EC", Some("P-384")) => plain(&ECDSA_P384_SHA384_FIXED, &point(48)?),
        ("RSA", _) => {
            let whole =
                |number: Vec<u8>| -> Vec<u8> { number.into_iter().skip_while(|byte| *byte == 0).collect() };
            let key = RsaPublicKeyComponents { n: whole(member("n")?), e: whole(member("e")?) };
            let algorithms = [
                &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                &RSA_PKCS1_2048_8192_SHA384,
                &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
                &RSA_PSS_2048_8192_SHA256,
                &RSA_PSS_2048_8192_SHA384,
                &RSA_PSS_2048_8192_SHA512,
            ];
            algorithms.iter().any(|algorithm| key.verify(algorithm, said, signature).is_ok())
        }
        _ => false,
    })
}

/// Tokens under keys of each kind, and what attackers make of tokens.
pub fn seeds() -> Vec<Vec<u8>> {
    let own = own_document();
    let claims = r#"{"iss":"https://auth.example.com","sub":"ann","aud":["api","b"],"exp":1795255200,"iat":1795251600,"nbf":1,"amr":["pwd","otp"],"acr":"urn:x:2","auth_time":1795251600,"scope":"a b","roles":["admin"],"azp":"web","jti":"1","sid":"s","cnf":{"jkt":"q"},"act":{"sub":"svc"},"email":"ann@example.com"}"#;
    let headers = [
        HEADER,
        r#"{"alg":"none"}"#,
        r#"{"alg":"EdDSA","kid":"../../dev/null","jku":"https://evil.example/k","x5u":"https://evil.example/c"}"#,
        r#"{"alg":"EdDSA","kid":"x' union select 1","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"},"crit":["b64"],"zip":"DEF","cty":"JWT","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","x5c":["MIIB"],"x5t":"AA","p2c":1000000}"#,
        r#"{"alg":"EdDSA","kid":"k","typ":"dpop+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#,
    ];
    let mut seeds = vec![[vec![0], piece(b"ann@example.com")].concat()];
    seeds.extend(headers.iter().map(|header| [vec![1], piece(&own), piece(header), piece(claims)].concat()));
    // An HMAC that a list of secrets knows, and one under the published key itself.
    for (header, secret) in
        [(r#"{"alg":"HS256"}"#, &b"secret"[..]), (r#"{"alg":"HS512","kid":"k"}"#, own.as_bytes())]
    {
        let said = format!("{}.{}", encoded(header.as_bytes()), encoded(claims.as_bytes()));
        let algorithm =
            if header.contains("512") { ring::hmac::HMAC_SHA512 } else { ring::hmac::HMAC_SHA256 };
        let signature = ring::hmac::sign(&ring::hmac::Key::new(algorithm, secret), said.as_bytes());
        seeds
            .push([vec![2], piece(&own), piece(header), piece(claims), signature.as_ref().to_vec()].concat());
    }
    seeds.extend(
        EXAMPLES.iter().map(|(keys, token)| [vec![3], piece(keys), token.as_bytes().to_vec()].concat()),
    );
    seeds.extend(
        DOCUMENTS.iter().map(|document| [vec![1], piece(document), piece(HEADER), piece(claims)].concat()),
    );
    seeds
}

/// Documents that are none, or more than one key.
const DOCUMENTS: [&str; 4] = [
    r#"{"issuer":"https://auth.example.com","jwks_uri":"https://auth.example.com/keys"}"#,
    r#"{"keys":[{"kty":"oct","kid":"k","k":"AAAA"},{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"},{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-521","x":"AA","y":"AA"},{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}]}"#,
    r#"{"keys":[]}"#,
    r#"{"keys":"#,
];

/// Keys of other kinds, and tokens under their signatures.
const EXAMPLES: [(&str, &str); 4] = [
    (
        r#"{"keys":[{"kty":"RSA","n":"4XJxXHKY26wV_5289dk5eJuaAD219Q0iL4W2CYtfSvcjRBboVpCswKgwrVE7dj4CkX3_LOLD7i__2Pe6SWtBV_cwM7PjZFM6byc3nz9OWyZG1_jSvsbkVVdIZ2cnE939p_-SMvoAcKCDFd4zikyTJsl8GwzxIg2fESuNcb0_QbZebql8WwlxYs9NzfaIpZj1mg2AWuhKRUZAJavZxCpLUF4OI9pCEegr4UZbwnc9v2vupCdC4LpkIIPfvCRVfu1qSHZOqSUZ04FEKXnEflhC9Ip_eYEK9LZm6MyisCzZHvu_q8Lq8l9Wxl865MIVxQw4anQeykGfXgSoWV76W3snMw","e":"AQAB"}]}"#,
        "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJzdWIiOiJhbm4ifQ.pUlRzcwL_HFyeacWGWSKrVbfb5mTNQy7zbVFniu1IxRxWmJXXEiu55rX_LFkE_5xfT0nxHEW-5P2M88xJboyM2z-kVWeuwpJNoXjq1GXpZyVJFmpLL5r6xiSgdyZmX94PxOwsisxDHD20XTEGsvGMmGOziWZCEYUH0VTA0tQbguyokgUQQqJZoah7avP-9_9npIPYknEhirvUu86ZLYfYqiWhCpl7nB9H9gbjGBPeAfMP2Iwu53D_06-D6ahfQuaFa8UOfDu_GQYKRCxsoz03P-hrjBFx2dTyKiGY1PgO3Gbbv6UMm0ThfWjrLROQ1h4TBJ9L6uIywt0R5hzjKQMoA",
    ),
    (
        r#"{"keys":[{"kty":"RSA","n":"l-zXKFsAh6070xMMx7OCs5KGXDqieRP_diE-g_C7D2egKvqJrjFh3yOcPvidU6wSALJOQOpynCRxNh6f97ZS6038YcOqwV_CRRukRQcMteROUoY-jlljXyYUB16yb00mb7PphOlUfzbueOvgVTHqS6r-pUw8OFEM3blK7an8zbs","e":"AQAB"}]}"#,
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJzdWIiOiJhbm4ifQ.K0KULUjpSnqxaTwqCxOKv2AdZoZxaI8EpY8uxF1bCYBdw91MRfn3eN7lCaM5Dg8VXggGWyz1SuueXZO2s4tQr8eKswguW19KXaS07UI61sWFtyUymb3mHeRktNKVq0UkJmZSP2SHK7A2bN0WdthkLDjQb5XmPU6_xzqvW-mr-8w",
    ),
    (
        r#"{"keys":[{"kty":"EC","crv":"P-256","x":"yI7KiGhCyA09HfCHwrYdcv_Uzk6CpYqXiQHZYyeO1QU","y":"Az1cdjbI-qrTuoAGlEBnaodpZ2FRxXjgxUkRRXwpfd8"}]}"#,
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJzdWIiOiJhbm4ifQ.QzitYxGnQi4_IumchV1MKQC8wEh6g0lyKkHlfHKEEgfP0m2uFoJJJ-qPW4HZ_EfumSgYYblsRjNozULmkNrQ3A",
    ),
    (
        r#"{"keys":[{"kty":"EC","crv":"P-384","x":"RjyCYq5jzznOagD0uwMdXvoijlF7dYhnIa0KCYx4Y3XuH-LIAOTdgmyv2F0NXNDw","y":"yrBeeeEhj2sgDFp66CbSa6Yt8dXXfuE_SuJKAZd7zHhMyKlHk8596iuZ7RQ1nTyd"}]}"#,
        "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZS5jb20iLCJzdWIiOiJhbm4ifQ.mOccgp0p71iGdsGbT5mmT8efN8hIG4QlaYBIVUaeBNm2wtKIeGuSI5tn25HFBz_e1OVxd0Am1_Y0mMgamGxn5NYSQahmdqqLTGJFY4zjE7rBCAjnQSnjkKC1rBbZEid4",
    ),
];

#[test]
fn keys_of_each_kind_verify() {
    for (document, token) in EXAMPLES {
        assert_eq!(judged(document.as_bytes(), token), Some(SignatureCheck::Valid), "{document}");
        assert!(is_verified(document, token), "{document}");
        assert!(!is_verified(&own_document(), token), "{document}");
    }
}
