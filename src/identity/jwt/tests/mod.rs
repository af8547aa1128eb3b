//! Tokens on a stage: keys that sign, issuers that publish, servers that believe or refuse, and what the desk says.

use crate::decode::{Endpoint, Tunnel, Vlans};
use crate::http::{Body, Exchange, Header, Message, StartLine};
use crate::identity::config::{Identity, Network, Privacy};
use crate::identity::geo::Geo;
use crate::identity::jwt::TokenReference;
use crate::identity::secret::Keyring;
use crate::identity::{Extractor, Lineage, LineageConfig, Settings, Sighting};
use crate::metrics::TokenCounters;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use heelguard_detectors::anomaly::AnomalySet;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::token::{HeaderTrait, Jwt, KnownSecret, SignatureCheck};
use heelguard_detectors::transaction::{Completeness, Protocol};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use std::sync::Arc;

mod away;
mod binding;
mod facts;
mod forgeries;
mod vectors;

const ISSUER: &str = "https://id.acme.example";
const API: &str = "api.acme.example";

/// A private key on P-256.
struct Signing(EcdsaKeyPair);

impl Signing {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self(pair.unwrap())
    }

    fn jwk(&self, kid: &str) -> String {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (B64.encode(x), B64.encode(y));
        format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{x}","y":"{y}"}}"#)
    }

    fn sign(&self, kid: &str, claims: &str) -> String {
        let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#);
        let input = input(&header, claims);
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", B64.encode(signature))
    }
}

fn input(header: &str, claims: &str) -> String {
    format!("{}.{}", B64.encode(header), B64.encode(claims))
}

/// A token under a shared secret.
fn hs256(kid: &str, claims: &str, secret: &[u8]) -> String {
    let input = input(&format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{kid}"}}"#), claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", B64.encode(signature))
}

fn claims(sub: &str, jti: &str) -> String {
    format!(r#"{{"iss":"{ISSUER}","sub":"{sub}","jti":"{jti}","scope":"read","exp":1794212000}}"#)
}

fn keys(jwks: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, jwks.join(","))
}

/// An extractor with a lineage behind it, and a clock.
struct Stage {
    extractor: Extractor,
    lineage: Lineage,
    /// Seconds since the stage was set.
    clock: u64,
}

impl Stage {
    fn new() -> Self {
        Self::with(TokenReference::default())
    }

    fn with(tokens: TokenReference) -> Self {
        let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
        let identity = Identity::default();
        let settings =
            Settings::build(&Network::default(), &identity, &Privacy::default(), keyring, Geo::builtin());
        let config = LineageConfig { tokens: Arc::new(tokens), ..LineageConfig::default() };
        Self {
            extractor: Extractor::new(Arc::new(settings.unwrap())),
            lineage: Lineage::new(&config),
            clock: 0,
        }
    }

    /// The process ends; the next one goes on from what this one saved.
    fn restart(&mut self) -> &mut Self {
        let saved = self.lineage.save_tokens();
        self.lineage = Lineage::new(&LineageConfig::default());
        self.lineage.load_tokens(&saved).unwrap();
        assert!(self.lineage.save_tokens() == saved, "what was loaded is not what was saved");
        let mut other = Lineage::new(&LineageConfig::default());
        for end in (0..saved.len()).step_by(7) {
            assert!(other.load_tokens(&saved[..end]).is_err(), "{end} of {} bytes", saved.len());
        }
        self
    }

    fn at(&mut self, seconds: u64) -> &mut Self {
        self.clock = seconds;
        self
    }

    fn see(&mut self, server: &str, request: &str, answer: &str) -> Sighting {
        let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port };
        let at = EventTime::from_secs(1_794_211_200 + self.clock);
        self.extractor.extract(Exchange {
            client: end("203.0.113.7", 51514),
            server: end(server, 8080),
            proxied_for: None,
            vlans: Vlans::default(),
            tunnel: Tunnel::default(),
            flow_opened_at: at,
            ordinal: 0,
            protocol: Protocol::Http11,
            tls: None,
            time: at,
            end: at,
            request: Some(message(at, request)),
            response: Some(message(at, answer)),
            completeness: Completeness::Whole,
            anomalies: AnomalySet::EMPTY,
        })
    }

    /// A call to the API with this token; what is told of the token.
    fn call(&mut self, token: &str, status: u16) -> Jwt {
        self.call_with(&format!("Authorization: Bearer {token}"), status)
    }

    fn call_with(&mut self, headers: &str, status: u16) -> Jwt {
        let request = format!("GET /v1/orders\nHost: {API}\n{headers}");
        let sighting = self.see("10.0.0.5", &request, &format!("{status}\nServer: x"));
        self.lineage.attribute(sighting).jwt.unwrap()
    }

    /// The verdict in words.
    fn verdict(&mut self, token: &str, status: u16) -> String {
        let jwt = self.call(token, status);
        let mut words = vec![jwt.check.name().to_owned()];
        if let Some(KnownSecret { builtin, .. }) = jwt.known_secret {
            words.push(if builtin { "builtin secret" } else { "own secret" }.to_owned());
        }
        words.extend(jwt.confusion.map(|confusion| format!("confusion {confusion}")));
        words.extend(jwt.header.iter().map(|header| HeaderTrait::name(header).to_owned()));
        if jwt.tampered {
            words.push("tampered".to_owned());
        }
        words.join(", ")
    }

    /// A document that a server publishes.
    fn publish(&mut self, server: &str, host: &str, path: &str, body: &str) {
        let request = format!("GET {path}\nHost: {host}");
        let sighting = self.see(server, &request, &format!("200\nContent-Type: application/json\n\n{body}"));
        self.lineage.attribute(sighting);
    }

    /// A token that the issuer hands out.
    fn issue(&mut self, token: &str) {
        let request = "POST /oauth/token\nHost: id.acme.example\nContent-Type: application/x-www-form-urlencoded\n\n\
             grant_type=client_credentials&client_id=web&client_secret=c0ffee-c0ffee";
        let answer = format!("200\nContent-Type: application/json\n\n{{\"access_token\":\"{token}\"}}");
        let sighting = self.see("10.0.0.9", request, &answer);
        self.lineage.attribute(sighting);
    }

    fn counters(&self) -> TokenCounters {
        self.lineage.token_counters()
    }
}

/// `head`, an empty line, and the body; the first line is method and target, or a status.
fn message(at: EventTime, text: &str) -> Message {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let range = |part: &str| {
        let from = part.as_ptr() as usize - head.as_ptr() as usize;
        from as u32..(from + part.len()) as u32
    };
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    let start = match first.split_once(' ') {
        Some((method, target)) => StartLine::Request { method: range(method), target: range(target) },
        None => StartLine::Response { status: first.parse().unwrap() },
    };
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        Header { name: range(name), value: range(value) }
    });
    let headers = headers.collect();
    let body =
        Body { bytes: body.len() as u64, prefix: body.as_bytes().to_vec(), complete: true, messages: None };
    Message {
        start,
        headers,
        trailers: Vec::new(),
        body,
        first_byte: at,
        last_byte: at,
        head: head.as_bytes().to_vec(),
    }
}
