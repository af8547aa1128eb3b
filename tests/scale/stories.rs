//! Traffic with attacks in it: a generated day, and conversations of which each sensor hears a part.
//! It is given nothing but times and ports, and gives captures.
//! It promises the same bytes each time.

use crate::alerts::Outlines;
use crate::cluster::alone;
use crate::split::Connection;
use crate::support::conversation;
use heelguard::demo::{Day, Options};
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

/// 2026-11-21T10:00:00Z.
pub const START: Duration = Duration::from_hours(498_682);
/// The first port of a client: that of sensor 0.
const PORT: u16 = 30_000;
/// How many sensors the distributed attacks are spread over.
pub const SENSORS: u16 = 3;

/// A day with labelled attacks in it, and what one process says of it.
pub fn day() -> &'static (Vec<u8>, Outlines) {
    static DAY: OnceLock<(Vec<u8>, Outlines)> = OnceLock::new();
    DAY.get_or_init(|| {
        let mut capture = Vec::new();
        let options = Options { users: 24, ..Options::default() };
        Day::new(options).write_pcap(&mut capture).expect("memory takes it");
        let told = alone(&capture);
        (capture, told)
    })
}

/// Which sensor hears a connection of these stories.
pub fn hears(connection: &Connection) -> usize {
    usize::from((connection.high_port() - PORT) % SENSORS)
}

/// One exchange on a connection of its own.
fn exchange(text: &mut String, (client, port): (&str, u16), at_s: u64, request: &str, answer: &str) {
    let time = humantime::format_rfc3339(UNIX_EPOCH + START + Duration::from_secs(at_s));
    write!(
        text,
        "@open c{port} {client}:{port} -> 10.0.0.5:80 at {time}\n\
         @c{port}> +1ms\n{request}\n@c{port}< +40ms\n{answer}\n@close c{port} +5ms\n"
    )
    .expect("a text takes it");
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\nHost: api.example.com\nContent-Type: application/json\n\n{body}\n")
}

fn refused(error: &str) -> String {
    format!("HTTP/1.1 401 Unauthorized\nContent-Type: application/json\n\n{{\"error\":\"{error}\"}}\n")
}

/// A right password that wants a second factor; the ticket for it.
fn login(text: &mut String, account: &str, from: (&str, u16), at_s: u64) -> String {
    let ticket = format!("tkt_{account}_9f2c41d07ab3");
    let login = post(
        "/login",
        &format!("{{\"username\":\"{account}@example.com\",\"password\":\"correct horse 41\"}}"),
    );
    let wanted = format!(
        "HTTP/1.1 401 Unauthorized\nContent-Type: application/json\n\n\
         {{\"error\":\"mfa_required\",\"mfa_token\":\"{ticket}\"}}\n"
    );
    exchange(text, from, at_s, &login, &wanted);
    ticket
}

fn wrong_code(text: &mut String, ticket: &str, code: u32, from: (&str, u16), at_s: u64) {
    let verify = post("/mfa/verify", &format!("{{\"mfa_token\":\"{ticket}\",\"code\":\"{code:06}\"}}"));
    exchange(text, from, at_s, &verify, &refused("invalid_code"));
}

/// Three wrong codes behind a right password: each on a connection of its own, `port` and those behind it.
fn wrong_codes(text: &mut String, account: &str, port: u16, at_s: u64) {
    let client = "84.128.212.178";
    let ticket = login(text, account, (client, port), at_s);
    for number in 1..=3_u16 {
        let code = u32::from(number) * 111_111;
        wrong_code(text, &ticket, code, (client, port + number), at_s + 25 * u64::from(number));
    }
}

/// Three attacks, each below its threshold at every sensor: three wrong codes for one account, one a sensor; six wrong
/// codes of one client over six accounts, two a sensor, and each login at another sensor than its code; twelve wrong passwords for one account, four a sensor.
pub fn distributed() -> Vec<u8> {
    let mut text = String::new();
    wrong_codes(&mut text, "alice", PORT, 0);
    for number in 0..6_u16 {
        let (client, at_s) = ("203.0.113.77", 300 + 10 * u64::from(number));
        let ticket = login(&mut text, &format!("u{number}"), (client, PORT + 102 + number), at_s);
        let code = 7_919 * u32::from(number + 3);
        wrong_code(&mut text, &ticket, code, (client, PORT + 133 + number), at_s + 5);
    }
    for number in 0..12_u16 {
        let password = format!("winter {}", 2_015 + number);
        let body = format!("{{\"username\":\"bob@example.com\",\"password\":\"{password}\"}}");
        let address = format!("198.51.100.{}", 20 + number);
        let client = (address.as_str(), PORT + 200 + number);
        let at_s = 600 + 20 * u64::from(number);
        exchange(&mut text, client, at_s, &post("/login", &body), &refused("invalid_credentials"));
    }
    conversation::pcap(&text)
}

/// One account's three wrong codes, from this second on: over within two minutes.
pub fn burst(account: &str, port: u16, at_s: u64) -> Vec<u8> {
    let mut text = String::new();
    wrong_codes(&mut text, account, port, at_s);
    conversation::pcap(&text)
}

/// One call and its answer.
pub fn call(port: u16, at_s: u64, request: &str, answer: &str) -> String {
    let mut text = String::new();
    exchange(&mut text, ("84.128.212.178", port), at_s, request, answer);
    text
}

/// Something that nobody minds.
pub fn harmless(port: u16, at_s: u64) -> Vec<u8> {
    let mut text = String::new();
    let request = "GET /v1/status HTTP/1.1\nHost: api.example.com\n";
    exchange(&mut text, ("84.128.212.178", port), at_s, request, "HTTP/1.1 200 OK\n\nfine\n");
    conversation::pcap(&text)
}

/// Transactions of `exposures`.
pub const EXPOSURES: u64 = 3;

/// What one request shows by itself: a token without a signature that is accepted, and a key in a URL.
pub fn exposures() -> Vec<u8> {
    let mut text = include_str!("../cases/jwt-without-signature-accepted/traffic.txt").to_owned();
    text.push('\n');
    let request = "GET /v1/export?api_key=hk_live_7c1f09ab52de4f6688301b7e2a94c5d0&format=csv HTTP/1.1\n\
                   Host: files.example.com\nUser-Agent: curl/8.7.1\n";
    let answer = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"id\":1,\"name\":\"x\"}\n";
    exchange(&mut text, ("84.128.212.178", PORT + 300), 300, request, answer);
    conversation::pcap(&text)
}
