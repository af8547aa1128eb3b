//! Made-up transactions of a million people and programs who use one API, one after the other.
//! Nine in ten are reads and writes with a session, a JWT or a key; the rest are logins, second factors and failures.
//! It promises the same transactions for the same seed: a person keeps name, address, device and session.

use heelguard_detectors::identity::{
    Country, Credential, CredentialKind, Factor, Fingerprint, Location, Place, Principal, PrincipalKind,
    PrincipalSource, Proof, ProofLevel,
};
use heelguard_detectors::label::{Label, Labels};
use heelguard_detectors::session::Session;
use heelguard_detectors::story::blank;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::token::Jwt;
use heelguard_detectors::transaction::{
    Activity, AgentKind, Device, Login, LoginOutcome, Mfa, MfaEvent, MfaOutcome, Outcome, Request, Response,
    Transaction, TransactionId,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Transactions a second on the capture's own timeline.
const PER_SECOND: u64 = 5_000;
/// The moment the first transaction ends.
const START: EventTime = EventTime::from_secs(1_800_000_000);
/// People who come through one address of their office; every tenth does.
const OFFICE: u64 = 50;

/// In what order the identities come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Each once.
    Once,
    /// Any of them, equally likely: nothing that was needed last is needed again soon.
    Uniform,
    /// The n-th as often as 1/n says: what real callers do.
    Zipf,
}

/// What a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    List,
    Object,
    Write,
    Login,
    LoginWithFactor,
    Challenge,
    Factor,
    WrongPassword,
    WrongFactor,
    BackupCode,
    Refresh,
    Export,
    Refused,
    Public,
}

/// Of a thousand transactions, how many are what.
const MIX: &[(Kind, u64)] = &[
    (Kind::List, 380),
    (Kind::Object, 380),
    (Kind::Write, 120),
    (Kind::Login, 25),
    (Kind::LoginWithFactor, 20),
    (Kind::Challenge, 5),
    (Kind::Factor, 20),
    (Kind::WrongPassword, 10),
    (Kind::WrongFactor, 4),
    (Kind::BackupCode, 1),
    (Kind::Refresh, 10),
    (Kind::Export, 5),
    (Kind::Refused, 10),
    (Kind::Public, 10),
];

/// Every kind equally often: what fills the tables that peaceful traffic leaves empty.
const HOSTILE: &[(Kind, u64)] = &[
    (Kind::List, 1),
    (Kind::Object, 1),
    (Kind::Login, 1),
    (Kind::Challenge, 1),
    (Kind::WrongPassword, 1),
    (Kind::WrongFactor, 1),
    (Kind::BackupCode, 1),
    (Kind::Export, 1),
    (Kind::Refused, 1),
];

/// The texts that the sensor shares among transactions.
struct Words {
    host: Arc<str>,
    methods: [Arc<str>; 2],
    /// Routes with an object in them, and without.
    objects: Vec<Arc<str>>,
    lists: Vec<Arc<str>>,
    login: Arc<str>,
    verify: Arc<str>,
    token: Arc<str>,
    export: Arc<str>,
    json: Arc<str>,
    agent: Arc<str>,
    cookie: Arc<str>,
    header: Arc<str>,
    issuer: Arc<str>,
    alg: Arc<str>,
}

/// A stream of transactions.
pub(crate) struct Traffic {
    names: Vec<Arc<str>>,
    words: Words,
    mix: &'static [(Kind, u64)],
    made: u64,
    random: u64,
}

impl Traffic {
    /// Of so many identities.
    pub(crate) fn new(identities: usize) -> Self {
        let names = (0..identities).map(|who| format!("user{who:07}@example.com").into()).collect();
        Self { names, words: Words::new(), mix: MIX, made: 0, random: 1 }
    }

    /// From here on every kind comes equally often.
    pub(crate) fn turn_hostile(&mut self) {
        self.mix = HOSTILE;
    }

    /// The next transactions.
    pub(crate) fn next(&mut self, count: usize, order: Order) -> Vec<Transaction> {
        (0..count).map(|_| self.one(order)).collect()
    }

    fn one(&mut self, order: Order) -> Transaction {
        let identities = self.names.len() as u64;
        let who = match order {
            // A step that shares no factor with their number visits each once, in no neighbourly order.
            Order::Once => self.made.wrapping_mul(7_368_787) % identities,
            Order::Uniform => self.draw() % identities,
            Order::Zipf => {
                let share = (self.draw() >> 11) as f64 / (1_u64 << 53) as f64;
                ((identities as f64).powf(share) as u64).saturating_sub(1) * 7_368_787 % identities
            }
        };
        let total: u64 = self.mix.iter().map(|(_, share)| share).sum();
        let mut place = self.draw() % total;
        let mut kind = Kind::List;
        for &(each, share) in self.mix {
            kind = each;
            match place.checked_sub(share) {
                Some(rest) => place = rest,
                None => break,
            }
        }
        let end = START.after(Duration::from_nanos(self.made * (1_000_000_000 / PER_SECOND)));
        self.made += 1;
        let random = self.draw();
        self.transaction(who, kind, end, random)
    }

    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed(self.random)
    }

    fn transaction(&self, who: u64, kind: Kind, end: EventTime, random: u64) -> Transaction {
        let is_program = who % 10 == 9 && matches!(kind, Kind::List | Kind::Object | Kind::Write);
        let is_anonymous = matches!(kind, Kind::Refused | Kind::Public);
        let has_factor = who.is_multiple_of(2);
        let mut tx =
            blank(TransactionId(u128::from(random) << 64 | u128::from(self.made)), end, address(who));
        let country = [*b"DE", *b"FR", *b"US", *b"NL"][(who % 4) as usize];
        tx.time = end.before(Duration::from_millis(3));
        tx.ttfb_us = Some(2_500);
        tx.client.country = Some(Country(country));
        tx.client.asn = Some(64_500 + (who % 200) as u32);
        tx.client.place = Some(Place { lat: (who % 90) as f64, lon: (who % 180) as f64, radius_km: 20.0 });
        tx.device = Some(Device { traits: [1, 2, 3, 4].map(|part| mixed(who ^ part << 32) as u32 | 1) });
        let (method, route, path, status) = self.call(kind, random);
        let mut request = self.request(method, route, path);
        request.mark = random;
        if kind == Kind::Export {
            request.labels = Labels::of(&[Label::Export]);
        }
        if kind == Kind::List && random.is_multiple_of(4) {
            request.page_limit = Some(100);
        }
        tx.request = Some(request);
        tx.response = Some(self.response(kind, status, random));
        tx.outcome = if status < 300 { Outcome::Success } else { Outcome::Denied };
        if is_anonymous {
            tx.principal.id = tx.client.ip.to_string().into();
            return tx;
        }
        let name = &self.names[who as usize];
        let kind_of = if is_program { PrincipalKind::Service } else { PrincipalKind::User };
        tx.principal = Principal { kind: kind_of, id: name.clone(), source: PrincipalSource::Lineage };
        self.give_proof(&mut tx, who, kind, has_factor, is_program);
        tx.activity = match kind {
            Kind::Login | Kind::LoginWithFactor | Kind::WrongPassword => Activity::Login,
            Kind::Challenge | Kind::Factor | Kind::WrongFactor | Kind::BackupCode => Activity::Mfa,
            Kind::Refresh => Activity::TokenIssue,
            Kind::Export => Activity::Sensitive,
            _ => Activity::Use,
        };
        tx.login = match kind {
            Kind::Login => Some(LoginOutcome::Success),
            Kind::LoginWithFactor => Some(LoginOutcome::SecondFactor),
            Kind::WrongPassword => Some(LoginOutcome::Refused),
            _ => None,
        }
        .map(|outcome| Login { name: Some(name.clone()), outcome });
        let step = |event, factor, outcome| Mfa {
            event,
            factor,
            outcome,
            by_status_only: false,
            code: Some(random),
            ticket: None,
            codes_left: None,
        };
        tx.mfa = match kind {
            Kind::Challenge => Some(step(MfaEvent::Challenge, Factor::Push, MfaOutcome::Challenge)),
            Kind::Factor => Some(step(MfaEvent::Attempt, Factor::Totp, MfaOutcome::Success)),
            Kind::WrongFactor => Some(step(MfaEvent::Attempt, Factor::Totp, MfaOutcome::FailCode)),
            Kind::BackupCode => Some(step(MfaEvent::Attempt, Factor::Backup, MfaOutcome::Success)),
            _ => None,
        };
        tx
    }

    /// Method, route, path and status.
    fn call(&self, kind: Kind, random: u64) -> (&Arc<str>, &Arc<str>, Option<Arc<str>>, u16) {
        let words = &self.words;
        let [get, post] = &words.methods;
        let any = |routes: &'_ [Arc<str>]| random as usize / 7 % routes.len();
        let object = &words.objects[any(&words.objects)];
        match kind {
            Kind::List => (get, &words.lists[any(&words.lists)], None, 200),
            Kind::Object => {
                let status = if random.is_multiple_of(50) { 404 } else { 200 };
                (get, object, Some(object.replace("{id}", &(random % 100_000).to_string()).into()), status)
            }
            Kind::Write => {
                (post, object, Some(object.replace("{id}", &(random % 100_000).to_string()).into()), 200)
            }
            Kind::Login | Kind::LoginWithFactor => (post, &words.login, None, 200),
            Kind::WrongPassword => (post, &words.login, None, 401),
            Kind::Challenge | Kind::Factor | Kind::BackupCode => (post, &words.verify, None, 200),
            Kind::WrongFactor => (post, &words.verify, None, 401),
            Kind::Refresh => (post, &words.token, None, 200),
            Kind::Export => (get, &words.export, None, 200),
            Kind::Refused => (get, &words.lists[any(&words.lists)], None, 401),
            Kind::Public => (get, &words.lists[0], None, 200),
        }
    }

    fn request(&self, method: &Arc<str>, route: &Arc<str>, path: Option<Arc<str>>) -> Request {
        let words = &self.words;
        Request {
            method: method.clone(),
            scheme: "https",
            host: words.host.clone(),
            path: path.unwrap_or_else(|| route.clone()),
            route: route.clone(),
            labels: Labels::NONE,
            query_keys: Vec::new(),
            page_limit: None,
            position: None,
            bytes: 0,
            content_type: None,
            user_agent: Some(words.agent.clone()),
            agent_kind: AgentKind::Browser,
            mark: 0,
            identity_headers: Vec::new(),
            graphql: None,
            hints: None,
        }
    }

    fn response(&self, kind: Kind, status: u16, random: u64) -> Response {
        Response {
            status,
            grpc_status: None,
            bytes: 2_000,
            content_type: Some(self.words.json.clone()),
            items: (kind == Kind::List && status == 200).then_some((random % 60) as u32),
            date_s: None,
            retry_after_s: None,
        }
    }

    /// A third of the people carry JWTs, programs carry keys, the rest have a session cookie.
    fn give_proof(&self, tx: &mut Transaction, who: u64, kind: Kind, has_factor: bool, is_program: bool) {
        if matches!(kind, Kind::Login | Kind::LoginWithFactor | Kind::WrongPassword) {
            tx.proof.account_has_mfa = has_factor;
            return;
        }
        let words = &self.words;
        let fingerprint = Fingerprint((u128::from(mixed(who)) << 64 | u128::from(mixed(!who))).to_be_bytes());
        let credential = |kind, class, location, name: &Arc<str>| Credential {
            kind,
            class,
            location,
            name: name.clone(),
            fingerprint,
            known: None,
            stage: None,
        };
        let is_jwt = who.is_multiple_of(3);
        tx.credentials.push(match (is_program, is_jwt) {
            (true, _) => credential(CredentialKind::ApiKey, "api_key", Location::Header, &words.header),
            (_, true) => credential(CredentialKind::BearerJwt, "jwt", Location::Header, &words.header),
            _ => credential(CredentialKind::Session, "session_cookie", Location::Cookie, &words.cookie),
        });
        let (level, mfa_at) = match (is_program, has_factor) {
            (true, _) => (ProofLevel::ApiKey, None),
            (_, true) => (ProofLevel::Mfa, Some(START)),
            _ => (ProofLevel::Password, None),
        };
        let factor = mfa_at.map(|_| Factor::Totp);
        tx.proof = Proof { level, factor, mfa_at, account_has_mfa: has_factor };
        tx.session = Some(Session {
            id: fingerprint,
            since: START,
            issued_in_sight: true,
            mfa_since: mfa_at,
            renewals: 0,
            ended: None,
            rotated: None,
        });
        if is_jwt && !is_program {
            let mut jwt = Jwt::of_alg("");
            jwt.alg = words.alg.clone();
            jwt.iss = Some(words.issuer.clone());
            jwt.expires_in_s = Some(900);
            jwt.issued_ago_s = Some(2_700);
            jwt.lifetime_s = Some(3_600);
            jwt.jti = Some(mixed(who));
            jwt.bytes = 860;
            tx.jwt = Some(jwt);
        }
    }
}

impl Words {
    fn new() -> Self {
        let nouns = ["users", "orders", "invoices", "carts", "items", "messages", "files", "teams"];
        Self {
            host: "api.example.com".into(),
            methods: ["GET".into(), "POST".into()],
            objects: nouns.iter().map(|noun| format!("/v1/{noun}/{{id}}").into()).collect(),
            lists: nouns.iter().map(|noun| format!("/v1/{noun}").into()).collect(),
            login: "/login".into(),
            verify: "/mfa/verify".into(),
            token: "/oauth/token".into(),
            export: "/v1/reports/export".into(),
            json: "application/json".into(),
            agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
            cookie: "sessionid".into(),
            header: "authorization".into(),
            issuer: "https://idp.example.com".into(),
            alg: "RS256".into(),
        }
    }
}

/// Every tenth identity shares its address with colleagues.
fn address(who: u64) -> IpAddr {
    let of = if who % 10 == 3 { who / OFFICE * OFFICE } else { who };
    IpAddr::from(((1 << 24) + of as u32).to_be_bytes())
}

/// SplitMix64 (Steele, Lea and Flood 2014).
fn mixed(seed: u64) -> u64 {
    let one = (seed ^ seed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let two = (one ^ one >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    two ^ two >> 31
}
