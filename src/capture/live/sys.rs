//! Packet sockets of Linux and the ring they share with the kernel (packet(7), `packet_mmap` in the kernel's
//! documentation): the calls that no crate offers safely, and nothing else.
//! It is given settings as plain values and gives sockets, and blocks of the ring as slices.
//! It promises that a slice exists only while its block belongs to us.
#![allow(
    unsafe_code,
    reason = "memory shared with the kernel, and its socket options, cannot be had in another way"
)]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

/// Classic BPF, as the kernel takes it.
pub(super) type Instruction = libc::sock_filter;

/// `SO_ATTACH_FILTER` and the fanout's program take no more than this (`BPF_MAXINSNS`).
const INSTRUCTIONS_MAX: usize = 4_096;

/// Where a block's status word is (`tpacket_block_desc`: version, offset of private data, status).
const STATUS_OFFSET: usize = 8;

/// A packet socket. It receives nothing before it is bound.
pub(super) struct Socket(OwnedFd);

/// What the kernel counted since it was asked last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    /// Packets that passed the filter, those dropped included.
    pub(super) received: u64,
    /// Those of them that found the ring full.
    pub(super) dropped: u64,
    /// How often the ring was full and the kernel stopped filling it.
    pub(super) freezes: u64,
}

/// The shape of a ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) block_bytes: u32,
    pub(super) blocks: u32,
    /// A block that is not full is handed over after so long.
    pub(super) retire_ms: u32,
}

impl Socket {
    pub(super) fn new() -> io::Result<Self> {
        let socket =
            rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        Ok(Self(socket))
    }

    /// Begins to receive every protocol on the interface.
    pub(super) fn bind(&self, interface: u32) -> io::Result<()> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
            sll_ifindex: interface.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        // SAFETY: the pointer is to a live `sockaddr_ll`, the length is its size, and the kernel only reads it.
        let code = unsafe {
            let length = mem::size_of_val(&address) as libc::socklen_t;
            libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length)
        };
        check(code)
    }

    /// The hardware type (ARPHRD_ number) of the interface that the socket is bound to.
    pub(super) fn hardware(&self) -> io::Result<u16> {
        // SAFETY: `sockaddr_ll` is made of integers; all zeros is a value of it.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        let mut length = mem::size_of_val(&address) as libc::socklen_t;
        // SAFETY: both pointers are to live values, and the kernel writes no more than the length says.
        let code =
            unsafe { libc::getsockname(self.0.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
        check(code).map(|()| address.sll_hatype)
    }

    /// The error that waits at the socket: the interface is down, or gone.
    pub(super) fn error(&self) -> io::Result<()> {
        Ok(rustix::net::sockopt::socket_error(&self.0)??)
    }

    /// Takes frames that are for other hosts too, for as long as the socket is open.
    pub(super) fn promiscuous(&self, interface: u32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: interface.cast_signed(),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Sets an option that is a number.
    pub(super) fn set_number(&self, option: i32, value: u32) -> io::Result<()> {
        self.set(libc::SOL_PACKET, option, &value)
    }

    /// The value of an option that is a number.
    pub(super) fn number(&self, option: i32) -> io::Result<u32> {
        let mut value = 0_u32;
        self.get(option, &mut value).map(|()| value)
    }

    /// Lets only what the program accepts into the ring, from here on.
    pub(super) fn filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
    }

    /// The program that deals packets to the sockets of the group.
    pub(super) fn fanout_program(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program)
    }

    /// Makes the ring, before the socket is bound.
    pub(super) fn ring(&self, shape: Shape) -> io::Result<Mapping> {
        self.set_number(libc::PACKET_VERSION, libc::tpacket_versions::TPACKET_V3 as u32)?;
        let frame_bytes = libc::TPACKET_ALIGNMENT as u32 * 128;
        let request = libc::tpacket_req3 {
            tp_block_size: shape.block_bytes,
            tp_block_nr: shape.blocks,
            tp_frame_size: frame_bytes,
            tp_frame_nr: shape.block_bytes / frame_bytes * shape.blocks,
            tp_retire_blk_tov: shape.retire_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        Mapping::new(&self.0, shape)
    }

    /// What was counted since the last call: the kernel begins again at zero each time.
    pub(super) fn statistics(&self) -> io::Result<Statistics> {
        let mut counted = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        self.get(libc::PACKET_STATISTICS, &mut counted)?;
        Ok(Statistics {
            received: counted.tp_packets.into(),
            dropped: counted.tp_drops.into(),
            freezes: counted.tp_freeze_q_cnt.into(),
        })
    }

    fn set_program(&self, level: i32, option: i32, program: &[Instruction]) -> io::Result<()> {
        if program.len() > INSTRUCTIONS_MAX {
            return Err(io::Error::from_raw_os_error(libc::E2BIG));
        }
        // The kernel copies the program and does not write to it.
        let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
        self.set(level, option, &program)
    }

    fn set<T: Copy>(&self, level: i32, option: i32, value: &T) -> io::Result<()> {
        let length = mem::size_of::<T>() as libc::socklen_t;
        // SAFETY: the pointer is to a live value of the given length, which the kernel only reads. A `sock_fprog`
        // points at a slice that its caller borrows for the time of the call, with the slice's length.
        let code = unsafe {
            libc::setsockopt(self.0.as_raw_fd(), level, option, ptr::from_ref(value).cast(), length)
        };
        check(code)
    }

    fn get<T: Copy>(&self, option: i32, value: &mut T) -> io::Result<()> {
        let mut length = mem::size_of::<T>() as libc::socklen_t;
        // SAFETY: the pointer is to a live value of the given length, the kernel writes no more than that, and the
        // types that are asked for are made of integers: whatever it writes is a value of them.
        let code = unsafe {
            let value = ptr::from_mut(value).cast();
            libc::getsockopt(self.0.as_raw_fd(), libc::SOL_PACKET, option, value, &raw mut length)
        };
        check(code)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The ring's memory. The kernel fills a block, sets its status, and leaves it alone until the status is taken back.
pub(super) struct Mapping {
    base: NonNull<u8>,
    block_bytes: usize,
    blocks: usize,
}

// SAFETY: the memory belongs to this value alone, as a `Box` does; the kernel does not care which thread reads it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(socket: &OwnedFd, shape: Shape) -> io::Result<Self> {
        let (block_bytes, blocks) = (shape.block_bytes as usize, shape.blocks as usize);
        let length = block_bytes * blocks;
        // SAFETY: the kernel chooses the place, so nothing that is there already is replaced; the result is checked.
        let base = unsafe {
            let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
            libc::mmap(ptr::null_mut(), length, protection, flags, socket.as_raw_fd(), 0)
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, block_bytes, blocks })
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// A block, if the kernel has handed it over.
    #[inline]
    pub(super) fn block(&self, index: usize) -> Option<&[u8]> {
        if self.status(index)?.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: `status` has checked that the block lies inside the mapping, which lives as long as `self`. The load
        // above is paired with the kernel's release of the block, so all it wrote is seen; it writes there no more
        // until `give_back`, which takes `&mut self` and so waits for this slice to go out of use.
        Some(unsafe {
            std::slice::from_raw_parts(self.base.as_ptr().add(index * self.block_bytes), self.block_bytes)
        })
    }

    /// Gives a block back to the kernel.
    pub(super) fn give_back(&mut self, index: usize) {
        if let Some(status) = self.status(index) {
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
    }

    fn status(&self, index: usize) -> Option<&AtomicU32> {
        if index >= self.blocks {
            return None;
        }
        // SAFETY: the index was checked, a block is longer than its head, and blocks begin at pages, so the word is
        // inside the mapping and aligned. It is shared with the kernel, and both sides use it atomically only.
        Some(unsafe {
            let at = self.base.as_ptr().add(index * self.block_bytes + STATUS_OFFSET);
            AtomicU32::from_ptr(at.cast())
        })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is what `mmap` gave, with its length, and no slice of it outlives `self`.
        unsafe {
            libc::munmap(self.base.as_ptr().cast(), self.block_bytes * self.blocks);
        }
    }
}

fn check(code: i32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
