//! Who, and with what proof: principals, credentials, devices and proof levels as plain data.
//! The sensor's `identity` layer fills them in; rules only read them.
//! A credential is a keyed fingerprint here: no value that crossed the wire can be in these types.

use crate::saved::{Damaged, Saved, saved};
use crate::shown::Shown;
use crate::time::EventTime;
use std::fmt;
use std::sync::Arc;

/// The first 128 bits of a keyed hash over class and value; written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

/// As the one number that it is.
impl std::hash::Hash for Fingerprint {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.0));
    }
}

impl Saved for Fingerprint {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        Saved::load(from).map(Self)
    }

    fn shown(&self) -> Shown {
        Shown::word(self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Declares an enum whose variants have one public, lower-case name each.
macro_rules! named {
    ($(#[$meta:meta])* $type:ident { $($(#[doc = $doc:literal])* $variant:ident => $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[doc = $doc])* $variant,)* }

        impl $type {
            /// Every variant, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The public name, as records show it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The variant of that public name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|variant| variant.name() == name)
            }
        }

        impl $crate::saved::Saved for $type {
            fn save(&self, out: &mut Vec<u8>) {
                out.push(*self as u8);
            }

            fn load(from: &mut &[u8]) -> Result<Self, $crate::saved::Damaged> {
                let place = usize::from(u8::load(from)?);
                Self::ALL.get(place).copied().ok_or($crate::saved::Damaged)
            }

            fn shown(&self) -> $crate::shown::Shown {
                $crate::shown::Shown::word(self)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// What kind of actor a principal is.
    PrincipalKind {
        /// A person's account.
        User => "user",
        /// A program's account, for example an OAuth client.
        Service => "service",
        /// An API key nobody is known to own.
        Key => "key",
        /// A session nobody is known to own.
        Session => "session",
        /// The holder of a client certificate.
        Cert => "cert",
        /// Nobody said who they are; the id is the client's address.
        Anonymous => "anonymous",
    }
}

named! {
    /// Where a principal's name comes from.
    PrincipalSource {
        /// The name given at login in this exchange.
        Login => "login",
        /// A claim of the token in this exchange.
        Jwt => "jwt",
        /// Named in the server's answer.
        Response => "response",
        /// What was handed out to whom earlier: session, token, challenge or key.
        Lineage => "lineage",
        /// The credential itself names it (Basic, Digest, client id).
        Credential => "credential",
        /// The client certificate's subject.
        Certificate => "certificate",
        /// Only the network address is known.
        Address => "address",
    }
}

/// Who acts. Equality is by kind and id; the source only says how it is known.
#[derive(Clone, Debug)]
pub struct Principal {
    /// What kind of actor.
    pub kind: PrincipalKind,
    /// User name, e-mail address, subject, client id, fingerprint prefix or address.
    pub id: Arc<str>,
    /// How it is known.
    pub source: PrincipalSource,
}

saved!(Principal { kind, id, source } as |principal: &Self| Shown::word(&principal.key()));

impl Principal {
    /// The scope value of alerts about this principal: `user:alice@example.com`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind, self.id)
    }

    /// Whether this is a person, for rules about habits and places.
    pub fn is_user(&self) -> bool {
        self.kind == PrincipalKind::User
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.id == other.id
    }
}
impl Eq for Principal {}
impl std::hash::Hash for Principal {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.kind, &self.id).hash(state);
    }
}

named! {
    /// The scheme a credential belongs to.
    CredentialKind {
        /// `Authorization: Basic`.
        Basic => "basic",
        /// A bearer token that is a JWS.
        BearerJwt => "bearer_jwt",
        /// A bearer token with no readable inside.
        BearerOpaque => "bearer_opaque",
        /// `Authorization: Digest`.
        Digest => "digest",
        /// NTLM or SPNEGO.
        Negotiate => "negotiate",
        /// Hawk.
        Hawk => "hawk",
        /// A request signature (AWS SigV4 and the like): the key id, not the signature.
        Signature => "signature",
        /// A static key.
        ApiKey => "api_key",
        /// A session cookie or session header.
        Session => "session",
        /// Proof of a second factor carried beside the main credential.
        MfaToken => "mfa_token",
        /// An OAuth refresh token.
        RefreshToken => "refresh_token",
        /// An OAuth client secret.
        ClientSecret => "client_secret",
        /// A DPoP proof.
        Dpop => "dpop",
        /// A TLS client certificate, or the header a proxy passed it in.
        ClientCertificate => "client_certificate",
        /// Another `Authorization` scheme.
        Other => "other",
    }
}

named! {
    /// Where in the exchange a credential was.
    Location {
        /// A request header.
        Header => "header",
        /// A cookie.
        Cookie => "cookie",
        /// The query string.
        Query => "query",
        /// The path.
        Path => "path",
        /// The user-info part of an absolute URL.
        Userinfo => "userinfo",
        /// A form body.
        Form => "form",
        /// A JSON body.
        Json => "json",
        /// gRPC metadata.
        Metadata => "metadata",
        /// The TLS handshake.
        Tls => "tls",
    }
}

named! {
    /// Why a key is known to others.
    Notoriety {
        /// The operator lists it as compromised.
        Reported => "reported",
        /// Documentation prints it, or a product ships with it; no server should take it.
        Example => "example",
        /// A vendor publishes it for tests, and takes it from everybody.
        Test => "test",
        /// It stands in for a key in examples; whoever tries it made a slip, or guesses.
        Placeholder => "placeholder",
    }
}

/// A key that others know, by its place in a list: never by its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Why it is known.
    pub why: Notoriety,
    /// Line of the list, from 1.
    pub line: u32,
    /// Whose documentation or list it stands in: `aws_documentation`, `compromised_keys`.
    pub source: &'static str,
}

saved!(KnownKey { why, line, source });

named! {
    /// What a key says it is for, by a word in its prefix.
    Stage {
        /// `sk_test_…`, `access-sandbox-…`.
        Test => "test",
        /// `sk_live_…`.
        Live => "live",
    }
}

/// One credential that was presented, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The scheme.
    pub kind: CredentialKind,
    /// What it is by shape, prefix and checksum: `jwt`, `github_pat`, `session_cookie`, `opaque` …
    pub class: &'static str,
    /// Where it was.
    pub location: Location,
    /// The header, cookie, parameter or field that carried it, lower case.
    pub name: Arc<str>,
    /// Keyed hash of class and value.
    pub fingerprint: Fingerprint,
    /// Set where others are known to have it, too.
    pub known: Option<KnownKey>,
    /// What it says it is for.
    pub stage: Option<Stage>,
}

saved!(Credential { kind, class, location, name, fingerprint, known, stage });

named! {
    /// How much was proved about the actor, by what the server accepted.
    ProofLevel {
        /// No credential.
        None => "none",
        /// A credential whose history was not seen.
        Unknown => "unknown",
        /// A session or token given for a password alone.
        Password => "password",
        /// A session or token that carries a proven second factor.
        Mfa => "mfa",
        /// A static key.
        ApiKey => "api_key",
        /// A service's token (client credentials).
        ServiceToken => "service_token",
        /// Mutual TLS.
        Certificate => "certificate",
    }
}

named! {
    /// A second factor.
    Factor {
        /// Time-based code.
        Totp => "totp",
        /// Counter-based code.
        Hotp => "hotp",
        /// Code by text message.
        Sms => "sms",
        /// Code by e-mail.
        Email => "email",
        /// Code by voice call.
        Voice => "voice",
        /// Approval on a device.
        Push => "push",
        /// WebAuthn or FIDO.
        Webauthn => "webauthn",
        /// Backup or recovery code.
        Backup => "backup",
        /// Not said.
        Unknown => "unknown",
    }
}

/// The proof an actor brought, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// How much.
    pub level: ProofLevel,
    /// The second factor that was seen to succeed.
    pub factor: Option<Factor>,
    /// When the second factor last succeeded.
    pub mfa_at: Option<EventTime>,
    /// Whether the account is known to have a second factor enrolled.
    pub account_has_mfa: bool,
}

saved!(Proof { level, factor, mfa_at, account_has_mfa });

impl Proof {
    /// Nothing is known.
    pub const UNKNOWN: Self =
        Self { level: ProofLevel::Unknown, factor: None, mfa_at: None, account_has_mfa: false };
}

/// A country by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(pub [u8; 2]);

impl Country {
    /// From a two-letter code; letters only.
    pub fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 2] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphabetic).then(|| Self(bytes.map(|b| b.to_ascii_uppercase())))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl Saved for Country {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let letters: [u8; 2] = Saved::load(from)?;
        std::str::from_utf8(&letters).ok().and_then(Self::parse).ok_or(Damaged)
    }

    fn shown(&self) -> Shown {
        Shown::word(self)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

named! {
    /// What kind of network an address belongs to.
    AddressClass {
        /// Inside: the deployment's own networks.
        Internal => "internal",
        /// A phone network, which moves its users between addresses.
        Mobile => "mobile",
        /// Cloud and hosting: programs, or people behind a tunnel.
        Hosting => "hosting",
        /// A commercial VPN.
        Vpn => "vpn",
        /// A privacy relay or proxy service of a browser or phone maker.
        Relay => "relay",
        /// A Tor exit.
        Tor => "tor",
        /// A satellite network, whose exits are far from its users.
        Satellite => "satellite",
    }
}

impl AddressClass {
    /// Whether the address says little about where the person is.
    pub fn hides_place(self) -> bool {
        matches!(self, Self::Hosting | Self::Vpn | Self::Relay | Self::Tor | Self::Satellite)
    }
}

/// A point with the radius within which the client really is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
    /// How far the client may be from the point.
    pub radius_km: f64,
}

saved!(Place { lat, lon, radius_km });
