//! What a report asks the tables: sums of transactions over a period, and its episodes.
//! It is given a tenant and a period, and gives rows.
//! It promises that the tenant's name reaches the server as a parameter and never as SQL, that each exchange counts once,
//! that nothing is written, and that words of the queries are those of the program's own lists.

mod rows;

pub use rows::{Actors, AtOnce, Called, Caller, Episode, Granted, Shown, Totals, Visit};

use super::config::Config;
use super::server::{Server, WORK_TIMEOUT};
use crate::ledger::coverage::SIGNING_IN;
use crate::ledger::credential::KEY_ROUTES_MAX;
use crate::ledger::is_lasting;
use crate::ledger::visited::Way;
use clickhouse::{RowOwned, RowRead};
use heelguard_detectors::identity::{CredentialKind, ProofLevel};
use heelguard_detectors::label::{Label, Labels};

/// Episodes that are fetched at most, the gravest first.
pub const EPISODES_MAX: u64 = 100_000;
/// Rows of any other kind that are fetched at most.
pub const ROWS_MAX: u64 = 1_000_000;

/// Networks of one credential that are fetched.
const NETWORKS_MAX: u64 = 12;
/// Of IPv6 a network counts as one.
const NETWORK: &str =
    "if(startsWith(toString(client_ip), '::ffff:'), client_ip, IPv6CIDRToRange(client_ip, 64).1)";
/// What was granted.
const GRANTED: &str = "outcome = 'success'";

/// A period of one tenant, in microseconds since 1970; open where there is no bound.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whose traffic.
    pub tenant: String,
    /// The first moment inside.
    pub from_us: Option<u64>,
    /// The first moment behind.
    pub to_us: Option<u64>,
}

/// The tables, to ask.
pub struct Reader {
    server: Server,
    database: String,
    asked: Asked,
}

impl Reader {
    /// Reads secrets and certificates; touches no network.
    pub fn open(config: &Config, section: &str, asked: Asked) -> Result<Self, String> {
        Ok(Self { server: Server::open(config, section)?, database: config.database.clone(), asked })
    }

    /// How much there is.
    pub fn totals(&self) -> Result<Totals, String> {
        let (transactions, alerts) = (self.transactions(), self.alerts());
        let fingerprints = |lasts: bool| {
            let kinds = kinds(|kind| is_lasting(kind) == lasts && kind != CredentialKind::Dpop);
            format!(
                "uniqExactArray(arrayMap(c -> c.fingerprint, arrayFilter(c -> c.kind IN {kinds}, credentials)))"
            )
        };
        let sql = format!(
            "SELECT count() AS transactions, countIf(completeness != 'whole') AS not_whole, uniqExactIf(host, method != '') \
             AS hosts, uniqExactIf((method, host, route), method != '') AS endpoints, toUnixTimestamp64Micro(min(time)) AS \
             first_us, toUnixTimestamp64Micro(max(end_time)) AS last_us, {} AS keys, {} AS tokens, assumeNotNull((SELECT count() {alerts})) \
             AS episodes {transactions}",
            fingerprints(true),
            fingerprints(false),
        );
        Ok(self.rows::<Totals>(&sql)?.into_iter().next().unwrap_or_default())
    }

    /// Actors by their kind.
    pub fn actors(&self) -> Result<Vec<Actors>, String> {
        self.rows(&format!(
            "SELECT toString(principal_kind) AS kind, uniqExact(principal_id) AS count {} GROUP BY kind",
            self.transactions()
        ))
    }

    /// Endpoints.
    pub fn called(&self) -> Result<Vec<Called>, String> {
        let proofs: Vec<String> = ProofLevel::ALL
            .iter()
            .map(|level| format!("countIf({GRANTED} AND proof_level = '{}')", level.name()))
            .collect();
        self.rows(&format!(
            "SELECT toString(method) AS method, toString(host) AS host, toString(route) AS route, \
             arrayMap(label -> toString(label), groupUniqArrayArray(labels)) AS labels, count() AS calls, \
             countIf(outcome = 'denied') AS denied, countIf(empty(credentials)) AS without_credential, \
             countIf(arrayExists(e -> e.kind IN ('query', 'path'), exposed)) AS credential_in_url, \
             countIf(scheme = 'http' AND client_class != 'internal') AS plain_from_outside, \
             countIf({GRANTED} AND account_has_mfa AND proof_level != 'mfa') AS around_mfa, \
             arrayMap(kind -> toString(kind), groupUniqArrayArrayIf(credentials.kind, {GRANTED})) AS taken, [{}] AS proofs {} \
             AND method != '' GROUP BY method, host, route ORDER BY host, route, method LIMIT {ROWS_MAX}",
            proofs.join(", "),
            self.transactions(),
        ))
    }

    /// Who was granted what where somebody proved a second factor.
    pub fn callers(&self) -> Result<Vec<Caller>, String> {
        self.rows(&format!(
            "SELECT toString(principal_kind) AS kind, principal_id AS id, toString(method) AS method, toString(host) AS host, \
             toString(route) AS route, count() AS success, countIf(proof_level = 'mfa') AS mfa {} AND {GRANTED} AND {} \
             GROUP BY kind, id, method, host, route ORDER BY kind, id, host, route, method LIMIT {ROWS_MAX}",
            self.transactions(),
            self.is_guarded(),
        ))
    }

    /// Keys that last, and of the others what was granted something where somebody proved a second factor.
    pub fn shown(&self) -> Result<Vec<Shown>, String> {
        let privileged = labels(Labels::PRIVILEGED);
        self.rows(&format!(
            "SELECT c.fingerprint AS fingerprint, toString(any(c.kind)) AS kind, toString(any(c.class)) AS class, \
             toString(any(c.location)) AS location, toString(any(c.name)) AS name, argMaxIf((toString(principal_kind), \
             principal_id), (principal_kind NOT IN ('key', 'session'), end_time), principal_kind != 'anonymous') AS owner, \
             uniqExactIf((principal_kind, principal_id), principal_kind != 'anonymous') AS owners, \
             toUnixTimestamp64Micro(min(time)) AS first_us, toUnixTimestamp64Micro(max(end_time)) AS last_us, count() AS calls, \
             countIf(outcome = 'denied') AS denied, countIf({GRANTED} AND hasAny(labels, {privileged})) AS privileged, \
             countIf({GRANTED} AND account_has_mfa AND proof_level != 'mfa') AS around_mfa, \
             arrayMap(ip -> toString(ip), arraySort(groupUniqArray({NETWORKS_MAX})({NETWORK}))) AS networks, \
             uniqExact({NETWORK}) AS networks_in_all, \
             arraySort(groupUniqArrayIf(toString(client_country), client_country != '')) AS countries, \
             uniqExactIf(device, device != '') AS devices, uniqExactIf((method, host, route), method != '') AS routes, \
             arraySort(groupUniqArray(toUInt64(greatest(0, intDiv(toUnixTimestamp64Milli(end_time), 86400000))))) AS days {} \
             GROUP BY fingerprint HAVING countIf({}) > 0 ORDER BY fingerprint LIMIT {ROWS_MAX}",
            self.presented(),
            self.is_of_use(),
        ))
    }

    /// The endpoints that these were used on, of each the last.
    pub fn visits(&self) -> Result<Vec<Visit>, String> {
        let of = |way: Way| kinds(|kind| Way::usual(kind) == Some(way));
        let (keys, basic, sessions) = (of(Way::Key), of(Way::Basic), of(Way::Password));
        // As `Way::of` says: beside a session a key or a password only names the program.
        let alone = format!(
            "{GRANTED} AND (proof_level = 'api_key' AND c.kind IN {keys} OR proof_level = 'password' AND (c.kind IN {sessions} OR \
             (c.kind IN {keys} OR c.kind IN {basic}) AND NOT arrayExists(other -> other.kind IN {sessions}, credentials)))"
        );
        self.rows(&format!(
            "SELECT c.fingerprint AS fingerprint, toString(method) AS method, toString(host) AS host, toString(route) AS route, \
             arrayMap(label -> toString(label), groupUniqArrayArray(labels)) AS labels, count() AS calls, countIf({GRANTED}) AS \
             success, countIf({GRANTED} AND proof_level = 'mfa') AS mfa, countIf({alone}) AS alone, countIf({GRANTED} AND \
             account_has_mfa AND proof_level != 'mfa') AS around, toUnixTimestamp64Micro(min(time)) AS first_us, \
             toUnixTimestamp64Micro(max(end_time)) AS last_us {} AND method != '' AND ({}) GROUP BY fingerprint, method, host, \
             route ORDER BY fingerprint, last_us DESC, host, route, method LIMIT {KEY_ROUTES_MAX} BY fingerprint LIMIT {ROWS_MAX}",
            self.presented(),
            self.is_of_use(),
        ))
    }

    /// When keys were granted something.
    pub fn granted(&self) -> Result<Vec<Granted>, String> {
        self.rows(&format!(
            "SELECT fingerprint, min(at) AS first_us, max(at) AS last_us, max(at - before) AS longest_pause_us FROM (SELECT \
             c.fingerprint AS fingerprint, toUnixTimestamp64Micro(end_time) AS at, lagInFrame(at, 1, at) OVER (PARTITION BY \
             c.fingerprint ORDER BY end_time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before {} AND {GRANTED} AND c.kind IN {}) \
             GROUP BY fingerprint ORDER BY fingerprint LIMIT {ROWS_MAX}",
            self.presented(),
            kinds(is_lasting),
        ))
    }

    /// By how many keys were used at once.
    pub fn at_once(&self) -> Result<Vec<AtOnce>, String> {
        self.rows(&format!(
            "SELECT fingerprint, max(here) AS networks, max(on) AS devices FROM (SELECT c.fingerprint AS fingerprint, \
             uniqExact({NETWORK}) AS here, uniqExactIf(device, device != '') AS on {} AND c.kind IN {} GROUP BY fingerprint, \
             toStartOfHour(end_time)) GROUP BY fingerprint ORDER BY fingerprint LIMIT {ROWS_MAX}",
            self.presented(),
            kinds(is_lasting),
        ))
    }

    /// Episodes, the gravest first.
    pub fn episodes(&self) -> Result<Vec<Episode>, String> {
        self.rows(&format!(
            "SELECT toString(id) AS id, toString(rule) AS rule, toString(severity) AS severity, toString(confidence) AS \
             confidence, toString(status) AS status, message, toUnixTimestamp64Micro(first_seen) AS first_us, \
             toUnixTimestamp64Micro(last_seen) AS last_us, count, toString(subject_scope) AS scope, subject, toString(method) AS \
             method, toString(host) AS host, toString(route) AS route, arrayMap(e -> (e.status, e.note), evidence) AS evidence, \
             facts['accepted'] AS accepted, facts['hits'] AS hits {} ORDER BY alerts.severity DESC, last_seen DESC, id LIMIT \
             {EPISODES_MAX}",
            self.alerts()
        ))
    }

    fn rows<T: RowOwned + RowRead>(&self, sql: &str) -> Result<Vec<T>, String> {
        let parameters = [("tenant", self.asked.tenant.as_str())];
        let answer = self.server.ask_with(sql, &parameters, WORK_TIMEOUT);
        answer.map_err(|fault| self.server.trouble(&fault).message)
    }

    /// Exchanges of the period, each once.
    fn transactions(&self) -> String {
        format!("FROM `{}`.transactions FINAL WHERE {}", self.database, self.within("time", "time"))
            + " AND repeat_of IS NULL"
    }

    /// The same, a row for each credential that was shown; proofs of DPoP are new with each request.
    fn presented(&self) -> String {
        let transactions = self.transactions();
        format!("FROM (SELECT * {transactions}) ARRAY JOIN credentials AS c WHERE c.kind != 'dpop'")
    }

    /// Whether it was on an endpoint that is used, and on which somebody proved a second factor.
    fn is_guarded(&self) -> String {
        format!(
            "(method, host, route) IN (SELECT method, host, route {} AND method != '' GROUP BY method, host, route HAVING \
             countIf({GRANTED} AND proof_level = 'mfa') > 0 AND NOT hasAny(groupUniqArrayArray(labels), {}))",
            self.transactions(),
            labels(SIGNING_IN),
        )
    }

    /// Whether a row of a credential is one that a report needs.
    fn is_of_use(&self) -> String {
        format!("c.kind IN {} OR {GRANTED} AND {}", kinds(is_lasting), self.is_guarded())
    }

    /// Episodes that were there in the period.
    fn alerts(&self) -> String {
        format!("FROM `{}`.alerts FINAL WHERE {}", self.database, self.within("first_seen", "last_seen"))
    }

    fn within(&self, first: &str, last: &str) -> String {
        let mut condition = "tenant = {tenant:String}".to_owned();
        if let Some(from) = self.asked.from_us {
            condition.push_str(&format!(" AND {last} >= fromUnixTimestamp64Micro({from})"));
        }
        if let Some(to) = self.asked.to_us {
            condition.push_str(&format!(" AND {first} < fromUnixTimestamp64Micro({to})"));
        }
        condition
    }
}

/// These kinds of credential as a list of SQL.
fn kinds(is_meant: impl Fn(CredentialKind) -> bool) -> String {
    let kinds = CredentialKind::ALL.iter().filter(|kind| is_meant(**kind));
    format!("({})", kinds.map(|kind| format!("'{}'", kind.name())).collect::<Vec<_>>().join(", "))
}

/// These labels as an array of SQL.
fn labels(of: Labels) -> String {
    let labels = of.iter().map(Label::name).map(|name| format!("'{name}'"));
    format!("[{}]", labels.collect::<Vec<_>>().join(", "))
}
