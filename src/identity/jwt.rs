//! JSON Web Tokens as they say themselves: header and claims, never a check of the signature.
//! It is given a token in compact form (RFC 7519) and gives its claims, or says that it is beyond the limits.
//! It promises not to unpack JWE, to read at most 8 KiB of header and 32 KiB of payload, and never to keep the token.

use super::json::{self, Value};
use super::names::Names;
use super::text;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use heelguard_detectors::token::Signature;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// Most bytes of a decoded header.
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// Most bytes of decoded claims.
const PAYLOAD_BYTES_MAX: usize = 32 * 1024;
/// Most bytes kept of a text.
const TEXT_BYTES_MAX: usize = 128;
/// Most authentication methods kept.
const AMR_MAX: usize = 8;

/// What a token says about itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) alg: Arc<str>,
    pub(crate) kid: Option<Arc<str>>,
    pub(crate) iss: Option<Arc<str>>,
    /// The configured claim where it is there, else `sub`.
    pub(crate) sub: Option<Arc<str>>,
    /// `email`, else `preferred_username`, `upn`, `username`.
    pub(crate) name: Option<Arc<str>>,
    /// `client_id`, else `azp`.
    pub(crate) client_id: Option<Arc<str>>,
    pub(crate) exp: Option<i64>,
    pub(crate) amr: Vec<Arc<str>>,
    pub(crate) acr: Option<Arc<str>>,
    /// `typ` or `token_use`/`token_type` says that it only refreshes.
    pub(crate) refreshes: bool,
    pub(crate) signature: Signature,
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
    Alg,
    Kid,
    Typ,
    Iss,
    Sub,
    Subject,
    Email,
    Name,
    ClientId,
    Azp,
    Exp,
    Amr,
    Acr,
    Use,
}

static CLAIMS: LazyLock<Names<Claim>> = LazyLock::new(|| {
    use Claim::{Acr, Alg, Amr, Azp, ClientId, Email, Exp, Iss, Kid, Name, Sub, Typ, Use};
    Names::new([
        ("alg", Alg),
        ("kid", Kid),
        ("typ", Typ),
        ("iss", Iss),
        ("sub", Sub),
        ("email", Email),
        ("preferred_username", Name),
        ("upn", Name),
        ("username", Name),
        ("client_id", ClientId),
        ("cid", ClientId),
        ("azp", Azp),
        ("exp", Exp),
        ("amr", Amr),
        ("acr", Acr),
        ("token_use", Use),
        ("token_type", Use),
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
pub(crate) fn read(token: &[u8], claim: Option<&[u8]>) -> (Option<Claims>, bool) {
    let mut parts = token.splitn(3, |&b| b == b'.');
    let (header, payload, signature) =
        (parts.next().unwrap_or(&[]), parts.next().unwrap_or(&[]), parts.next());
    if header.len() / 4 * 3 > HEADER_BYTES_MAX || payload.len() / 4 * 3 > PAYLOAD_BYTES_MAX {
        return (None, true);
    }
    let Some((header, payload)) = base64_any(header).zip(base64_any(payload)) else {
        return (None, false);
    };
    if header.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return (None, false);
    }
    let signature = match signature {
        Some([]) | None => Signature::Missing,
        Some(_) => Signature::Present,
    };
    let mut claims = Claims {
        alg: Arc::from(""),
        kid: None,
        iss: None,
        sub: None,
        name: None,
        client_id: None,
        exp: None,
        amr: Vec::new(),
        acr: None,
        refreshes: false,
        signature,
    };
    let mut beyond = json::walk(&header, &CLAIMS, |m| {
        if let (Some(key), 1, Value::Text(t)) = (m.key, m.depth, m.value) {
            claims.take_header(key, &t.decoded());
        }
    })
    .beyond_limit;
    let mut best_name = None;
    let names = claim.map(|name| Names::new([(String::from_utf8_lossy(name), Claim::Subject)]));
    beyond |= json::walk(&payload, &CLAIMS, |m| claims.take(&m, &mut best_name)).beyond_limit;
    if let Some(names) = names {
        json::walk(&payload, &names, |m| {
            if let (Some(Claim::Subject), 1, Value::Text(t)) = (m.key, m.depth, m.value) {
                claims.sub = text::name(&t.decoded());
            }
        });
    }
    (Some(claims), beyond)
}

impl Claims {
    fn take_header(&mut self, key: Claim, value: &[u8]) {
        match key {
            Claim::Alg => self.alg = text::bounded(value, 16).into(),
            Claim::Kid => self.kid = Some(text::bounded(value, 64).into()),
            Claim::Typ => self.refreshes |= value.to_ascii_lowercase().starts_with(b"refresh"),
            _ => {}
        }
    }

    fn take<'a>(&mut self, member: &json::Member<'a, Claim>, best_name: &mut Option<Claim>) {
        let (Some(key), 1..=2) = (member.key, member.depth) else { return };
        let value: Cow<'a, [u8]> = match member.value {
            Value::Text(t) => t.decoded(),
            Value::Number(n) => Cow::Borrowed(n),
            _ => return,
        };
        let kept = || Some(Arc::from(text::bounded(&value, TEXT_BYTES_MAX)));
        match (key, member.depth) {
            (Claim::Amr, _) if self.amr.len() < AMR_MAX => self.amr.push(text::bounded(&value, 32).into()),
            (_, 2) => {}
            (Claim::Iss, _) => self.iss = kept(),
            (Claim::Sub, _) => self.sub = text::name(&value),
            // An e-mail address is the better name.
            (Claim::Email | Claim::Name, _) if *best_name != Some(Claim::Email) => {
                if let Some(name) = text::name(&value) {
                    (self.name, *best_name) = (Some(name), Some(key));
                }
            }
            (Claim::ClientId, _) => self.client_id = text::name(&value),
            (Claim::Azp, _) if self.client_id.is_none() => self.client_id = text::name(&value),
            (Claim::Exp, _) => self.exp = seconds(&value),
            (Claim::Acr, _) => self.acr = kept(),
            (Claim::Use | Claim::Typ, _) => {
                self.refreshes |= value.to_ascii_lowercase().starts_with(b"refresh");
            }
            _ => {}
        }
    }
}

/// NumericDate (RFC 7519 2): seconds, possibly with a fraction or an exponent.
fn seconds(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value.get(..value.len().min(32))?).ok()?;
    text.parse::<i64>().ok().or_else(|| text.parse::<f64>().ok().filter(|s| s.abs() < 1e15).map(|s| s as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
    use expect_test::{Expect, expect};

    fn token(header: &str, payload: &str, signature: &str) -> String {
        format!("{}.{}{signature}", B64.encode(header), B64.encode(payload))
    }

    #[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
    fn check(token: &str, expected: Expect) {
        let (claims, beyond) = read(token.as_bytes(), None);
        let line = match claims {
            Some(c) => format!(
                "{} kid={:?} iss={:?} sub={:?} name={:?} client={:?} exp={:?} amr={:?} mfa={} service={} signature={} beyond={beyond}",
                c.alg,
                c.kid,
                c.iss,
                c.sub,
                c.name,
                c.client_id,
                c.exp,
                c.amr,
                c.says_mfa(),
                c.is_service(),
                c.signature
            ),
            None => format!("unreadable beyond={beyond}"),
        };
        expected.assert_eq(&line);
    }

    #[test]
    fn a_person_and_a_program() {
        check(
            &token(
                r#"{"alg":"RS256","kid":"k1"}"#,
                r#"{"sub":"u1","preferred_username":"al","email":"al@x.example","exp":1794223800,"iss":"https://i","amr":["pwd","otp"],"azp":"web"}"#,
                ".c2ln",
            ),
            expect![[
                r#"RS256 kid=Some("k1") iss=Some("https://i") sub=Some("u1") name=Some("al@x.example") client=Some("web") exp=Some(1794223800) amr=["pwd", "otp"] mfa=true service=false signature=present beyond=false"#
            ]],
        );
        check(
            &token(
                r#"{"alg":"RS256"}"#,
                r#"{"sub":"svc","client_id":"svc","exp":1.5e9,"amr":["pwd"]}"#,
                ".c2ln",
            ),
            expect![[
                r#"RS256 kid=None iss=None sub=Some("svc") name=None client=Some("svc") exp=Some(1500000000) amr=["pwd"] mfa=false service=true signature=present beyond=false"#
            ]],
        );
    }

    #[test]
    fn unsigned_tokens_and_claims_that_are_no_claims() {
        check(
            &token(r#"{"alg":"nOnE"}"#, r#"{"sub":"1","x":{"sub":"2"}}"#, "."),
            expect![[
                r#"nOnE kid=None iss=None sub=Some("1") name=None client=None exp=None amr=[] mfa=false service=false signature=missing beyond=false"#
            ]],
        );
        check(
            &token(r#"{"typ":"JWT"}"#, r#"{"sub":"null"}"#, ""),
            expect![[
                r" kid=None iss=None sub=None name=None client=None exp=None amr=[] mfa=false service=false signature=missing beyond=false"
            ]],
        );
    }

    #[test]
    fn hostile_tokens() {
        check(&token(r#"{"alg":"RS256"}"#, &"x".repeat(100_000), ".c"), expect!["unreadable beyond=true"]);
        check(
            &token(r#"{"alg":"RS256"}"#, &"[".repeat(20_000), ".c"),
            expect![[
                r"RS256 kid=None iss=None sub=None name=None client=None exp=None amr=[] mfa=false service=false signature=present beyond=true"
            ]],
        );
        check(
            &"ey.".repeat(5000),
            expect![
                " kid=None iss=None sub=None name=None client=None exp=None amr=[] mfa=false service=false signature=present beyond=false"
            ],
        );
        check("eyJ.%%%.x", expect!["unreadable beyond=false"]);
    }
}
