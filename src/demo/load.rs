//! Traffic for measuring: as much of it as asked for, with the counts that a sensor must find.
//! It is given a kind and an amount and gives packets in the order of time.
//! It promises the shapes that real API servers and clients showed: head sizes, body sizes, codings, reuse.

use super::message::{Answer, Content, Form, Request};
use super::people::{App, device};
use super::places::PLACES;
use super::random::Random;
use super::records::Kind;
use super::script::{empty, json};
use super::timeline::{Actor, Exchange, Lane, Then, Timeline, Totals};
use super::tokens::{self, Claims};
use crate::capture::Packet;
use heelguard_detectors::time::EventTime;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Frames of a mixed transaction, in bytes, on average.
const MIXED_TRANSACTION_BYTES: u64 = 6_300;
/// Clients at work at one time.
const MIXED_CLIENTS: u64 = 200;
const TINY_CLIENTS: u64 = 256;
/// Tiny requests on one connection.
const TINY_PER_CONNECTION: u64 = 100;
const HOST: &str = "api.example.com";

/// A generated load.
pub struct Load {
    timeline: Timeline,
}

impl Load {
    /// About `bytes` of mixed API traffic: users with tokens, keys and cookies, lists of all sizes.
    pub fn mixed(bytes: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        let users: u64 = (bytes / MIXED_TRANSACTION_BYTES / 8).clamp(50, 4_000);
        let start = EventTime::from_secs(1_794_211_200);
        let users: Arc<[User]> = (0..users).map(|number| User::any(number, start, &mut random)).collect();
        let transactions = (bytes / MIXED_TRANSACTION_BYTES).max(1);
        for client in 0..MIXED_CLIENTS {
            let left = share(transactions, MIXED_CLIENTS, client);
            let caller = MixedClient {
                number: client as u32,
                users: users.clone(),
                user: 0,
                left,
                on_connection: 0,
                random: random.fork(),
            };
            timeline.enter(Box::new(caller), start.after(Duration::from_millis(random.below(2_000))));
        }
        Self { timeline }
    }

    /// `count` requests of about 70 bytes with as small answers, 100 on a connection.
    pub fn tiny(count: u64, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        let start = EventTime::from_secs(1_794_211_200);
        let keys: Arc<[String]> =
            (1..=2_000).map(|number| format!("{}{number:08x}", random.hex(8))).collect();
        for client in 0..TINY_CLIENTS {
            let left = share(count, TINY_CLIENTS, client);
            let place = &PLACES[(client % 10) as usize];
            let address = place.v4(&mut random);
            let caller = TinyClient { keys: keys.clone(), address, left, random: random.fork() };
            timeline.enter(Box::new(caller), start.after(Duration::from_micros(random.below(8_000))));
        }
        Self { timeline }
    }

    /// The next packet, in the order of time.
    pub fn next_packet(&mut self) -> Option<Packet<'_>> {
        self.timeline.next_frame().map(super::packet)
    }

    /// What was put on the wire so far.
    pub fn totals(&self) -> &Totals {
        self.timeline.totals()
    }

    /// Writes all packets that are left as a capture file.
    pub fn write_pcap(&mut self, out: &mut impl Write) -> io::Result<()> {
        super::write_pcap(&mut self.timeline, out)
    }
}

/// The part of `total` that falls to one of `parts`; the parts add up.
fn share(total: u64, parts: u64, part: u64) -> u64 {
    total / parts + u64::from(part < total % parts)
}

/// A program that sends tiny requests as fast as they are answered.
struct TinyClient {
    keys: Arc<[String]>,
    address: IpAddr,
    left: u64,
    random: Random,
}

impl Actor for TinyClient {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if self.left == 0 {
            return None;
        }
        let at = self.random.below(self.keys.len() as u64) as usize;
        let key = self.keys.get(at)?;
        let request = Request {
            method: "GET",
            target: format!("/t/{}", self.random.range(1, 5_000)),
            host: "api",
            proof: format!("X-API-Key: {key}\r\n"),
            ..Request::default()
        };
        let answer = Answer {
            service_us: self.random.range(30, 120),
            lines: "Connection: keep-alive\r\n".into(),
            ..json(200, r#"{"ok":true}"#)
        };
        self.left -= 1;
        let last = self.left == 0 || self.left % TINY_PER_CONNECTION == 0;
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 20, 1, 11)), 80);
        let lane = Lane { client: self.address, server, id: 0 };
        let then = if last { Then::Close } else { Then::KeepBrisk };
        out.push(Exchange { at: now, lane, rtt_us: 90, request, answer, then });
        let pause_us = if last { 12_000 } else { self.random.range(3_000, 9_000) };
        Some(now.after(Duration::from_micros(pause_us)))
    }
}

/// Someone with an account: what every request of theirs carries.
struct User {
    address: IpAddr,
    id: String,
    lines: Arc<str>,
    proof: String,
    sends_mfa_token: bool,
}

impl User {
    fn any(number: u64, start: EventTime, random: &mut Random) -> Self {
        let place = &PLACES[(number % 10) as usize];
        let address = place.address(random);
        let app = random.pick(&[Some(App::Web), Some(App::Web), Some(App::Mobile), Some(App::Desktop)]);
        let id = random.uuid();
        let email = format!("user{number}@example.com");
        let claims = Claims {
            subject: &id,
            email: &email,
            client_id: "",
            scope: "openid profile orders:read orders:write tenant:read invoices:read",
            amr: if random.chance(500) { &["pwd"] } else { &["pwd", "otp"] },
            issued_at: start.before(Duration::from_secs(random.below(3_000))),
            lifetime_s: 3_600,
        };
        let jwt = tokens::jwt(&claims, random);
        let mut proof = String::new();
        let has_key = random.chance(350);
        if has_key {
            proof += &format!("X-API-Key: hk_live_{}\r\n", random.hex(32));
        }
        if !has_key || random.chance(600) {
            proof += &format!("Authorization: Bearer {jwt}\r\n");
        }
        if random.chance(600) {
            let (session, csrf) = (random.token(64), random.hex(32));
            proof += &format!(
                "Cookie: session={session}; csrftoken={csrf}; _ga=GA1.2.{}.1794; theme=dark; locale=en-GB\r\n",
                random.below(1_000_000_000)
            );
        }
        let device = device(app.unwrap_or(App::Web), place, random);
        let lines = format!("{device}X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n").into();
        Self { address, id, lines, proof, sends_mfa_token: random.chance(120) }
    }
}

/// One connection after the other, each for another user.
struct MixedClient {
    number: u32,
    users: Arc<[User]>,
    user: usize,
    left: u64,
    on_connection: u64,
    random: Random,
}

impl Actor for MixedClient {
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime> {
        if self.left == 0 {
            return None;
        }
        if self.on_connection == 0 {
            self.on_connection = self.random.pick(&[1, 1, 2, 3, 4, 5, 6, 8, 10, 20]).min(self.left);
            self.user = self.random.below(self.users.len() as u64) as usize;
        }
        let user = self.users.get(self.user)?;
        self.left -= 1;
        self.on_connection -= 1;
        let (mut request, mut answer) = call(user, &mut self.random);
        request.host = HOST;
        request.caller = user.lines.clone();
        request.proof = format!(
            "X-Request-ID: {}\r\ntraceparent: 00-{}-{}-01\r\n{}",
            self.random.uuid(),
            self.random.hex(32),
            self.random.hex(16),
            user.proof
        );
        if user.sends_mfa_token {
            request.proof += &format!("X-MFA-Token: {}\r\n", self.random.digits(6));
        }
        answer.service_us = self.random.log_uniform(300, 12_000);
        answer.lines += &format!(
            "Connection: keep-alive\r\nX-Request-Id: {}\r\nCache-Control: no-store\r\n\
             Strict-Transport-Security: max-age=31536000\r\n",
            self.random.hex(32)
        );
        let then = if self.on_connection == 0 { Then::Close } else { Then::Keep };
        let server = SocketAddr::new(server_for(user.address), 80);
        // Two clients may act for one user at one time; each has its own connection.
        let lane = Lane { client: user.address, server, id: self.number };
        out.push(Exchange { at: now, lane, rtt_us: 900, request, answer, then });
        Some(now.after(Duration::from_micros(self.random.log_uniform(25_000, 120_000))))
    }
}

/// What users call, in the shares that a public API showed.
fn call(user: &User, random: &mut Random) -> (Request, Answer) {
    let number = random.range(1, 20_000);
    let send = |method: &'static str, target: String, body: Content| Request {
        method,
        target,
        body,
        ..Request::default()
    };
    match random.below(1_000) {
        0..700 => (send("GET", route(user, random), Content::Empty), list(random)),
        700..800 => {
            let created = json(201, format!(r#"{{"id":"{}","status":"created"}}"#, random.hex(32)));
            (send("POST", "/api/v1/orders/new".into(), order(random)), created)
        }
        800..860 => (send("POST", route(user, random), order(random)), list(random)),
        860..890 => (send("PUT", format!("/api/v1/orders/{number}"), order(random)), list(random)),
        890..900 => (send("DELETE", format!("/api/v1/events/{number}"), Content::Empty), empty(204)),
        900..920 => {
            let text = format!(
                r#"{{"username":"user{}@example.com","password":"{}"}}"#,
                random.below(100_000),
                random.token(10)
            );
            let request = send("POST", "/api/v1/login".into(), Content::Json(text));
            let answer = if user.sends_mfa_token {
                json(200, r#"{"token_type":"Bearer","expires_in":3600}"#)
            } else {
                json(401, r#"{"error":"mfa_required","message":"second factor needed"}"#)
            };
            (request, answer)
        }
        920..940 => (send("POST", "/api/v1/events".into(), order(random)), empty(204)),
        940..955 => {
            let request = send("GET", format!("/api/v1/missing/{number}"), Content::Empty);
            (request, json(404, r#"{"error":"not_found"}"#))
        }
        955..965 => {
            let request = send("GET", format!("/api/v1/forbidden/{}", random.uuid()), Content::Empty);
            (request, json(403, r#"{"error":"forbidden","message":"scope missing"}"#))
        }
        965..972 => {
            let limited = json(429, r#"{"error":"rate_limited"}"#);
            let answer = Answer { lines: "Retry-After: 30\r\n".into(), ..limited };
            (send("GET", "/api/v1/limited".into(), Content::Empty), answer)
        }
        972..976 => {
            let request = send("GET", format!("/api/v1/broken/{}", number % 99), Content::Empty);
            (request, json(500, r#"{"error":"internal"}"#))
        }
        976..985 => (send("HEAD", format!("/api/v2/products/{number}"), Content::Empty), list(random)),
        _ => (send("GET", "/healthz".into(), Content::Empty), json(200, r#"{"status":"ok"}"#)),
    }
}

fn route(user: &User, random: &mut Random) -> String {
    let (number, page, id) = (random.range(1, 20_000), random.range(1, 40), user.id.as_str());
    let word = random.pick(&["shoes", "laptop", "garden", "coffee", "monitor", "travel", "lamp", "bike"]);
    match random.below(16) {
        0 => format!("/api/v1/users/{number}"),
        1 => format!("/api/v1/users/{number}/orders?page={page}&per_page=50"),
        2 => format!("/api/v1/orders/{number}"),
        3 => format!("/api/v1/orders/{number}/items"),
        4 => format!("/api/v1/accounts/{id}"),
        5 => format!("/api/v1/accounts/{id}/transactions?from=2026-01-04&to=2026-02-11"),
        6 => format!("/api/v2/products/{number}"),
        7 => format!("/api/v2/products?category={word}&sort=price&page={page}"),
        8 => format!("/api/v2/search?q={word}+{word}&limit=20"),
        9 => format!("/api/v2/carts/{id}/items/{number}"),
        10 => format!("/api/v1/devices/{id}/status"),
        11 => format!("/api/v1/tenants/{}/members?role=viewer", number % 200),
        12 => format!("/api/v1/tenants/{}/projects/{number}/builds", number % 200),
        13 => format!("/api/v1/notifications?unread=true&cursor={}", random.token(24)),
        14 => format!("/api/v2/messages/{id}/thread"),
        _ => "/api/v1/profile".into(),
    }
}

/// Log-uniform sizes from 200 bytes to 20 KB, 0.7 % of about 200 KB; three in ten compressed.
fn list(random: &mut Random) -> Answer {
    let bytes =
        if random.chance(7) { random.range(190_000, 220_000) } else { random.log_uniform(200, 20_000) };
    let form = match random.below(10) {
        0 | 1 => Form::GzipChunked,
        2 => Form::GzipSized,
        3 => Form::Chunked,
        _ => Form::Sized,
    };
    Answer { status: 200, body: Content::Sized(Kind::Customers, bytes), form, ..Answer::default() }
}

fn order(random: &mut Random) -> Content {
    let items: Vec<String> = (0..random.pick(&[1, 1, 2, 3, 5, 12u64]))
        .map(|_| {
            format!(
                r#"{{"sku":"SKU-{:06}","qty":{},"price":{}.5}}"#,
                random.below(1_000_000),
                random.range(1, 9),
                random.range(1, 500)
            )
        })
        .collect();
    Content::Json(format!(
        r#"{{"order":{{"customer":"{}","items":[{}],"note":"please call before delivery","coupon":null,"channel":"web"}}}}"#,
        random.uuid(),
        items.join(",")
    ))
}

/// A user's requests go to one of three servers.
fn server_for(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::new(10, 20, 1, 11 + ip.octets()[3] % 3)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0xFD12, 0x3456, 0x789A, 0x20, 0, 0, 0, 11)),
    }
}
