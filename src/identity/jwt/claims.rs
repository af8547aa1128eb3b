//! What a token says: its registered claims (RFC 7519 4.1, RFC 9068, OpenID Connect), bounded and masked.
//! It is given a token in compact form and gives its claims, or says that it is beyond the limits.
//! It promises to read at most 8 KiB of header and 32 KiB of payload, nothing of a JWE but its header, and to keep
//! of signature, `jti` and holder no more than keyed marks.

use super::header::Header;
use super::identities::{self, Identities};
use crate::identity::json::{self, Member, Value};
use crate::identity::names::Names;
use crate::identity::secret::Keyring;
use crate::identity::text;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// Bytes of a `jti` that can be one token's own.
const JTI_BYTES_MIN: usize = 8;
/// Most bytes of a decoded header.
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Most bytes of decoded claims.
const PAYLOAD_BYTES_MAX: usize = 32 * 1024;
/// Most bytes read of a text; what is shown is shorter, so that a secret in it is recognised whole first.
const TEXT_BYTES_MAX: usize = 512;
/// Most authentication methods, audiences and scopes kept.
const AMR_MAX: usize = 8;
const AUDIENCES_MAX: usize = 8;
const SCOPES_MAX: usize = 32;
/// Parts of a JWE in compact form (RFC 7516 7.1).
const JWE_PARTS: u8 = 5;
/// The shortest real signature: HMAC-SHA256. Shorter ones are rubbish that many forged tokens share.
const SIGNATURE_BYTES_MIN: usize = 32;

/// What a token says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) header: Header,
    pub(crate) iss: Option<Arc<str>>,
    /// The configured claim where it is there, else `sub`.
    pub(crate) sub: Option<Arc<str>>,
    /// `email`, else `preferred_username`, `upn`, `username`.
    pub(crate) name: Option<Arc<str>>,
    /// `client_id`, else `azp`.
    pub(crate) client_id: Option<Arc<str>>,
    pub(crate) aud: Vec<Arc<str>>,
    pub(crate) scope: Vec<Arc<str>>,
    pub(crate) amr: Vec<Arc<str>>,
    pub(crate) acr: Option<Arc<str>>,
    pub(crate) exp: Option<i64>,
    pub(crate) nbf: Option<i64>,
    pub(crate) iat: Option<i64>,
    pub(crate) auth_time: Option<i64>,
    /// `typ` or `token_use`/`token_type` says that it only refreshes.
    pub(crate) refreshes: bool,
    /// `cnf` is there (RFC 7800).
    pub(crate) bound: bool,
    /// Whether the third part is there.
    pub(crate) signed: bool,
    /// Bytes of the compact form, and its parts.
    pub(crate) bytes: u32,
    pub(crate) parts: u8,
    pub(crate) marks: Marks,
    /// What says whose it is.
    pub(super) identities: Identities,
}

/// Marks under the deployment's key, for comparing tokens with each other; written nowhere but into the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The signature's bytes, when there are enough of them.
    pub(crate) signature: Option<u64>,
    /// What the signature covers: header and payload as sent.
    pub(crate) input: u64,
    /// `jti` at its issuer.
    pub(crate) jti: Option<u64>,
    /// Whether that `jti` is long enough, and no counter, to be one token's own.
    pub(crate) jti_tells: bool,
    /// `jti` with the key in the header.
    pub(crate) proof: Option<u64>,
    /// `sub`, and the scopes in whatever order.
    pub(crate) subject: Option<u64>,
    pub(crate) scope: Option<u64>,
    /// The thumbprint that `cnf` names (`jkt`, RFC 9449 6.1).
    pub(crate) bound_to: Option<u64>,
}

impl Claims {
    /// Whether the issuer says that a second factor was proved (RFC 8176, NIST levels, Entra, Keycloak).
    pub(crate) fn says_mfa(&self) -> bool {
        let proved = |method: &str| {
            matches!(
                method,
                "mfa"
                    | "otp"
                    | "sms"
                    | "tel"
                    | "hwk"
                    | "swk"
                    | "pop"
                    | "fpt"
                    | "face"
                    | "iris"
                    | "vbm"
                    | "fido"
                    | "hotp"
                    | "totp"
                    | "passkey"
                    | "rsa"
                    | "ngcmfa"
            )
        };
        let level = |acr: &str| {
            let acr = acr.to_ascii_lowercase();
            ["mfa", "aal2", "aal3", "phr", "2fa", "multi"].iter().any(|word| acr.contains(word))
        };
        self.amr.iter().any(|m| proved(m)) || self.acr.as_deref().is_some_and(level)
    }

    /// The mark of a DPoP proof (RFC 9449 4.2): its `jti`, unique for its key.
    pub(crate) fn proof_mark(&self) -> Option<u64> {
        self.is_proof().then_some(self.marks.proof).flatten()
    }

    /// Whether this proof shows the key that the token is bound to.
    pub(crate) fn proves(&self, token: &Self) -> Option<bool> {
        let shown = self.header.key.filter(|_| self.is_proof());
        shown.zip(token.marks.bound_to).map(|(shown, bound_to)| shown == bound_to)
    }

    /// Bytes of the texts that are kept, which whoever makes a token chooses.
    pub(crate) fn text_bytes(&self) -> usize {
        let Self { header, iss, sub, name, client_id, aud, scope, amr, acr, .. } = self;
        let single = [iss, sub, name, client_id, acr].into_iter().flatten();
        let listed = [aud, scope, amr].into_iter().flatten();
        single.chain(listed).map(|text| text.len()).sum::<usize>()
            + header.text_bytes()
            + self.identities.bytes()
    }

    /// Whether it is signed text, not ciphertext.
    pub(crate) fn is_jws(&self) -> bool {
        self.parts < JWE_PARTS
    }

    fn is_proof(&self) -> bool {
        self.header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt"))
    }

    /// Whether the token belongs to a program: its subject is its client.
    pub(crate) fn is_service(&self) -> bool {
        self.client_id.is_some() && (self.sub == self.client_id || self.sub.is_none())
            || self.sub.as_ref().zip(self.client_id.as_ref()).is_some_and(|(sub, client)| {
                // Auth0 writes the subject of a client as `ID@clients`.
                sub.strip_suffix("@clients") == Some(&**client)
            })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    Iss,
    Sub,
    Subject,
    Email,
    Name,
    ClientId,
    Azp,
    Aud,
    Scope,
    Jti,
    Exp,
    Nbf,
    Iat,
    AuthTime,
    Amr,
    Acr,
    Use,
    Cnf,
    Jkt,
}

static CLAIMS: LazyLock<Names<Claim>> = LazyLock::new(|| {
    use Claim::{
        Acr, Amr, Aud, AuthTime, Azp, ClientId, Cnf, Email, Exp, Iat, Iss, Jkt, Jti, Name, Nbf, Scope, Sub,
        Use,
    };
    Names::new([
        ("iss", Iss),
        ("sub", Sub),
        ("email", Email),
        ("preferred_username", Name),
        ("upn", Name),
        ("username", Name),
        ("client_id", ClientId),
        ("cid", ClientId),
        ("azp", Azp),
        ("aud", Aud),
        ("scope", Scope),
        ("scp", Scope),
        ("jti", Jti),
        ("exp", Exp),
        ("nbf", Nbf),
        ("iat", Iat),
        ("auth_time", AuthTime),
        ("amr", Amr),
        ("acr", Acr),
        ("typ", Use),
        ("token_use", Use),
        ("token_type", Use),
        ("cnf", Cnf),
        ("jkt", Jkt),
    ])
});

/// Both alphabets are met in the wild, with and without padding.
pub(crate) const BASE64_ANY: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, BASE64_ANY);
const BASE64_STANDARD: GeneralPurpose = GeneralPurpose::new(&STANDARD, BASE64_ANY);

/// Decodes base64 of either alphabet.
pub(crate) fn base64_any(text: &[u8]) -> Option<Vec<u8>> {
    BASE64_URL.decode(text).or_else(|_| BASE64_STANDARD.decode(text)).ok()
}

/// The claims of a token, and whether it is beyond the limits. `claim`: the configured subject claim.
/// Of a JWE, and of a token whose payload is beyond them, only the header is read.
pub(crate) fn read(token: &[u8], claim: Option<&[u8]>, keyring: &Keyring) -> (Option<Claims>, bool) {
    let (header_text, rest) = at_dot(token);
    let (payload_text, signature_text) = at_dot(rest);
    if header_text.len() / 4 * 3 > HEADER_BYTES_MAX {
        return (None, true);
    }
    let Some(header) = base64_any(header_text).filter(|header| is_object(header)) else {
        return (None, false);
    };
    let (header, mut beyond) = Header::read(&header, keyring);
    let dots = memchr::memchr_iter(b'.', token).count();
    let mut claims = Claims {
        refreshes: header.typ.as_deref().is_some_and(says_refresh),
        header,
        signed: !signature_text.is_empty(),
        bytes: u32::try_from(token.len()).unwrap_or(u32::MAX),
        parts: u8::try_from(dots + 1).unwrap_or(u8::MAX),
        ..Claims::default()
    };
    if !claims.is_jws() {
        return (Some(claims), beyond);
    }
    if payload_text.len() / 4 * 3 > PAYLOAD_BYTES_MAX {
        claims.header.compare_hosts(None);
        return (Some(claims), true);
    }
    let Some(payload) = base64_any(payload_text) else { return (None, beyond) };
    beyond |= claims.read_payload(&payload, claim, keyring);
    claims.header.compare_hosts(claims.iss.as_deref());
    let input = token.get(..header_text.len() + 1 + payload_text.len()).unwrap_or(token);
    claims.marks.input = mark(keyring, "jwt input", &[input]);
    claims.marks.signature = base64_any(signature_text)
        .filter(|signature| signature.len() >= SIGNATURE_BYTES_MIN)
        .map(|signature| mark(keyring, "jwt signature", &[&signature]));
    (Some(claims), beyond)
}

/// What stands before the first dot, and behind it.
fn at_dot(text: &[u8]) -> (&[u8], &[u8]) {
    let split = memchr::memchr(b'.', text).and_then(|dot| text.split_at_checked(dot));
    split.map_or((text, [].as_slice()), |(before, rest)| (before, rest.get(1..).unwrap_or(&[])))
}

/// What the walk over the payload gathers before it is complete.
#[derive(Default)]
struct Gathered<'a> {
    best_name: Option<Claim>,
    jti: Option<Cow<'a, [u8]>>,
    sub: Option<Cow<'a, [u8]>>,
    jkt: Option<Cow<'a, [u8]>>,
}

impl Claims {
    fn read_payload(&mut self, payload: &[u8], claim: Option<&[u8]>, keyring: &Keyring) -> bool {
        let mut gathered = Gathered::default();
        let mut identities = identities::Gathered::default();
        let summary = json::walk(payload, &CLAIMS, |member| {
            identities.take(&member);
            self.take(&member, &mut gathered);
        });
        self.identities = identities.done();
        if let Some(name) = claim {
            let names = Names::new([(String::from_utf8_lossy(name), Claim::Subject)]);
            json::walk(payload, &names, |m| {
                if let (Some(Claim::Subject), 1, Value::Text(t)) = (m.key, m.depth, m.value) {
                    self.sub = text::name(&t.decoded());
                }
            });
        }
        let issuer = self.iss.as_deref().unwrap_or_default().as_bytes();
        let shown = self.header.key.map(u64::to_be_bytes);
        self.marks.proof =
            gathered.jti.as_ref().zip(shown).map(|(jti, key)| mark(keyring, "jwt dpop", &[&key, jti]));
        self.marks.jti_tells = gathered.jti.as_ref().is_some_and(|jti| is_unique(jti));
        self.marks.jti = gathered.jti.map(|jti| mark(keyring, "jwt jti", &[issuer, &jti]));
        self.marks.subject = gathered.sub.map(|sub| mark(keyring, "jwt sub", &[&sub]));
        self.marks.bound_to = gathered.jkt.map(|jkt| mark(keyring, "jwt jkt", &[&jkt]));
        let mut scopes: Vec<&[u8]> = self.scope.iter().map(|scope| scope.as_bytes()).collect();
        scopes.sort_unstable();
        self.marks.scope = (!scopes.is_empty()).then(|| mark(keyring, "jwt scope", &scopes));
        summary.beyond_limit
    }

    fn take<'a>(&mut self, member: &Member<'a, Claim>, gathered: &mut Gathered<'a>) {
        let (Some(key), 1..=2) = (member.key, member.depth) else { return };
        let value: Cow<'a, [u8]> = match member.value {
            Value::Text(t) => t.decoded(),
            Value::Number(n) => Cow::Borrowed(n),
            Value::Object | Value::Empty { .. } => {
                self.bound |= (key, member.depth) == (Claim::Cnf, 1);
                return;
            }
            _ => return,
        };
        match (key, member.depth) {
            (Claim::Amr, _) => keep_in(&mut self.amr, AMR_MAX, &value),
            (Claim::Aud, _) => keep_in(&mut self.aud, AUDIENCES_MAX, &value),
            (Claim::Scope, _) => {
                let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                words.for_each(|word| keep_in(&mut self.scope, SCOPES_MAX, word));
            }
            (Claim::Jkt, 2) if member.parent == Some(Claim::Cnf) => gathered.jkt = Some(value),
            (_, 2) => {}
            (Claim::Iss, _) => self.iss = Some(kept(&value)),
            (Claim::Sub, _) => {
                self.sub = text::name(&value);
                gathered.sub = Some(value);
            }
            // An e-mail address is the better name.
            (Claim::Email | Claim::Name, _) if gathered.best_name != Some(Claim::Email) => {
                if let Some(name) = text::name(&value) {
                    (self.name, gathered.best_name) = (Some(name), Some(key));
                }
            }
            (Claim::ClientId, _) => self.client_id = text::name(&value),
            (Claim::Azp, _) if self.client_id.is_none() => self.client_id = text::name(&value),
            (Claim::Jti, _) if !value.is_empty() => gathered.jti = Some(value),
            (Claim::Exp, _) => self.exp = seconds(&value),
            (Claim::Nbf, _) => self.nbf = seconds(&value),
            (Claim::Iat, _) => self.iat = seconds(&value),
            (Claim::AuthTime, _) => self.auth_time = seconds(&value),
            (Claim::Acr, _) => self.acr = Some(kept(&value)),
            (Claim::Use, _) => {
                self.refreshes |= std::str::from_utf8(&value).is_ok_and(says_refresh);
            }
            _ => {}
        }
    }
}

/// A text as it may be kept: bounded, escaped, and masked when it says that it is a key or token.
pub(super) fn kept(value: &[u8]) -> Arc<str> {
    if text::tells_secret(value) { text::MASK.into() } else { text::written(value, TEXT_BYTES_MAX) }
}

fn keep_in(list: &mut Vec<Arc<str>>, max: usize, value: &[u8]) {
    if list.len() < max {
        list.push(kept(value));
    }
}

/// The keyed mark of a value in parts; `what` keeps marks of different things apart.
pub(super) fn mark(keyring: &Keyring, what: &str, parts: &[&[u8]]) -> u64 {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    let hash = keyring.hash(what, &bytes).0;
    hash.first_chunk().map_or(0, |half| u64::from_be_bytes(*half))
}

fn is_object(header: &[u8]) -> bool {
    header.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
}

fn says_refresh(typ: &str) -> bool {
    typ.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("refresh"))
}

/// NumericDate (RFC 7519 2): seconds, possibly with a fraction or an exponent.
fn seconds(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value.get(..value.len().min(32))?).ok()?;
    text.parse::<i64>().ok().or_else(|| text.parse::<f64>().ok().filter(|s| s.abs() < 1e15).map(|s| s as i64))
}

/// Whether a `jti` looks like one token's own: short ones, and plain numbers, are counted anew by every process.
fn is_unique(jti: &[u8]) -> bool {
    jti.len() >= JTI_BYTES_MIN && !jti.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests;
