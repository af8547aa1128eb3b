//! Public keys (RFC 7517, RFC 7518 6, RFC 8037), and signatures checked with them.
//! It is given a JWK as JSON and keeps what a check needs.
//! It promises never to keep a secret or private member, and to say of a key it cannot use that it cannot.

use super::alg::Alg;
use super::claims::{base64_any, kept};
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::token::SignatureCheck;
use ring::signature::{
    self, EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;
use std::sync::Arc;

/// A public key with the name it goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    pub(super) kid: Option<Arc<str>>,
    pub(super) material: Material,
}

/// What the key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Material {
    /// Modulus and exponent without leading zeros.
    Rsa {
        n: Box<[u8]>,
        e: Box<[u8]>,
    },
    /// An uncompressed point on P-256 or P-384.
    P256(Box<[u8]>),
    P384(Box<[u8]>),
    Ed25519(Box<[u8]>),
    /// A public key of another kind: the modulus, point or name it is told apart by.
    Other(Box<[u8]>),
}

saved!(PublicKey { kid, material });

impl Saved for Material {
    fn save(&self, out: &mut Vec<u8>) {
        let (tag, parts): (u8, [&[u8]; 2]) = match self {
            Self::Rsa { n, e } => (0, [n, e]),
            Self::P256(point) => (1, [point, &[]]),
            Self::P384(point) => (2, [point, &[]]),
            Self::Ed25519(point) => (3, [point, &[]]),
            Self::Other(start) => (4, [start, &[]]),
        };
        tag.save(out);
        for part in parts {
            part.to_vec().save(out);
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let (tag, first, second): (u8, Vec<u8>, Vec<u8>) = Saved::load(from)?;
        let first = first.into_boxed_slice();
        Ok(match tag {
            0 => Self::Rsa { n: first, e: second.into() },
            1 => Self::P256(first),
            2 => Self::P384(first),
            3 => Self::Ed25519(first),
            4 => Self::Other(first),
            _ => return Err(Damaged),
        })
    }
}

/// Bits of RSA keys that can be checked: all that is in use, and no more than is quick.
const RSA_BITS_MIN: usize = 1024;
const RSA_BITS_STRONG: usize = 2048;
const RSA_BITS_MAX: usize = 8192;
/// Bytes of an RSA exponent; nobody uses more, and each of them costs.
const EXPONENT_BYTES_MAX: usize = 3;
/// Longest coordinate of a curve: P-521.
const POINT_BYTES_MAX: usize = 66;

impl PublicKey {
    /// The key of a JWK that may check signatures; `None` for secrets, encryption keys and nonsense.
    pub(super) fn of_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| text(name).and_then(|value| base64_any(value.as_bytes()));
        if text("use") == Some("enc") {
            return None;
        }
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => rsa_key(number(&bytes("n")?)?, number(&bytes("e")?)?),
            ("EC", Some("P-256")) => Material::P256(point(&bytes("x")?, &bytes("y")?, 32)?),
            ("EC", Some("P-384")) => Material::P384(point(&bytes("x")?, &bytes("y")?, 48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x").filter(|x| x.len() == 32)?.into()),
            ("EC" | "OKP", Some(_)) => {
                Material::Other(bytes("x").filter(|x| x.len() <= POINT_BYTES_MAX)?.into())
            }
            _ => return None,
        };
        Some(Self { kid: text("kid").map(|kid| kept(kid.as_bytes())), material })
    }

    /// What a check costs, beside one with an RSA key of 2,048 bits.
    pub(super) fn cost(&self) -> usize {
        match &self.material {
            Material::Rsa { n, .. } => (n.len() / (RSA_BITS_STRONG / 8)).pow(2).max(1),
            Material::P384(_) => 16,
            Material::P256(_) | Material::Ed25519(_) => 2,
            Material::Other(_) => 0,
        }
    }

    /// Whether the signature over `input` is right.
    pub(super) fn check(&self, alg: Alg, input: &[u8], signature: &[u8]) -> SignatureCheck {
        let right = match (&self.material, alg) {
            (Material::Other(_), _) => return SignatureCheck::Unsupported,
            (Material::Rsa { n, e }, _) => {
                let Some(parameters) = rsa(alg, bits(n)) else { return self.unfit(alg) };
                if !usable_exponent(e) {
                    return SignatureCheck::Unsupported;
                }
                RsaPublicKeyComponents { n, e }.verify(parameters, input, signature)
            }
            (Material::P256(point), Alg::Es256) => {
                ecdsa(&signature::ECDSA_P256_SHA256_FIXED, point, input, signature)
            }
            (Material::P384(point), Alg::Es384) => {
                ecdsa(&signature::ECDSA_P384_SHA384_FIXED, point, input, signature)
            }
            (Material::Ed25519(point), Alg::EdDsa) => {
                UnparsedPublicKey::new(&signature::ED25519, point).verify(input, signature)
            }
            _ => return self.unfit(alg),
        };
        if right.is_ok() { SignatureCheck::Valid } else { SignatureCheck::Invalid }
    }

    /// What is to be said when this key does not go with this algorithm: the signature is not this key's,
    /// unless the algorithm is of the key's kind and only out of our reach.
    fn unfit(&self, alg: Alg) -> SignatureCheck {
        use Alg::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let out_of_reach = match self.material {
            Material::Rsa { .. } => matches!(alg, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512),
            _ => false,
        };
        if out_of_reach { SignatureCheck::Unsupported } else { SignatureCheck::Invalid }
    }
}

fn rsa(alg: Alg, bits: usize) -> Option<&'static RsaParameters> {
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return None;
    }
    Some(match (alg, bits >= RSA_BITS_STRONG) {
        (Alg::Rs256, true) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Alg::Rs384, true) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Alg::Rs512, true) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (Alg::Ps256, true) => &signature::RSA_PSS_2048_8192_SHA256,
        (Alg::Ps384, true) => &signature::RSA_PSS_2048_8192_SHA384,
        (Alg::Ps512, true) => &signature::RSA_PSS_2048_8192_SHA512,
        // Whether a key is long enough is not asked here, only whether it signed.
        (Alg::Rs256, false) => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (Alg::Rs512, false) => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        _ => return None,
    })
}

fn ecdsa(
    alg: &'static EcdsaVerificationAlgorithm,
    point: &[u8],
    input: &[u8],
    signature: &[u8],
) -> Result<(), ring::error::Unspecified> {
    UnparsedPublicKey::new(alg, point).verify(input, signature)
}

/// Odd and above 1, as every exponent in use.
fn usable_exponent(e: &[u8]) -> bool {
    e.last().is_some_and(|low| low & 1 == 1) && e != [1]
}

fn bits(n: &[u8]) -> usize {
    n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize)
}

/// A number without leading zeros.
fn number(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.iter().position(|&b| b != 0)?;
    bytes.get(start..)
}

/// Of a key that is too large to be checked no more is kept than tells it apart.
fn rsa_key(n: &[u8], e: &[u8]) -> Material {
    match n.get(..RSA_BITS_MAX / 8 + 1).or(e.get(..EXPONENT_BYTES_MAX + 1)) {
        Some(start) => Material::Other(start.into()),
        None => Material::Rsa { n: n.into(), e: e.into() },
    }
}

/// `04 X Y`; coordinates that lost their leading zeros get them back.
fn point(x: &[u8], y: &[u8], size: usize) -> Option<Box<[u8]>> {
    let mut point = vec![4];
    for coordinate in [x, y] {
        point.resize(point.len() + size.checked_sub(coordinate.len())?, 0);
        point.extend_from_slice(coordinate);
    }
    Some(point.into())
}
