//! Keys from secrets: the PRF of TLS 1.2 (RFC 5246, 5) and HKDF-Expand-Label of TLS 1.3 (RFC 8446, 7.1).
//! It is given a secret and labels, and fills what is to become keys.
//! It promises to be exactly these functions, and nothing is kept.

use super::secret::Secret;
use ring::hmac;
use zeroize::Zeroize as _;

/// Fills `out` with `PRF(secret, label, seed)`.
pub(super) fn prf(hash: hmac::Algorithm, secret: &Secret, label: &[u8], seed: [&[u8]; 2], out: &mut [u8]) {
    let key = hmac::Key::new(hash, secret.bytes());
    let seeded = |first: &[u8]| {
        let mut context = hmac::Context::with_key(&key);
        for part in [first, label, seed[0], seed[1]] {
            context.update(part);
        }
        context.sign()
    };
    let mut a = seeded(&[]);
    for piece in out.chunks_mut(hash.digest_algorithm().output_len()) {
        let block = seeded(a.as_ref());
        piece.iter_mut().zip(block.as_ref()).for_each(|(out, byte)| *out = *byte);
        a = hmac::sign(&key, a.as_ref());
    }
}

/// Fills `out`, at most as long as the hash, with `HKDF-Expand-Label(secret, label, "", length)`.
pub(super) fn expand_label(hash: hmac::Algorithm, secret: &Secret, label: &[u8], out: &mut [u8]) {
    const PREFIX: &[u8] = b"tls13 ";
    let key = hmac::Key::new(hash, secret.bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(&(out.len() as u16).to_be_bytes());
    context.update(&[(PREFIX.len() + label.len()) as u8]);
    context.update(PREFIX);
    context.update(label);
    // No context, and the first block of the expansion: more is never asked for.
    context.update(&[0, 1]);
    out.iter_mut().zip(context.sign().as_ref()).for_each(|(out, byte)| *out = *byte);
}

/// The secret behind this one, after a key update (RFC 8446, 7.2).
pub(super) fn next_generation(hash: hmac::Algorithm, secret: &Secret) -> Option<Secret> {
    let mut bytes = [0; 48];
    let next = bytes.get_mut(..hash.digest_algorithm().output_len())?;
    expand_label(hash, secret, b"traffic upd", next);
    let secret = Secret::new(next);
    bytes.zeroize();
    secret
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;

    fn bytes(digits: &str) -> Vec<u8> {
        let digits: Vec<char> = digits.chars().filter(|c| !c.is_whitespace()).collect();
        let pair = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    /// The vectors that were given to the working group when the function was made: SHA-256 and SHA-384.
    #[test]
    fn the_prf_is_that_of_tls_1_2() {
        let check = |hash, secret: &str, seed: &str, expected: &str| {
            let (secret, seed, expected) =
                (Secret::new(&bytes(secret)).unwrap(), bytes(seed), bytes(expected));
            let mut out = vec![0; expected.len()];
            prf(hash, &secret, b"test label", [&seed, &[]], &mut out);
            assert_eq!(out, expected);
        };
        check(
            hmac::HMAC_SHA256,
            "9bbe436ba940f017b17652849a71db35",
            "a0ba9f936cda311827a6f796ffd5198c",
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af
             0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
             87347b66",
        );
        check(
            hmac::HMAC_SHA384,
            "b80b733d6ceefcdc71566ea48e5567df",
            "cd665cf6a8447dd6ff8b27555edb7465",
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0
             e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425
             9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703
             d73e56f",
        );
    }

    /// RFC 8448, 3: the server's handshake keys.
    #[test]
    fn expansion_is_that_of_tls_1_3() {
        let secret =
            Secret::new(&bytes("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")).unwrap();
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        expand_label(hmac::HMAC_SHA256, &secret, b"key", &mut key);
        expand_label(hmac::HMAC_SHA256, &secret, b"iv", &mut iv);
        assert_eq!(key.to_vec(), bytes("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(iv.to_vec(), bytes("5d313eb2671276ee13000b30"));
    }
}
