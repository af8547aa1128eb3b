//! One exchange as a sighting: the transaction as far as it can be told alone, and clues for lineage.
//! It is given an `Exchange`, the last place where raw header values exist, and runs in a shard.
//! It promises that the sighting depends on the exchange and the settings alone, and holds no secret.

mod contents;
mod hints;
mod provisional;
mod record;
mod threads;
mod tls;

use super::agent::Agents;
use super::answer::Answer;
use super::clues::{Clues, Handle, HandleKind, Sighting};
use super::credential::{Found, Presented, Recall};
use super::graphql;
use super::grpc;
use super::jwt::{self, Claims, Document, SealedToken};
use super::labels::Labels;
use super::locator::Locator;
use super::mfa::{self, Hits};
use super::request::Asking;
use super::route::Route;
use super::secret::{Known, Memory};
use super::settings::Settings;
use super::shape;
use super::step::{self, Asked};
use super::tables::Field;
use super::text::Texts;
use super::urlencoded;
use crate::http::body::{BodyDecoder, DecodeLimits, without_mark};
use crate::http::{Exchange, Message};
use crate::metrics::{AnomalyCounters, ContentsCounters};
use ahash::RandomState;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::identity::{Credential, CredentialKind, Fingerprint, Location};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{
    Completeness, Flow, Login, Mfa, MfaEvent, Protocol, Request, Transaction,
};
use provisional::{id_of, provisional_principal, provisional_proof};
use std::net::SocketAddr;
use std::sync::Arc;

/// Makes sightings of exchanges; one for each shard.
pub struct Extractor {
    settings: Arc<Settings>,
    memory: Memory,
    texts: Texts,
    locator: Locator,
    hits: Hits,
    counters: AnomalyCounters,
    looked: ContentsCounters,
    /// Account names of this exchange, where they may not be written.
    hidden_names: Vec<Arc<str>>,
    /// For the marks of requests, and for the hashes that both legs of a proxy share: known to the deployment alone, the
    /// same in all shards and sensors.
    marks: RandomState,
    /// Absent only while an exchange is read.
    reading: Option<Box<Reading>>,
}

/// What messages are read with, and what is remembered from one to the next.
struct Reading {
    decoders: [BodyDecoder; 2],
    /// For messages inside bodies, which are packed by themselves.
    messages: BodyDecoder,
    agents: Agents,
    recall: Recall,
    documents: graphql::Reader,
    route: Route,
}

impl Reading {
    fn new(settings: &Settings) -> Self {
        let decoder = || BodyDecoder::new(DecodeLimits::default());
        Self {
            decoders: [decoder(), decoder()],
            messages: decoder(),
            agents: Agents::new(),
            recall: Recall::new(),
            documents: graphql::Reader::default(),
            route: Route::new(settings.hides_names()),
        }
    }
}

/// What was found among the request's credentials, hashed.
#[derive(Default)]
struct Proved {
    credentials: Vec<Credential>,
    handles: Vec<(u8, Handle)>,
    jwt: Option<Arc<Claims>>,
    /// The token of these claims.
    token: Option<SealedToken>,
    /// The claims of a DPoP proof.
    dpop: Option<Arc<Claims>>,
    /// The name in a client certificate that is believed.
    certificate_subject: Option<Arc<str>>,
    certificate_believed: bool,
    beyond_limit: bool,
}

impl Extractor {
    /// With nothing remembered yet.
    pub fn new(settings: Arc<Settings>) -> Self {
        let [a, b, c, d] = settings.keyring.mark_seeds();
        Self {
            memory: Memory::new(settings.listed.clone()),
            reading: Some(Box::new(Reading::new(&settings))),
            settings,
            texts: Texts::new(),
            locator: Locator::new(),
            hits: mfa::NO_HITS,
            counters: AnomalyCounters::default(),
            looked: ContentsCounters::default(),
            hidden_names: Vec::new(),
            marks: RandomState::with_seeds(a, b, c, d),
        }
    }

    /// Reads by other settings from here on; what was counted stays, and texts, which hang on no setting: rows that live
    /// longer share them, and would hold others anew after each reload.
    pub fn reconfigure(&mut self, settings: Arc<Settings>) {
        let before = std::mem::replace(self, Self::new(settings));
        let Self { counters, looked, hits, texts, .. } = before;
        (self.counters, self.looked, self.hits, self.texts) = (counters, looked, hits, texts);
    }

    /// Oddities that were noted here.
    pub fn counters(&self) -> &AnomalyCounters {
        &self.counters
    }

    /// How often each row of the second-factor outcome table decided, and how often none did.
    pub fn outcome_rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
        mfa::row_names().zip(self.hits)
    }

    /// Reads one exchange. It is taken: raw values end here.
    #[expect(clippy::needless_pass_by_value, reason = "the raw exchange must not outlive its sighting")]
    pub fn extract(&mut self, exchange: Exchange) -> Sighting {
        let settings = self.settings.clone();
        let mut reading = self.reading.take().unwrap_or_else(|| Box::new(Reading::new(&settings)));
        let sighting = {
            let Reading {
                decoders: [request_decoder, response_decoder],
                messages,
                agents,
                recall,
                documents,
                route,
            } = &mut *reading;
            let mut noted = AnomalySet::EMPTY;
            let mut asking = Asking::default();
            if let Some(message) = &exchange.request {
                let memory = &mut self.memory;
                asking.head(message, &settings, (agents, recall), |found| know(memory, found, &settings));
                let tools = (request_decoder, &mut *messages, documents);
                read_request(&mut asking, message, tools, route, &settings, &mut noted);
            } else {
                route.read(&[], |_| false);
            }
            let asked = exchange.request.is_some();
            let labels = route.labels;
            let publishes = asked && jwt::may_publish(asking.path);
            let plain = asked && labels == Labels::NONE && asking.only_reads();
            let mut answer = Answer::default();
            if let Some(message) = &exchange.response {
                let asks = (labels, plain, publishes);
                if asking.is_grpc() {
                    answer.head(message, &settings);
                    let decoders = [response_decoder, messages];
                    grpc::read_answer(&mut answer, message, labels, decoders, &settings, &mut noted);
                } else {
                    read_answer(&mut answer, message, response_decoder, asks, &settings, &mut noted);
                    let is_holed =
                        (exchange.protocol, exchange.completeness) == (Protocol::Http2, Completeness::Gap);
                    if is_holed && answer.status == 200 && asking.may_be_grpc(answer.content_type) {
                        answer.status = 0;
                    }
                }
            }
            let answer = exchange.response.is_some().then_some(&answer);
            asking.https |= exchange.tls.is_some();
            let own = exchange.tls.as_deref().and_then(tls::own_certificate);
            asking.presented.certificates_from(settings.trusted.contains(exchange.client.ip), own);
            if exchange.protocol == Protocol::Grpc || asking.is_grpc() {
                asking.presented.is_metadata();
            }
            let issued = answer.iter().flat_map(|answer| &answer.issued);
            issued.for_each(|issued| asking.presented.also_hides(issued.value.clone()));
            self.sighting(&exchange, &asking, answer, route, noted)
        };
        self.reading = Some(reading);
        sighting
    }

    fn sighting(
        &mut self,
        exchange: &Exchange,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
        route: &Route,
        mut noted: AnomalySet,
    ) -> Sighting {
        let settings = self.settings.clone();
        let mut proved = self.prove(&asked.presented);
        let step = step::read(
            &Asked {
                method: asked.method,
                path: asked.path,
                template: &route.template,
                labels: route.labels,
                factor: route.factor,
                method_named: asked.method_named,
                fields: &asked.fields,
                presented: &asked.presented,
                token_expired: proved.token_expired(exchange.time),
                factors: &settings.factors,
            },
            answer,
            &mut self.hits,
        );
        self.hidden_names = self.names_to_hide(asked, answer, &proved);
        let told = asked.forwarding.client(exchange.client.ip, exchange.proxied_for, &self.settings.trusted);
        if told.false_preamble {
            noted.insert(Anomaly::HttpProxyPreamble);
        }
        if asked.presented.repeated {
            noted.insert(Anomaly::HttpRepeatedCredential);
        }
        if proved.beyond_limit {
            noted.insert(Anomaly::JwtLimit);
        }
        if asked.fields.beyond_limit || answer.is_some_and(|a| a.beyond_limit) {
            noted.insert(Anomaly::BodyJsonLimit);
        }
        noted.iter().for_each(|anomaly| self.counters.count(anomaly));

        let mut clues = self.clues(exchange, asked, answer, &step, &mut proved, route);
        self.forget_telling_names(&mut clues, asked, answer);
        let principal = provisional_principal(&clues, &proved, told.ip);
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
                tunnel: exchange.tunnel.name(),
                vni: exchange.tunnel.number(),
                tls: exchange.tls.is_some(),
            },
            protocol: if asked.is_grpc() { Protocol::Grpc } else { exchange.protocol },
            tls: exchange.tls.as_deref().map(|facts| Arc::new(self.tls(facts, &asked.presented))),
            request: exchange.request.as_ref().map(|message| {
                let request = self.request(message, asked, route, &told);
                Request {
                    mark: self.mark(message, asked, &proved),
                    hints: self.hints(message, exchange.response.as_ref(), asked, answer, route),
                    ..request
                }
            }),
            response: exchange
                .response
                .as_ref()
                .map(|message| self.response(message, answer, &asked.presented)),
            client: self.client(&told),
            device: tls::device(asked.traits.device(), exchange.tls.as_deref().filter(|_| !told.by_proxy)),
            principal,
            proof: provisional_proof(&step, &proved, &clues, exchange.end),
            jwt: proved.jwt.as_ref().map(|claims| {
                jwt::facts(claims, exchange.time, asked.path, |text| asked.presented.is_within(text))
            }),
            mfa: step.mfa.map(|m| Mfa {
                event: m.event,
                factor: m.factor,
                outcome: m.outcome,
                by_status_only: m.by_status_only,
                code: m.code.map(|code| self.settings.keyring.code_mark(code.trim_ascii(), exchange.time)),
                ticket: ticket(m.event, &clues),
                codes_left: m.codes_left,
            }),
            login: step.login.map(|outcome| Login { name: clues.login_name.clone(), outcome }),
            activity: step.activity,
            exposed: self.exposures(asked, answer, &step, route, &proved),
            contents: self.contents(exchange, asked, answer),
            factor_secrets: self.factor_secrets(asked, answer),
            spec: None,
            credentials: proved.credentials,
            outcome: step.outcome,
            completeness: exchange.completeness,
            anomalies,
            session: None,
            reuse: None,
            repeat_of: None,
        };
        Sighting { transaction, clues }
    }

    /// Hashes every credential; from here on there are fingerprints only.
    fn prove(&mut self, presented: &Presented<'_>) -> Proved {
        // Whoever writes the header can put a secret of the request where a name belongs.
        let subject = presented.certificate_subject.clone();
        let subject = subject.filter(|s| !presented.spoils_name(s.as_bytes()));
        let certificate_subject = subject.map(|subject| self.settings.name(subject));
        let certificate_believed = presented.certificate_believed;
        let mut proved = Proved { certificate_subject, certificate_believed, ..Proved::default() };
        proved.handles.reserve_exact(presented.found.len());
        proved.credentials.reserve_exact(presented.found.len());
        for found in &presented.found {
            let fresh = found.known.is_none().then(|| know(&mut self.memory, found, &self.settings));
            let Some(known) = found.known.as_ref().or(fresh.as_ref()) else { continue };
            proved.beyond_limit |= known.beyond_limit;
            if let Some(kind) = found.handle.filter(|_| threads::names_one(found.secret.bytes())) {
                proved
                    .handles
                    .push((threads::strength(found), Handle { kind, fingerprint: known.fingerprint }));
            }
            if let Some(claims) = &known.claims {
                proved.take_token(found, claims, known.fingerprint);
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
                    known: known.listed,
                    stage: known.stage,
                });
            }
        }
        threads::by_strength(&mut proved.handles);
        proved
    }
}

/// What can be told of a credential's value.
fn know(memory: &mut Memory, found: &Found<'_>, settings: &Settings) -> Known {
    let Some(class) = found.named else {
        return memory.know(&found.secret, &settings.keyring, settings.principal_claim.as_deref());
    };
    let value = found.secret.bytes();
    let fingerprint = settings.keyring.hash(class, value);
    let listed = settings.listed.find_name(value, fingerprint, &settings.keyring);
    Known { class, fingerprint, listed, stage: shape::stage(value), claims: None, beyond_limit: false }
}

impl Proved {
    /// Whether the token that speaks says that its time is over.
    fn token_expired(&self, now: EventTime) -> bool {
        let exp = self.jwt.as_ref().and_then(|claims| claims.exp);
        exp.and_then(|exp| u64::try_from(exp).ok()).is_some_and(|exp| exp < now.as_secs())
    }

    /// Of several tokens the one in a header speaks, else the first.
    fn take_token(&mut self, found: &Found<'_>, claims: &Arc<Claims>, fingerprint: Fingerprint) {
        use CredentialKind::{BearerJwt, BearerOpaque, Dpop, RefreshToken};
        match found.kind {
            Dpop => self.dpop = Some(claims.clone()),
            BearerJwt | BearerOpaque | RefreshToken
                if self.jwt.is_none() || found.location == Location::Header && found.kind != RefreshToken =>
            {
                self.jwt = Some(claims.clone());
                let token = found.secret.bytes();
                self.token = claims.is_jws().then(|| SealedToken::new(token, claims.clone(), fingerprint));
            }
            _ => {}
        }
    }
}

/// Reads the request behind its head, and what its path says; finds the credentials in all of it.
fn read_request<'a>(
    asking: &mut Asking<'a>,
    message: &'a Message,
    (decoder, messages, documents): (&'a mut BodyDecoder, &mut BodyDecoder, &'a mut graphql::Reader),
    route: &mut Route,
    settings: &Settings,
    noted: &mut AnomalySet,
) {
    let mut body: &[u8] = &[];
    if asking.is_read(&message.body.prefix) {
        let unpacked = decoder.decode(message);
        if let Some(anomaly) = unpacked.anomaly {
            noted.insert(anomaly);
        }
        body = without_mark(unpacked.bytes);
        asking.begins(body);
        if asking.is_grpc() {
            let (fields, labels) = (&mut asking.fields, grpc::labels(asking.path));
            let fault = grpc::read_request(fields, labels, (message, body), messages, settings);
            if let Some(anomaly) = fault {
                noted.insert(anomaly);
            }
        } else {
            asking.body(body, unpacked.anomaly.is_some() || message.body.is_cut(), settings);
        }
    }
    asking.graphql = documents.read(asking, body, settings);
    asking.find_in_fields();
    asking.presented.path(asking.path, &settings.fields);
    if let Some(document) = asking.fields.get(Field::Query) {
        asking.presented.hide_literals(document, &settings.fields);
    }
    route.read(asking.path, |segment| asking.presented.tells(segment));
    if asking.is_grpc() {
        route.labels.add(grpc::labels(asking.path));
    }
    if let Some(operation) = &asking.graphql {
        route.labels.add(operation.labels);
        if operation.beyond_limit {
            noted.insert(Anomaly::BodyJsonLimit);
        }
    }
    if let Some(rule) = settings.route(asking.method, asking.path, asking.operation()) {
        asking.method_named = rule.method.is_some();
        route.factor = rule.factor;
        route.configured = rule.labels.is_some();
        route.labels = rule.labels.unwrap_or(route.labels);
        if route.labels.any(Labels::MFA) {
            route.mask_codes();
        }
    }
    if asking.fields.has(Field::GrantType) || route.labels.any(Labels::OAUTH_CLIENT) {
        asking.presented.basic_is_client();
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
}

/// Reads the answer. A coded body is only unpacked where identity asks for it; of an answer to a plain call
/// (a GET on a route with no label) only the records are counted.
fn read_answer<'a>(
    answer: &mut Answer<'a>,
    message: &'a Message,
    decoder: &'a mut BodyDecoder,
    (labels, plain, publishes): (Labels, bool, bool),
    settings: &Settings,
    noted: &mut AnomalySet,
) {
    answer.head(message, settings);
    let packed = answer.packed && !publishes && labels == Labels::NONE && answer.status < 400;
    if message.body.prefix.is_empty() || packed {
        return;
    }
    let share = (message.body.prefix.len() as u64, message.body.bytes);
    let mut body: &[u8] = &message.body.prefix;
    if answer.coded {
        let unpacked = decoder.decode(message);
        if let Some(anomaly) = unpacked.anomaly {
            noted.insert(anomaly);
        }
        body = unpacked.bytes;
    }
    body = without_mark(body);
    if answer.status == 200 {
        answer.document = Document::read(body, publishes);
    }
    if plain && answer.status < 300 {
        answer.records(body, share, settings);
    } else {
        answer.body(body, share, settings);
    }
    if share.0 == share.1 {
        answer.open_envelope(body, settings);
    }
}

/// The ticket that ties a challenge to the attempts that follow: handed out with the one, presented with the others.
fn ticket(event: MfaEvent, clues: &Clues) -> Option<Fingerprint> {
    let of = |handles: &[Handle]| {
        handles.iter().find(|handle| handle.kind == HandleKind::Challenge).map(|handle| handle.fingerprint)
    };
    let (presented, issued) = (of(&clues.presented), of(&clues.issued));
    if event == MfaEvent::Challenge { issued.or(presented) } else { presented.or(issued) }
}

#[cfg(test)]
pub(crate) mod tests;
