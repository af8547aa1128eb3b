//! The rings of one interface, one for each shard, opened together.
//! It is given a name and the settings, and gives the rings in the order of the shards.
//! It promises that no ring takes a packet before all have joined, so that no flow begins on another's ring.

use super::config::{Config, HardwareTimestamps};
use super::present::RETIRE_MS;
use super::ring::Ring;
use super::sys::{Shape, Socket};
use super::{ETHERNET, bpf, fanout};
use crate::capture::LinkType;
use rustix::io::Errno;
use rustix::net::netdevice;
use std::io;

/// Length of an Ethernet header.
const ETHERNET_BYTES: u32 = 14;

/// The rings of one interface.
pub(super) struct Group {
    pub(super) rings: Vec<Ring>,
    /// Whether packets are dealt by our own program.
    pub(super) dealing: Dealing,
}

/// How the kernel deals packets to rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dealing {
    /// There is one ring, or our program deals.
    Ours,
    /// The kernel's own hash: right for flows, but not for those inside tunnels.
    Kernel,
}

/// Why an interface cannot be opened.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is none of that name.
    Missing,
    /// It is there and not up.
    Down,
    /// The process may not.
    NotPermitted,
    /// A setting is at fault.
    Setting(String),
    /// Something else; the message says at what.
    System(String),
}

/// Opens the rings of an interface.
pub(super) fn open(name: &str, config: &Config, shards: usize) -> Result<Group, Failure> {
    let mut dealing = Dealing::Ours;
    let mut sockets = Vec::with_capacity(shards);
    for _ in 0..shards.max(1) {
        let socket = Socket::new().map_err(at("a packet socket"))?;
        let interface =
            netdevice::name_to_index(&socket, name).map_err(|error| at("its index")(error.into()))?;
        let mapping = prepare(&socket, config)?;
        let is_loopback = name == "lo";
        if is_loopback {
            // Each packet is seen on its way out and on its way in; once is enough.
            socket.set_number(libc::PACKET_IGNORE_OUTGOING, 1).map_err(at("PACKET_IGNORE_OUTGOING"))?;
        }
        if config.promiscuous && sockets.is_empty() {
            socket.promiscuous(interface).map_err(at("promiscuous mode"))?;
        }
        socket.bind(interface).map_err(at("binding"))?;
        socket.error().map_err(at("binding"))?;
        sockets.push((socket, mapping));
    }
    let Some((first, _)) = sockets.first() else { return Err(Failure::Missing) };
    let link = link_of(first.hardware().map_err(at("its type"))?)?;
    let program = bpf::compile(&config.filter, link, config.snaplen).map_err(Failure::Setting)?;
    if sockets.len() > 1 {
        let all: Vec<&Socket> = sockets.iter().map(|(socket, _)| socket).collect();
        dealing = join(&all, link, name == "lo").map_err(at("PACKET_FANOUT"))?;
    }
    let dealt = if dealing == Dealing::Ours { sockets.len() } else { 1 };
    let rings: Vec<_> =
        sockets.into_iter().map(|(socket, ring)| Ring::new(socket, ring, link, dealt)).collect();
    for ring in &rings {
        ring.admit(&program).map_err(at("the filter"))?;
    }
    Ok(Group { rings, dealing })
}

/// A ring that nothing comes into yet.
fn prepare(socket: &Socket, config: &Config) -> Result<super::sys::Mapping, Failure> {
    socket.filter(&bpf::nothing()).map_err(at("the filter"))?;
    let stamps = match config.hardware_timestamps {
        HardwareTimestamps::Auto => libc::SOF_TIMESTAMPING_RAW_HARDWARE | libc::SOF_TIMESTAMPING_SOFTWARE,
        HardwareTimestamps::Off => libc::SOF_TIMESTAMPING_SOFTWARE,
    };
    socket.set_number(libc::PACKET_TIMESTAMP, stamps).map_err(at("PACKET_TIMESTAMP"))?;
    let shape =
        Shape { block_bytes: config.block_kib * 1_024, blocks: config.blocks(), retire_ms: RETIRE_MS };
    socket.ring(shape).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOMEM) => Failure::System(format!(
            "there is no memory for a ring of {} MiB: lower capture.ring_mib",
            config.ring_mib
        )),
        _ => at("the ring")(error),
    })
}

/// Joins the sockets in order, with our program where the kernel takes it and with its own hash where it does not.
fn join(sockets: &[&Socket], link: LinkType, ignore_outgoing: bool) -> io::Result<Dealing> {
    let mut flags = libc::PACKET_FANOUT_FLAG_DEFRAG;
    if ignore_outgoing {
        flags |= libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
    }
    let request = |mode: u32, more: u32, id: u32| id | (mode | flags | more) << 16;
    let Some((first, others)) = sockets.split_first() else { return Ok(Dealing::Ours) };
    let program = fanout::program(if link == ETHERNET { ETHERNET_BYTES } else { 0 });
    let mut dealing = Dealing::Ours;
    let mut mode = libc::PACKET_FANOUT_CBPF;
    let unique = libc::PACKET_FANOUT_FLAG_UNIQUEID;
    if first.set_number(libc::PACKET_FANOUT, request(mode, unique, 0)).is_err() {
        (dealing, mode) = (Dealing::Kernel, libc::PACKET_FANOUT_HASH);
        first.set_number(libc::PACKET_FANOUT, request(mode, unique, 0))?;
    } else {
        first.fanout_program(&program)?;
    }
    // The kernel has chosen an id that no other process uses.
    let id = first.number(libc::PACKET_FANOUT)? & 0xffff;
    for socket in others {
        socket.set_number(libc::PACKET_FANOUT, request(mode, 0, id))?;
    }
    Ok(dealing)
}

/// Modems that give IP packets (`linux/if_arp.h`).
const ARPHRD_RAWIP: u16 = 519;

/// The link type of a hardware type (ARPHRD_ number), as frames come from a raw packet socket.
fn link_of(hardware: u16) -> Result<LinkType, Failure> {
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Ok(ETHERNET),
        // Tunnels and modems whose frames begin with an IP header.
        libc::ARPHRD_NONE
        | ARPHRD_RAWIP
        | libc::ARPHRD_PPP
        | libc::ARPHRD_TUNNEL
        | libc::ARPHRD_TUNNEL6
        | libc::ARPHRD_SIT => Ok(super::RAW_IP),
        other => Err(Failure::Setting(format!(
            "its hardware type {other} is not read from a ring; set capture.backend = \"libpcap\""
        ))),
    }
}

/// What an error of the system means, at some step.
fn at(step: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| match Errno::from_io_error(&error) {
        Some(Errno::NODEV | Errno::NXIO) => Failure::Missing,
        Some(Errno::NETDOWN) => Failure::Down,
        Some(Errno::PERM | Errno::ACCESS) => Failure::NotPermitted,
        _ => Failure::System(format!("{step}: {error}")),
    }
}
