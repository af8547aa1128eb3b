//! Honest clients: ten connections, a request each second on each, with a key of its own.
//! They are given the span of the story, and afterwards the records of it.
//! They promise that a request that is missing, twice there, without its answer or under another's key is found.

use crate::packet::Connection;
use crate::story::{Beat, Out, Voice};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

pub const HOST: &str = "honest.example";
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 7), 80);
const CONNECTIONS: u64 = 10;
const REQUESTS_PER_S: u64 = 10;
const FIRST_PORT: u16 = 50_000;

pub struct Honest {
    beat: Beat,
    connections: Vec<Connection>,
}

impl Honest {
    /// For so many seconds from the beginning on.
    pub fn new(seconds: u64) -> Self {
        let beat = Beat::new(0, seconds * 1_000_000, seconds * REQUESTS_PER_S);
        Self { beat, connections: Vec::new() }
    }

    /// How many requests that makes.
    pub fn requests(seconds: u64) -> u64 {
        seconds * REQUESTS_PER_S
    }
}

impl Voice for Honest {
    fn due_us(&self) -> Option<u64> {
        self.beat.due_us()
    }

    fn speak(&mut self, wire: &mut Out) -> io::Result<()> {
        let number = self.beat.next();
        let place = number % CONNECTIONS;
        let port = FIRST_PORT + u16::try_from(place).unwrap();
        if number < CONNECTIONS {
            let client = SocketAddrV4::new(Ipv4Addr::new(84, 128, 212, 178), port);
            self.connections.push(wire.open(client, SERVER)?);
        }
        let key = place.wrapping_add(77).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let request = format!(
            "GET /v1/orders/{number} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer honest{key:016x}\r\n\r\n"
        );
        let connection = &mut self.connections[usize::try_from(place).unwrap()];
        wire.exchange(connection, request.as_bytes(), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }
}

/// What was told of them.
#[derive(Default)]
pub struct Told {
    paths: BTreeSet<String>,
    keys: BTreeMap<u64, BTreeSet<String>>,
    records: u64,
}

impl Told {
    /// Takes the record of a transaction with `HOST`.
    pub fn take(&mut self, record: &Value) {
        self.records += 1;
        assert_eq!(
            (&record["completeness"], &record["response"]["status"]),
            (&"whole".into(), &200.into()),
            "{record}"
        );
        assert_eq!(record["repeat_of"], Value::Null, "{record}");
        self.paths.insert(record["request"]["path"].as_str().unwrap().to_owned());
        let fingerprints = record["credentials"].as_array().unwrap();
        assert_eq!(fingerprints.len(), 1, "{record}");
        let port = record["flow"]["src_port"].as_u64().unwrap();
        self.keys.entry(port).or_default().insert(fingerprints[0]["fingerprint"].to_string());
    }

    /// Each of so many requests is told once, with its own key.
    pub fn are_all(&self, requests: u64) {
        assert_eq!(
            (self.records, self.paths.len() as u64),
            (requests, requests),
            "honest requests told, and different ones"
        );
        let keys: BTreeSet<&String> = self.keys.values().flatten().collect();
        assert!(self.keys.values().all(|keys| keys.len() == 1), "{:?}", self.keys);
        assert_eq!((self.keys.len(), keys.len() as u64), (keys.len(), CONNECTIONS), "{:?}", self.keys);
    }
}
