//! What a detector is: it sees transactions in order and raises findings about subjects.
//! A rule is its standing data, a finding one crossing of its threshold, told only if someone will hear it.
//! It promises that a finding costs nothing but a look-up while its episode has nothing new to say.

use crate::alert::{AlertClient, Confidence, Evidence, Fact, Scope, Severity, Subject, Visibility};
use crate::health::Checkup;
use crate::identity::{Credential, Fingerprint, Principal, named};
use crate::lane::Lane;
use crate::saved::Damaged;
use crate::shown::Entry;
use crate::slice::Slice;
use crate::time::EventTime;
use crate::tls::TlsConnection;
use crate::transaction::{Completeness, Endpoint, Transaction};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

pub use crate::episode::Findings;
pub use crate::facts::Facts;
pub use crate::sample::{Sample, Samples};

/// Evidence an alert carries at most.
pub const EVIDENCE_MAX: usize = 5;

/// One detector: state that is fed and speaks up.
pub trait Detector: Send {
    /// What a transaction must show for this detector to be asked about it.
    fn needs(&self) -> Facts {
        Facts::NONE
    }

    /// Sees the next transaction that has what it needs, in order of `end`, then `id`.
    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>);

    /// Sees a connection that could not be read, in its place among the transactions.
    fn connection(&mut self, _: &TlsConnection, _: &mut Findings<'_>) {}

    /// Looks at the sensor itself; for the rules about what it may have missed.
    fn check_up(&mut self, _: &Checkup<'_>, _: &mut Findings<'_>) {}

    /// Forgets what is too old to matter. Never changes what `observe` will raise.
    fn advance(&mut self, now: EventTime);

    /// Keys given up because a table was full.
    fn evicted(&self) -> u64;

    /// Keys held.
    fn keys(&self) -> usize;

    /// Gives up so many keys of its largest table: all rules together hold too many. They count as evicted.
    fn shed(&mut self, keys: usize);

    /// The same for each table by name.
    fn evicted_by_table(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// The keys that the transaction which ended at this time was looked up under, with what is known under them.
    fn touched(&self, _: EventTime) -> Vec<Entry> {
        Vec::new()
    }

    /// Adds what windows and learning hold, table by table, so that a restart goes on where it stopped.
    fn save(&self, slice: &mut Slice<'_>);

    /// Takes back what was saved, under the limits and thresholds of now. After an error the state is of no use.
    fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged>;
}

/// The lost share of bytes from which on an alert is less sure: 1 %, in hundredths of a per cent.
const LOST_BP_MAX: u32 = 100;

/// Keys of each table that one call of `advance` may forget.
pub(crate) const EXPIRED_AT_ONCE: usize = 16;

/// The part of `Detector` that only hands on to the tables a detector's state lives in; behind `;` what else is kept.
macro_rules! tables {
    ($($table:ident),+ $(; $($field:ident),+)?) => {
        fn advance(&mut self, now: crate::time::EventTime) {
            $(self.$table.expire(now, crate::detector::EXPIRED_AT_ONCE);)+
        }

        fn evicted(&self) -> u64 {
            0 $(+ self.$table.evicted())+
        }

        fn keys(&self) -> usize {
            0 $(+ self.$table.len())+
        }

        fn shed(&mut self, keys: usize) {
            let largest = [$(self.$table.len()),+].into_iter().max();
            $(if Some(self.$table.len()) == largest {
                return self.$table.shed(keys);
            })+
        }

        fn evicted_by_table(&self) -> Vec<(&'static str, u64)> {
            vec![$((stringify!($table), self.$table.evicted())),+]
        }

        fn touched(&self, at: crate::time::EventTime) -> Vec<crate::shown::Entry> {
            [$(self.$table.touched(stringify!($table), at)),+].concat()
        }

        fn save(&self, slice: &mut crate::slice::Slice<'_>) {
            $(slice.table(|place, out, full_at| self.$table.save(place, out, full_at));)+
            $(slice.whole(|out| {
                $(crate::saved::Saved::save(&self.$field, out);)+
            });)?
        }

        fn load(&mut self, from: &mut &[u8]) -> Result<(), crate::saved::Damaged> {
            $(self.$table.load(from)?;)+
            $($(self.$field = crate::saved::Saved::load(from)?;)+)?
            Ok(())
        }
    };
}
pub(crate) use tables;

/// The same part of a detector that remembers nothing.
macro_rules! stateless {
    () => {
        fn advance(&mut self, _: crate::time::EventTime) {}

        fn evicted(&self) -> u64 {
            0
        }

        fn keys(&self) -> usize {
            0
        }

        fn shed(&mut self, _: usize) {}

        fn save(&self, _: &mut crate::slice::Slice<'_>) {}

        fn load(&mut self, _: &mut &[u8]) -> Result<(), crate::saved::Damaged> {
            Ok(())
        }
    };
}
pub(crate) use stateless;

named! {
    /// How far a rule has come.
    Maturity {
        /// Right on paper and in tests.
        Preview => "preview",
        /// Has run on real traffic.
        Stable => "stable",
    }
}

named! {
    /// What makes one episode.
    Grouping {
        /// Everything about one subject until it is quiet.
        Span => "span",
        /// Each event is a matter of its own; only events of the same second fall together.
        Event => "event",
    }
}

/// The standing data of a detector.
#[derive(Debug)]
pub struct Rule {
    /// `MFA-01`; never reused.
    pub id: &'static str,
    /// The name, good English for what it sees; never reused.
    pub name: &'static str,
    /// A few words.
    pub title: &'static str,
    /// The usual severity.
    pub severity: Severity,
    /// What its alerts are about, usually.
    pub scope: Scope,
    /// How far it has come.
    pub maturity: Maturity,
    /// What makes one episode.
    pub grouping: Grouping,
    /// Whether it wants the second sight of an exchange as well.
    pub sees_repeats: bool,
    /// What the transactions have in common that it weighs against each other.
    pub lane: Lane,
    /// Whether it counts rightly what comes seconds late: counts and first sights do, habits and sequences do not.
    pub order_free: bool,
    /// ATT&CK techniques.
    pub mitre: &'static [&'static str],
    /// OWASP API Security Top 10 entries.
    pub owasp: &'static [&'static str],
    /// What to do.
    pub response: &'static str,
}

/// What a finding is about, borrowed; `Subject` is its owned form.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// A principal.
    Principal(&'a Principal),
    /// A client as it is counted: an IPv4 address, or the /64 of an IPv6 address.
    Client(IpAddr),
    /// A session nobody is known to own.
    Session(Fingerprint),
    /// A credential, and which part of its use: `5b0e… (export)`.
    Credential {
        /// Which one.
        fingerprint: Fingerprint,
        /// What it is used for, in a few words; empty for all of it.
        part: &'a str,
    },
    /// A host.
    Service(&'a str),
    /// The sensor itself, and which part of its work.
    Sensor {
        /// The sensor's name.
        name: &'a str,
        /// What about it, in a few words.
        part: &'a str,
    },
    /// A route, and which part of its traffic: `POST api.example.com /login`.
    Endpoint {
        /// The method.
        method: &'a str,
        /// The host.
        host: &'a str,
        /// The route template.
        route: &'a str,
        /// What about it, in a word; empty for all of it.
        part: &'a str,
    },
}

impl About<'_> {
    /// What kind of thing.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Principal(_) => Scope::Principal,
            Self::Client(_) => Scope::Client,
            Self::Session(_) => Scope::Session,
            Self::Credential { .. } => Scope::Credential,
            Self::Service(_) | Self::Sensor { .. } => Scope::Service,
            Self::Endpoint { .. } => Scope::Endpoint,
        }
    }

    /// The owned form.
    pub fn subject(&self) -> Subject {
        Subject { scope: self.scope(), value: self.to_string().into() }
    }
}

/// The subject's value, as records show it.
impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(principal) => write!(f, "{}:{}", principal.kind, principal.id),
            Self::Client(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Client(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Self::Session(fingerprint) | Self::Credential { fingerprint, part: "" } => {
                write!(f, "{fingerprint}")
            }
            Self::Credential { fingerprint, part } => write!(f, "{fingerprint} ({part})"),
            Self::Service(host) => f.write_str(host),
            Self::Sensor { name, part } => write!(f, "{name} ({part})"),
            Self::Endpoint { method, host, route, part: "" } => write!(f, "{method} {host} {route}"),
            Self::Endpoint { method, host, route, part } => write!(f, "{method} {host} {route} ({part})"),
        }
    }
}

/// A threshold was crossed: enough to decide whether anything is to be told.
#[derive(Clone, Copy, Debug)]
pub struct Crossing<'a> {
    /// About whom or what.
    pub about: About<'a>,
    /// How bad.
    pub severity: Severity,
    /// The first event that belongs to it.
    pub first: EventTime,
    /// Events since the last crossing of the same subject.
    pub fresh: u64,
    /// The window the events are counted in, if there is one: an episode is never shorter.
    pub window: Option<Duration>,
}

/// What a crossing has to say; built only when it is told.
#[derive(Clone, Debug)]
pub struct Finding {
    /// One sentence with the numbers in it.
    pub message: String,
    /// Events in the window.
    pub count: u64,
    /// The count that crosses.
    pub threshold: u64,
    /// Who, if one principal is meant.
    pub principal: Option<Principal>,
    /// From where, if one client is meant.
    pub client: Option<AlertClient>,
    /// With what, if one credential is meant.
    pub credential: Option<Credential>,
    /// Where, if one endpoint is meant.
    pub endpoint: Option<Endpoint>,
    /// Up to five transactions.
    pub evidence: Vec<Evidence>,
    /// The detector's own facts.
    pub facts: Vec<(&'static str, Fact)>,
    /// Why it may be wrong.
    pub doubts: Doubts,
}

impl Finding {
    /// One event, told by the transaction that shows it.
    pub fn of(tx: &Transaction, message: String, note: &str) -> Self {
        let sample = Sample::of(tx);
        Self {
            message,
            count: 1,
            threshold: 1,
            principal: Some(tx.principal.clone()),
            client: Some(client_of(tx)),
            credential: tx.credentials.first().cloned(),
            endpoint: tx.endpoint(),
            doubts: Doubts::of([&sample]),
            evidence: vec![sample.evidence(note)],
            facts: Vec::new(),
        }
    }
}

/// The client's part of an alert about this transaction.
pub fn client_of(tx: &Transaction) -> AlertClient {
    AlertClient {
        ip: tx.client.ip,
        country: tx.client.country,
        asn: tx.client.asn,
        device: tx.device.map(|device| device.to_string().into()),
    }
}

/// Why a finding may be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Contributing transactions with bytes missing.
    pub cut: u32,
    /// A contributing transaction was seen in one direction only.
    pub one_way: bool,
    /// An outcome was read from the status alone.
    pub inferred: bool,
    /// Too little is known about the subject's habits.
    pub learning: bool,
    /// Bytes that the sensor never saw while it formed, in hundredths of a per cent; the runtime fills it in.
    pub lost_bp: u32,
}

impl Doubts {
    /// The doubts that hang on transactions.
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let mut doubts = Self::default();
        for sample in samples {
            match sample.completeness {
                Completeness::Whole => {}
                Completeness::RequestOnly | Completeness::ResponseOnly => doubts.one_way = true,
                Completeness::Gap | Completeness::Truncated => doubts.cut = doubts.cut.saturating_add(1),
            }
            doubts.inferred |= sample.inferred;
        }
        doubts
    }

    /// High, less one for what was not seen and one for what was inferred; low while learning.
    pub fn confidence(self) -> Confidence {
        let unseen = self.cut > 0 || self.one_way || self.lost_bp > LOST_BP_MAX;
        match u8::from(unseen) + u8::from(self.inferred) {
            _ if self.learning => Confidence::Low,
            0 => Confidence::High,
            1 => Confidence::Medium,
            _ => Confidence::Low,
        }
    }

    /// What the alert says could not be seen.
    pub fn visibility(self) -> Visibility {
        Visibility { loss_pct: f64::from(self.lost_bp) / 100.0, truncated: self.cut, one_way: self.one_way }
    }
}

/// A span for people: `179 s`, `14.5 s`, `0.9 s`; never rounded up past a limit.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis() / 100;
        match (tenths / 10, tenths % 10) {
            (whole, 0) => write!(f, "{whole} s"),
            (whole @ 0..60, part) => write!(f, "{whole}.{part} s"),
            (whole, _) => write!(f, "{whole} s"),
        }
    }
}

/// A count with its noun: `1 account`, `3 accounts`.
#[derive(Clone, Copy, Debug)]
pub struct Several(pub u64, pub &'static str);

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}
