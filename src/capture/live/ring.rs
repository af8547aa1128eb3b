//! One TPACKET_V3 ring: frames as the kernel laid them into shared blocks, read where they lie.
//! It is given an open socket with its mapping and gives frames one after the other, each until the next is asked for.
//! It promises to believe no offset unchecked, and to give a block back only when its last frame is done with.

use super::super::clock::Clock;
use super::super::{Checksum, LinkType, Offload};
use super::sys::{Instruction, Mapping, Socket, Statistics};
use heelguard_detectors::time::EventTime;
use std::io;
use std::time::Instant;

/// A ring and where its reader is.
pub(super) struct Ring {
    socket: Socket,
    mapping: Mapping,
    link: LinkType,
    /// Among how many rings our program deals; one where it does not.
    dealt: usize,
    clock: Clock,
    /// The block that is being read, or that comes next.
    block: usize,
    /// Whether that block is ours, and since when.
    ours: Option<Instant>,
    /// Frames of the block that are still to come, and where the next one is.
    left: u32,
    next: usize,
    frame: Option<Frame>,
}

/// One frame: what the kernel says of it, and where its bytes are in the block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// The time, made monotone within the ring.
    pub(super) time: EventTime,
    /// The clock jumped here.
    pub(super) is_odd: bool,
    pub(super) original_len: u32,
    pub(super) offload: Offload,
    at: usize,
    len: usize,
}

impl Ring {
    pub(super) fn new(socket: Socket, mapping: Mapping, link: LinkType, dealt: usize) -> Self {
        Self {
            socket,
            mapping,
            link,
            dealt,
            clock: Clock::default(),
            block: 0,
            ours: None,
            left: 0,
            next: 0,
            frame: None,
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn link(&self) -> LinkType {
        self.link
    }

    pub(super) fn dealt(&self) -> usize {
        self.dealt
    }

    /// The frame at hand.
    #[inline]
    pub(super) fn frame(&self) -> Option<&Frame> {
        self.frame.as_ref()
    }

    /// Its captured bytes.
    #[inline]
    pub(super) fn data(&self, frame: &Frame) -> &[u8] {
        let block = self.mapping.block(self.block).unwrap_or(&[]);
        block.get(frame.at..frame.at + frame.len).unwrap_or(&[])
    }

    /// When the block of the frame at hand was first seen.
    pub(super) fn block_since(&self) -> Option<Instant> {
        self.ours
    }

    /// Moves on to the next frame of the block at hand; false when the block has no more.
    #[inline]
    pub(super) fn advance(&mut self) -> bool {
        self.frame = None;
        if self.left == 0 {
            return false;
        }
        let Some(block) = self.mapping.block(self.block) else { return false };
        let Some((raw, frame, step)) = read_frame(block, self.next) else {
            // The kernel does not write such a thing. The account of the ring will miss what is left of the block.
            self.left = 0;
            return false;
        };
        self.left -= 1;
        self.next += step;
        let stamp = self.clock.stamp(raw);
        self.frame = Some(Frame { time: stamp.time, is_odd: stamp.anomalous, ..frame });
        true
    }

    /// Gives back the block that was read, and takes the next one if it is there; true when a frame is at hand.
    pub(super) fn next_block(&mut self) -> bool {
        if self.ours.take().is_some() {
            self.frame = None;
            self.mapping.give_back(self.block);
            self.block = (self.block + 1) % self.mapping.blocks().max(1);
        }
        let Some(block) = self.mapping.block(self.block) else { return false };
        // `tpacket_hdr_v1`: number of packets, offset of the first.
        let (count, first) = (u32_at(block, 12), u32_at(block, 16));
        self.ours = Some(Instant::now());
        self.left = count.unwrap_or(0);
        self.next = first.unwrap_or(0) as usize;
        // A block without frames is given back at the next call.
        self.advance()
    }

    /// Whether so much waits that it must not wait longer: a quarter of the ring.
    pub(super) fn is_pressed(&self) -> bool {
        let blocks = self.mapping.blocks().max(1);
        self.mapping.block((self.block + blocks.div_ceil(4)) % blocks).is_some()
    }

    /// Lets nothing more into the ring.
    pub(super) fn shut(&self) -> io::Result<()> {
        self.socket.filter(&super::bpf::nothing())
    }

    /// Lets in what the program takes.
    pub(super) fn admit(&self, program: &[Instruction]) -> io::Result<()> {
        self.socket.filter(program)
    }

    pub(super) fn statistics(&self) -> Statistics {
        // An open packet socket always answers; if it did not, the account would say so.
        self.socket.statistics().unwrap_or_default()
    }
}

/// Reads a `tpacket3_hdr`; gives the time in nanoseconds, the frame, and how far it is to the next one.
#[inline]
fn read_frame(block: &[u8], start: usize) -> Option<(u64, Frame, usize)> {
    let header = block.get(start..)?.first_chunk::<48>()?;
    let word = |at| u32_at(header, at).unwrap_or(0);
    let (step, secs, nanos) = (word(0), word(4), word(8));
    let (len, original_len, status) = (word(12), word(16), word(20));
    let mac = u16::from_ne_bytes([header[24], header[25]]);
    let at = start + usize::from(mac);
    let len = len as usize;
    block.get(at..at.checked_add(len)?)?;
    let vlan = (status & libc::TP_STATUS_VLAN_VALID != 0).then_some(word(32) as u16 & 0x0fff);
    let checksum = if status & libc::TP_STATUS_CSUMNOTREADY != 0 {
        Checksum::Unwritten
    } else if status & libc::TP_STATUS_CSUM_VALID != 0 {
        Checksum::Right
    } else {
        Checksum::Unknown
    };
    let raw = u64::from(secs) * 1_000_000_000 + u64::from(nanos);
    let offload = Offload { vlan, checksum };
    let frame = Frame { time: EventTime::ZERO, is_odd: false, original_len, offload, at, len };
    Some((raw, frame, step as usize))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block's bytes from `start`: one header and its frame.
    fn block(status: u32, mac: u16, len: u32) -> Vec<u8> {
        let mut block = vec![0; 16];
        let words = [0, 7, 9, len, 1_500, status];
        for word in words {
            block.extend(u32::to_ne_bytes(word));
        }
        block.extend(mac.to_ne_bytes());
        block.extend([0; 6]);
        block.extend(0xe064_u32.to_ne_bytes());
        block.resize(16 + 48, 0);
        block.extend(b"frame");
        block
    }

    #[test]
    fn a_frame_is_read_with_what_the_kernel_says_of_it() {
        let bytes = block(libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_CSUMNOTREADY, 48, 5);
        let (raw, frame, _) = read_frame(&bytes, 16).unwrap();
        assert_eq!((raw, frame.original_len), (7_000_000_009, 1_500));
        assert_eq!(frame.offload, Offload { vlan: Some(0x064), checksum: Checksum::Unwritten });
        assert_eq!(&bytes[frame.at..frame.at + frame.len], b"frame");

        let (_, frame, _) = read_frame(&block(libc::TP_STATUS_CSUM_VALID, 48, 5), 16).unwrap();
        assert_eq!(frame.offload, Offload { vlan: None, checksum: Checksum::Right });
    }

    #[test]
    fn a_frame_that_is_not_inside_the_block_is_none() {
        assert!(read_frame(&block(0, 48, 6), 16).is_none());
        assert!(read_frame(&block(0, 49, 5), 16).is_none());
        assert!(read_frame(&block(0, 48, u32::MAX), 16).is_none());
        assert!(read_frame(&block(0, 48, 5), 40).is_none());
        assert!(read_frame(&block(0, 48, 5), usize::MAX).is_none());
    }
}
