//! Signatures of the standards' own examples: RFC 7515 A.1 to A.4, RFC 7520 4.1 and 4.2, RFC 8037 A.4.

use super::super::alg::Alg;
use super::super::claims::base64_any;
use super::super::keys::{Material, PublicKey};
use super::super::{known, pem};
use super::*;
use SignatureCheck::{Invalid, Unsupported, Valid};

const A2_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const A2_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const A3_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const A3_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const A3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const JOE: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const ED25519_SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const BILBO_N: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
const BILBO: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
const PS384_SIGNATURE: &str = "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw";
const RS256_SIGNATURE: &str = "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";

fn key(jwk: &str) -> PublicKey {
    PublicKey::of_jwk(&serde_json::from_str(jwk).unwrap()).unwrap()
}

fn rsa(n: &str) -> PublicKey {
    key(&format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"}}"#))
}

/// Checks the example, and that one letter more in its input spoils it.
fn check(key: &PublicKey, alg: &str, input: &str, signature: &str, expected: SignatureCheck) {
    let signature = base64_any(signature.as_bytes()).unwrap();
    assert_eq!(key.check(Alg::of(alg), input.as_bytes(), &signature), expected, "{alg}");
    let spoiled = key.check(Alg::of(alg), format!("{input}A").as_bytes(), &signature);
    assert_eq!(spoiled, if expected == Valid { Invalid } else { expected }, "{alg}");
}

#[test]
fn examples_of_the_standards() {
    check(&rsa(A2_N), "RS256", &format!("eyJhbGciOiJSUzI1NiJ9.{JOE}"), A2_SIGNATURE, Valid);
    let p256 = key(&format!(r#"{{"kty":"EC","crv":"P-256","x":"{A3_X}","y":"{A3_Y}"}}"#));
    check(&p256, "ES256", &format!("eyJhbGciOiJFUzI1NiJ9.{JOE}"), A3_SIGNATURE, Valid);
    let ed25519 = key(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED25519_X}"}}"#));
    let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    check(&ed25519, "EdDSA", input, ED25519_SIGNATURE, Valid);
    check(&ed25519, "Ed25519", input, ED25519_SIGNATURE, Valid);
    let kid = "ImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9";
    let bilbo = rsa(BILBO_N);
    check(&bilbo, "RS256", &format!("eyJhbGciOiJSUzI1NiIs{kid}.{BILBO}"), RS256_SIGNATURE, Valid);
    check(&bilbo, "PS384", &format!("eyJhbGciOiJQUzM4NCIs{kid}.{BILBO}"), PS384_SIGNATURE, Valid);
    check(&bilbo, "PS256", &format!("eyJhbGciOiJQUzM4NCIs{kid}.{BILBO}"), PS384_SIGNATURE, Invalid);
}

/// RFC 7515 A.4 signs with ES512.
#[test]
fn what_cannot_be_checked_is_said_to_be_so() {
    let p521 = key(
        r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qwxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
    );
    check(&p521, "ES512", &format!("eyJhbGciOiJFUzUxMiJ9.{JOE}"), A3_SIGNATURE, Unsupported);
    // Ten thousand bits are more than anybody signs with; 512 are less than is read here.
    check(&rsa(&"_".repeat(1600)), "RS256", "a.b", A2_SIGNATURE, Unsupported);
    check(&rsa(&"_".repeat(86)), "RS256", "a.b", A2_SIGNATURE, Unsupported);
    let even = key(&format!(r#"{{"kty":"RSA","n":"{A2_N}","e":"AQAA"}}"#));
    check(&even, "RS256", "a.b", A2_SIGNATURE, Unsupported);
}

#[test]
fn a_key_of_another_kind_did_not_sign_this() {
    let p256 = key(&format!(r#"{{"kty":"EC","crv":"P-256","x":"{A3_X}","y":"{A3_Y}"}}"#));
    check(&p256, "RS256", &format!("eyJhbGciOiJSUzI1NiJ9.{JOE}"), A2_SIGNATURE, Invalid);
    check(&rsa(A2_N), "ES256", &format!("eyJhbGciOiJFUzI1NiJ9.{JOE}"), A3_SIGNATURE, Invalid);
    check(&p256, "ES256", &format!("eyJhbGciOiJFUzI1NiJ9.{JOE}"), "AAAA", Invalid);
}

#[test]
fn secrets_and_nonsense_are_no_public_keys() {
    let jwks = [
        r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMko"}"#,
        r#"{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}"#,
        r#"{"kty":"RSA","n":"","e":"AQAB"}"#,
        r#"{"kty":"RSA","n":5,"e":"AQAB"}"#,
        r#"{"kty":"EC","crv":"P-256","x":"AA"}"#,
        r#"{"id":"k1","name":"a key of another kind"}"#,
        "[]",
    ];
    for jwk in jwks {
        assert_eq!(PublicKey::of_jwk(&serde_json::from_str(jwk).unwrap()), None, "{jwk}");
    }
}

/// RFC 7515 A.1: its key is in every tutorial.
#[test]
fn the_standards_own_secret_is_known() {
    let input = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}");
    let signature = base64_any(b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
    let known = known::builtin().find(hmac::HMAC_SHA256, input.as_bytes(), &signature).unwrap();
    assert!(known.builtin);
    assert_eq!(known::builtin().find(hmac::HMAC_SHA384, input.as_bytes(), &signature), None);
}

/// The forms of a public key, byte for byte as OpenSSL writes them.
#[test]
fn public_keys_are_written_as_files_have_them() {
    let digests = |material: &Material| -> Vec<String> {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let digest = |form: &Vec<u8>| hex(ring::digest::digest(&ring::digest::SHA256, form).as_ref());
        pem::as_secrets(material).iter().map(digest).collect()
    };
    let of_rsa = digests(&rsa(A2_N).material);
    assert_eq!(of_rsa.len(), pem::FORMS);
    let files = [
        "2c5eeea39708e90396f9f09d920f2af8b7e9f84ace963c1319072224dd3d302b", // SubjectPublicKeyInfo, PEM
        "729da5317de5e9bfb8645d9a8a41a8d220e751438b33ff6aa4ea900ff48912b2", // PKCS#1, PEM
        "6fd13c2435a361e7c588cd17f55f5ad3df0177a66c1727a6a200845f4d7ab88c", // SubjectPublicKeyInfo, DER
        "4d45852a70eef278cafe4a2cdfcc544827b7b35f4475c4feca270e3e4d069e01", // PKCS#1, DER
    ];
    for file in files {
        assert!(of_rsa.iter().any(|digest| digest == file), "{file}");
    }
    let texts = |key: &PublicKey| {
        let forms = pem::as_secrets(&key.material);
        String::from_utf8_lossy(&forms[0]).into_owned()
    };
    let p256 = key(&format!(r#"{{"kty":"EC","crv":"P-256","x":"{A3_X}","y":"{A3_Y}"}}"#));
    assert_eq!(
        texts(&p256),
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n-----END PUBLIC KEY-----\n"
    );
    let ed25519 = key(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED25519_X}"}}"#));
    assert_eq!(
        texts(&ed25519),
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
    );
}
