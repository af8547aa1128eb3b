//! One exchange as a sighting: the transaction as far as it can be told alone, and clues for lineage.
//! It is given an `Exchange`, the last place where raw header values exist, and runs in a shard.
//! It promises that the sighting depends on the exchange and the settings alone, and holds no secret.

mod provisional;
mod record;
mod threads;

use super::answer::Answer;
use super::client_ip;
use super::clues::{Handle, Sighting};
use super::credential::{Found, Presented};
use super::jwt::Claims;
use super::labels::Labels;
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
use crate::http::body::{BodyDecoder, DecodeLimits};
use crate::http::{Exchange, Message};
use crate::metrics::AnomalyCounters;
use ahash::RandomState;
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::identity::{Credential, CredentialKind, Location};
use heelguard_detectors::transaction::{Flow, Login, Mfa, Transaction};
use provisional::{id_of, jwt_facts, provisional_principal, provisional_proof};
use std::net::SocketAddr;
use std::sync::Arc;

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

    /// Reads one exchange. It is taken: raw values end here.
    #[expect(clippy::needless_pass_by_value, reason = "the raw exchange must not outlive its sighting")]
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
            if asking.is_none() {
                route.read(&[], |_| false);
            }
            let labels = route.labels;
            let plain = asking.as_ref().is_some_and(|a| labels == Labels::NONE && a.only_reads());
            let answer = exchange
                .response
                .as_ref()
                .map(|message| read_answer(message, response_decoder, labels, plain, &settings, &mut noted));
            self.sighting(&exchange, &asking.unwrap_or_default(), answer.as_ref(), &route, noted)
        };
        (self.decoders, self.route) = (decoders, route);
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
        let step = step::read(
            &Asked {
                method: asked.method,
                template: &route.template,
                labels: route.labels,
                fields: &asked.fields,
                presented: &asked.presented,
            },
            answer,
            &mut self.hits,
        );
        let proved = self.prove(&asked.presented);
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

        let mut clues = self.clues(exchange, asked, answer, &step, &proved, route);
        Self::forget_telling_names(&mut clues, asked, answer);
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
            response: exchange
                .response
                .as_ref()
                .map(|message| self.response(message, answer, &asked.presented)),
            client: self.client(ip),
            device: asked.traits.device(),
            principal,
            proof: provisional_proof(&step, &proved, &clues, exchange.end),
            jwt: proved.jwt.as_ref().map(|claims| jwt_facts(claims, exchange, &asked.presented)),
            mfa: step.mfa.map(|m| Mfa {
                event: m.event,
                factor: m.factor,
                outcome: m.outcome,
                by_status_only: m.by_status_only,
                code: m.code.map(|code| self.settings.keyring.code_mark(code.trim_ascii(), exchange.time)),
                ticket: None,
                codes_left: None,
            }),
            login: step.login.map(|outcome| Login { name: clues.login_name.clone(), outcome }),
            activity: step.activity,
            exposed: self.exposures(asked, answer, &step, route, &proved),
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
        let mut proved = Proved::default();
        for found in &presented.found {
            let known = self.know(found);
            proved.beyond_limit |= known.beyond_limit;
            if let Some(kind) = found.handle.filter(|_| threads::names_one(found.secret.bytes())) {
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
            }
        }
        threads::by_strength(&mut proved.handles);
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
        let body = decoder.decode(message);
        if let Some(anomaly) = body.anomaly {
            noted.insert(anomaly);
        }
        asking.body(body.bytes, settings);
    }
    asking.find_in_fields();
    route.read(asking.path, |segment| asking.presented.is(segment) || asking.presented.is_within(segment));
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

/// Reads the answer. A coded body is only unpacked where identity asks for it; of an answer to a plain call
/// (a GET on a route with no label) only the records are counted.
fn read_answer<'a>(
    message: &'a Message,
    decoder: &'a mut BodyDecoder,
    labels: Labels,
    plain: bool,
    settings: &Settings,
    noted: &mut AnomalySet,
) -> Answer<'a> {
    let mut answer = Answer::head(message, settings);
    let uncoded = message.header("content-encoding").is_none_or(|c| c.eq_ignore_ascii_case(b"identity"));
    if message.body.prefix.is_empty() || !uncoded && labels == Labels::NONE && answer.status < 400 {
        return answer;
    }
    let share = (message.body.prefix.len() as u64, message.body.bytes);
    let body = decoder.decode(message);
    if let Some(anomaly) = body.anomaly {
        noted.insert(anomaly);
    }
    if plain && answer.status < 300 {
        answer.records(body.bytes, share, settings);
    } else {
        answer.body(body.bytes, share, settings);
    }
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

#[cfg(test)]
pub(crate) mod tests;
