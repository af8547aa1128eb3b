//! What a presented JSON Web Token says about itself, and what was found out about it.
//! The sensor's `identity` layer reads header and claims, and checks signatures where a key is known.
//! It promises numbers, names and verdicts: no token, no key, no secret and no claim that holds one.

use crate::few::Few;
use crate::identity::named;
use crate::saved::saved;
use crate::shown::Shown;
use std::fmt;
use std::sync::Arc;

named! {
    /// Whether a JWS carries a signature.
    Signature {
        /// The third part is there.
        Present => "present",
        /// The third part is empty or missing.
        Missing => "missing",
    }
}

named! {
    /// What checking the signature against known keys told.
    SignatureCheck {
        /// Nothing to check, or nothing to check with: no key of this issuer was configured or seen.
        NotChecked => "not_checked",
        /// A key set of the issuer is known, this key is not in it.
        KeyUnknown => "key_unknown",
        /// The signature is right.
        Valid => "valid",
        /// The signature is wrong for the known key.
        Invalid => "invalid",
        /// An algorithm that is not checked here.
        Unsupported => "unsupported",
        /// The budget for checks was used up.
        OverBudget => "over_budget",
    }
}

named! {
    /// A token signed with a shared secret where its issuer signs with a private key (algorithm confusion).
    Confusion {
        /// The issuer's tokens with this key id were asymmetric so far.
        Suspected => "suspected",
        /// The public key, used as a secret, gives exactly this signature.
        Proved => "proved",
    }
}

named! {
    /// A header parameter that a verifier should not follow, or that costs it dearly.
    HeaderTrait {
        /// `kid` walks through a file system.
        KidPath => "kid_path",
        /// `kid` holds quotes, blanks or other letters of queries and commands.
        KidQuery => "kid_query",
        /// `jku`: where to fetch the key set.
        Jku => "jku",
        /// `x5u`: where to fetch the certificate.
        X5u => "x5u",
        /// `jwk`: the token brings its own key.
        Jwk => "jwk",
        /// `x5c`: the token brings its own certificate.
        X5c => "x5c",
        /// `crit`: extensions that must be understood.
        Crit => "crit",
        /// `zip`: the content is compressed.
        Zip => "zip",
        /// `cty` says that the content is a token again.
        Nested => "nested",
        /// `jku` or `x5u` names a host that is not of the issuer's domain.
        Elsewhere => "elsewhere",
    }
}

/// The traits of one token's header.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct HeaderTraits(u16);

saved!(HeaderTraits { 0 });

impl HeaderTraits {
    /// Nothing out of the ordinary.
    pub const NONE: Self = Self(0);

    /// Adds one trait.
    pub fn insert(&mut self, header: HeaderTrait) {
        self.0 |= 1 << header as u16;
    }

    /// Whether the header has this trait.
    pub const fn has(self, header: HeaderTrait) -> bool {
        self.0 & (1 << header as u16) != 0
    }

    /// The traits, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = HeaderTrait> {
        HeaderTrait::ALL.iter().copied().filter(move |&header| self.has(header))
    }
}

impl fmt::Debug for HeaderTraits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(HeaderTrait::name)).finish()
    }
}

/// A secret that signs tokens and is known to everybody: by its place in the list, never by its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSecret {
    /// Whether the list is the built-in one, or the operator's.
    pub builtin: bool,
    /// Line of the list, from 1.
    pub line: u32,
    /// First four bytes of the secret's SHA-256, for finding it in other lists.
    pub digest: [u8; 4],
}

saved!(KnownSecret { builtin, line, digest });

/// A claim that equals a segment of the path that its token was used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPath {
    /// Its place among the claims.
    pub claim: u8,
    /// The segment's place: nothing stands before the first `/`.
    pub segment: u8,
}

saved!(InPath { claim, segment });

/// What a presented JWT says, and what was found out. Times are relative to the moment of use.
#[derive(Clone, Debug)]
pub struct Jwt {
    /// The `alg` header as sent, at most 24 bytes; empty when missing.
    pub alg: Arc<str>,
    /// The `kid` header, at most 64 bytes.
    pub kid: Option<Arc<str>>,
    /// The `typ` header, at most 32 bytes.
    pub typ: Option<Arc<str>>,
    /// The issuer.
    pub iss: Option<Arc<str>>,
    /// Whom it is for, at most eight.
    pub aud: Vec<Arc<str>>,
    /// The program it was given to (`client_id`, else `azp`).
    pub client_id: Option<Arc<str>>,
    /// Scopes, at most 32.
    pub scope: Vec<Arc<str>>,
    /// Authentication methods (RFC 8176).
    pub amr: Vec<Arc<str>>,
    /// Authentication context class.
    pub acr: Option<Arc<str>>,
    /// Seconds until `exp`; negative when past.
    pub expires_in_s: Option<i64>,
    /// Seconds until `nbf`; negative when past.
    pub valid_in_s: Option<i64>,
    /// Seconds since `iat`.
    pub issued_ago_s: Option<i64>,
    /// Seconds since `auth_time`.
    pub auth_ago_s: Option<i64>,
    /// `exp` minus `iat`, or minus `nbf`.
    pub lifetime_s: Option<i64>,
    /// A keyed mark of `jti`, for comparing; in no record.
    pub jti: Option<u64>,
    /// Names of the claims that may say whose it is, without their values; `None` where there are none.
    pub claims: Option<Arc<[Arc<str>]>>,
    /// Those of them that stand in the path.
    pub in_path: Few<InPath>,
    /// Whether the token is bound to a key its bearer must prove to have (`cnf`).
    pub bound: bool,
    /// Bytes of the compact form.
    pub bytes: u32,
    /// Parts of the compact form: three of a JWS, five of a JWE.
    pub parts: u8,
    /// What stands out in the header.
    pub header: HeaderTraits,
    /// PBES2 iterations asked for (`p2c`).
    pub p2c: Option<u64>,
    /// Whether it is signed at all.
    pub signature: Signature,
    /// What checking the signature told.
    pub check: SignatureCheck,
    /// The well-known secret that signs it.
    pub known_secret: Option<KnownSecret>,
    /// Signs of algorithm confusion.
    pub confusion: Option<Confusion>,
    /// Another token with other claims had the same signature, or the same `jti` and another subject.
    pub tampered: bool,
}

saved!(Jwt {
    alg, kid, typ, iss, aud, client_id, scope, amr, acr, expires_in_s, valid_in_s, issued_ago_s, auth_ago_s, lifetime_s,
    jti, claims, in_path, bound, bytes, parts, header, p2c, signature, check, known_secret, confusion, tampered
} as |_: &Self| Shown::Nothing);

impl Jwt {
    /// A token that says nothing but its algorithm.
    pub fn of_alg(alg: &str) -> Self {
        Self {
            alg: alg.into(),
            kid: None,
            typ: None,
            iss: None,
            aud: Vec::new(),
            client_id: None,
            scope: Vec::new(),
            amr: Vec::new(),
            acr: None,
            expires_in_s: None,
            valid_in_s: None,
            issued_ago_s: None,
            auth_ago_s: None,
            lifetime_s: None,
            jti: None,
            claims: None,
            in_path: Few::default(),
            bound: false,
            bytes: 0,
            parts: 3,
            header: HeaderTraits::NONE,
            p2c: None,
            signature: Signature::Present,
            check: SignatureCheck::NotChecked,
            known_secret: None,
            confusion: None,
            tampered: false,
        }
    }
}
