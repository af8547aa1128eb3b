//! Captures made to cost much: no hostile capture of five megabytes takes more than five seconds of a processor, or more
//! than 256 MB (RELIABILITY F13).
//! Each is as much of one mischief as fits; the built program replays it, and the kernel says what that took.
//! A debug build is given a fifth of the bytes and its share of the memory, and as many times the time as it is slower;
//! `cargo test --release --test bombs` measures what is promised.

#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test stops where it fails, and shows figures"
)]

#[path = "bench/spent.rs"]
mod spent;
mod support;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use heelguard::decode::{Endpoint, TcpFlags};
use heelguard_detectors::time::EventTime;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use support::craft::{Tcp, pcap_of_frames};
use support::figures::figure;
use support::replay::heelguard;

/// What `spent` tells of a run.
mod table {
    pub(crate) struct Cost {
        pub(crate) cpu: std::time::Duration,
        #[expect(dead_code, reason = "a busy machine says nothing")]
        pub(crate) wall: std::time::Duration,
        pub(crate) peak_bytes: u64,
    }
}

/// The capture that is promised for, and what it may cost.
const BYTES: usize = 5_000_000;
const CPU: Duration = Duration::from_secs(5);
const PEAK_BYTES: u64 = 256_000_000;
/// What it may take before it has read anything; its own code counts, and a debug build's is large.
const IDLE_BYTES: u64 = if cfg!(debug_assertions) { 100_000_000 } else { 80_000_000 };
/// The part of the bytes that a debug build is given.
const SHARE: usize = if cfg!(debug_assertions) { 5 } else { 1 };
/// How many times slower it is than a release build: 9 to 13 times, measured on these captures.
const SLOWER: u32 = if cfg!(debug_assertions) { 13 } else { 1 };

/// Payload of one segment: as large as receive offload makes them.
const SEGMENT_BYTES: usize = 60_000;
/// Bytes of a record and its headers around a payload.
const OVERHEAD_BYTES: usize = 16 + 54;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A capture that is being filled.
struct Bomb {
    /// It is given this part of the bytes.
    share: usize,
    room: usize,
    connections: u32,
    time: EventTime,
    frames: Vec<(EventTime, Vec<u8>, u32)>,
}

/// One of its connections.
#[derive(Clone, Copy)]
struct Connection {
    client: Endpoint,
    next: [u32; 2],
}

impl Bomb {
    fn new() -> Self {
        Self::of(SHARE)
    }

    /// With all the bytes in any build: tables grow by leaps, so a part of it says little of the memory for the whole.
    fn whole() -> Self {
        Self::of(1)
    }

    fn of(share: usize) -> Self {
        let time = EventTime::from_secs(1_795_255_200);
        Self { share, room: BYTES / share, connections: 0, time, frames: Vec::new() }
    }

    /// Whether so many bytes more fit in.
    fn has_room(&self, bytes: usize) -> bool {
        self.room >= bytes + 8 * OVERHEAD_BYTES
    }

    fn put(&mut self, connection: &Connection, side: usize, flags: u8, payload: &[u8]) {
        let server = Endpoint { ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5)), port: 80 };
        let ends = [connection.client, server];
        let mut tcp = Tcp::new(ends[side], ends[1 - side]);
        (tcp.seq, tcp.ack) = (connection.next[side], connection.next[1 - side]);
        tcp.flags = flags;
        tcp.payload = payload.to_vec();
        let frame = tcp.frame();
        self.room = self.room.saturating_sub(16 + frame.len());
        self.time = self.time.after(Duration::from_micros(20));
        self.frames.push((self.time, frame, 0));
    }

    /// A connection of another client, joined in its middle.
    fn join(&mut self) -> Connection {
        self.connections += 1;
        let client = Endpoint { ip: Ipv4Addr::from(0xcb00_0000 + self.connections).into(), port: 40_000 };
        Connection { client, next: [1_000, 5_000] }
    }

    /// The same from its beginning.
    fn open(&mut self) -> Connection {
        let mut connection = self.join();
        connection.next = [999, 0];
        self.put(&connection, 0, TcpFlags::SYN, &[]);
        connection.next = [1_000, 4_999];
        self.put(&connection, 1, TcpFlags::SYN | TcpFlags::ACK, &[]);
        connection.next = [1_000, 5_000];
        self.put(&connection, 0, TcpFlags::ACK, &[]);
        connection
    }

    fn say(&mut self, connection: &mut Connection, side: usize, bytes: &[u8], piece: usize) {
        for part in bytes.chunks(piece) {
            self.put(connection, side, TcpFlags::ACK | TcpFlags::PSH, part);
            connection.next[side] += u32::try_from(part.len()).expect("short");
        }
    }

    /// Requests with their answers, so many a connection, until there is no room.
    fn pipeline(self, a_connection: usize, exchange: impl FnMut(usize) -> [Vec<u8>; 2]) -> Self {
        self.pipeline_in(a_connection, SEGMENT_BYTES, exchange)
    }

    fn pipeline_in(
        mut self,
        a_connection: usize,
        piece: usize,
        mut exchange: impl FnMut(usize) -> [Vec<u8>; 2],
    ) -> Self {
        let mut number = 0;
        let cost = |bytes: usize| bytes + bytes / piece * OVERHEAD_BYTES;
        loop {
            let mut connection = self.open();
            let [mut asked, mut answered] = [Vec::new(), Vec::new()];
            for _ in 0..a_connection {
                let [request, answer] = exchange(number);
                let more = cost(asked.len() + request.len()) + cost(answered.len() + answer.len());
                if !self.has_room(more) {
                    self.say(&mut connection, 0, &asked, piece);
                    self.say(&mut connection, 1, &answered, piece);
                    return self;
                }
                asked.extend(request);
                answered.extend(answer);
                number += 1;
            }
            self.say(&mut connection, 0, &asked, piece);
            self.say(&mut connection, 1, &answered, piece);
        }
    }

    /// One thing after the other until there is no room for another.
    fn repeat(mut self, bytes: usize, mut part: impl FnMut(&mut Self, usize)) -> Self {
        let mut number = 0;
        while self.has_room(bytes) {
            part(&mut self, number);
            number += 1;
        }
        self
    }
}

/// A request with further header lines and a body.
fn request(method: &str, path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n{lines}{length}\r\n");
    [head.as_bytes(), body].concat()
}

fn get(path: &str, lines: &str) -> Vec<u8> {
    request("GET", path, lines, b"")
}

fn post(path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    request("POST", path, lines, body)
}

fn asked(request: Vec<u8>) -> [Vec<u8>; 2] {
    [request, OK.into()]
}

const JSON: &str = "Content-Type: application/json\r\n";

/// Each kind of mischief: its name, and a capture full of it.
fn bombs() -> Vec<(&'static str, Bomb)> {
    [packed(), bodies(), heads(), floods(), segments()].into_iter().flatten().collect()
}

/// Bodies that unpack to as much as is unpacked at all.
fn packed() -> Vec<(&'static str, Bomb)> {
    let zstd = |pattern: &str| {
        let plain = pattern.repeat(300_000 / pattern.len());
        zstd::bulk::compress(plain.as_bytes(), 19).expect("packed")
    };
    let gzip = |plain: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(plain).expect("packed");
        packer.finish().expect("packed")
    };
    let ask = |path: &'static str, coding: &str, kind: &str, body: Vec<u8>| {
        let lines = format!("Content-Encoding: {coding}\r\nContent-Type: {kind}\r\n");
        Bomb::new().pipeline(2, move |_| asked(post(path, &lines, &body)))
    };
    let zeros = gzip(&vec![0; 64 << 20]);
    let frame = zstd::bulk::compress(b"", 19).expect("packed");
    let frames = zstd::bulk::compress(&frame.repeat(250_000 / frame.len()), 19).expect("packed");
    vec![
        (
            "gzip of empty members",
            ask("/login", "gzip, gzip", "application/json", gzip(&gzip(b"").repeat(250_000 / 20))),
        ),
        ("zstd of empty frames", ask("/login", "zstd, zstd", "application/json", frames)),
        ("gzip of gzip", ask("/login", "gzip, gzip", "application/json", gzip(&zeros))),
        ("gzip of 64 MB", ask("/login", "gzip", "application/json", zeros)),
        (
            "zstd of JSON",
            ask("/login", "zstd", "application/json", zstd("{\"password\":\"x\",\"token\":\"y\"},")),
        ),
        (
            "zstd of a form",
            ask("/login", "zstd", "application/x-www-form-urlencoded", zstd("password=x&a=b&")),
        ),
        ("zstd of aliases", ask("/graphql", "zstd", "application/graphql", zstd("{a:login(u:1){t} "))),
        ("zstd of selections", ask("/graphql", "zstd", "application/graphql", zstd("{a(u:1){t} b c d"))),
        (
            "zstd of parts",
            ask(
                "/login",
                "zstd",
                "multipart/form-data; boundary=b",
                zstd("--b\r\nContent-Disposition: form-data; name=p\r\n\r\nx\r\n"),
            ),
        ),
    ]
}

/// Bodies that are deep, wide or many.
fn bodies() -> Vec<(&'static str, Bomb)> {
    let ask = |path: &'static str, kind: &str, body: String| {
        let lines = format!("Content-Type: {kind}\r\n");
        Bomb::new().pipeline(1, move |_| asked(post(path, &lines, body.as_bytes())))
    };
    let many = |part: &str| part.repeat(48_000 / part.len());
    let json = "application/json";
    let tokens = |n: usize| {
        (0..900).map(|at| format!("{{\"access_token\":\"t{n}-{at}-0123456789\"}},")).collect::<String>()
    };
    vec![
        ("deep JSON", ask("/login", json, many("["))),
        ("wide JSON", ask("/login", json, format!("{{{}", many("\"a\":1,")))),
        ("a long number", ask("/login", json, many("1"))),
        ("aliases", ask("/graphql", json, format!("{{\"query\":\"{{{}}}\"}}", many("a:login(u:1){t} ")))),
        ("fragments", {
            let parts: String = (0..1_800).map(|n| format!("fragment f{n} on T{{...f{}}}", n + 1)).collect();
            ask("/graphql", json, format!("{{\"query\":\"{parts}{{...f0}}\"}}"))
        }),
        ("a batch", ask("/graphql", json, format!("[{}", many("{\"query\":\"mutation{login}\"},")))),
        ("a wide form", ask("/login", "application/x-www-form-urlencoded", many("k=v&"))),
        (
            "many parts",
            ask(
                "/login",
                "multipart/form-data; boundary=b",
                many("--b\r\nContent-Disposition: form-data; name=p\r\n\r\nx\r\n"),
            ),
        ),
        ("entities", ask("/login", "text/xml", format!("<!DOCTYPE a [{}", many("<!ENTITY b \"&a;&a;\">")))),
        (
            "chunks of one byte",
            Bomb::new().pipeline(1, move |_| {
                let head =
                    format!("POST /login HTTP/1.1\r\nHost: a\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n");
                asked([head.as_bytes(), "1\r\nx\r\n".repeat(8_000).as_bytes(), b"0\r\n\r\n"].concat())
            }),
        ),
        (
            "answers full of tokens",
            Bomb::new().pipeline(1, move |n| {
                let list = format!("[{}0]", tokens(n));
                let answer = format!("HTTP/1.1 200 OK\r\n{JSON}Content-Length: {}\r\n\r\n{list}", list.len());
                [get("/people", ""), answer.into()]
            }),
        ),
    ]
}

/// Heads that are long, wide or odd.
fn heads() -> Vec<(&'static str, Bomb)> {
    let ask = |lines: String| Bomb::new().pipeline(1, move |_| asked(get("/a", &lines)));
    let list =
        |part: &str, count: usize| (0..count).map(|n| part.replace('#', &n.to_string())).collect::<String>();
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.AAAA";
    vec![
        ("a thousand lines", ask("a:b\r\n".repeat(1_000))),
        ("a long line", ask(format!("A: {}\r\n", "b".repeat(60_000)))),
        (
            "a head without end",
            Bomb::new().pipeline(1, |_| {
                [["GET /a HTTP/1.1\r\n", &"a:b\r\n".repeat(11_000)].concat().into(), Vec::new()]
            }),
        ),
        ("many cookies", ask(format!("Cookie: {}\r\n", list("session#=a1b2c3d4e5f60718#; ", 1_500)))),
        ("a huge cookie", ask(format!("Cookie: session={}\r\n", "a1B2".repeat(15_000)))),
        ("many tokens", ask(list(&format!("X-#: Bearer {jwt}\r\n"), 900))),
        ("repeated credentials", ask(list("Authorization: Bearer 0123456789abcdef#\r\n", 1_000))),
        (
            "tokens that say much",
            Bomb::whole().pipeline(1, |n| {
                let list = |texts: usize, number: usize| {
                    let text = |at: usize| [format!("{number:x}{at:x}").as_bytes(), &[0xFF; 500]].concat();
                    let texts = (0..texts).map(|at| [b"\"".as_slice(), &text(at), b"\""].concat());
                    texts.collect::<Vec<_>>().join(&b","[..])
                };
                let claims =
                    [b"{\"sub\":\"u\",\"scp\":[", &list(32, n)[..], b"],\"aud\":[", &list(8, n), b"]}"];
                let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.concat());
                let head = "eyJhbGciOiJIUzI1NiJ9";
                asked(get("/a", &format!("Authorization: Bearer {head}.{claims}.AAAA\r\n")))
            }),
        ),
        ("dots", ask(format!("Authorization: Bearer {}\r\n", ".".repeat(60_000)))),
        ("many proxies", ask(format!("X-Forwarded-For: {}\r\n", list("1.2.3.#, ", 5_000)))),
        (
            "long methods",
            Bomb::new().pipeline(10, |n| asked(request(&format!("M{n}{}", "X".repeat(4_000)), "/", "", b""))),
        ),
        ("deep paths", Bomb::new().pipeline(1, |n| asked(get(&format!("/a{n}").repeat(9_000), "")))),
        ("percent signs", Bomb::new().pipeline(1, |_| asked(get(&"/%41".repeat(15_000), "")))),
        (
            "wide queries",
            Bomb::new().pipeline(1, move |n| {
                asked(get(
                    &format!(
                        "/a?{}",
                        (0..1_900).map(|at| format!("&access_token={n:x}-{at:012x}")).collect::<String>()
                    ),
                    "",
                ))
            }),
        ),
        (
            "cookies handed out",
            Bomb::new().pipeline(1, move |n| {
                let cookies: String =
                    (0..900).map(|at| format!("Set-Cookie: session{at}={n:08x}{at:08x}\r\n")).collect();
                [
                    post("/login", JSON, b"{\"username\":\"u\",\"password\":\"p\"}"),
                    format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{cookies}\r\n").into(),
                ]
            }),
        ),
    ]
}

/// As many requests as fit, each new in one way.
fn floods() -> Vec<(&'static str, Bomb)> {
    let each = |line: fn(usize) -> String| {
        Bomb::whole()
            .pipeline(1_000, move |n| [format!("GET /a HTTP/1.1\r\n{}\r\n\r\n", line(n)).into(), OK.into()])
    };
    let mixed = |n: usize| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    vec![
        (
            "tiny requests",
            Bomb::whole()
                .pipeline(3_000, |_| [b"GET / HTTP/1.1\r\n\r\n".into(), b"HTTP/1.1 204 \r\n\r\n".into()]),
        ),
        (
            "tiny requests of many clients",
            Bomb::whole().repeat(100, |bomb, _| {
                let mut connection = bomb.join();
                bomb.say(&mut connection, 0, b"GET / HTTP/1.1\r\n\r\n", SEGMENT_BYTES);
            }),
        ),
        (
            "half requests",
            Bomb::whole().repeat(100, |bomb, _| {
                let mut connection = bomb.join();
                bomb.say(&mut connection, 0, b"GET / HTTP/1.1\r\nA:", SEGMENT_BYTES);
            }),
        ),
        ("hosts", each(|n| format!("Host: h{n}.example"))),
        ("paths", Bomb::whole().pipeline(1_000, move |n| asked(get(&format!("/p{:x}/q{n}", mixed(n)), "")))),
        ("keys", each(|n| format!("Authorization: Bearer {:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))),
        ("sessions", each(|n| format!("Cookie: session={:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))),
        ("agents", each(|n| format!("User-Agent: agent {n}"))),
        (
            "logins",
            Bomb::new().pipeline(500, move |n| {
                let body = format!("{{\"username\":\"u{n}\",\"password\":\"p{n}\"}}");
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nSet-Cookie: session={:016x}\r\nContent-Length: 0\r\n\r\n",
                    mixed(n)
                );
                [post("/login", JSON, body.as_bytes()), answer.into()]
            }),
        ),
        (
            "interim answers",
            Bomb::new().pipeline(3_000, |n| {
                let request = if n % 3_000 == 0 { "GET / HTTP/1.1\r\n\r\n" } else { "" };
                [request.into(), b"HTTP/1.1 100 \r\n\r\n".into()]
            }),
        ),
    ]
}

/// Segments that are many, small or out of order.
fn segments() -> Vec<(&'static str, Bomb)> {
    vec![
        (
            "segments of one byte",
            Bomb::new().pipeline_in(100, 1, |_| asked(get("/a", "Authorization: Bearer abcdef\r\n"))),
        ),
        (
            "holes",
            Bomb::new().repeat(2_000 * (OVERHEAD_BYTES + 1), |bomb, _| {
                let connection = bomb.open();
                for at in (0..2_000).rev() {
                    let mut piece = connection;
                    piece.next[0] += 2 * at + 1;
                    bomb.put(&piece, 0, TcpFlags::ACK, b"x");
                }
            }),
        ),
        (
            "SYNs",
            Bomb::new().repeat(100, |bomb, _| {
                let connection = bomb.join();
                bomb.put(&connection, 0, TcpFlags::SYN, b"");
            }),
        ),
        (
            "repetitions",
            Bomb::new().repeat(200, |bomb, _| {
                let connection = Connection {
                    client: Endpoint { ip: Ipv4Addr::new(203, 0, 0, 1).into(), port: 40_000 },
                    next: [1_000, 5_000],
                };
                bomb.put(&connection, 0, TcpFlags::ACK, &[b'x'; 100]);
            }),
        ),
    ]
}

#[test]
fn no_small_capture_costs_much() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("bomb.pcap");
    let (mut figures, mut beyond) = (String::new(), 0);
    std::fs::write(&path, pcap_of_frames(Vec::new())).expect("written");
    let idle = run(home.path(), &path).expect("an empty capture is read").peak_bytes;
    assert!(idle <= IDLE_BYTES, "{idle} bytes for an empty capture");
    for (name, bomb) in bombs() {
        let size = BYTES / bomb.share;
        let cpu_max = CPU * SLOWER / u32::try_from(bomb.share).expect("small");
        let peak_max = idle + (PEAK_BYTES - idle) / bomb.share as u64;
        let capture = pcap_of_frames(bomb.frames);
        let is_full = (size / 2..=size + 100).contains(&capture.len());
        assert!(is_full, "{name}: {} bytes of {size}", capture.len());
        std::fs::write(&path, capture).expect("written");
        let cost = run(home.path(), &path).unwrap_or_else(|why| panic!("{name}: {why}"));
        let is_beyond = cost.cpu > cpu_max || cost.peak_bytes > peak_max;
        beyond += usize::from(is_beyond);
        writeln!(
            figures,
            "{name:<30} {:>6.2} s of {:>2.0} {:>4} MB of {:>3}{}",
            cost.cpu.as_secs_f64(),
            cpu_max.as_secs_f64(),
            cost.peak_bytes / 1_000_000,
            peak_max / 1_000_000,
            if is_beyond { "  too much" } else { "" }
        )
        .expect("written");
    }
    figure("F13", "captures that cost more than 5 s or 256 MB", &beyond.to_string(), beyond == 0);
    assert_eq!(beyond, 0, "\n{figures}");
}

fn run(home: &Path, capture: &Path) -> Result<table::Cost, String> {
    let mut command = heelguard(home);
    command.args(["replay", "--shards", "1", "--alerts", "/dev/null", "--transactions", "/dev/null"]);
    command.arg(capture).stdout(Stdio::null()).stderr(Stdio::null());
    spent::by(command)
}
