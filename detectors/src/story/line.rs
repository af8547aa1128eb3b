//! One line of a story as transactions: what stands in braces is gone through, then each copy is read.
//! It is given the line's text and adds what it stands for to a list.
//! It promises to refuse every word it does not know.

use super::braces::{expand, numbers};
use super::session;
use super::time::{duration, moment, parse};
use super::{exposure, spec, tls, token};
use crate::anomaly::AnomalySet;
use crate::hash::StableHasher;
use crate::identity::{
    AddressClass, Country, Credential, CredentialKind, Factor, Fingerprint, KnownKey, Location, Notoriety,
    Place, Principal, PrincipalKind, PrincipalSource, Proof, ProofLevel, Stage,
};
use crate::label::{Label, Labels};
use crate::position::Position;
use crate::time::EventTime;
use crate::token::Jwt;
use crate::transaction::{
    Activity, AgentKind, Client, Completeness, Device, Flow, Graphql, GraphqlKind, HeaderClaim,
    IdentityHeader, Login, LoginOutcome, Mfa, MfaEvent, MfaOutcome, Outcome, Protocol, Request, Response,
    Transaction, TransactionId,
};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const EARTH_RADIUS_KM: f64 = 6371.0;

/// Adds the transactions that `text` stands for.
pub(super) fn read(text: &str, transactions: &mut Vec<Transaction>) -> Result<(), String> {
    let (mut times, mut every) = (1, Duration::from_secs(1));
    let mut words = Vec::new();
    let mut rest = text.split_whitespace();
    while let Some(word) = rest.next() {
        if word == "every" {
            every = duration(rest.next().ok_or("`every` wants a duration")?)?;
        } else if let Some(count) = word.strip_prefix('x').and_then(|count| count.parse::<usize>().ok()) {
            times = count;
        } else {
            words.push(word);
        }
    }
    let mut copies = 1;
    for word in &words {
        copies = copies.max(numbers(word)?);
    }
    for copy in 0..copies.saturating_mul(times) {
        let words: Vec<String> = words.iter().map(|word| expand(word, copy)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let after = every.saturating_mul(copy as u32);
        let id = TransactionId(transactions.len() as u128 + 1);
        transactions.push(transaction(&words, after, id)?);
    }
    Ok(())
}

fn transaction(words: &[&str], after: Duration, id: TransactionId) -> Result<Transaction, String> {
    let [time, client, "->", kind, method, path, status, words @ ..] = words else {
        return Err("a line is TIME CLIENT -> KIND METHOD PATH STATUS words".into());
    };
    let mut tx = blank(id, moment(time)?.after(after), parse(client, "address")?);
    let status = if *status == "-" { None } else { Some(parse::<u16>(status, "status")?) };
    tx.request = Some(request(method, path));
    tx.response = status.map(|status| Response {
        status,
        grpc_status: None,
        bytes: 0,
        content_type: Some("application/json".into()),
        items: None,
        date_s: None,
        retry_after_s: None,
    });
    if status.is_none() {
        tx.completeness = Completeness::RequestOnly;
    }
    set_kind(&mut tx, kind)?;
    set_outcome(&mut tx);
    words.iter().try_for_each(|word| set_word(&mut tx, word))?;
    settle(&mut tx);
    Ok(tx)
}

/// An exchange of which nothing is known but who is at the other end; external unless that is a private address.
pub fn blank(id: TransactionId, end: EventTime, ip: IpAddr) -> Transaction {
    let external = match ip {
        IpAddr::V4(ip) => !ip.is_private() && !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_unique_local() && !ip.is_loopback(),
    };
    Transaction {
        id,
        time: end,
        end,
        ttfb_us: None,
        flow: Flow {
            src: SocketAddr::new(ip, 50_000),
            dst: SocketAddr::from(([10, 0, 0, 5], 443)),
            vlan: Vec::new(),
            tunnel: None,
            vni: None,
            tls: true,
        },
        protocol: Protocol::Http11,
        tls: None,
        request: None,
        response: None,
        client: Client {
            ip,
            external,
            country: None,
            city: None,
            place: None,
            asn: None,
            class: None,
            claimed_ip: None,
        },
        device: None,
        principal: Principal {
            kind: PrincipalKind::Anonymous,
            id: ip.to_string().into(),
            source: PrincipalSource::Address,
        },
        proof: Proof { level: ProofLevel::None, ..Proof::UNKNOWN },
        credentials: Vec::new(),
        jwt: None,
        mfa: None,
        login: None,
        activity: Activity::Use,
        exposed: Vec::new(),
        factor_secrets: Vec::new(),
        contents: None,
        spec: None,
        outcome: Outcome::Unknown,
        completeness: Completeness::Whole,
        anomalies: AnomalySet::EMPTY,
        session: None,
        reuse: None,
        repeat_of: None,
    }
}

fn request(method: &str, path: &str) -> Request {
    Request {
        method: method.into(),
        scheme: "https",
        host: "api.example.com".into(),
        path: path.into(),
        route: path.into(),
        labels: Labels::NONE,
        query_keys: Vec::new(),
        page_limit: None,
        position: None,
        bytes: 0,
        content_type: None,
        user_agent: None,
        agent_kind: AgentKind::Unknown,
        mark: 0,
        identity_headers: Vec::new(),
        graphql: None,
        hints: None,
    }
}

fn set_kind(tx: &mut Transaction, kind: &str) -> Result<(), String> {
    let step = |event| {
        Some(Mfa {
            event,
            factor: Factor::Totp,
            outcome: MfaOutcome::Unknown,
            by_status_only: false,
            code: None,
            ticket: None,
            codes_left: None,
        })
    };
    match kind {
        "use" => {}
        "login" => {
            tx.activity = Activity::Login;
            tx.login = Some(Login { name: None, outcome: LoginOutcome::Unknown });
        }
        "offer" => {
            tx.activity = Activity::Login;
            tx.login = Some(Login { name: None, outcome: LoginOutcome::SecondFactor });
            tx.mfa = step(MfaEvent::Challenge);
        }
        "mfa" => (tx.activity, tx.mfa) = (Activity::Mfa, step(MfaEvent::Attempt)),
        "challenge" => (tx.activity, tx.mfa) = (Activity::Mfa, step(MfaEvent::Challenge)),
        "confirmation" => (tx.activity, tx.mfa) = (Activity::Mfa, step(MfaEvent::Confirmation)),
        "reset" => (tx.activity, tx.mfa) = (Activity::Mfa, step(MfaEvent::Reset)),
        "removal" => (tx.activity, tx.mfa) = (Activity::Mfa, step(MfaEvent::Removal)),
        "regeneration" => (tx.activity, tx.mfa) = (Activity::Mfa, step(MfaEvent::Regeneration)),
        "enrolment" => (tx.activity, tx.mfa) = (Activity::Mfa, step(MfaEvent::Enrolment)),
        "token" => tx.activity = Activity::TokenIssue,
        "signup" => tx.activity = Activity::SignUp,
        "sensitive" => tx.activity = Activity::Sensitive,
        "logout" => tx.activity = Activity::Logout,
        _ => return Err(format!("`{kind}` is no kind")),
    }
    Ok(())
}

/// What the status says when no word says otherwise.
fn set_outcome(tx: &mut Transaction) {
    let status = tx.status();
    tx.outcome = match status {
        None => Outcome::Unknown,
        Some(200..=399) => Outcome::Success,
        Some(401 | 403 | 423 | 429) => Outcome::Denied,
        Some(_) => Outcome::Error,
    };
    if let Some(mfa) = &mut tx.mfa {
        mfa.outcome = match (mfa.event, status) {
            (MfaEvent::Challenge, _) => MfaOutcome::Challenge,
            (_, None) => MfaOutcome::Unknown,
            (_, Some(202)) => MfaOutcome::Pending,
            (_, Some(200..=299)) => MfaOutcome::Success,
            (_, Some(400 | 401 | 403 | 422)) => MfaOutcome::FailCode,
            (_, Some(423)) => MfaOutcome::Locked,
            (_, Some(429)) => MfaOutcome::Throttled,
            (_, Some(_)) => MfaOutcome::FailOther,
        };
    }
    if let Some(login) = &mut tx.login {
        login.outcome = match status {
            _ if login.outcome == LoginOutcome::SecondFactor => LoginOutcome::SecondFactor,
            None => LoginOutcome::Unknown,
            Some(200..=399) => LoginOutcome::Success,
            Some(400 | 401 | 403) => LoginOutcome::Refused,
            Some(423 | 429) => LoginOutcome::Throttled,
            Some(_) => LoginOutcome::Error,
        };
    }
}

fn set_word(tx: &mut Transaction, word: &str) -> Result<(), String> {
    let Some((name, value)) = word.split_once('=') else { return set_flag(tx, word) };
    match name {
        "user" => set_principal(tx, PrincipalKind::User, value),
        "service" => set_principal(tx, PrincipalKind::Service, value),
        "session" => present(tx, CredentialKind::Session, "session_cookie", Location::Cookie, value),
        "bearer" => present(tx, CredentialKind::BearerOpaque, "opaque", Location::Header, value),
        "key" => {
            let (class, value) = exposure::key(value)?;
            present(tx, CredentialKind::ApiKey, class, Location::Header, value);
        }
        "known" => {
            let key = tx.credentials.last_mut().ok_or("known wants a credential first")?;
            let why = Notoriety::parse(value).ok_or("no such reason to be known")?;
            key.known = Some(KnownKey { why, line: 7, source: "somewhere" });
        }
        "stage" => {
            let key = tx.credentials.last_mut().ok_or("stage wants a credential first")?;
            key.stage = Some(Stage::parse(value).ok_or("no such stage")?);
        }
        "secret" => present(tx, CredentialKind::ClientSecret, "client_secret", Location::Header, value),
        "jwt" => set_jwt(tx, value),
        "tls" | "suite" => tls::set(tx, name, value)?,
        _ if token::WORDS.contains(&name) => return token::set(tx, name, value),
        _ if session::WORDS.contains(&name) => return session::set(tx, name, value),
        _ if spec::WORDS.contains(&name) => return spec::set(tx, name, value),
        "country" => tx.client.country = Some(Country::parse(value).ok_or("a country is two letters")?),
        "asn" => tx.client.asn = Some(parse(value, "asn")?),
        "place" => {
            let (lat, lon) = value.split_once(',').ok_or("a place is lat,lon")?;
            let (lat, lon) = (parse(lat, "latitude")?, parse(lon, "longitude")?);
            tx.client.place = Some(Place { lat, lon, radius_km: 20.0 });
        }
        "radius" => {
            tx.client.place.as_mut().ok_or("radius wants a place first")?.radius_km = parse(value, "km")?;
        }
        "north" => {
            let place = tx.client.place.as_mut().ok_or("north wants a place first")?;
            place.lat += (parse::<f64>(value, "km")? / EARTH_RADIUS_KM).to_degrees();
        }
        "device" => tx.device = Some(device(value)?),
        "retry_after" => {
            let response = tx.response.as_mut().ok_or("retry_after wants an answer")?;
            response.retry_after_s = Some(parse(value, "number of seconds")?);
        }
        "class" => tx.client.class = Some(AddressClass::parse(value).ok_or("no such class of address")?),
        "claims" => tx.client.claimed_ip = Some(parse(value, "address")?),
        "via" => tx.flow.src = SocketAddr::new(parse(value, "address")?, 50_000),
        "took" => tx.time = tx.end.before(duration(value)?),
        "ttfb" => tx.ttfb_us = u64::try_from(duration(value)?.as_micros()).ok(),
        "in" => {
            let credential = tx.credentials.last_mut().ok_or("in= wants a credential first")?;
            credential.location = Location::parse(value).ok_or("no such place of a credential")?;
        }
        "clock" => set_clock(tx, value)?,
        "proof" => tx.proof.level = ProofLevel::parse(value).ok_or("no such proof level")?,
        "mfa" => {
            tx.proof.level = ProofLevel::Mfa;
            tx.proof.mfa_at = Some(tx.end.before(duration(value)?));
        }
        "exposed" => tx.exposed.push(exposure::read(value)?),
        "bytes" => tx.response.as_mut().ok_or("bytes want an answer")?.bytes = parse(value, "bytes")?,
        "totp" => tx.factor_secrets.push(exposure::factor_secret(value)?),
        "items" => tx.response.as_mut().ok_or("items want an answer")?.items = Some(parse(value, "items")?),
        "factor" | "code" | "outcome" | "ticket" | "left" => return set_step(tx, name, value),
        "limit" | "at" | "cursor" | "host" | "route" | "agent" | "says" | "mark" | "labels"
        | "auth_operations" => {
            return set_request(tx, name, value);
        }
        _ => return Err(format!("`{name}` is no word")),
    }
    Ok(())
}

fn set_flag(tx: &mut Transaction, word: &str) -> Result<(), String> {
    match word {
        "basic" => present(tx, CredentialKind::Basic, "basic", Location::Header, "basic"),
        "client_secret" => {
            present(tx, CredentialKind::ClientSecret, "client_secret", Location::Header, "secret");
        }
        "by_status" => tx.mfa.as_mut().ok_or("by_status wants a factor step")?.by_status_only = true,
        "has_mfa" => tx.proof.account_has_mfa = true,
        "issued" => session::of(tx)?.issued_in_sight = true,
        "plain" => {
            tx.flow.tls = false;
            tx.flow.dst.set_port(80);
        }
        "grpc" => tx.protocol = Protocol::Grpc,
        "gap" => tx.completeness = Completeness::Gap,
        "truncated" => tx.completeness = Completeness::Truncated,
        "repeat" => tx.repeat_of = Some(TransactionId(0)),
        _ => return token::set_flag(tx, word).unwrap_or_else(|| Err(format!("`{word}` is no word"))),
    }
    Ok(())
}

fn set_principal(tx: &mut Transaction, kind: PrincipalKind, id: &str) {
    let source = if tx.login.is_some() { PrincipalSource::Login } else { PrincipalSource::Lineage };
    tx.principal = Principal { kind, id: id.into(), source };
    if let Some(login) = &mut tx.login {
        login.name = Some(id.into());
    }
}

fn set_jwt(tx: &mut Transaction, alg: &str) {
    present(tx, CredentialKind::BearerJwt, "jwt", Location::Header, alg);
    tx.jwt = Some(Jwt::of_alg(alg));
}

fn set_step(tx: &mut Transaction, name: &str, value: &str) -> Result<(), String> {
    if let (Some(login), "outcome") = (&mut tx.login, name) {
        login.outcome = LoginOutcome::parse(value).ok_or("no such login outcome")?;
        return Ok(());
    }
    let mfa = tx.mfa.as_mut().ok_or_else(|| format!("{name} wants a factor step"))?;
    match name {
        "factor" => mfa.factor = Factor::parse(value).ok_or("no such factor")?,
        // Both halves are the code itself: in a story the keys of all times agree.
        "code" => mfa.code = Some(u64::from(parse::<u32>(value, "code")?) * 0x1_0000_0001),
        "ticket" => mfa.ticket = Some(fingerprint("ticket", value)),
        "left" => mfa.codes_left = Some(parse(value, "number of codes")?),
        _ => mfa.outcome = MfaOutcome::parse(value).ok_or("no such factor outcome")?,
    }
    Ok(())
}

fn set_request(tx: &mut Transaction, name: &str, value: &str) -> Result<(), String> {
    let request = tx.request.as_mut().ok_or("no request")?;
    match name {
        "limit" => request.page_limit = Some(parse(value, "limit")?),
        "at" => request.position = Some(Position::Number(parse(value, "position")?)),
        "cursor" => request.position = Some(Position::Cursor(parse(value, "cursor")?)),
        "host" => request.host = value.into(),
        "mark" => request.mark = parse(value, "mark")?,
        "auth_operations" => {
            let auth_operations = parse(value, "auth_operations")?;
            let kind = GraphqlKind::Mutation;
            request.graphql =
                Some(Graphql { kind, operation: None, fields: vec!["login".into()], auth_operations });
        }
        "agent" => request.agent_kind = AgentKind::parse(value).ok_or("no such kind of program")?,
        "labels" => {
            for label in value.split(',') {
                request.labels.insert(Label::parse(label).ok_or("no such label")?);
            }
        }
        "says" => {
            let (header, claim) = value.split_once(':').ok_or("says is header:claim")?;
            let claim = HeaderClaim::parse(claim).ok_or("no such claim")?;
            request.identity_headers.push(IdentityHeader { name: header.into(), claim, by_proxy: false });
        }
        _ => request.route = value.into(),
    }
    Ok(())
}

/// The server's clock when it answered: so far ahead of the answer's last byte, or behind it.
fn set_clock(tx: &mut Transaction, value: &str) -> Result<(), String> {
    let reading = match value.strip_prefix('-') {
        Some(behind) => tx.end.before(duration(behind)?),
        None => tx.end.after(duration(value)?),
    };
    let date_s = i64::try_from(reading.as_secs()).map_err(|_| "no such time")?;
    tx.response.as_mut().ok_or("a clock wants an answer")?.date_s = Some(date_s);
    Ok(())
}

fn present(tx: &mut Transaction, kind: CredentialKind, class: &'static str, location: Location, value: &str) {
    let fingerprint = fingerprint(class, value);
    let name = if location == Location::Cookie { "session" } else { "authorization" };
    tx.credentials.push(Credential {
        kind,
        class,
        location,
        name: name.into(),
        fingerprint,
        known: None,
        stage: None,
    });
}

pub(super) fn fingerprint(class: &str, value: &str) -> Fingerprint {
    Fingerprint(StableHasher::of_parts(&[class.as_bytes(), value.as_bytes()]).to_be_bytes())
}

/// What follows from everything that was said.
fn settle(tx: &mut Transaction) {
    if tx.principal.kind == PrincipalKind::Anonymous
        && let Some(key) = tx.credentials.iter().find(|credential| credential.kind == CredentialKind::ApiKey)
    {
        let id = key.fingerprint.to_string().get(..8).unwrap_or_default().into();
        tx.principal = Principal { kind: PrincipalKind::Key, id, source: PrincipalSource::Credential };
    }
    if let Some(mfa) = tx.mfa {
        match mfa.outcome {
            MfaOutcome::Success => tx.proof.mfa_at = Some(tx.end),
            MfaOutcome::FailCode => tx.outcome = Outcome::Denied,
            _ => {}
        }
        if mfa.outcome == MfaOutcome::Success {
            (tx.proof.level, tx.proof.factor) = (ProofLevel::Mfa, Some(mfa.factor));
        }
    }
    if let Some(login) = &tx.login
        && matches!(login.outcome, LoginOutcome::Refused | LoginOutcome::Throttled)
    {
        tx.outcome = Outcome::Denied;
    }
    if tx.proof.level == ProofLevel::None {
        tx.proof.level = match tx.credentials.first().map(|credential| credential.kind) {
            Some(CredentialKind::ApiKey) => ProofLevel::ApiKey,
            Some(CredentialKind::Session | CredentialKind::BearerOpaque | CredentialKind::BearerJwt) => {
                ProofLevel::Password
            }
            Some(CredentialKind::Basic) => ProofLevel::Password,
            Some(CredentialKind::ClientSecret) => ProofLevel::ServiceToken,
            Some(_) => ProofLevel::Unknown,
            None => ProofLevel::None,
        };
    }
    if let Some(request) = &mut tx.request
        && !tx.flow.tls
    {
        request.scheme = "http";
    }
}

fn device(letters: &str) -> Result<Device, String> {
    let traits: Vec<u32> = letters.chars().map(|c| if c == '-' { 0 } else { u32::from(c) }).collect();
    let traits = traits.try_into().map_err(|_| "a device is four letters")?;
    Ok(Device { traits })
}
