//! What keys need, to take away: one neutral form, and data for Open Policy Agent, which most gateways can ask.
//! It is given proposals of least privilege.
//! It promises fingerprints in place of keys, and patterns that match what their routes match and nothing else of a host.

use super::escape::write_json_line;
use super::record::{Hex, Shown};
use crate::ledger::scope::{Grant, Scope};
use heelguard_detectors::time::EventTime;
use serde::Serialize;
use std::collections::BTreeMap;

/// The neutral form: one line a key.
#[derive(Serialize)]
struct ScopeRecord<'a> {
    schema: &'static str,
    fingerprint: Hex,
    grants: Vec<GrantRecord<'a>>,
    refused_routes: usize,
    /// How often a route was forgotten for want of room: where it is not 0, more may be needed than is listed.
    forgotten_routes: u64,
}

/// One method of a route.
#[derive(Serialize)]
pub(super) struct GrantRecord<'a> {
    method: &'a str,
    host: &'a str,
    route: &'a str,
    success: u64,
    last_seen: Shown<EventTime>,
    writes: bool,
    weight: &'static str,
}

impl<'a> GrantRecord<'a> {
    pub(super) fn new(grant: &Grant<'a>) -> Self {
        let Grant { method, host, route, success, last, writes, weight } = *grant;
        Self { method, host, route, success, last_seen: Shown(last), writes, weight: weight.name() }
    }
}

/// What a policy reads as `data.heelguard.keys`.
#[derive(Serialize)]
struct OpaData<'a> {
    heelguard: OpaKeys<'a>,
}

#[derive(Serialize)]
struct OpaKeys<'a> {
    keys: BTreeMap<String, Vec<OpaGrant<'a>>>,
}

#[derive(Serialize)]
struct OpaGrant<'a> {
    method: &'a str,
    host: &'a str,
    /// A pattern of `glob.match` with `/` as the delimiter.
    path: String,
}

/// One line a key.
pub fn json_lines(scopes: &[Scope<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for scope in scopes {
        let record = ScopeRecord {
            schema: "heelguard.scope/1",
            fingerprint: Hex::of(scope.fingerprint),
            grants: scope.grants.iter().map(GrantRecord::new).collect(),
            refused_routes: scope.refused,
            forgotten_routes: scope.forgotten,
        };
        line(&mut out, &record);
    }
    out
}

/// One document with all keys.
pub fn opa(scopes: &[Scope<'_>]) -> Vec<u8> {
    let keys = scopes.iter().map(|scope| {
        let of = scope.grants.iter().map(|grant| OpaGrant {
            method: grant.method,
            host: grant.host,
            path: pattern(grant.route),
        });
        (scope.fingerprint.to_string(), of.collect())
    });
    let mut out = Vec::new();
    line(&mut out, &OpaData { heelguard: OpaKeys { keys: keys.collect() } });
    out
}

/// A record that cannot be written leaves nothing behind.
fn line(out: &mut Vec<u8>, record: &impl Serialize) {
    let before = out.len();
    if write_json_line(out, record).is_err() {
        out.truncate(before);
    }
}

/// A route as a pattern: `*` for one place, `**` for what was not told apart; what has a meaning in patterns is escaped.
fn pattern(route: &str) -> String {
    let mut out = String::new();
    for (place, segment) in route.split('/').enumerate() {
        if place > 0 {
            out.push('/');
        }
        match segment {
            "{rest}" | "{other}" => out.push_str("**"),
            place if place.starts_with('{') && place.ends_with('}') => out.push('*'),
            word => word.chars().for_each(|letter| {
                if matches!(letter, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!' | '-' | ',') {
                    out.push('\\');
                }
                out.push(letter);
            }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use expect_test::expect;
    use heelguard_detectors::story::transactions;

    fn exported(write: impl Fn(&[Scope<'_>]) -> Vec<u8>) -> String {
        let ledger = Ledger::default();
        let story = "10:00:00 203.0.113.7 -> use GET /orders/7 200 key=k1 proof=api_key host=api.example.com route=/orders/{id}
             10:00:01 203.0.113.7 -> use DELETE /users/7 204 key=k1 proof=api_key host=api.example.com route=/users/{id} labels=users
             10:00:02 203.0.113.7 -> use GET /admin 403 key=k1 proof=api_key host=api.example.com labels=admin";
        transactions(story).unwrap().iter().for_each(|tx| ledger.observe(tx));
        let credentials = ledger.credentials();
        let scopes: Vec<Scope<'_>> = credentials.iter().map(|of| Scope::of(of)).collect();
        String::from_utf8(write(&scopes)).unwrap()
    }

    #[test]
    fn a_key_is_a_line_with_what_it_was_granted() {
        expect![[r#"
            {"schema":"heelguard.scope/1","fingerprint":"4fe70c2b12730bbd30c371687045227c","grants":[{"method":"GET","host":"api.example.com","route":"/orders/{id}","success":1,"last_seen":"2026-11-21T10:00:00.000000Z","writes":false,"weight":"reads"},{"method":"DELETE","host":"api.example.com","route":"/users/{id}","success":1,"last_seen":"2026-11-21T10:00:01.000000Z","writes":true,"weight":"privileged"}],"refused_routes":1,"forgotten_routes":0}
        "#]].assert_eq(&exported(json_lines));
    }

    #[test]
    fn a_policy_gets_patterns() {
        expect![[r#"
            {"heelguard":{"keys":{"4fe70c2b12730bbd30c371687045227c":[{"method":"GET","host":"api.example.com","path":"/orders/*"},{"method":"DELETE","host":"api.example.com","path":"/users/*"}]}}}
        "#]].assert_eq(&exported(opa));
    }

    #[test]
    fn a_pattern_matches_its_route_alone() {
        for (route, expected) in [
            ("/", "/"),
            ("/v1/orders/{id}/lines", "/v1/orders/*/lines"),
            ("/files/{rest}", "/files/**"),
            ("/{other}", "/**"),
            ("/a*b/[x]/c?{d/e\\", "/a\\*b/\\[x\\]/c\\?\\{d/e\\\\"),
        ] {
            assert_eq!(pattern(route), expected, "{route}");
        }
    }
}
