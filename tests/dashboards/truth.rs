//! What key panels show, computed once more: from the lines that the same replay wrote, by other means than SQL.

use super::engine::{Answer, Engine};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A bucket's middle is at most this far from any value in it: 2^(1/8).
const BUCKET: f64 = 0.0906;

/// Compares panels with the lines.
pub fn holds(engine: &Engine, shown: &BTreeMap<String, Answer>) {
    let transactions = &engine.transactions;
    let attempts: Vec<&Value> =
        transactions.iter().filter(|exchange| exchange["mfa"]["event"] == "attempt").collect();
    let accepted = attempts.iter().filter(|exchange| exchange["mfa"]["outcome"] == "success").count();
    exactly(shown, "mfa/Attempts", attempts.len());
    near(shown, "mfa/Accepted", accepted as f64 / attempts.len() as f64, 1e-9);

    let outcome = |exchange: &Value| exchange["mfa"]["outcome"].as_str().unwrap().to_owned();
    let among = |names: &[&str]| attempts.iter().filter(|one| names.contains(&&*outcome(one))).count() as f64;
    let waiting = among(&["pending", "challenge"]);
    let served = among(&["success", "fail_code", "locked"]) / (attempts.len() as f64 - waiting);
    for panel in ["mfa/Served (target 99.5 %)", "overview/MFA steps served"] {
        near(shown, panel, served, 1e-9);
    }
    bursts(&attempts, &shown["mfa/Bursts"]);

    let episodes = newest(&engine.alerts);
    let worst = |id: &str| engine.alerts.iter().filter(|state| state["id"] == id).map(severity).max();
    let serious = episodes.keys().filter(|id| worst(id) >= Some(3)).count();
    exactly(shown, "overview/High and critical episodes", serious);
    assert_eq!(shown["overview/What to look at first"].rows.len(), episodes.len());
    let exposed = episodes.values().filter(|alert| alert["detector"] == "credential_exposure").count();
    exactly(shown, "keys/Exposed in transit", exposed);

    let given: Vec<&Value> =
        transactions.iter().filter(|exchange| exchange["outcome"] == "success").collect();
    let records: u64 = given.iter().map(|exchange| whole(&exchange["response"]["items"])).sum();
    let bytes: u64 = given.iter().map(|exchange| whole(&exchange["response"]["bytes"])).sum();
    near(shown, "data/Records that left", records as f64, BUCKET);
    near(shown, "data/Bytes that left", bytes as f64, BUCKET);
    let mut taken: BTreeMap<String, u64> = BTreeMap::new();
    for exchange in &given {
        *taken.entry(principal(exchange)).or_default() += whole(&exchange["response"]["items"]);
    }
    let greediest = taken.iter().max_by_key(|(_, records)| **records).unwrap();
    let row = &shown["data/Who took the most"].rows[0];
    assert_eq!((row[0].as_str().unwrap(), number(&row[1])), (greediest.0.as_str(), *greediest.1 as f64));
    near(shown, "principal/Records taken", taken[greediest.0] as f64, 0.0);

    let endpoint = |exchange: &Value| {
        let request = &exchange["request"];
        ["host", "method", "route"].map(|field| request[field].as_str().unwrap_or_default().to_owned())
    };
    let endpoints: BTreeSet<[String; 3]> =
        transactions.iter().map(endpoint).filter(|[_, method, _]| !method.is_empty()).collect();
    exactly(shown, "api/Endpoints", endpoints.len());
    let proved = |level: &str| given.iter().filter(|exchange| exchange["proof"]["level"] == level).count();
    let people = (proved("mfa") + proved("password")) as f64;
    near(shown, "coverage/Calls under a second factor", proved("mfa") as f64 / people, 0.01);

    let keys: BTreeSet<&str> = transactions
        .iter()
        .filter(|exchange| exchange["outcome"] != "denied")
        .flat_map(|exchange| exchange["credentials"].as_array().unwrap())
        .filter(|credential| is_long_lived(credential["kind"].as_str().unwrap()))
        .map(|credential| credential["fingerprint"].as_str().unwrap())
        .collect();
    exactly(shown, "keys/Keys in use", keys.len());
}

fn is_long_lived(kind: &str) -> bool {
    !["session", "bearer_jwt", "mfa_token", "refresh_token", "dpop", "other"].contains(&kind)
}

/// The newest state of each episode.
fn newest(alerts: &[Value]) -> BTreeMap<&str, &Value> {
    let mut episodes: BTreeMap<&str, &Value> = BTreeMap::new();
    for alert in alerts {
        let newest = episodes.entry(alert["id"].as_str().unwrap()).or_insert(alert);
        if alert["rev"].as_u64() > newest["rev"].as_u64() {
            *newest = alert;
        }
    }
    episodes
}

fn severity(alert: &Value) -> usize {
    let all = ["info", "low", "medium", "high", "critical"];
    all.iter().position(|name| alert["severity"] == *name).unwrap()
}

fn principal(exchange: &Value) -> String {
    let principal = &exchange["principal"];
    let text = |field: &str| principal[field].as_str().unwrap_or_default();
    format!("{}:{}", text("kind"), text("id"))
}

/// What the demonstration has none of, as rows like those that it has: pushes that wait, and a burst across the mark
/// between two slots of five minutes.
pub fn holds_beyond_the_day(engine: &Engine, asked: impl Fn(&str) -> Answer) {
    let rows = |replaced: &str, most: u32| {
        let sample = format!("SELECT * FROM transactions WHERE mfa_event = 'attempt' LIMIT {most}");
        engine.run(&format!("INSERT INTO transactions SELECT * REPLACE ({replaced}) FROM ({sample})"));
    };
    let served = ["mfa/Served (target 99.5 %)", "overview/MFA steps served"];
    let before = served.map(&asked);
    rows("generateUUIDv4() AS id, 'pending' AS mfa_outcome", 9);
    assert_eq!(served.map(&asked), before, "who waits was not refused");

    let mark = engine.from + 36_000;
    let who = "'user' AS principal_kind, 'across' AS principal_id, 'fail_code' AS mfa_outcome";
    for time in [mark - 10, mark - 5, mark + 5] {
        rows(&format!("generateUUIDv4() AS id, toDateTime64({time}, 6, 'UTC') AS time, {who}"), 1);
    }
    let bursts = asked("mfa/Bursts").rows;
    let across: Vec<&Vec<Value>> = bursts.iter().filter(|row| row[1] == "user:across").collect();
    assert_eq!(across.iter().map(|row| number(&row[2])).collect::<Vec<_>>(), [3.0]);
}

/// The fullest five minutes of each account, wherever they begin.
fn bursts(attempts: &[&Value], shown: &Answer) {
    let mut wrong: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for attempt in
        attempts.iter().filter(|attempt| attempt["mfa"]["outcome"].as_str().unwrap().starts_with("fail_"))
    {
        let time = humantime::parse_rfc3339(attempt["time"].as_str().unwrap()).unwrap();
        let seconds = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        wrong.entry(principal(attempt)).or_default().push(seconds);
    }
    let fullest = |times: &Vec<u64>| {
        let within =
            |end: u64| times.iter().filter(|time| (end.saturating_sub(299)..=end).contains(*time)).count();
        times.iter().map(|end| within(*end)).max().unwrap_or_default()
    };
    let expected: BTreeMap<&str, usize> =
        wrong.iter().map(|(who, times)| (who.as_str(), fullest(times))).collect();
    let mut most: BTreeMap<&str, f64> = BTreeMap::new();
    for row in &shown.rows {
        let most = most.entry(row[1].as_str().unwrap()).or_default();
        *most = most.max(number(&row[2]));
    }
    let bursts = expected.into_iter().filter(|(_, wrong)| *wrong >= 3);
    assert_eq!(most, bursts.map(|(who, wrong)| (who, wrong as f64)).collect());
}

fn exactly(shown: &BTreeMap<String, Answer>, place: &str, expected: usize) {
    near(shown, place, expected as f64, 0.0);
}

fn near(shown: &BTreeMap<String, Answer>, place: &str, expected: f64, tolerance: f64) {
    let value = number(&shown[place].rows[0][0]);
    assert!(expected > 0.0, "{place}: the demonstration has such data");
    assert!(
        (value - expected).abs() <= tolerance * expected,
        "{place} shows {value}, the lines say {expected}"
    );
}

/// ClickHouse writes large whole numbers as text, so that JavaScript does not round them.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
