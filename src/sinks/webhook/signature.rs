//! Signatures in the way of the Standard Webhooks specification 1.0.0: HMAC-SHA256 over id, time and body.
//! It is given a secret once, and then what each request says.
//! It promises a fresh time on every try, so that a receiver can refuse old ones, and the same id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use zeroize::Zeroizing;

/// The specification wants at least this much from a random source.
const KEY_BYTES_MIN: usize = 24;

/// Signs requests.
pub(super) struct Signer(hmac::Key);

impl Signer {
    /// A signer with `secret`; `setting` names it in the message.
    pub(super) fn new(setting: &str, secret: &str) -> Result<Self, String> {
        let key = match secret.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| {
                format!("{setting}: what follows whsec_ is not Base64; `openssl rand -base64 32` makes one")
            })?,
            None => secret.as_bytes().to_vec(),
        };
        let key = Zeroizing::new(key);
        if key.len() < KEY_BYTES_MIN {
            return Err(format!(
                "{setting}: {} bytes are too short for a key; at least {KEY_BYTES_MIN}",
                key.len()
            ));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl dgst -sha256 -mac HMAC`, as the module's page says; it is the specification's own example.
    #[test]
    fn equals_what_openssl_says() {
        let signer = Signer::new("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_part_is_signed() {
        let signer = Signer::new("secret", "a key in plain words, long enough").unwrap();
        let signature = signer.sign("id", "1", b"body");
        for other in [
            signer.sign("ie", "1", b"body"),
            signer.sign("id", "2", b"body"),
            signer.sign("id", "1", b"bode"),
        ] {
            assert_ne!(other, signature);
        }
    }

    #[test]
    fn a_weak_or_broken_secret_is_refused_without_showing_it() {
        let message = |secret| Signer::new("sinks.pager.secret", secret).err().unwrap_or_default();
        assert_eq!(message("short"), "sinks.pager.secret: 5 bytes are too short for a key; at least 24");
        assert_eq!(message("whsec_AAAA"), "sinks.pager.secret: 3 bytes are too short for a key; at least 24");
        let broken = message("whsec_not base64!");
        assert!(broken.starts_with("sinks.pager.secret: ") && !broken.contains("not base64!"), "{broken}");
    }
}
