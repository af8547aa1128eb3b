//! Parsers that fail in the middle of what they do: what was told before, what is lost, and what goes on.

use super::*;
use crate::capture::replay::Progress as Reading;
use crate::capture::{CaptureError, LinkType, Next, Offload};
use crate::decode::{Endpoint, TcpFlags, TcpOptions, Tenant, Tunnel, Vlans};
use crate::fault::poison::{POISON, fail_at};
use crate::identity::config::{Identity, Network, Privacy};
use crate::identity::geo::Geo;
use crate::identity::secret::Keyring;
use crate::identity::{LineageConfig, RoutesConfig};
use crate::pipeline::{Outputs, Progress, Source, run_live};
use heelguard_detectors::alert::Alert;
use heelguard_detectors::runtime::RuntimeConfig;
use heelguard_detectors::transaction::Transaction;
use std::time::Instant;

fn options() -> Options {
    let keyring = Keyring::ephemeral().unwrap();
    let (network, identity, privacy) = (Network::default(), Identity::default(), Privacy::default());
    let settings = Settings::build(&network, &identity, &privacy, keyring, Geo::builtin()).unwrap();
    Options {
        shards: 1,
        decode: decode::Config::default(),
        flow: crate::flow::Config::default(),
        tls: crate::tls::decrypt::Config::default(),
        keys: None,
        http: crate::http::Config::default(),
        identity: Arc::new(settings),
        lineage: LineageConfig::default(),
        routes: RoutesConfig::default(),
        described: None,
        detection: RuntimeConfig::default(),
        state: crate::pipeline::checkpoint::Config::default(),
        forward: false,
        news: None,
    }
}

fn segment(port: u16, second: u64, payload: &[u8]) -> Segment<'_> {
    Segment {
        time: EventTime::from_secs(1_794_211_200 + second),
        src: Endpoint { ip: [203, 0, 113, 7].into(), port },
        dst: Endpoint { ip: [10, 0, 0, 5].into(), port: 80 },
        vlans: Vlans::default(),
        tunnel: Tunnel::default(),
        tenant: Tenant::default(),
        ttl: 64,
        seq: 1,
        ack: 1,
        flags: TcpFlags(TcpFlags::ACK),
        window: u16::MAX,
        urgent: 0,
        options: TcpOptions::default(),
        payload,
        missing: 0,
        is_datagram: false,
    }
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: api.example.com\r\n\r\n").into_bytes()
}

fn at(second: u64) -> EventTime {
    EventTime::from_secs(1_794_211_200 + second)
}

fn paths(report: &Report) -> Vec<String> {
    let path = |tx: &Transaction| tx.request.as_ref().unwrap().path.to_string();
    report.sightings.iter().map(|sighting| path(&sighting.transaction)).collect()
}

/// One request on a connection of its own, which ends unanswered.
fn ask(parsing: &mut Parsing<'_>, port: u16, second: u64, path: &str) {
    parsing.push(&segment(port, second, &request(path)));
}

#[test]
fn what_failed_is_lost_and_counted_and_the_rest_goes_on() {
    let options = options();
    let mut parsing = Parsing::new(&options);
    ask(&mut parsing, 40_000, 0, "/lost-with-it");
    let fin = Segment { flags: TcpFlags(TcpFlags::ACK | TcpFlags::RST), ..segment(40_001, 1, &[]) };
    ask(&mut parsing, 40_001, 0, "/told-before");
    parsing.push(&Segment { seq: 1 + u32::try_from(request("/told-before").len()).unwrap(), ..fin });
    ask(&mut parsing, 40_002, 2, std::str::from_utf8(&[b"/", POISON].concat()).unwrap());
    ask(&mut parsing, 40_003, 3, "/after");
    let report = parsing.report(0, at(4), Some(1));
    assert_eq!(paths(&report), ["/told-before"]);
    let [line] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
    assert!(line.contains("2 flows that it followed are lost"), "{line}");
    let last = parsing.last_report(0, at(5));
    assert_eq!(paths(&last), ["/after"]);
    assert!(last.warnings.is_empty());
    let counters = parsing.into_end(at(5)).counters;
    assert_eq!(counters.imbalance_so_far(), None);
    assert_eq!((counters.flows.opened, counters.flows.abandoned, counters.faults.parsers), (4, 2, 1));
    assert_eq!((counters.http.requests, counters.http.requests_abandoned), (2, 0), "{:?}", counters.http);
}

#[test]
fn requests_that_were_read_and_not_told_are_counted() {
    let options = options();
    let mut parsing = Parsing::new(&options);
    let answered = request("/answered");
    ask(&mut parsing, 40_000, 0, "/answered");
    // Its answer completes the exchange, and behind it stands what a parser fails at.
    let answer = [b"HTTP/1.1 204 No Content\r\n\r\n", POISON].concat();
    let sent = segment(40_000, 1, &answer);
    let back =
        Segment { src: sent.dst, dst: sent.src, ack: 1 + u32::try_from(answered.len()).unwrap(), ..sent };
    parsing.push(&back);
    let report = parsing.last_report(0, at(2));
    assert!(report.sightings.is_empty());
    let counters = parsing.into_end(at(2)).counters;
    assert_eq!((counters.http.requests, counters.http.requests_abandoned), (1, 1));
    assert_eq!((counters.http.responses, counters.http.responses_abandoned), (1, 1));
    assert_eq!(counters.imbalance_so_far(), None);
}

#[test]
fn two_faults_in_a_minute_are_lived_with_and_a_third_is_not() {
    let (options, poison) = (options(), std::str::from_utf8(POISON).unwrap());
    let mut parsing = Parsing::new(&options);
    ask(&mut parsing, 1, 0, poison);
    ask(&mut parsing, 2, 59, poison);
    // The first is over a minute ago.
    ask(&mut parsing, 3, 61, poison);
    assert_eq!(parsing.report(0, at(62), None).warnings.len(), 3);
    assert!(contain(|| ask(&mut parsing, 4, 63, poison)).is_err(), "the third since 59 s");
}

#[test]
fn who_begins_anew_reads_by_the_settings_in_force() {
    let (options, later) = (options(), options().identity);
    let mut parsing = Parsing::new(&options);
    parsing.reconfigure(Arc::clone(&later));
    let users = || [&options.identity, &later].map(Arc::strong_count);
    let before = users();
    ask(&mut parsing, 40_000, 0, std::str::from_utf8(POISON).unwrap());
    assert_eq!(parsing.report(0, at(1), None).warnings.len(), 1);
    assert_eq!(users(), before);
}

#[test]
fn a_packet_at_which_a_decoder_fails_is_dropped_by_name() {
    let options = options();
    let mut decoding = Decoding::new(&options.decode);
    let mut frame = vec![0; 60];
    let mut taken = 0;
    for poisoned in [false, true, false] {
        if poisoned {
            frame.extend_from_slice(POISON);
        } else {
            frame.truncate(60);
        }
        let length = u32::try_from(frame.len()).unwrap();
        let (link, offload) = (LinkType(1), Offload::default());
        let packet = Packet { time: at(0), link, data: &frame, original_len: length, offload };
        decoding.decode(packet, |_| taken += 1);
    }
    let counters = decoding.counters();
    assert_eq!((taken, counters.packets.read), (0, 3));
    assert_eq!((counters.faults.decoders, counters.dropped.get(DropReason::Fault)), (1, 1));
    assert_eq!(counters.imbalance_so_far(), None);
}

/// A tap that fails by itself, or one where nothing happens.
struct Tap {
    fails: bool,
}

impl Source for Tap {
    fn next(&mut self) -> Result<Next<'_>, CaptureError> {
        std::thread::sleep(Duration::from_millis(5));
        if self.fails {
            fail_at(POISON);
        }
        Ok(Next::Quiet(at(0)))
    }
    fn progress(&self) -> Reading {
        Reading { bytes_read: 0, bytes_total: None }
    }
    fn counters(&self) -> Counters {
        Counters::default()
    }
    fn warnings(&mut self) -> Vec<String> {
        Vec::new()
    }
    fn is_live(&self) -> bool {
        true
    }
}

struct Nothing;

impl Outputs for Nothing {
    fn alert(&mut self, _: &Alert) -> anyhow::Result<()> {
        Ok(())
    }
    fn transaction(&mut self, _: &Transaction) -> anyhow::Result<()> {
        Ok(())
    }
    fn progress(&mut self, _: &Progress) {}
}

#[test]
fn a_sensor_of_which_one_shard_is_gone_ends_instead_of_waiting_for_it() {
    let mut taps: Vec<Box<dyn Source>> = vec![Box::new(Tap { fails: true }), Box::new(Tap { fails: false })];
    let began = Instant::now();
    let ended = run_live(&mut taps, &options(), &mut Nothing);
    let said = format!("{:#}", ended.unwrap_err());
    assert!(said.starts_with("a parser failed again and again"), "{said}");
    assert!(!said.contains("as it was told to"), "what a panic says may quote traffic: {said}");
    assert!(began.elapsed() < Duration::from_secs(10));
}
