//! The page under TLS with a token: what a scraper with a key, one without, and one that forgot TLS get of it.

use crate::Bench;
use crate::certificate::{Tls, certificate};
use crate::support::figures::figure;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const TOKEN: &str = "5f0c1b7e93a84d26b1e0c7f2a95d3846";

/// Who begin handshakes, how many each, and how often somebody honest asks meanwhile.
const BEGINNERS: usize = 4;
const BEGUN_EACH: usize = 500;
const SCRAPES: usize = 20;
/// The page's connections, and what the program has open beside them.
const OPEN_FILES_MAX: u64 = 64 + 64;
/// A scrape that has its answer by then is in time for any scraper.
const WITHIN: Duration = Duration::from_secs(5);
/// The first bytes of a hello of 512.
const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// The program, which ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// What comes back for a request until the far side hangs up.
fn answer(mut stream: impl Read + Write, path: &str, header: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: sensor.example\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // Who does not speak TLS may be cut off; what came before counts.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Begins handshakes and goes on with none, until it is over; gives how many.
fn begin(address: &str, is_over: &AtomicBool) -> usize {
    let mut held = Vec::new();
    for _ in 0..BEGUN_EACH {
        let mut stream = connect(address);
        // Who was closed already has made room for another.
        let _ = stream.write_all(HELLO);
        held.push(stream);
    }
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(10));
    }
    held.len()
}

fn sealed(address: &str, tls: &Tls) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&tls.certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), connect(address))
}

/// The demo behind TLS and the token, and its address.
fn demo(bench: &Bench) -> (Running, String) {
    bench.write("token", format!("{TOKEN}\n"));
    let mut child = bench
        .command()
        .args(["demo", "--set", "web.listen=127.0.0.1:0", "--set", "web.cert_file=cert.pem"])
        .args(["--set", "web.key_file=key.pem", "--set", "web.token_file=token"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    let running = Running(child);
    let place = said.lines().map_while(Result::ok).find_map(|line| {
        let (_, rest) = line.split_once("the page is at ")?;
        Some(rest.split_once("/ until Ctrl-C")?.0.to_owned())
    });
    let place = place.expect("it says where the page is");
    let address = place.strip_prefix("https://").unwrap_or_else(|| panic!("{place} is not under TLS"));
    (running, address.to_owned())
}

#[test]
fn the_page_is_there_under_tls_for_who_has_the_token() {
    let bench = Bench::new();
    let Some(tls) = certificate(bench.folder.path(), "the page under TLS") else { return };
    let (_running, address) = demo(&bench);
    let address = address.as_str();

    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    let stranger = answer(sealed(address, &tls), "/metrics", "");
    assert!(stranger.starts_with("HTTP/1.1 401 ") && !stranger.contains("heelguard_packets"), "{stranger}");
    let wrong = answer(sealed(address, &tls), "/metrics", &bearer.replace('5', "6"));
    assert!(wrong.starts_with("HTTP/1.1 401 "), "{wrong}");
    let known = answer(sealed(address, &tls), "/metrics", &bearer);
    assert!(
        known.starts_with("HTTP/1.1 200 ") && known.contains("\nheelguard_packets_read_total "),
        "{known}"
    );
    let page = answer(sealed(address, &tls), "/", "");
    assert!(page.starts_with("HTTP/1.1 401 ") && page.contains("type=\"password\""), "{page}");
    assert!(answer(sealed(address, &tls), "/health/live", "").ends_with("alive\n"), "a probe needs no token");
    let plain = answer(connect(address), "/metrics", &bearer);
    assert!(!plain.contains("HTTP/"), "{plain}");
}

#[test]
fn handshakes_that_are_begun_and_never_ended_keep_no_scraper_out() {
    let bench = Bench::new();
    let Some(tls) = certificate(bench.folder.path(), "handshakes that are never ended") else { return };
    let (_running, address) = demo(&bench);
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    let scrape = || {
        let begun = Instant::now();
        let page = answer(sealed(&address, &tls), "/metrics", &bearer);
        let open = page.lines().find_map(|line| line.strip_prefix("process_open_fds ")?.parse::<u64>().ok());
        (open, begun.elapsed())
    };
    scrape();
    let is_over = AtomicBool::new(false);
    let (held, scrapes) = std::thread::scope(|scope| {
        let beginners: Vec<_> = (0..BEGINNERS).map(|_| scope.spawn(|| begin(&address, &is_over))).collect();
        let scrapes: Vec<_> = (0..SCRAPES).map(|_| scrape()).collect();
        is_over.store(true, Ordering::Relaxed);
        (beginners.into_iter().map(|begun| begun.join().unwrap()).sum::<usize>(), scrapes)
    });
    let slowest = scrapes.iter().map(|scrape| scrape.1).max().unwrap();
    let open: Vec<u64> = scrapes.iter().filter_map(|scrape| scrape.0).collect();
    let most = open.iter().copied().max().unwrap_or(u64::MAX);
    let told = format!(
        "{} of {SCRAPES} answered, the slowest in {} ms; {held} begun, {most} open files",
        open.len(),
        slowest.as_millis()
    );
    let is_well = open.len() == SCRAPES && slowest < WITHIN && most <= OPEN_FILES_MAX;
    figure("F14", "honest scrapes while handshakes are begun and never ended", &told, is_well);
    assert!(is_well && held == BEGINNERS * BEGUN_EACH, "{told}");
}
