//! Requests and answers as text, and the sighting they give in one line. Stories come in pairs.

use super::*;
use crate::decode::{Endpoint, Tunnel, Vlans};
use crate::http::{Body, Header, StartLine};
use crate::identity::config::{Identity, Network, Privacy};
use crate::identity::geo::Geo;
use crate::identity::secret::Keyring;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use expect_test::{Expect, expect};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Completeness, Outcome, Protocol};

mod bodies;
mod clients;
mod contents;
mod credentials;
mod facts;
mod generic;
mod leaks;
mod products;
mod secrets;
mod threads;
mod verdicts;

pub(crate) fn extractor() -> Extractor {
    extractor_under(&[7; 32])
}

/// The same, of a deployment with another key.
fn extractor_under(key: &[u8; 32]) -> Extractor {
    let keyring = Keyring::from_bytes(key).unwrap();
    let settings = Settings::build(
        &Network::default(),
        &Identity::default(),
        &Privacy::default(),
        keyring,
        Geo::builtin(),
    );
    Extractor::new(Arc::new(settings.unwrap()))
}

/// `head`, an empty line, and the body; lines end with `\n` here.
fn message(text: &str) -> Message {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let head = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
    let range = |part: &str| {
        let from = part.as_ptr() as usize - head.as_ptr() as usize;
        from as u32..(from + part.len()) as u32
    };
    let mut lines = head.trim_end().split("\r\n");
    let words: Vec<&str> = lines.next().unwrap().splitn(3, ' ').collect();
    let start = match words[0].parse() {
        Ok(status) => StartLine::Response { status },
        Err(_) => StartLine::Request { method: range(words[0]), target: range(words[1]) },
    };
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        Header { name: range(name), value: range(value.trim()) }
    });
    let headers = headers.collect();
    let body =
        Body { bytes: body.len() as u64, prefix: body.as_bytes().to_vec(), complete: true, messages: None };
    let at = EventTime::from_secs(1_794_211_200);
    Message {
        start,
        headers,
        trailers: Vec::new(),
        body,
        first_byte: at,
        last_byte: at,
        head: head.into_bytes(),
    }
}

/// An exchange of a made-up client; an empty text is a half that was not seen.
pub(crate) fn exchange(request: &str, answer: &str) -> Exchange {
    let end = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port };
    let at = EventTime::from_secs(1_794_211_200);
    Exchange {
        client: end("203.0.113.7", 51514),
        server: end("10.0.0.5", 8080),
        vlans: Vlans::default(),
        tunnel: Tunnel::default(),
        flow_opened_at: at,
        ordinal: 0,
        proxied_for: None,
        protocol: Protocol::Http11,
        tls: None,
        time: at,
        end: at,
        request: (!request.is_empty()).then(|| message(request)),
        response: (!answer.is_empty()).then(|| message(answer)),
        completeness: Completeness::Whole,
        anomalies: AnomalySet::EMPTY,
    }
}

fn see(request: &str, answer: &str) -> Sighting {
    extractor().extract(exchange(request, answer))
}

/// Activity, outcome, who; then only what there is.
fn line(sighting: &Sighting) -> String {
    let (t, c) = (&sighting.transaction, &sighting.clues);
    let mut parts =
        vec![format!("{} {} {} by {}", t.activity, t.outcome, t.principal.key(), t.principal.source)];
    if let Some(login) = &t.login {
        parts.push(format!("login {} {}", login.outcome, login.name.as_deref().unwrap_or("?")));
    }
    if let Some(m) = &t.mfa {
        let certainty = if m.by_status_only { " by status" } else { "" };
        parts.push(format!(
            "mfa {} {} {}{certainty}{}",
            m.event,
            m.factor,
            m.outcome,
            if m.code.is_some() { " with code" } else { "" }
        ));
    }
    for credential in &t.credentials {
        parts.push(format!(
            "{} {} {} {}",
            credential.kind, credential.class, credential.location, credential.name
        ));
    }
    let kinds =
        |handles: &[Handle]| handles.iter().map(|h| format!("{:?}", h.kind)).collect::<Vec<_>>().join(" ");
    let mut note = |what: &str, text: String| {
        if !text.is_empty() {
            parts.push(format!("{what} {text}"));
        }
    };
    note("presents", kinds(&c.presented));
    note("gets", kinds(&c.issued));
    let names = c.answered.iter().map(|n| &**n).collect::<Vec<_>>();
    note("answered", names.join(" "));
    note("client", c.client_id.as_deref().unwrap_or("").to_owned());
    note("key for", c.key_owner.primary().map_or("", |n| n).to_owned());
    note(
        "exposed",
        t.exposed.iter().map(|e| format!("{} {} {}", e.kind, e.class, e.name)).collect::<Vec<_>>().join(", "),
    );
    note("odd", t.anomalies.iter().map(Anomaly::name).collect::<Vec<_>>().join(" "));
    parts.join("; ")
}

#[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
fn check(request: &str, answer: &str, expected: Expect) {
    expected.assert_eq(&line(&see(request, answer)));
}

/// An unsigned-looking token with these claims; the signature is not checked anywhere.
pub(crate) fn jwt(claims: &str) -> String {
    let b64 = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2lnbmF0dXJl", b64(r#"{"alg":"RS256","kid":"k1"}"#), b64(claims))
}

fn basic(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}
