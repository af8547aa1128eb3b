//! What a report asks the tables: sums of transactions over a period, and its episodes.
//! It is given a tenant and a period, and gives rows.
//! It promises that the tenant's name reaches the server as a parameter and never as SQL, that each exchange counts once,
//! and that nothing is written.

use super::config::Config;
use super::server::{Server, WORK_TIMEOUT};
use clickhouse::{Row, RowOwned, RowRead};
use serde::Deserialize;

/// Episodes that are fetched at most, the gravest first.
pub const EPISODES_MAX: u64 = 100_000;

/// Routes that are fetched of one key.
const ROUTES_MAX: u64 = 16;

/// Where one signs in nothing is used yet.
const SIGNING_IN: &str = "['login', 'mfa', 'token', 'sign_up']";
/// What a key should rarely be able to do.
const PRIVILEGED: &str = "['admin', 'users', 'role', 'key', 'factor', 'export']";
/// Credentials that last beyond a login.
const LASTING: &str =
    "('api_key', 'basic', 'client_certificate', 'client_secret', 'digest', 'hawk', 'signature')";
/// Of IPv6 a network counts as one.
const NETWORK: &str =
    "if(startsWith(toString(client_ip), '::ffff:'), client_ip, IPv6CIDRToRange(client_ip, 64).1)";

/// How much there is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Row)]
pub struct Totals {
    /// Exchanges.
    pub transactions: u64,
    /// Of them, those that were not seen whole.
    pub not_whole: u64,
    /// Names of servers.
    pub hosts: u64,
    /// Methods of routes.
    pub endpoints: u64,
    /// The first request's first byte, in microseconds since 1970.
    pub first_us: i64,
    /// The last answer's last byte.
    pub last_us: i64,
    /// Credentials that last.
    pub keys: u64,
    /// Sessions and tokens.
    pub tokens: u64,
    /// Episodes.
    pub episodes: u64,
}

/// Actors of one kind.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Actors {
    /// Which kind.
    pub kind: String,
    /// How many.
    pub count: u64,
}

/// An endpoint's successes.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Granted {
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The route.
    pub route: String,
    /// What it is for.
    pub labels: Vec<String>,
    /// What was proved, how often, and with how many credentials.
    pub proofs: Vec<(String, u64, u64)>,
}

/// One key.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Key {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The scheme.
    pub kind: String,
    /// What it is by its look.
    pub class: String,
    /// Where it is sent.
    pub location: String,
    /// The header, cookie or field.
    pub name: String,
    /// As alerts name it; empty: nobody.
    pub owner: String,
    /// For how many accounts it was used.
    pub owners: u64,
    /// Its first use, in microseconds since 1970.
    pub first_us: i64,
    /// Its last use.
    pub last_us: i64,
    /// Calls with it.
    pub calls: u64,
    /// Those that were refused.
    pub denied: u64,
    /// Successes on privileged routes.
    pub privileged: u64,
    /// Successes without a second factor, for an account that has one.
    pub around_mfa: u64,
    /// From how many networks.
    pub networks: u64,
    /// From which countries, the most used first.
    pub countries: Vec<String>,
    /// On how many routes.
    pub routes: u64,
}

/// Calls of one key to one endpoint.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Called {
    /// The key.
    pub fingerprint: String,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The route.
    pub route: String,
    /// Calls.
    pub calls: u64,
}

/// One episode.
#[derive(Clone, Debug, Deserialize, Row)]
pub struct Episode {
    /// Its id, as text.
    pub id: String,
    /// The rule's id.
    pub rule: String,
    /// The severity's name.
    pub severity: String,
    /// The confidence's name.
    pub confidence: String,
    /// The status' name.
    pub status: String,
    /// One sentence.
    pub message: String,
    /// The first event, in microseconds since 1970.
    pub first_us: i64,
    /// The last event.
    pub last_us: i64,
    /// Events.
    pub count: u64,
    /// The scope's name.
    pub scope: String,
    /// What it is about.
    pub subject: String,
    /// Of the endpoint; empty: none.
    pub method: String,
    /// Of the endpoint.
    pub host: String,
    /// Of the endpoint.
    pub route: String,
    /// The status and the note of each piece of evidence.
    pub evidence: Vec<(u16, String)>,
    /// Whether the detector says that it was accepted; empty: it does not say.
    pub accepted: String,
    /// What the detector counts as hits, as JSON.
    pub hits: String,
}

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
        let fingerprints = |is_lasting: &str| {
            format!(
                "uniqExactArray(arrayMap(c -> c.fingerprint, arrayFilter(c -> c.kind {is_lasting} {LASTING} AND c.kind != 'dpop', \
                 credentials)))"
            )
        };
        let sql = format!(
            "SELECT count() AS transactions, countIf(completeness != 'whole') AS not_whole, uniqExactIf(host, method != '') \
             AS hosts, uniqExactIf((method, host, route), method != '') AS endpoints, toUnixTimestamp64Micro(min(time)) AS \
             first_us, toUnixTimestamp64Micro(max(end_time)) AS last_us, {} AS keys, {} AS tokens, assumeNotNull((SELECT count() {alerts})) \
             AS episodes {transactions}",
            fingerprints("IN"),
            fingerprints("NOT IN"),
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

    /// Endpoints with successes; those of signing in are left out.
    pub fn granted(&self) -> Result<Vec<Granted>, String> {
        self.rows(&format!(
            "SELECT method, host, route, arraySort(arrayDistinct(arrayFlatten(groupArray(of_level)))) AS labels, \
             groupArrayIf((level, successes, callers), successes > 0) AS proofs FROM (SELECT toString(method) AS method, \
             toString(host) AS host, toString(route) AS route, toString(proof_level) AS level, countIf(outcome = 'success') AS \
             successes, uniqExactArrayIf(credentials.fingerprint, outcome = 'success') AS callers, \
             arrayMap(label -> toString(label), groupUniqArrayArray(labels)) AS of_level {} GROUP BY method, host, route, level) \
             GROUP BY method, host, route HAVING notEmpty(proofs) AND NOT hasAny(labels, {SIGNING_IN}) ORDER BY host, route, method",
            self.transactions_with_request(),
        ))
    }

    /// Keys that last.
    pub fn keys(&self) -> Result<Vec<Key>, String> {
        self.rows(&format!(
            "SELECT c.fingerprint AS fingerprint, toString(any(c.kind)) AS kind, toString(any(c.class)) AS class, \
             toString(any(c.location)) AS location, toString(any(c.name)) AS name, argMaxIf(concat(principal_kind, ':', principal_id), \
             end_time, principal_kind NOT IN ('anonymous', 'key', 'session')) AS owner, \
             uniqExactIf((principal_kind, principal_id), principal_kind != 'anonymous') AS owners, \
             toUnixTimestamp64Micro(min(time)) AS first_us, toUnixTimestamp64Micro(max(end_time)) AS last_us, count() AS calls, \
             countIf(outcome = 'denied') AS denied, countIf(outcome = 'success' AND hasAny(labels, {PRIVILEGED})) AS \
             privileged, countIf(outcome = 'success' AND account_has_mfa AND proof_level != 'mfa') AS around_mfa, \
             uniqExact({NETWORK}) AS networks, arraySort(groupUniqArrayIf(toString(client_country), client_country != '')) AS \
             countries, uniqExactIf((method, host, route), method != '') AS routes {} GROUP BY fingerprint ORDER BY fingerprint",
            self.shown(),
        ))
    }

    /// The endpoints that each key was used on, the most used first.
    pub fn called(&self) -> Result<Vec<Called>, String> {
        self.rows(&format!(
            "SELECT c.fingerprint AS fingerprint, toString(method) AS method, toString(host) AS host, toString(route) AS route, \
             count() AS calls {} AND method != '' GROUP BY fingerprint, method, host, route ORDER BY fingerprint, calls DESC, \
             host, route, method LIMIT {ROUTES_MAX} BY fingerprint",
            self.shown(),
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

    /// The same without those of which the answer alone was seen.
    fn transactions_with_request(&self) -> String {
        self.transactions() + " AND method != ''"
    }

    /// The same, a row for each key that was shown.
    fn shown(&self) -> String {
        format!(
            "FROM (SELECT * {}) ARRAY JOIN credentials AS c WHERE c.kind IN {LASTING}",
            self.transactions()
        )
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
