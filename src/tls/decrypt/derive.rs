//! Keys from secrets: the PRF of TLS 1.2 (RFC 5246, 5) and HKDF-Expand-Label of TLS 1.3 (RFC 8446, 7.1).
//! It is given a secret and labels, and fills what is to become keys.
//! It promises to be exactly these functions, and nothing is kept.

use super::secret::Secret;
use ring::hmac;
use zeroize::Zeroize as _;

/// Fills `out` with `PRF(secret, label, seed)`.
pub(super) fn prf(
    hash: hmac::Algorithm,
    secret: &Secret,
    label: &[u8],
    seed: [&[u8; 32]; 2],
    out: &mut [u8],
) {
    let key = hmac::Key::new(hash, secret.bytes());
    let seeded = |first: &[u8]| {
        let mut context = hmac::Context::with_key(&key);
        [first, label, seed[0], seed[1]].iter().for_each(|part| context.update(part));
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
