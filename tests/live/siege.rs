//! A siege of the page: connections by the thousand, heads and bodies without end, and pages asked for without a pause.
//! The sensor reads its wire meanwhile, and somebody honest asks for the metrics.
//! They promise that no packet and no transaction is lost by it, that the sensor stays small, and that the honest are
//! answered in time.

use crate::figures::{figure, sized};
use crate::network::{Cable, Network};
use crate::page;
use crate::sensor::Place;
use crate::traffic::{EXCHANGE_FRAMES, exchanges};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(100);
/// Requests on the wire in each tick.
const EXCHANGES: u16 = 10;
/// How many at once open connections that bring nothing.
const HOLDERS: usize = 4;
/// A scrape that has its answer by then is in time for any scraper.
const WITHIN: Duration = Duration::from_secs(2);
/// The page's connections, and what the sensor has open beside them.
const OPEN_FILES_MAX: u64 = 64 + 64;
/// By how much the sensor may grow: buffers of 64 connections, two pages in the making, and what the allocator keeps.
const GROWTH_BYTES_MAX: u64 = 64 << 20;
/// What both sides' kernels take of a body before somebody has to read it.
const SWALLOWED_BYTES_MAX: usize = 16 << 20;

/// Opens connections that never bring a whole head, and holds them all; gives how many.
fn hold(address: SocketAddr, count: usize, is_over: &AtomicBool) -> usize {
    let mut held = Vec::new();
    while held.len() < count {
        let Ok(mut stream) = TcpStream::connect(address) else { continue };
        // Who was closed already has made room for another.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: loc");
        held.push(stream);
    }
    while !is_over.load(Ordering::Relaxed) {
        for stream in &mut held {
            let _ = stream.write_all(b"a");
        }
        std::thread::sleep(TICK);
    }
    held.len()
}

/// Sends a head and then more than anybody wants; gives how many bytes of it were taken.
fn pour(address: SocketAddr, head: &str, bytes: usize) -> usize {
    let Ok(mut stream) = TcpStream::connect(address) else { return 0 };
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.write_all(head.as_bytes());
    let part = vec![b'x'; 1 << 16];
    let mut taken = 0;
    while taken < bytes {
        match stream.write(&part) {
            Ok(written) if written > 0 => taken += written,
            _ => break,
        }
    }
    taken
}

/// Bodies and heads without end, one after the other; gives the most that was taken of one.
fn overflow(address: SocketAddr, bytes: usize, is_over: &AtomicBool) -> usize {
    let form =
        format!("POST /alerts/1/acknowledge HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n");
    let chunks = "POST /reload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n";
    let field = "GET / HTTP/1.1\r\nHost: localhost\r\nX: ";
    let target = "GET /";
    let mut most = 0;
    while !is_over.load(Ordering::Relaxed) {
        for head in [&form, chunks, field, target] {
            most = most.max(pour(address, head, bytes));
        }
    }
    most
}

/// Asks for the largest pages without a pause; gives how many came.
fn browse(address: SocketAddr, is_over: &AtomicBool) -> usize {
    let mut came = 0;
    while !is_over.load(Ordering::Relaxed) {
        for path in ["/rules", "/endpoints", "/principals", "/alerts.csv"] {
            came += usize::from(get(address, path).is_some());
        }
    }
    came
}

/// An answer, unless the connection was closed before it was whole.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, WITHIN).ok()?;
    stream.set_read_timeout(Some(WITHIN)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

/// What an honest scraper got.
#[derive(Default)]
struct Scrapes {
    asked: usize,
    /// How long each answer took.
    answers: Vec<Duration>,
    open_files: u64,
    resident_bytes: u64,
}

impl Scrapes {
    fn ask(&mut self, address: SocketAddr) {
        self.asked += 1;
        let begun = Instant::now();
        let Some(page) = get(address, "/metrics") else { return };
        self.answers.push(begun.elapsed());
        self.open_files = self.open_files.max(gauge(&page, "process_open_fds"));
        self.resident_bytes = self.resident_bytes.max(gauge(&page, "process_resident_memory_bytes"));
    }
}

fn gauge(page: &str, name: &str) -> u64 {
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} is not on the page of metrics"))
}

/// Sends everything, and asks for the metrics in each tick.
fn send_and_scrape(cable: &Cable, address: SocketAddr, ticks: u16) -> Scrapes {
    let mut scrapes = Scrapes::default();
    let begun = Instant::now();
    for tick in 0..ticks {
        cable.send(&exchanges(tick * EXCHANGES..(tick + 1) * EXCHANGES));
        scrapes.ask(address);
        std::thread::sleep((TICK * u32::from(tick + 1)).saturating_sub(begun.elapsed()));
    }
    scrapes
}

/// As many open files as this process may have; gives how many connections it can hold.
fn room_for(connections: usize) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let spare = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| files as usize);
    connections.min(spare.saturating_sub(500))
}

#[test]
fn a_siege_of_the_page_costs_no_packet() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2", "--set", "capture.ring_mib=64"]);
    let (ticks, connections, bytes) = sized((50, 2_000, 64 << 20), (600, 10_000, 1 << 30));
    let (connections, address) = (room_for(connections), sensor.address);
    let before = gauge(&get(address, "/metrics").unwrap(), "process_resident_memory_bytes");

    let is_over = AtomicBool::new(false);
    let (held, most, came, scrapes) = std::thread::scope(|scope| {
        let over = &is_over;
        let held: Vec<_> =
            (0..HOLDERS).map(|_| scope.spawn(move || hold(address, connections / HOLDERS, over))).collect();
        let most = scope.spawn(move || overflow(address, bytes, over));
        let came = scope.spawn(move || browse(address, over));
        let scrapes = send_and_scrape(&cable, address, ticks);
        is_over.store(true, Ordering::Relaxed);
        (
            held.into_iter().map(|held| held.join().unwrap()).sum::<usize>(),
            most.join().unwrap(),
            came.join().unwrap(),
            scrapes,
        )
    });
    let arrived = sensor.hears(&cable);
    assert_eq!(page::ask(address, "GET", "/health/live", "").1, "alive\n");
    let ended = sensor.end();
    ended.has_read(arrived);

    let mut answers = scrapes.answers;
    answers.sort();
    let slowest = answers.last().copied().unwrap_or(Duration::MAX);
    let growth = scrapes.resident_bytes.saturating_sub(before);
    let lost = ended.live("kernel_dropped") + ended.live("lost");
    let sent = u64::from(ticks * EXCHANGES);
    figure(
        "F14",
        "capture drops while the page is besieged",
        &format!(
            "{lost} of {arrived} packets, {} of {sent} requests told; {held} connections held, {} open files",
            ended.whole(),
            scrapes.open_files
        ),
        lost == 0 && ended.whole() == sent,
    );
    figure(
        "F14",
        "honest scrapes while the page is besieged",
        &format!(
            "{} of {} answered, the slowest in {} ms; {came} pages made, {most} bytes taken of one request, {} MiB more",
            answers.len(),
            scrapes.asked,
            slowest.as_millis(),
            growth >> 20
        ),
        answers.len() == scrapes.asked,
    );
    assert_eq!((arrived, ended.whole()), (sent * EXCHANGE_FRAMES, sent), "{}", ended.stats);
    assert_eq!(held, connections / HOLDERS * HOLDERS);
    assert!(answers.len() * 10 >= scrapes.asked * 9, "{} of {} answered", answers.len(), scrapes.asked);
    assert!(slowest <= WITHIN, "{answers:?}");
    assert!(scrapes.open_files <= OPEN_FILES_MAX, "{} open files", scrapes.open_files);
    assert!(growth <= GROWTH_BYTES_MAX, "{growth} bytes more");
    assert!(most <= SWALLOWED_BYTES_MAX, "{most} bytes taken");
    assert!(came > 0, "nobody got a page");
}
