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
