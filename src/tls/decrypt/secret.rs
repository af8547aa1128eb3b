//! One secret of a connection, and all that are known of it.
//! They are given as they stand in a key log, and are read by the code that makes keys of them.
//! It promises that they cannot be printed or written, and that they are wiped where they lay.

use zeroize::Zeroize as _;

/// The longest secret there is: a master secret, or one of a SHA-384 suite.
const SECRET_BYTES_MAX: usize = 48;

/// What a secret is for: the labels of the key log that make records readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// TLS 1.2: the master secret.
    Master,
    /// TLS 1.3: what a client says before the server has answered.
    ClientEarly,
    /// TLS 1.3: the client's part of the handshake.
    ClientHandshake,
    /// TLS 1.3: the server's part of the handshake.
    ServerHandshake,
    /// TLS 1.3: what the client says then.
    ClientTraffic,
    /// TLS 1.3: what the server says then.
    ServerTraffic,
}

/// How many labels there are.
pub(super) const LABELS: usize = 6;

impl Label {
    /// By the word of the key log.
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"CLIENT_RANDOM" => Self::Master,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Self::ClientEarly,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshake,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshake,
            b"CLIENT_TRAFFIC_SECRET_0" => Self::ClientTraffic,
            b"SERVER_TRAFFIC_SECRET_0" => Self::ServerTraffic,
            _ => return None,
        })
    }

    /// Whether a secret of so many bytes can be one: a master secret has 48, those of TLS 1.3 are as long as a hash.
    pub(super) fn may_have(self, bytes: usize) -> bool {
        bytes == 48 || (bytes == 32 && self != Self::Master)
    }
}

/// A secret. It cannot be printed; it is wiped when it is dropped.
#[derive(Clone)]
pub(super) struct Secret {
    bytes: [u8; SECRET_BYTES_MAX],
    /// How many of them count.
    len: u8,
}

impl Secret {
    /// Of bytes; longer ones are none.
    pub(super) fn new(from: &[u8]) -> Option<Self> {
        let mut secret = Self { bytes: [0; SECRET_BYTES_MAX], len: u8::try_from(from.len()).ok()? };
        secret.bytes.get_mut(..from.len())?.copy_from_slice(from);
        Some(secret)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_secret_has_one_length_and_those_of_tls_1_3_have_two() {
        let lengths = |label: Label| (0..100).filter(|bytes| label.may_have(*bytes)).collect::<Vec<_>>();
        assert_eq!(lengths(Label::Master), [48]);
        assert_eq!(lengths(Label::ClientTraffic), [32, 48]);
    }

    #[test]
    fn what_is_too_long_is_no_secret() {
        assert!(Secret::new(&[7; 48]).is_some_and(|secret| secret.bytes() == [7; 48]));
        assert!(Secret::new(&[7; 32]).is_some_and(|secret| secret.bytes() == [7; 32]));
        assert!(Secret::new(&[7; 49]).is_none());
    }
}
