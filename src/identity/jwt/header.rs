//! A token's header: algorithm, key, and what in it a verifier should not follow (RFC 7515 4.1, RFC 7516 4.1).
//! It is given the decoded header and reads it once.
//! It promises never to resolve what the header points to, and to keep of an embedded key its thumbprint's mark alone.

use super::claims::{kept, mark};
use super::{domain, keysets};
use crate::identity::json::{self, Member, Value};
use crate::identity::names::Names;
use crate::identity::secret::Keyring;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64_URL;
use heelguard_detectors::token::{HeaderTrait, HeaderTraits};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// Hosts that are kept of one header: one for `jku` and one for `x5u`.
const KEY_HOSTS_MAX: usize = 2;

/// What a header says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) alg: Arc<str>,
    pub(crate) kid: Option<Arc<str>>,
    pub(crate) typ: Option<Arc<str>>,
    pub(crate) traits: HeaderTraits,
    /// PBES2 iterations (RFC 7518 4.8.1.2).
    pub(crate) p2c: Option<u64>,
    /// The mark of the embedded key's thumbprint (RFC 7638).
    pub(crate) key: Option<u64>,
    /// The hosts that `jku` and `x5u` name; empty for what is no address.
    key_hosts: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameter {
    Alg,
    Kid,
    Typ,
    Cty,
    P2c,
    Zip,
    Crit,
    Jku,
    X5u,
    X5c,
    Jwk,
    // Members of `jwk` that its thumbprint covers.
    Kty,
    Crv,
    X,
    Y,
    N,
    E,
}

static PARAMETERS: LazyLock<Names<Parameter>> = LazyLock::new(|| {
    use Parameter::{Alg, Crit, Crv, Cty, E, Jku, Jwk, Kid, Kty, N, P2c, Typ, X, X5c, X5u, Y, Zip};
    Names::new([
        ("alg", Alg),
        ("kid", Kid),
        ("typ", Typ),
        ("cty", Cty),
        ("p2c", P2c),
        ("zip", Zip),
        ("crit", Crit),
        ("jku", Jku),
        ("x5u", X5u),
        ("x5c", X5c),
        ("jwk", Jwk),
        ("kty", Kty),
        ("crv", Crv),
        ("x", X),
        ("y", Y),
        ("n", N),
        ("e", E),
    ])
});

impl Header {
    /// Reads a decoded header; the flag says that it is nested beyond the limit.
    pub(super) fn read(header: &[u8], keyring: &Keyring) -> (Self, bool) {
        let mut read = Self::default();
        let mut jwk = Jwk::default();
        let summary = json::walk(header, &PARAMETERS, |member| {
            let Some(key) = member.key else { return };
            match (member.depth, member.parent) {
                (1, _) => read.take(key, &member),
                (2, Some(Parameter::Jwk)) => jwk.take(key, member.value),
                _ => {}
            }
        });
        read.key = jwk.thumbprint().map(|text| mark(keyring, "jwt jkt", &[text.as_bytes()]));
        (read, summary.beyond_limit)
    }

    /// Bytes of the texts that are kept.
    pub(super) fn text_bytes(&self) -> usize {
        let texts = [Some(&self.alg), self.kid.as_ref(), self.typ.as_ref()].into_iter().flatten();
        texts.map(|text| text.len()).sum::<usize>() + self.key_hosts.iter().map(String::len).sum::<usize>()
    }

    /// Compares where the keys are said to lie with the issuer, once that is known.
    pub(super) fn compare_hosts(&mut self, issuer: Option<&str>) {
        // Issuers are written as a URL or as a bare host.
        let issuer = issuer.map(|issuer| {
            keysets::parse(issuer).map_or_else(|| issuer.to_ascii_lowercase(), |(host, _)| host)
        });
        let issuer = issuer.unwrap_or_default();
        if self.key_hosts.iter().any(|host| !domain::is_same(host, &issuer)) {
            self.traits.insert(HeaderTrait::Elsewhere);
        }
    }

    fn take(&mut self, key: Parameter, member: &Member<'_, Parameter>) {
        let value = match member.value {
            Value::Text(text) => text.decoded(),
            Value::Number(number) => Cow::Borrowed(number),
            Value::Object | Value::Array | Value::Empty { .. } => Cow::Borrowed(b"".as_slice()),
            Value::Bool(_) | Value::Null | Value::Cut(_) => return,
        };
        let mut has = |header| self.traits.insert(header);
        match key {
            Parameter::Alg => self.alg = kept(&value),
            Parameter::Kid => {
                kid_traits(&value).for_each(has);
                self.kid = Some(kept(&value));
            }
            Parameter::Typ => self.typ = Some(kept(&value)),
            Parameter::P2c => self.p2c = std::str::from_utf8(&value).ok().and_then(|n| n.parse().ok()),
            Parameter::Cty => {
                let word = value.strip_prefix(b"application/").unwrap_or(&value);
                if word.eq_ignore_ascii_case(b"jwt") {
                    has(HeaderTrait::Nested);
                }
            }
            Parameter::Zip => has(HeaderTrait::Zip),
            Parameter::Crit => has(HeaderTrait::Crit),
            Parameter::Jku | Parameter::X5u => {
                has(if key == Parameter::Jku { HeaderTrait::Jku } else { HeaderTrait::X5u });
                let host = std::str::from_utf8(&value).ok().and_then(keysets::parse).map(|(host, _)| host);
                // Whoever repeats a member may mean any of them; two are enough to disagree.
                self.key_hosts.truncate(KEY_HOSTS_MAX - 1);
                self.key_hosts.push(host.unwrap_or_default());
            }
            Parameter::X5c => has(HeaderTrait::X5c),
            Parameter::Jwk => has(HeaderTrait::Jwk),
            Parameter::Kty | Parameter::Crv | Parameter::X | Parameter::Y | Parameter::N | Parameter::E => {}
        }
    }
}

/// Folders that a key id has no business in; a `kid` in base64 may well begin with a slash.
const FOLDERS: [&[u8]; 9] =
    [b"/dev/", b"/etc/", b"/home/", b"/opt/", b"/proc/", b"/root/", b"/tmp/", b"/usr/", b"/var/"];

/// What is wrong with a key id: it walks, or it is written for a query or a command.
fn kid_traits(kid: &[u8]) -> impl Iterator<Item = HeaderTrait> {
    let lower = kid.to_ascii_lowercase();
    let holds = |word: &[u8]| memchr::memmem::find(&lower, word).is_some();
    let walks = holds(b"../")
        || holds(b"..\\")
        || holds(b"..%2f")
        || holds(b"%2e%2e")
        || lower.starts_with(b"file:")
        || lower.get(1..3) == Some(b":\\")
        || FOLDERS.iter().any(|folder| lower.starts_with(folder));
    let asks = lower.iter().any(|b| b"'\"`;|<> \t\r\n\0".contains(b)) || holds(b"$(");
    let found = [(walks, HeaderTrait::KidPath), (asks, HeaderTrait::KidQuery)];
    found.into_iter().filter(|(is, _)| *is).map(|(_, header)| header)
}

/// The members of an embedded key that make its thumbprint.
#[derive(Default)]
struct Jwk<'a> {
    kty: Cow<'a, [u8]>,
    crv: Cow<'a, [u8]>,
    x: Cow<'a, [u8]>,
    y: Cow<'a, [u8]>,
    n: Cow<'a, [u8]>,
    e: Cow<'a, [u8]>,
}

impl<'a> Jwk<'a> {
    fn take(&mut self, key: Parameter, value: Value<'a>) {
        let Value::Text(text) = value else { return };
        let slot = match key {
            Parameter::Kty => &mut self.kty,
            Parameter::Crv => &mut self.crv,
            Parameter::X => &mut self.x,
            Parameter::Y => &mut self.y,
            Parameter::N => &mut self.n,
            Parameter::E => &mut self.e,
            _ => return,
        };
        *slot = text.decoded();
    }

    /// SHA-256 over the required members in order of their names, in base64url.
    fn thumbprint(&self) -> Option<String> {
        let members: &[(&str, &[u8])] = match &*self.kty {
            b"EC" => &[("crv", &self.crv), ("kty", &self.kty), ("x", &self.x), ("y", &self.y)],
            b"OKP" => &[("crv", &self.crv), ("kty", &self.kty), ("x", &self.x)],
            b"RSA" => &[("e", &self.e), ("kty", &self.kty), ("n", &self.n)],
            _ => return None,
        };
        let mut text = Vec::new();
        for (name, value) in members {
            text.push(if text.is_empty() { b'{' } else { b',' });
            text.extend_from_slice(format!("\"{name}\":\"").as_bytes());
            text.extend_from_slice(value);
            text.push(b'"');
        }
        text.push(b'}');
        Some(BASE64_URL.encode(ring::digest::digest(&ring::digest::SHA256, &text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(header: &str) -> String {
        let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
        let (header, _) = Header::read(header.as_bytes(), &keyring);
        header.traits.iter().map(HeaderTrait::name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_a_verifier_should_not_follow_is_named() {
        let header = r#"{"alg":"RS256","jku":"http://evil.example/k","x5u":"u","jwk":{"kty":"oct"},"x5c":["MII"],"crit":["exp"],"zip":"DEF","cty":"application/jwt"}"#;
        assert_eq!(traits(header), "jku x5u jwk x5c crit zip nested");
        assert_eq!(traits(r#"{"alg":"RS256","typ":"at+jwt","kid":"k1","cty":"json"}"#), "");
        assert_eq!(traits(r#"{"alg":"RS256","jku":null,"x":{"jku":"u"}}"#), "", "no value, and no parameter");
    }

    #[test]
    fn keys_in_the_issuers_domain_and_elsewhere() {
        let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
        let is_elsewhere = |header: &str, issuer| {
            let (mut header, _) = Header::read(header.as_bytes(), &keyring);
            header.compare_hosts(issuer);
            header.traits.has(HeaderTrait::Elsewhere)
        };
        let own = r#"{"jku":"https://Keys.example.com/jwks"}"#;
        assert!(!is_elsewhere(own, Some("https://idp.example.com/realm")));
        assert!(!is_elsewhere(own, Some("idp.example.com")), "an issuer need not be a URL");
        assert!(is_elsewhere(own, Some("https://idp.example.org")));
        assert!(is_elsewhere(own, None), "nobody's domain");
        assert!(is_elsewhere(r#"{"jku":"file:///k"}"#, Some("https://idp.example.com")));
        assert!(is_elsewhere(r#"{"x5u":"https://x.example","jku":"https://a.com"}"#, Some("https://a.com")));
        assert!(is_elsewhere(r#"{"jku":"https://a.com@x.example/"}"#, Some("https://a.com")), "user info");
        assert!(!is_elsewhere(r#"{"alg":"RS256","x5c":["MII"]}"#, None));
    }

    #[test]
    fn key_ids_that_walk_or_ask_and_key_ids_that_look_odd() {
        for walks in ["../../dev/null", "/dev/null", "..%2F..%2Fetc%2Fpasswd", "file:///etc/hosts", r"C:\\k"]
        {
            assert_eq!(traits(&format!(r#"{{"kid":"{walks}"}}"#)), "kid_path", "{walks}");
        }
        for asks in ["1' OR '1'='1", "k|whoami", "$(id)", "a;b", "x UNION SELECT"] {
            assert_eq!(traits(&format!(r#"{{"kid":"{asks}"}}"#)), "kid_query", "{asks}");
        }
        assert_eq!(traits(r#"{"kid":"../../x' --"}"#), "kid_path kid_query");
        let lawful = [
            "https://vault.example/keys/k1/3f0c?v=1&x=2",
            "/abcD+ef=",
            "did:web:id.example#key-1",
            "arn:aws:kms:eu-1:1:key/1",
            "ims_na1-key.cer",
            "2026.11.21",
        ];
        for kid in lawful {
            assert_eq!(traits(&format!(r#"{{"kid":"{kid}"}}"#)), "", "{kid}");
        }
    }

    /// RFC 7638 3.1.
    #[test]
    fn the_thumbprint_is_the_standards_own() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let jwk = Jwk {
            kty: b"RSA".as_slice().into(),
            n: n.as_bytes().into(),
            e: b"AQAB".as_slice().into(),
            ..Jwk::default()
        };
        assert_eq!(jwk.thumbprint().as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
    }
}
