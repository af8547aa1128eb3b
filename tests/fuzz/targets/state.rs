//! Saved memory of any bytes under a right checksum: lineage, routes, legs, tables of the page, and every rule.
//! What is taken can be saved and taken again; what is refused costs no memory.

use super::bodies::sighting;
use super::input::{Input, Turn};
use super::wire::{CLIENT, SERVER, found};
use heelguard::flow::Origin;
use heelguard::http::Config;
use heelguard::identity::{Legs, Lineage, LineageConfig, Routes, RoutesConfig};
use heelguard::ledger::Ledger;
use heelguard_detectors::runtime::{Runtime, RuntimeConfig};

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (kind, which) = (input.byte(), usize::from(input.byte()));
    let bytes = input.rest();
    match kind % 5 {
        0 => {
            let config = LineageConfig::default();
            if let Ok(lineage) = Lineage::restore(&config, &mut sealed_lineage(bytes).as_slice()) {
                let saved = lineage.save();
                assert!(Lineage::restore(&config, &mut saved.as_slice()).is_ok(), "what was saved is taken");
            }
        }
        1 => {
            let sum = blake3::hash(bytes);
            let sealed = [bytes, &sum.as_bytes()[..16]].concat();
            if let Ok(routes) = Routes::restore(&sealed, RoutesConfig::default()) {
                let again =
                    Routes::restore(&routes.save(), RoutesConfig::default()).map(|routes| routes.save());
                assert_eq!(again, Ok(routes.save()));
            }
        }
        2 => {
            let mut legs = Legs::default();
            if legs.load(&mut &*bytes).is_ok() {
                let mut saved = Vec::new();
                legs.save(&mut saved);
                assert!(Legs::default().load(&mut saved.as_slice()).is_ok(), "what was saved is taken");
            }
        }
        3 => {
            let ledger = Ledger::default();
            let parts =
                ["ledger", "ledger.endpoints.0", "ledger.principals.0", "ledger.keys.0", "ledger.tokens.0"];
            let part = parts[which % parts.len()];
            if ledger.load(part, bytes).is_ok() {
                let again = Ledger::default();
                for part in ledger.parts() {
                    let saved = ledger.save(&part).expect("it is a part");
                    assert_eq!(again.load(&part, &saved), Ok(()), "what was saved is taken");
                }
            }
        }
        _ => {
            let mut runtime = Runtime::new(RuntimeConfig::default()).expect("the defaults are valid");
            let parts: Vec<&'static str> = runtime.parts().collect();
            let Some(part) = parts.get(which % parts.len()) else { return };
            if runtime.load_part(part, bytes).is_ok() {
                let mut again = Runtime::new(RuntimeConfig::default()).expect("the defaults are valid");
                assert_eq!(again.load(&runtime.save()), Ok(()), "what was saved is taken");
            }
        }
    }
}

/// A lineage's content with its head and its checksum.
fn sealed_lineage(content: &[u8]) -> Vec<u8> {
    let empty = Lineage::new(&LineageConfig::default()).save();
    let head = [&empty[..20], &(content.len() as u64).to_le_bytes()].concat();
    let mut sealed = [&head, content].concat();
    let sum = blake3::hash(&sealed);
    sealed.extend(sum.as_bytes());
    sealed
}

/// What is known after somebody signed in with a second factor, renewed and left.
fn lived() -> Lineage {
    let json = |body: &str| {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let post = |path: &str, more: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: api.example.com\r\n{more}{}", json(body))
    };
    let answer =
        |status: &str, more: &str, body: &str| format!("HTTP/1.1 {status} X\r\n{more}{}", json(body));
    let session = "Cookie: session=q7Wx9Lk2Vb8NmZ4tR6yU\r\n";
    let exchanges = [
        (
            post("/login", "", r#"{"email":"ann@example.com","password":"p-1-p-1"}"#),
            answer("200", "", r#"{"mfa_required":true,"ticket":"tZ4tR6yU9Lk2Vb8Nm"}"#),
        ),
        (
            post("/mfa/verify", "", r#"{"ticket":"tZ4tR6yU9Lk2Vb8Nm","code":"123456"}"#),
            answer(
                "200",
                "Set-Cookie: session=q7Wx9Lk2Vb8NmZ4tR6yU\r\n",
                r#"{"user":{"id":"17","email":"ann@example.com"},"access_token":"aLk2Vb8NmZ4tR6yUq7Wx","refresh_token":"rLk2Vb8NmZ4tR6yUq7Wx"}"#,
            ),
        ),
        (
            post(
                "/oauth/token",
                "",
                r#"{"grant_type":"refresh_token","refresh_token":"rLk2Vb8NmZ4tR6yUq7Wx"}"#,
            ),
            answer(
                "200",
                "",
                r#"{"access_token":"bLk2Vb8NmZ4tR6yUq7Wx","refresh_token":"sLk2Vb8NmZ4tR6yUq7Wx"}"#,
            ),
        ),
        (
            post(
                "/oauth/token",
                "",
                r#"{"grant_type":"refresh_token","refresh_token":"rLk2Vb8NmZ4tR6yUq7Wx"}"#,
            ),
            answer("400", "", r#"{"error":"invalid_grant"}"#),
        ),
        (post("/keys", session, "{}"), answer("201", "", r#"{"api_key":"kLk2Vb8NmZ4tR6yUq7Wx"}"#)),
        (
            post("/account/password", session, r#"{"current_password":"p-1-p-1","new_password":"p-2-p-2"}"#),
            answer("200", "", r#"{"success":true}"#),
        ),
        (post("/logout", session, "{}"), answer("204", "", "")),
    ];
    let mut lineage = Lineage::new(&LineageConfig::default());
    for (asked, answered) in exchanges {
        let turns = [
            Turn { kind: CLIENT, bytes: asked.as_bytes() },
            Turn { kind: SERVER, bytes: answered.as_bytes() },
        ];
        for exchange in found(&Config::default(), Origin::Handshake, &turns, None).exchanges {
            lineage.attribute(sighting(exchange));
        }
    }
    lineage
}

pub fn seeds() -> Vec<Vec<u8>> {
    let lineage = Lineage::new(&LineageConfig::default()).save();
    let routes = Routes::new(RoutesConfig::default()).save();
    let mut legs = Vec::new();
    Legs::default().save(&mut legs);
    let ledger = Ledger::default().save("ledger").expect("it is a part");
    let lived = lived().save();
    assert!(lived.len() > lineage.len() + 300, "something was learned");
    let mut seeds = vec![
        [vec![0, 0], lived[28..lived.len() - 32].to_vec()].concat(),
        [vec![0, 0], lineage[28..lineage.len() - 32].to_vec()].concat(),
        [vec![1, 0], routes[..routes.len() - 16].to_vec()].concat(),
        [vec![2, 0], legs].concat(),
        [vec![3, 0], ledger].concat(),
        [vec![3, 1], vec![0; 8]].concat(),
    ];
    let runtime = Runtime::new(RuntimeConfig::default()).expect("the defaults are valid");
    seeds.extend((0..).zip(runtime.save()).map(|(which, (_, bytes))| [vec![4, which], bytes].concat()));
    seeds
}
