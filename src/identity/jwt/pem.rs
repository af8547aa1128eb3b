//! A public key in the forms that files have: DER and PEM, as SubjectPublicKeyInfo (RFC 5280 4.1) and PKCS#1.
//! Algorithm confusion takes such a file, byte for byte, for a shared secret.
//! It promises the bytes that OpenSSL and the common libraries write.

use super::keys::Material;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64_URL};

/// Letters of a line of PEM (RFC 7468 2).
const LINE: usize = 64;

/// `SEQUENCE { OID, parameters }` of each kind of key (RFC 8017 A.1, RFC 5480 2.1.1, RFC 8410 3).
const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
const P256: &[u8] = b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";
const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";

/// Most forms of one key.
pub(super) const FORMS: usize = 12;

/// What a verifier that is led astray may take for the secret; likeliest first.
pub(super) fn as_secrets(key: &Material) -> Vec<Vec<u8>> {
    let (algorithm, bits): (&[u8], _) = match key {
        Material::Rsa { n, e } => (RSA, pkcs1(n, e)),
        Material::P256(point) => (P256, point.to_vec()),
        Material::P384(point) => (P384, point.to_vec()),
        Material::Ed25519(point) => (ED25519, point.to_vec()),
        Material::Other(_) => return Vec::new(),
    };
    let spki = sequence(&[algorithm, &bit_string(&bits)].concat());
    let mut secrets = pem("PUBLIC KEY", &spki);
    if let Material::Rsa { n, .. } = key {
        secrets.extend(pem("RSA PUBLIC KEY", &bits));
        secrets.extend([bits, n.to_vec(), BASE64_URL.encode(n).into_bytes()]);
    }
    secrets.push(spki);
    secrets
}

/// With a final newline, as files have it, and without, as texts that were trimmed; then without line ends at all
/// but at the borders, and with those of the other system.
fn pem(label: &str, der: &[u8]) -> Vec<Vec<u8>> {
    let text = BASE64_STANDARD.encode(der);
    let wrapped = |end: &str| {
        let lines: Vec<&str> =
            text.as_bytes().chunks(LINE).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN {label}-----{end}{}{end}-----END {label}-----", lines.join(end))
    };
    let unix = wrapped("\n");
    let flat = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----");
    [format!("{unix}\n"), unix, wrapped("\r\n"), flat].map(String::into_bytes).to_vec()
}

fn pkcs1(n: &[u8], e: &[u8]) -> Vec<u8> {
    sequence(&[integer(n), integer(e)].concat())
}

fn sequence(content: &[u8]) -> Vec<u8> {
    tagged(0x30, &[], content)
}

fn bit_string(content: &[u8]) -> Vec<u8> {
    tagged(0x03, &[0], content)
}

/// A positive number: a zero goes before what would be read as a sign.
fn integer(digits: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if digits.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    tagged(0x02, sign, digits)
}

/// Tag, length in the definite form (X.690 8.1.3), content.
fn tagged(tag: u8, before: &[u8], content: &[u8]) -> Vec<u8> {
    let length = before.len() + content.len();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let digits = bytes.iter().skip_while(|&&b| b == 0).copied().collect::<Vec<_>>();
        out.push(0x80 | digits.len() as u8);
        out.extend(digits);
    }
    out.extend_from_slice(before);
    out.extend_from_slice(content);
    out
}
