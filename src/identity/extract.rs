//! One exchange as a sighting: the transaction as far as it can be told alone, and clues for lineage.
//! It is given an `Exchange`, the last place where raw header values exist, and runs in a shard.
//! It promises that the sighting depends on the exchange and the settings alone, and holds no secret.

use super::answer::{Answer, split_query};
use super::client_ip;
use super::clues::{AccountNames, Clues, Handle, HandleKind, Sighting, TokenSubject};
use super::credential::{Found, Presented};
use super::jwt::Claims;
use super::mfa::{self, Hits};
use super::request::Asking;
use super::route::{Labels, Route};
use super::secret::{Known, Memory, Secret};
use super::settings::Settings;
use super::shape;
use super::step::{self, Asked, Step};
use super::tables::Field;
use super::text::{self, MASK, Texts};
use super::urlencoded;
use crate::http::body::{BodyDecoder, DecodeLimits};
use crate::http::{Exchange, Message};
use crate::metrics::AnomalyCounters;
use ahash::RandomState;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::identity::{
    Credential, CredentialKind, Location, Principal, PrincipalKind, PrincipalSource, Proof, ProofLevel,
};
use heelguard_detectors::transaction::{
    Activity, Client, Exposure, ExposureKind, Flow, Jwt, Login, LoginOutcome, Mfa, MfaEvent, MfaOutcome,
    Outcome, Request, Response, Transaction, TransactionId,
};
use std::net::SocketAddr;
use std::sync::Arc;

/// Most bytes of a recorded method, host, user agent and parameter name.
const METHOD_BYTES_MAX: usize = 32;
const HOST_BYTES_MAX: usize = 255;
const AGENT_BYTES_MAX: usize = 256;
const PARAMETER_BYTES_MAX: usize = 64;
/// Parameter names recorded of one query.
const PARAMETERS_MAX: usize = 32;
/// Exposures recorded of one exchange.
const EXPOSURES_MAX: usize = 16;

/// Makes sightings of exchanges; one for each shard.
pub struct Extractor {
    settings: Arc<Settings>,
    memory: Memory,
    texts: Texts,
    route: Route,
    hits: Hits,
    counters: AnomalyCounters,
    /// For the hashes that both legs of a proxy share: fixed, so that shards agree.
    legs: RandomState,
    decoders: [BodyDecoder; 2],
}

/// What was found among the request's credentials, hashed.
#[derive(Default)]
struct Proved {
    credentials: Vec<Credential>,
    handles: Vec<(u8, Handle)>,
    jwt: Option<Arc<Claims>>,
    beyond_limit: bool,
    strongest: Option<Known>,
}

impl Extractor {
    /// With nothing remembered yet.
    pub fn new(settings: Arc<Settings>) -> Self {
        let decoder = || BodyDecoder::new(DecodeLimits::default());
        let route = Route { hides_names: settings.hash_names, ..Route::default() };
        Self {
            settings,
            memory: Memory::new(),
            texts: Texts::new(),
            route,
            hits: [0; mfa::ROWS.len()],
            counters: AnomalyCounters::default(),
            legs: RandomState::with_seeds(1, 2, 3, 4),
            decoders: [decoder(), decoder()],
        }
    }

    /// Oddities that were noted here.
    pub fn counters(&self) -> &AnomalyCounters {
        &self.counters
    }

    /// How often each row of the second-factor outcome table decided.
    pub fn outcome_rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
        mfa::ROWS.iter().map(|row| row.name).zip(self.hits)
    }

    /// Reads one exchange.
    pub fn extract(&mut self, exchange: Exchange) -> Sighting {
        let settings = self.settings.clone();
        let mut decoders = std::mem::take(&mut self.decoders);
        let mut route = std::mem::take(&mut self.route);
        let sighting = {
            let [request_decoder, response_decoder] = &mut decoders;
            let mut noted = AnomalySet::EMPTY;
            let asking = exchange
                .request
                .as_ref()
                .map(|message| read_request(message, request_decoder, &mut route, &settings, &mut noted));
            let labels = asking.as_ref().map_or(Labels::NONE, |_| route.labels);
            let answer = exchange
                .response
                .as_ref()
                .map(|message| read_answer(message, response_decoder, labels, &settings, &mut noted));
            self.sighting(&exchange, asking, answer, &route, noted)
        };
        (self.decoders, self.route) = (decoders, route);
        sighting
    }

    fn sighting(
        &mut self,
        exchange: &Exchange,
        asking: Option<Asking<'_>>,
        answer: Option<Answer<'_>>,
        route: &Route,
        mut noted: AnomalySet,
    ) -> Sighting {
        let none = Asking::default();
        let asked = asking.as_ref().unwrap_or(&none);
        let step = step::read(
            &Asked {
                method: asked.method,
                template: &route.template,
                labels: route.labels,
                fields: &asked.fields,
                presented: &asked.presented,
            },
            answer.as_ref(),
            &mut self.hits,
        );
        let proved = self.prove(&asked.presented);
        if asked.presented.repeated {
            noted.insert(Anomaly::HttpRepeatedCredential);
        }
        if proved.beyond_limit {
            noted.insert(Anomaly::JwtLimit);
        }
        if asked.fields.beyond_limit || answer.as_ref().is_some_and(|a| a.beyond_limit) {
            noted.insert(Anomaly::BodyJsonLimit);
        }
        noted.iter().for_each(|anomaly| self.counters.count(anomaly));

        let clues = self.clues(exchange, asked, answer.as_ref(), &step, &proved, route);
        let ip = client_ip::client(exchange.client.ip, &asked.forwarding, &self.settings.trusted);
        let principal = provisional_principal(&clues, &proved, ip);
        let mut anomalies = exchange.anomalies;
        anomalies.merge(noted);
        let transaction = Transaction {
            id: id_of(exchange),
            time: exchange.time,
            end: exchange.end,
            ttfb_us: exchange.request.as_ref().zip(exchange.response.as_ref()).map(|(request, response)| {
                u64::try_from(response.first_byte.since(request.last_byte).as_micros()).unwrap_or(u64::MAX)
            }),
            flow: Flow {
                src: SocketAddr::new(exchange.client.ip, exchange.client.port),
                dst: SocketAddr::new(exchange.server.ip, exchange.server.port),
                vlan: exchange.vlans.as_slice().to_vec(),
                tls: false,
            },
            protocol: exchange.protocol,
            request: exchange.request.as_ref().map(|message| self.request(message, asked, route)),
            response: exchange.response.as_ref().map(|message| self.response(message, answer.as_ref())),
            client: self.client(ip),
            device: asked.traits.device(),
            principal,
            proof: provisional_proof(&step, &proved, &clues, exchange.end),
            jwt: proved.jwt.as_ref().map(|claims| jwt_facts(claims, exchange)),
            mfa: step.mfa.map(|m| Mfa {
                event: m.event,
                factor: m.factor,
                outcome: m.outcome,
                by_status_only: m.by_status_only,
                code: m.code.map(|code| self.settings.keyring.code_mark(code.trim_ascii(), exchange.time)),
            }),
            login: step.login.map(|outcome| Login { name: clues.login_name.clone(), outcome }),
            activity: step.activity,
            exposed: self.exposures(asked, answer.as_ref(), &step, route, &proved),
            credentials: proved.credentials,
            outcome: step.outcome,
            completeness: exchange.completeness,
            anomalies,
            repeat_of: None,
        };
        Sighting { transaction, clues }
    }

    /// Hashes every credential; from here on there are fingerprints only.
    fn prove(&mut self, presented: &Presented<'_>) -> Proved {
        let mut proved = Proved::default();
        for found in &presented.found {
            let known = self.know(found);
            proved.beyond_limit |= known.beyond_limit;
            if let Some(kind) = found.handle {
                proved.handles.push((strength(found), Handle { kind, fingerprint: known.fingerprint }));
            }
            let is_token = matches!(found.kind, CredentialKind::BearerJwt | CredentialKind::RefreshToken);
            if is_token
                && (proved.jwt.is_none()
                    || found.location == Location::Header && found.kind == CredentialKind::BearerJwt)
            {
                proved.jwt = known.claims.clone().or(proved.jwt);
            }
            if found.listed {
                let shown =
                    matches!(known.class, shape::OPAQUE | "hex" | "uuid") && found.carrier != shape::OPAQUE;
                proved.credentials.push(Credential {
                    kind: found.kind,
                    class: if shown { found.carrier } else { known.class },
                    location: found.location,
                    name: self.recorded_name(found.name, presented),
                    fingerprint: known.fingerprint,
                });
                proved.strongest.get_or_insert(known);
            }
        }
        proved.handles.sort_by_key(|&(strength, _)| strength);
        proved
    }

    fn know(&mut self, found: &Found<'_>) -> Known {
        let settings = &self.settings;
        match found.named {
            Some(class) => {
                let fingerprint = settings.keyring.hash(class, found.secret.bytes());
                Known { class, fingerprint, claims: None, beyond_limit: false }
            }
            None => self.memory.know(&found.secret, &settings.keyring, settings.principal_claim.as_deref()),
        }
    }

    fn clues(
        &mut self,
        exchange: &Exchange,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
        step: &Step<'_>,
        proved: &Proved,
        route: &Route,
    ) -> Clues {
        let settings = self.settings.clone();
        let own = |name: &Arc<str>| settings.name(name.clone());
        let mut clues = Clues {
            login_name: login_name(asked, step).as_ref().map(own),
            client_id: client_id(asked),
            presented: proved.handles.iter().map(|&(_, handle)| handle).collect(),
            presented_subject: proved.jwt.as_deref().and_then(|claims| subject(claims, step, &settings)),
            request_hash: self.request_hash(exchange, asked, proved),
            response_hash: self.response_hash(exchange),
            ..Clues::default()
        };
        let Some(answer) = answer else { return clues };
        let names = answer.names();
        let in_login = matches!(
            step.activity,
            Activity::Login | Activity::Mfa | Activity::SignUp | Activity::TokenIssue
        );
        if (200..300).contains(&answer.status)
            && step.outcome == Outcome::Success
            && (in_login || route.labels.any(Labels::OWN_ACCOUNT))
        {
            let mut names = names.iter().map(own);
            clues.answered = AccountNames { primary: names.next(), aliases: names.collect() };
        }
        if step.activity == Activity::KeyIssue {
            let asked_for = asked.fields.get(Field::Name).and_then(text::name);
            clues.key_owner =
                answer.user_name.clone().or(answer.email.clone()).or(asked_for).as_ref().map(own);
        }
        let mfa_passed =
            step.mfa.is_some_and(|m| m.outcome == MfaOutcome::Success && m.event != MfaEvent::FactorChange);
        clues.enrolled_mfa = step.outcome == Outcome::Success && (answer.has_mfa || answer.unused_codes)
            || mfa_passed
            || step.login == Some(LoginOutcome::SecondFactor);
        self.issued(answer, step, route, &settings, &mut clues);
        clues
    }

    fn issued(
        &mut self,
        answer: &Answer<'_>,
        step: &Step<'_>,
        route: &Route,
        settings: &Settings,
        clues: &mut Clues,
    ) {
        if step.activity == Activity::Logout {
            return;
        }
        let gives = step.activity != Activity::Use
            || route.labels.any(
                Labels::LOGIN
                    .or(Labels::TOKEN)
                    .or(Labels::SESSION)
                    .or(Labels::OWN_ACCOUNT)
                    .or(Labels::OAUTH_CLIENT),
            );
        for issued in &answer.issued {
            if issued.from_body && (!gives || step.activity == Activity::Sensitive) {
                continue;
            }
            let kind = if issued.by_context && step.activity == Activity::KeyIssue {
                HandleKind::ApiKey
            } else {
                issued.kind
            };
            let known = self.memory.know(
                &Secret::new(&*issued.value),
                &settings.keyring,
                settings.principal_claim.as_deref(),
            );
            if let (Some(claims), None) = (&known.claims, &clues.issued_subject) {
                clues.issued_subject = subject(claims, step, settings);
            }
            let handle = Handle { kind, fingerprint: known.fingerprint };
            if !clues.issued.contains(&handle) {
                clues.issued.push(handle);
            }
        }
        if let Some(id_token) = &answer.id_token {
            let known = self.memory.know(
                &Secret::new(&**id_token),
                &settings.keyring,
                settings.principal_claim.as_deref(),
            );
            // The identity token speaks of the person; the access token may speak of a program.
            let named = known.claims.as_deref().and_then(|claims| subject(claims, step, settings));
            clues.issued_subject = match (named, clues.issued_subject.take()) {
                (Some(id), Some(access)) => Some(TokenSubject {
                    service: access.service,
                    says_mfa: id.says_mfa || access.says_mfa,
                    ..id
                }),
                (id, access) => id.or(access),
            };
        }
    }

    fn client(&self, ip: std::net::IpAddr) -> Client {
        let located = self.settings.geo.lookup(ip);
        Client {
            ip,
            external: !self.settings.internal.contains(ip),
            country: located.country,
            city: located.city,
            place: located.place,
            asn: located.asn,
        }
    }

    fn request(&mut self, message: &Message, asked: &Asking<'_>, route: &Route) -> Request {
        let presented = &asked.presented;
        let query_keys =
            urlencoded::pairs(asked.query).take(PARAMETERS_MAX).map(|(name, _)| name).collect::<Vec<_>>();
        Request {
            method: self.recorded(asked.method, METHOD_BYTES_MAX, presented),
            scheme: if asked.https { "https" } else { "http" },
            host: self.host(asked),
            path: self.recorded(&route.path, super::route::PATH_BYTES_MAX, presented),
            route: self.recorded(route.template.as_bytes(), super::route::PATH_BYTES_MAX, presented),
            query_keys: query_keys.into_iter().map(|name| self.recorded_name(name, presented)).collect(),
            page_limit: asked.fields.page_size(),
            bytes: message.body.bytes,
            content_type: asked.content_type.map(|t| self.media_type(t)),
            user_agent: asked.agent.map(|agent| self.recorded(agent, AGENT_BYTES_MAX, presented)),
        }
    }

    fn response(&mut self, message: &Message, answer: Option<&Answer<'_>>) -> Response {
        Response {
            status: message.status(),
            grpc_status: None,
            bytes: message.body.bytes,
            content_type: answer.and_then(|a| a.content_type).map(|t| self.media_type(t)),
            items: answer.filter(|a| (200..300).contains(&a.status)).and_then(|a| a.items),
        }
    }

    fn media_type(&mut self, value: &[u8]) -> Arc<str> {
        let bare = value.split(|&b| b == b';').next().unwrap_or(value).trim_ascii();
        self.texts.share_lower(bare, PARAMETER_BYTES_MAX)
    }

    fn host(&mut self, asked: &Asking<'_>) -> Arc<str> {
        let default: &[u8] = if asked.https { b":443" } else { b":80" };
        let host = asked.host.strip_suffix(default).unwrap_or(asked.host);
        let lower = host.to_ascii_lowercase();
        self.recorded(&lower, HOST_BYTES_MAX, &asked.presented)
    }

    /// A text as it may be written: bounded, escaped, with every presented or telling secret masked.
    fn recorded(&mut self, raw: &[u8], max: usize, presented: &Presented<'_>) -> Arc<str> {
        if presented.is_within(raw) || text::tells_secret(raw) {
            return text::bounded(&masked(raw, presented), max).into();
        }
        self.texts.share(raw, max)
    }

    /// A parameter's, header's or cookie's name, lower case; a name that is itself a secret is masked.
    fn recorded_name(&mut self, raw: &[u8], presented: &Presented<'_>) -> Arc<str> {
        let decoded = urlencoded::decode(raw);
        if decoded.len() > PARAMETER_BYTES_MAX
            || shape::looks_secret(&decoded)
            || presented.is_within(&decoded)
        {
            return MASK.into();
        }
        self.texts.share_lower(raw, PARAMETER_BYTES_MAX)
    }

    fn exposures(
        &mut self,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
        step: &Step<'_>,
        route: &Route,
        proved: &Proved,
    ) -> Vec<Exposure> {
        let mut exposed = Vec::new();
        for credential in &proved.credentials {
            let kind = match credential.location {
                Location::Query => ExposureKind::Query,
                Location::Path => ExposureKind::Path,
                Location::Userinfo => ExposureKind::Query,
                _ => continue,
            };
            exposed.push(Exposure { kind, class: credential.class, name: credential.name.clone() });
        }
        for known in
            asked.fields.known.iter().filter(|k| k.location == Location::Query && !k.value.is_empty())
        {
            let class = match known.field {
                Field::Password | Field::NewPassword => "password",
                Field::Code | Field::BackupCode => "one_time_code",
                _ => continue,
            };
            exposed.push(Exposure {
                kind: ExposureKind::Query,
                class,
                name: self.recorded_name(known.name, &asked.presented),
            });
        }
        if route.path.windows(4).any(|w| w.eq_ignore_ascii_case(b";jse")) {
            exposed.push(Exposure {
                kind: ExposureKind::Path,
                class: "session_cookie",
                name: "jsessionid".into(),
            });
        }
        if let Some(referer) = asked.referer {
            self.exposed_by_referer(referer, asked, &mut exposed);
        }
        let issues = !matches!(step.activity, Activity::Use | Activity::Sensitive);
        if let (Some(answer), false) = (answer, issues) {
            for &(class, name) in &answer.exposed {
                let name = self.recorded_name(if name.is_empty() { b"item" } else { name }, &asked.presented);
                exposed.push(Exposure { kind: ExposureKind::Response, class, name });
            }
        }
        exposed.dedup();
        exposed.truncate(EXPOSURES_MAX);
        exposed
    }

    /// The page a request came from had a secret in its address, which this server now has too.
    fn exposed_by_referer(&mut self, referer: &[u8], asked: &Asking<'_>, exposed: &mut Vec<Exposure>) {
        for (name, value) in urlencoded::pairs(split_query(referer).1) {
            let value = urlencoded::decode(value);
            let named = matches!(
                self.settings.fields.get(name),
                Some(
                    Field::Key
                        | Field::Access
                        | Field::Refresh
                        | Field::Token
                        | Field::ClientSecret
                        | Field::Session
                )
            );
            let class = match shape::class(&value) {
                class if shape::is_static_key(class) || class == shape::JWT => class,
                _ if named && value.len() >= 16 => "opaque",
                _ => continue,
            };
            exposed.push(Exposure {
                kind: ExposureKind::Referer,
                class,
                name: self.recorded_name(name, &asked.presented),
            });
        }
    }

    fn request_hash(&self, exchange: &Exchange, asked: &Asking<'_>, proved: &Proved) -> u64 {
        let body = exchange.request.as_ref().map(|m| (m.body.bytes, m.body.prefix.as_slice()));
        let credentials = proved.credentials.iter().map(|c| c.fingerprint.0).collect::<Vec<_>>();
        self.legs.hash_one((asked.method, asked.path, asked.query, body, credentials))
    }

    fn response_hash(&self, exchange: &Exchange) -> u64 {
        let body = exchange.response.as_ref().map(|m| (m.status(), m.body.bytes, m.body.prefix.as_slice()));
        self.legs.hash_one(body)
    }
}

/// Reads the request and what its path says; finds the credentials in all of it.
fn read_request<'a>(
    message: &'a Message,
    decoder: &'a mut BodyDecoder,
    route: &mut Route,
    settings: &Settings,
    noted: &mut AnomalySet,
) -> Asking<'a> {
    let mut asking = Asking::head(message, settings);
    if !message.body.prefix.is_empty() {
        let decoded = decoder.decode(message);
        if let Some(anomaly) = decoded.anomaly {
            noted.insert(anomaly);
        }
        asking.body(decoded.bytes, settings);
    }
    asking.find_in_fields();
    route.read(asking.path, |segment| asking.presented.is(segment));
    if asking.fields.has(Field::GrantType) || route.labels.any(Labels::OAUTH_CLIENT) {
        asking.presented.basic_is_client();
    }
    if let Some(document) = asking.fields.get(Field::Query) {
        route.labels = route.labels.or(step::graphql_labels(document));
    }
    let configured =
        settings.routes.iter().find(|r| std::str::from_utf8(asking.path).is_ok_and(|p| r.matches(p)));
    if let Some(pattern) = configured {
        route.labels = pattern.label;
    }
    for range in &route.secrets {
        let Some(segment) = asking.path.get(range.clone()) else { continue };
        let value = urlencoded::decode_path(segment);
        if shape::known_key(&value).is_some() || shape::class(&value) == shape::JWT {
            asking.presented.key_in_path(value);
        } else {
            asking.presented.ticket_in_path(value);
        }
    }
    asking
}

/// Reads the answer. A coded body is only unpacked where identity asks for it.
fn read_answer<'a>(
    message: &'a Message,
    decoder: &'a mut BodyDecoder,
    labels: Labels,
    settings: &Settings,
    noted: &mut AnomalySet,
) -> Answer<'a> {
    let mut answer = Answer::head(message, settings);
    let plain = message.header("content-encoding").is_none_or(|c| c.eq_ignore_ascii_case(b"identity"));
    if message.body.prefix.is_empty() || !plain && labels == Labels::NONE && answer.status < 400 {
        return answer;
    }
    let share = (message.body.prefix.len() as u64, message.body.bytes);
    let decoded = decoder.decode(message);
    if let Some(anomaly) = decoded.anomaly {
        noted.insert(anomaly);
    }
    answer.body(decoded.bytes, share, settings);
    answer
}

/// Strongest first: header, body, cookie, address.
fn strength(found: &Found<'_>) -> u8 {
    match found.location {
        Location::Header | Location::Tls | Location::Metadata => 0,
        Location::Json | Location::Form => 1,
        Location::Cookie => 2,
        Location::Query | Location::Path | Location::Userinfo => 3,
    }
}

fn login_name(asked: &Asking<'_>, step: &Step<'_>) -> Option<Arc<str>> {
    let basic = asked.presented.user.as_deref().and_then(text::name);
    let is_login = step.login.is_some() || step.activity == Activity::SignUp;
    let field = || {
        // An e-mail address is the better name; it is unique across hosts.
        let names = || asked.fields.known.iter().filter(|k| k.field == Field::Name);
        let best = names().find(|k| k.value.contains(&b'@')).or_else(|| names().next())?;
        text::name(&best.value)
    };
    basic.or_else(|| if is_login { field() } else { None })
}

fn client_id(asked: &Asking<'_>) -> Option<Arc<str>> {
    asked.presented.client.as_deref().or_else(|| asked.fields.get(Field::ClientId)).and_then(text::name)
}

fn subject(claims: &Claims, step: &Step<'_>, settings: &Settings) -> Option<TokenSubject> {
    let subject = claims.sub.clone().or_else(|| claims.client_id.clone())?;
    let service = claims.is_service() || step.service_grant;
    let own = |name: Arc<str>| if service { name } else { settings.name(name) };
    Some(TokenSubject {
        issuer: claims.iss.clone().unwrap_or_default(),
        subject: own(subject),
        name: claims.name.clone().map(own),
        service,
        says_mfa: claims.says_mfa(),
    })
}

/// Who acts, as far as this exchange alone tells.
fn provisional_principal(clues: &Clues, proved: &Proved, ip: std::net::IpAddr) -> Principal {
    let of = |kind, id: &Arc<str>, source| Principal { kind, id: id.clone(), source };
    if let Some(name) = &clues.login_name {
        let basic = proved
            .credentials
            .iter()
            .any(|c| matches!(c.kind, CredentialKind::Basic | CredentialKind::Digest));
        let source = if basic { PrincipalSource::Credential } else { PrincipalSource::Login };
        return of(PrincipalKind::User, name, source);
    }
    if let Some(subject) = &clues.presented_subject {
        let kind = if subject.service { PrincipalKind::Service } else { PrincipalKind::User };
        return of(kind, subject.name.as_ref().unwrap_or(&subject.subject), PrincipalSource::Jwt);
    }
    if let Some(name) = &clues.answered.primary {
        return of(PrincipalKind::User, name, PrincipalSource::Response);
    }
    if let Some(client) = &clues.client_id {
        return of(PrincipalKind::Service, client, PrincipalSource::Credential);
    }
    let first = proved
        .credentials
        .iter()
        .find(|c| !matches!(c.kind, CredentialKind::Dpop | CredentialKind::MfaToken));
    if let Some(credential) = first {
        let hex = credential.fingerprint.to_string();
        let kind = match credential.kind {
            CredentialKind::ApiKey | CredentialKind::Signature | CredentialKind::Hawk => PrincipalKind::Key,
            CredentialKind::ClientCertificate => PrincipalKind::Cert,
            _ => PrincipalKind::Session,
        };
        return Principal {
            kind,
            id: hex.get(..8).unwrap_or(&hex).into(),
            source: PrincipalSource::Credential,
        };
    }
    Principal { kind: PrincipalKind::Anonymous, id: ip.to_string().into(), source: PrincipalSource::Address }
}

/// What was proved, as far as this exchange alone tells.
fn provisional_proof(
    step: &Step<'_>,
    proved: &Proved,
    clues: &Clues,
    end: heelguard_detectors::time::EventTime,
) -> Proof {
    let with = |level| Proof { level, account_has_mfa: clues.enrolled_mfa, ..Proof::UNKNOWN };
    if let Some(m) = step.mfa.filter(|m| m.event == MfaEvent::Attempt && m.outcome == MfaOutcome::Success) {
        return Proof { factor: Some(m.factor), mfa_at: Some(end), ..with(ProofLevel::Mfa) };
    }
    if step.login == Some(LoginOutcome::Success) {
        return with(ProofLevel::Password);
    }
    if let Some(subject) = &clues.presented_subject {
        return with(match (subject.service, subject.says_mfa) {
            (true, _) => ProofLevel::ServiceToken,
            (false, true) => ProofLevel::Mfa,
            (false, false) => ProofLevel::Unknown,
        });
    }
    let Some(first) = proved.credentials.first() else { return with(ProofLevel::None) };
    with(match first.kind {
        CredentialKind::Basic | CredentialKind::Digest => ProofLevel::Password,
        CredentialKind::ApiKey | CredentialKind::Signature | CredentialKind::Hawk => ProofLevel::ApiKey,
        CredentialKind::ClientSecret => ProofLevel::ServiceToken,
        CredentialKind::ClientCertificate => ProofLevel::Certificate,
        _ => ProofLevel::Unknown,
    })
}

fn jwt_facts(claims: &Claims, exchange: &Exchange) -> Jwt {
    let now = i64::try_from(exchange.time.as_secs()).unwrap_or(i64::MAX);
    Jwt {
        alg: claims.alg.clone(),
        kid: claims.kid.clone(),
        iss: claims.iss.clone(),
        expires_in_s: claims.exp.map(|exp| exp.saturating_sub(now)),
        amr: claims.amr.clone(),
        acr: claims.acr.clone(),
        signature: claims.signature,
    }
}

/// `text` with every presented value and every telling piece replaced.
fn masked(text: &[u8], presented: &Presented<'_>) -> Vec<u8> {
    let mut out = text.to_vec();
    for value in presented.values().filter(|v| v.len() >= super::credential::SECRET_BYTES_MIN) {
        while let Some(at) = memchr::memmem::find(&out, value) {
            if value == MASK.as_bytes() {
                break;
            }
            out.splice(at..at + value.len(), MASK.bytes());
            if memchr::memmem::find(MASK.as_bytes(), value).is_some() {
                break;
            }
        }
    }
    text::mask_telling(&out)
}

/// A hash of the flow, the first byte's time and the position, with the version and variant bits of RFC 9562.
fn id_of(exchange: &Exchange) -> TransactionId {
    let mut hasher = blake3::Hasher::new();
    for end in [exchange.client, exchange.server] {
        let ip = match end.ip {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            std::net::IpAddr::V6(v6) => v6,
        };
        hasher.update(&ip.octets()).update(&end.port.to_be_bytes());
    }
    for number in [exchange.flow_opened_at.as_nanos(), exchange.time.as_nanos(), u64::from(exchange.ordinal)]
    {
        hasher.update(&number.to_be_bytes());
    }
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    let id = u128::from_be_bytes(out);
    let version = 0xF << 76;
    let variant = 0b11 << 62;
    TransactionId(id & !version & !variant | 8 << 76 | 0b10 << 62)
}

#[cfg(test)]
mod tests;
