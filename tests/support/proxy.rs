//! A TCP proxy with the faults of networks, for any service of the tests.
//! It is given where to listen and whom to hand on to; the test switches how it behaves, at any moment.
//! It promises to touch no byte: what arrives is what was sent, or nothing.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]
#![allow(
    clippy::expect_used,
    clippy::disallowed_types,
    reason = "a test stops where it fails; its locks are cold"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

const PIECE_BYTES: usize = 16 * 1024;
/// Pieces of a slow connection: small, so that a rate is a rate.
const SLOW_PIECE_BYTES: usize = 1024;
/// A server that says nothing for so long has done what it was asked.
const SILENCE: Duration = Duration::from_millis(300);

/// Whether the bytes begin a request that a fault is meant for.
pub type Meant = fn(&[u8]) -> bool;

/// Any request.
pub fn any(_: &[u8]) -> bool {
    true
}

/// Kafka's Produce, on a connection without TLS: a length of four bytes, then 0 for what is asked.
pub fn produce(bytes: &[u8]) -> bool {
    bytes.get(4..6) == Some(&[0, 0])
}

/// A proxy; it closes when this is dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

/// How connections fare, old and new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    /// Cut.
    Down,
    /// Accepted, and nothing moves.
    Hanging,
    /// So many bytes a second, each way of each connection.
    Slow(u32),
    /// The proxy has gone.
    Closed,
}

struct Shared {
    target: String,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    way: Way,
    /// How many answers are still to be swallowed, those to which requests, and how many were.
    to_swallow: u32,
    meant: Meant,
    swallowed: u32,
    connections: BTreeMap<u64, Connection>,
    connections_total: u64,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// A request went through whose answer will be swallowed.
    is_marked: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

impl Proxy {
    /// Listens on a free port and hands on to `target`, `127.0.0.1:9092`.
    pub fn before(target: &str) -> Self {
        Self::listen("127.0.0.1:0", target)
    }

    /// Listens on `address`: for services that tell their clients where to come back.
    pub fn listen(address: &str, target: &str) -> Self {
        let listener = TcpListener::bind(address).expect("the port is free");
        let state = State {
            way: Way::Up,
            to_swallow: 0,
            meant: any,
            swallowed: 0,
            connections: BTreeMap::new(),
            connections_total: 0,
        };
        let shared =
            Arc::new(Shared { target: target.to_owned(), state: Mutex::new(state), changed: Condvar::new() });
        let address = listener.local_addr().expect("a bound socket has an address");
        let accepting = Arc::clone(&shared);
        let listener = std::thread::spawn(move || accepting.accept(&listener));
        Self { address, shared, listener: Some(listener) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands everything on.
    pub fn up(&self) {
        self.shared.go(Way::Up);
    }

    /// Cuts every connection, now and when one is made.
    pub fn down(&self) {
        self.shared.go(Way::Down);
    }

    /// Keeps connections, takes new ones, and moves nothing.
    pub fn hang(&self) {
        self.shared.go(Way::Hanging);
    }

    /// Moves so many bytes a second, each way of each connection.
    pub fn slow(&self, bytes_per_second: u32) {
        self.shared.go(Way::Slow(bytes_per_second.max(1)));
    }

    /// The server gets the next `count` requests that are `meant` and does what they ask; the clients get no answer
    /// but the connection's end. Each on a connection of its own.
    pub fn swallow_answers(&self, count: u32, meant: Meant) {
        let mut state = self.shared.lock();
        (state.to_swallow, state.meant) = (count, meant);
    }

    /// How many answers were swallowed.
    pub fn swallowed(&self) -> u32 {
        self.shared.lock().swallowed
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections_total
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.go(Way::Closed);
        // The thread that waits for connections looks up when there is one.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the proxy panics")
    }

    fn go(&self, way: Way) {
        let mut state = self.lock();
        state.way = way;
        if matches!(way, Way::Down | Way::Closed) {
            for connection in std::mem::take(&mut state.connections).into_values() {
                connection.cut();
            }
        }
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.lock().way == Way::Closed {
                return;
            }
            if let Ok(client) = client {
                let shared = Arc::clone(self);
                std::thread::spawn(move || shared.connect(&client));
            }
        }
    }

    /// Hands one connection on, until either side ends it.
    fn connect(self: &Arc<Self>, client: &TcpStream) {
        if !self.wait_while_hanging() {
            return;
        }
        let Ok(server) = TcpStream::connect(&self.target) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let Some(number) = self.enter(client, &server) else { return };
        let (Ok(from_client), Ok(to_client)) = (client.try_clone(), client.try_clone()) else { return };
        let Ok(to_server) = server.try_clone() else { return };
        let back = Arc::clone(self);
        std::thread::spawn(move || back.pump(number, Direction::ToClient, server, to_client));
        self.pump(number, Direction::ToServer, from_client, to_server);
    }

    /// Puts a connection on the list of those that can be cut, unless none may be.
    fn enter(&self, client: &TcpStream, server: &TcpStream) -> Option<u64> {
        let (client, server) = (client.try_clone().ok()?, server.try_clone().ok()?);
        let connection = Connection { client, server, is_marked: false };
        let mut state = self.lock();
        if matches!(state.way, Way::Down | Way::Closed) {
            connection.cut();
            return None;
        }
        state.connections_total += 1;
        let number = state.connections_total;
        state.connections.insert(number, connection);
        Some(number)
    }

    fn pump(&self, number: u64, direction: Direction, mut from: TcpStream, mut to: TcpStream) {
        let mut piece = [0; PIECE_BYTES];
        while let Ok(length) = from.read(&mut piece) {
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            if !self.wait_while_hanging() {
                break;
            }
            if direction == Direction::ToServer {
                self.mark(number, bytes);
            } else if self.is_marked(number) {
                drain(&mut from);
                self.lock().swallowed += 1;
                break;
            }
            if self.hand_on(bytes, &mut to).is_err() {
                break;
            }
        }
        // The other direction ends too: its read sees the end, or its write fails.
        if let Some(connection) = self.lock().connections.remove(&number) {
            connection.cut();
        }
    }

    fn hand_on(&self, bytes: &[u8], to: &mut TcpStream) -> std::io::Result<()> {
        for piece in bytes.chunks(SLOW_PIECE_BYTES) {
            let way = self.lock().way;
            if let Way::Slow(bytes_per_second) = way {
                std::thread::sleep(Duration::from_secs_f64(piece.len() as f64 / f64::from(bytes_per_second)));
            }
            to.write_all(piece)?;
        }
        Ok(())
    }

    /// Remembers that a request went through whose answer is to be swallowed.
    fn mark(&self, number: u64, bytes: &[u8]) {
        let state = &mut *self.lock();
        if let Some(connection) = state.connections.get_mut(&number)
            && state.to_swallow > 0
            && !connection.is_marked
            && (state.meant)(bytes)
        {
            connection.is_marked = true;
            state.to_swallow -= 1;
        }
    }

    fn is_marked(&self, number: u64) -> bool {
        self.lock().connections.get(&number).is_some_and(|connection| connection.is_marked)
    }

    /// Whether to go on: not when the connection was cut meanwhile.
    fn wait_while_hanging(&self) -> bool {
        let state = self.lock();
        let state = self.changed.wait_while(state, |state| state.way == Way::Hanging);
        !matches!(state.expect("no thread of the proxy panics").way, Way::Down | Way::Closed)
    }
}

/// Reads until the server has nothing more to say, so that no request is lost with the connection.
fn drain(from: &mut TcpStream) {
    let _ = from.set_read_timeout(Some(SILENCE));
    let _ = std::io::copy(from, &mut std::io::sink());
}

impl Connection {
    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
