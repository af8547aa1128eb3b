//! The other end of a connection with a socket of this machine: a TCP of its own that keeps no rule it is not told to.
//! It shakes hands, sends what it is given, listens to the kernel's answers and reads what the application gets.
//! It promises that the record holds every packet of the connection, both ways, in the order in which they passed.

use crate::craft::{Tcp, endpoint};
use crate::tun::{HOST_V4, HOST_V6, Tun};
use heelguard::decode::{Endpoint, TcpFlags};
use heelguard_detectors::time::EventTime;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt};
use std::cell::Cell;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Where the record's time begins: a Saturday.
const EPOCH_S: u64 = 1_795_255_200;
/// The ports at which the kernel listens: with buffers as they come, and with small ones.
const PORTS: [u16; 2] = [8_000, 8_001];
/// Small enough that a stream meets the window's edge, and large enough that the kernel throws away nothing that it has
/// taken: with less it would, and what then, nobody can tell from outside. The kernel doubles it.
const SMALL_BUFFER_BYTES: usize = 16_384;
/// A polite sender's longest segment.
const MSS: usize = 536;
/// How often a polite sender sends again what was not acknowledged.
const ROUNDS_MAX: usize = 60;

/// What the kernel's socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It listened: the peer is a client.
    Server,
    /// It connects: the peer is a server.
    Client,
}

/// What the two agree on in the handshake.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub role: Role,
    pub v6: bool,
    /// The peer's first sequence number.
    pub isn: u32,
    /// The peer's clock at its SYN, if it writes timestamps.
    pub clock: Option<u32>,
    pub sack: bool,
    pub scale: Option<u8>,
    /// The kernel's socket has a small receive buffer.
    pub small: bool,
}

impl Default for Terms {
    fn default() -> Self {
        let clock = Some(1_000);
        Self { role: Role::Server, v6: false, isn: 1_000, clock, sack: true, scale: Some(7), small: false }
    }
}

/// A packet that passed, either way.
#[derive(Clone, Debug)]
pub struct Passed {
    pub time: EventTime,
    pub packet: Vec<u8>,
}

/// How the application's stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Open,
    Fin,
    Reset,
}

/// The wire, and the sockets that listen at its end.
pub struct Link {
    tun: Tun,
    listeners: [TcpListener; 2],
    begun: Instant,
    port: Cell<u16>,
}

impl Link {
    pub fn new() -> Result<Self, String> {
        let tun = Tun::alone()?;
        let listeners = PORTS.map(|port| {
            let listener = TcpListener::bind(("::", port)).expect("a port of a network of its own");
            listener.set_nonblocking(true).expect("a socket that does not wait");
            listener
        });
        sockopt::set_socket_recv_buffer_size(&listeners[1], SMALL_BUFFER_BYTES).expect("a small buffer");
        let link = Self { tun, listeners, begun: Instant::now(), port: Cell::new(20_000) };
        link.wait_for_v6();
        Ok(link)
    }

    /// The kernel takes an IPv6 address into use a moment after it was told.
    fn wait_for_v6(&self) {
        let began = Instant::now();
        while !Peer::begin(self, Terms { v6: true, ..Terms::default() }).is_answered() {
            assert!(began.elapsed() < Duration::from_secs(10), "the kernel answers over IPv6");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A port that was not used for long.
    fn next_port(&self) -> u16 {
        let port = self.port.get();
        self.port.set(if port < u16::MAX { port + 1 } else { 20_000 });
        port
    }
}

/// The peer in one connection.
pub struct Peer<'l> {
    link: &'l Link,
    terms: Terms,
    pub me: Endpoint,
    pub host: Endpoint,
    pub record: Vec<Passed>,
    /// The peer's clock, which goes on by one with each segment.
    pub clock: u32,
    /// What the kernel's clock said last.
    echo: u32,
    /// What the kernel says next.
    pub host_next: u32,
    /// Up to where the kernel has acknowledged, as a sequence number.
    acked: u32,
    window: u32,
    host_scale: u8,
    socket: Option<TcpStream>,
    /// The handshake was ended.
    shaken: bool,
    /// The kernel has reset the connection.
    reset: bool,
    /// What the application got.
    pub received: Vec<u8>,
    pub end: End,
}

/// What the kernel said in one segment.
struct Heard {
    ports: [u16; 2],
    seq: u32,
    ack: u32,
    flags: TcpFlags,
    window: u16,
    scale: Option<u8>,
    clock: Option<u32>,
    length: u32,
}

impl<'l> Peer<'l> {
    /// Begins a connection: up to the kernel's SYN-ACK, or its SYN.
    pub fn knock(link: &'l Link, terms: Terms) -> Self {
        let peer = Self::begin(link, terms);
        assert!(peer.is_answered(), "the kernel answers a SYN, or sends one: {terms:?} {:?}", peer.record);
        peer
    }

    fn is_answered(&self) -> bool {
        self.host_next != 0
    }

    fn begin(link: &'l Link, terms: Terms) -> Self {
        let ip = if terms.v6 { HOST_V6 } else { HOST_V4 };
        let far = if terms.v6 { "[fd09::9]:80" } else { "10.9.9.9:80" };
        let mut me = endpoint(far);
        let mut host = Endpoint { ip, port: PORTS[usize::from(terms.small)] };
        let mut socket = None;
        me.port = link.next_port();
        if terms.role == Role::Client {
            let connecting = begin_to_connect(me, terms);
            host.port = connecting.local_addr().expect("a bound socket").port();
            socket = Some(connecting);
        }
        let mut peer = Self {
            link,
            terms,
            me,
            host,
            record: Vec::new(),
            clock: terms.clock.unwrap_or(0),
            echo: 0,
            host_next: 0,
            acked: terms.isn,
            window: 0,
            host_scale: 0,
            socket,
            shaken: false,
            reset: false,
            received: Vec::new(),
            end: End::Open,
        };
        if terms.role == Role::Server {
            let syn = peer.syn();
            peer.send(&syn);
        } else {
            peer.listen();
        }
        peer
    }

    /// Ends the handshake.
    pub fn shake(&mut self) {
        self.shaken = true;
        if self.terms.role == Role::Server {
            let ack = self.at(0);
            self.send(&ack);
        } else {
            let mut answer = self.syn();
            (answer.flags, answer.ack) = (TcpFlags::SYN | TcpFlags::ACK, self.host_next);
            self.send(&answer);
        }
    }

    /// The peer's SYN.
    pub fn syn(&self) -> Tcp {
        let mut syn = self.at(-1);
        (syn.flags, syn.ack) = (TcpFlags::SYN, 0);
        syn.options.window_scale = self.terms.scale;
        syn.options.sack_permitted = self.terms.sack;
        syn
    }

    /// An empty segment at an offset of the peer's stream, that acknowledges all that the kernel has sent.
    pub fn at(&self, offset: i64) -> Tcp {
        let mut tcp = Tcp::new(self.me, self.host);
        tcp.seq = self.number(offset);
        tcp.ack = self.host_next;
        tcp.options.timestamps = self.terms.clock.map(|_| (self.clock, self.echo));
        tcp
    }

    /// The sequence number at an offset of the peer's stream.
    pub fn number(&self, offset: i64) -> u32 {
        let offset = u32::try_from(offset.rem_euclid(1 << 32)).expect("reduced");
        self.terms.isn.wrapping_add(1).wrapping_add(offset)
    }

    /// Up to which offset of the peer's stream the kernel has acknowledged.
    pub fn acked(&self) -> i64 {
        i64::from(self.acked.wrapping_sub(self.number(0)).cast_signed())
    }

    /// Up to which offset the kernel takes data, by its own word.
    pub fn edge(&self) -> i64 {
        self.acked() + i64::from(self.window)
    }

    pub fn send(&mut self, tcp: &Tcp) {
        self.send_packet(tcp.packet());
    }

    /// Sends a packet and hears the answers.
    pub fn send_packet(&mut self, packet: Vec<u8>) {
        self.clock = self.clock.wrapping_add(1);
        self.link.tun.send(&packet);
        self.pass(packet);
        self.listen();
    }

    /// The application reads what there is.
    pub fn read(&mut self) {
        let mut buffer = [0; 4096];
        while self.end == End::Open {
            let Some(mut socket) = self.socket() else { return };
            match socket.read(&mut buffer) {
                Ok(0) => self.end = End::Fin,
                Ok(length) => self.received.extend(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if is_reset(&error) => self.end = End::Reset,
                Err(error) => panic!("the application reads: {error}"),
            }
        }
        self.listen();
    }

    /// The application writes.
    pub fn write(&mut self, length: usize) {
        if let Some(mut socket) = self.socket() {
            // A socket that was reset says so; that is the next read's business.
            let _ = socket.write(&vec![b'w'; length]);
        }
        self.listen();
    }

    /// Sends the whole stream as a polite sender does, and ends it; the application reads along.
    pub fn complete(&mut self, text: &[u8]) {
        for _ in 0..ROUNDS_MAX {
            self.read();
            if self.is_over() {
                return;
            }
            let (from, edge) = (self.acked().max(0), self.edge());
            let mut at = usize::try_from(from).expect("an offset that is not negative");
            if edge <= from {
                let probe = self.at(from - 1);
                self.send(&probe);
            }
            while at < text.len() && i64::try_from(at).expect("short") < edge {
                let room = usize::try_from(edge).expect("beyond the start") - at;
                let end = text.len().min(at + MSS.min(room));
                let mut segment = self.at(i64::try_from(at).expect("short"));
                segment.payload = text[at..end].to_vec();
                self.send(&segment);
                at = end;
                // An application that lets its buffer fill up makes the kernel throw away what waits out of order.
                self.read();
            }
            if at >= text.len() {
                let end = self.acked().max(i64::try_from(text.len()).expect("short"));
                let mut fin = self.at(end);
                fin.flags |= TcpFlags::FIN;
                self.send(&fin);
            }
        }
        self.read();
    }

    /// Whether there is a connection no more.
    pub fn is_over(&self) -> bool {
        self.reset || self.end != End::Open
    }

    /// Takes in what the kernel has sent.
    fn listen(&mut self) {
        while let Some(packet) = self.link.tun.receive() {
            let Some(heard) = Heard::of(&packet) else { continue };
            if heard.ports != [self.host.port, self.me.port] {
                // The last words of a connection before this one.
                continue;
            }
            if heard.flags.has(TcpFlags::RST) {
                // Its numbers may be those of what it refuses. Before the handshake is over the connection may live on.
                self.reset |= self.shaken;
                self.pass(packet);
                continue;
            }
            if heard.flags.has(TcpFlags::SYN) {
                self.host_scale = heard.scale.filter(|_| self.terms.scale.is_some()).unwrap_or(0);
                self.host_next = heard.seq;
            }
            let end = heard.seq.wrapping_add(heard.length);
            if self.host_next == 0 || end.wrapping_sub(self.host_next).cast_signed() > 0 {
                self.host_next = end;
            }
            if heard.flags.has(TcpFlags::ACK) {
                let shift = if heard.flags.has(TcpFlags::SYN) { 0 } else { self.host_scale };
                if heard.ack.wrapping_sub(self.acked).cast_signed() >= 0 {
                    (self.acked, self.window) = (heard.ack, u32::from(heard.window) << shift);
                }
            }
            // Before the handshake is over Linux takes no echo but that of its SYN-ACK.
            if self.shaken || heard.flags.has(TcpFlags::SYN) {
                self.echo = heard.clock.unwrap_or(self.echo);
            }
            self.pass(packet);
        }
    }

    fn pass(&mut self, packet: Vec<u8>) {
        let time = EventTime::from_secs(EPOCH_S).after(self.link.begun.elapsed());
        self.record.push(Passed { time, packet });
    }

    /// The kernel's end, once there is one.
    fn socket(&mut self) -> Option<&TcpStream> {
        while self.socket.is_none() {
            let listener = &self.link.listeners[usize::from(self.terms.small)];
            let (socket, from) = listener.accept().ok()?;
            // Another connection of before that came late is nobody's.
            if from.port() == self.me.port {
                socket.set_nonblocking(true).expect("a socket that does not wait");
                self.socket = Some(socket);
            }
        }
        self.socket.as_ref()
    }
}

impl Drop for Peer<'_> {
    /// Leaves no connection behind that goes on for minutes.
    fn drop(&mut self) {
        if let Some(socket) = self.socket() {
            sockopt::set_socket_linger(socket, Some(Duration::ZERO)).expect("a reset at the end");
        }
        self.socket = None;
        while self.link.tun.receive().is_some() {}
    }
}

/// Whether the kernel says that the connection was reset: inside it, or while it was being made.
fn is_reset(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
}

fn begin_to_connect(to: Endpoint, terms: Terms) -> TcpStream {
    let family = if terms.v6 { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP)).expect("a socket");
    if terms.small {
        sockopt::set_socket_recv_buffer_size(&socket, SMALL_BUFFER_BYTES).expect("a small buffer");
    }
    match connect(&socket, &SocketAddr::new(to.ip, to.port)) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => TcpStream::from(socket),
        Err(error) => panic!("a connection begins: {error}"),
    }
}

impl Heard {
    fn of(packet: &[u8]) -> Option<Self> {
        let header = match packet.first()? >> 4 {
            4 if packet.get(9) == Some(&6) => usize::from(packet[0] & 15) * 4,
            6 if packet.get(6) == Some(&6) => 40,
            _ => return None,
        };
        let tcp = packet.get(header..)?;
        let word = |at: usize| Some(u16::from_be_bytes(*tcp.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u32::from_be_bytes(*tcp.get(at..)?.first_chunk()?));
        let options_end = usize::from(tcp.get(12)? >> 4) * 4;
        let flags = TcpFlags(*tcp.get(13)?);
        let payload = u32::try_from(tcp.len().checked_sub(options_end)?).ok()?;
        let mut heard = Self {
            ports: [word(0)?, word(2)?],
            seq: long(4)?,
            ack: long(8)?,
            flags,
            window: word(14)?,
            scale: None,
            clock: None,
            length: payload
                + u32::from(flags.0 & TcpFlags::SYN != 0)
                + u32::from(flags.0 & TcpFlags::FIN != 0),
        };
        let mut options = tcp.get(20..options_end)?;
        while let [kind, rest @ ..] = options {
            if *kind < 2 {
                options = rest;
                continue;
            }
            let length = usize::from(*rest.first()?);
            match (kind, options.get(2..length)?) {
                (3, [scale]) => heard.scale = Some(*scale),
                (8, [a, b, c, d, ..]) => heard.clock = Some(u32::from_be_bytes([*a, *b, *c, *d])),
                _ => {}
            }
            options = options.get(length..)?;
        }
        Some(heard)
    }
}
