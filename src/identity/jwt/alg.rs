//! The algorithms that sign tokens (RFC 7518 3.1, RFC 8037, RFC 9864), by what it takes to check them.
//! It is given the `alg` text of a header.
//! It promises that case does not matter: what a careless verifier takes is what is looked at here.

use ring::hmac;

/// An algorithm, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alg {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
    /// Asymmetric, and not checked here: ES512, ES256K, Ed448.
    OtherAsymmetric,
    /// No signature wanted, or an algorithm that nobody registered.
    Other,
}

impl Alg {
    const NAMES: [(&'static str, Self); 17] = [
        ("HS256", Self::Hs256),
        ("HS384", Self::Hs384),
        ("HS512", Self::Hs512),
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
        ("Ed25519", Self::EdDsa),
        ("ES512", Self::OtherAsymmetric),
        ("ES256K", Self::OtherAsymmetric),
        ("Ed448", Self::OtherAsymmetric),
        ("ESP512", Self::OtherAsymmetric),
    ];

    pub(super) fn of(name: &str) -> Self {
        let known = Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Self::Other, |(_, alg)| *alg)
    }

    /// The hash of a shared-secret algorithm.
    pub(super) fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Hs256 => Some(hmac::HMAC_SHA256),
            Self::Hs384 => Some(hmac::HMAC_SHA384),
            Self::Hs512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }

    pub(super) fn is_asymmetric(self) -> bool {
        self.hmac().is_none() && self != Self::Other
    }

    /// A bit of its own.
    pub(super) fn bit(self) -> u16 {
        1 << self as u16
    }
}
