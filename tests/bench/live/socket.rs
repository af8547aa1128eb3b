//! The few system calls that no safe interface offers: a namespace, a raw socket, many frames in one call.
//! A socket is given an interface's name and frames, and puts them on that interface as they are.
//! It promises that every frame was taken by the kernel when a call comes back without an error.

#![allow(unsafe_code, reason = "sending many frames at once has no safe interface")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// Frames in one call at most.
pub(super) const BATCH_MAX: usize = 64;

/// Gives the calling thread, and all threads it starts later, a network of their own.
pub(super) fn leave_network() -> io::Result<()> {
    // SAFETY: the call takes no pointers; it changes what this thread sees of the network and nothing else.
    told(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map(drop)
}

/// A raw socket on one interface.
pub(super) struct Socket(OwnedFd);

impl Socket {
    pub(super) fn on(interface: &str) -> io::Result<Self> {
        let name = CString::new(interface)?;
        // SAFETY: `name` is a string that ends with zero and lives through the call.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index == 0 {
            return Err(io::Error::last_os_error());
        }
        // Protocol zero: this socket only sends, the kernel need not offer it what comes.
        // SAFETY: the call takes no pointers.
        let fd = told(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) })?;
        // SAFETY: the descriptor was opened on the line above and has no other owner.
        let socket = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: 0,
            sll_ifindex: index.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: the pointer is to a whole `sockaddr_ll` of the length given.
        told(unsafe { libc::bind(fd, (&raw const address).cast(), length) })?;
        // No queueing discipline in between: what the interface cannot take is told at once.
        let on: libc::c_int = 1;
        // SAFETY: the pointer is to a whole integer of the length given.
        told(unsafe {
            libc::setsockopt(
                fd,
                libc::SOL_PACKET,
                libc::PACKET_QDISC_BYPASS,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        })?;
        Ok(socket)
    }

    /// Puts the frames on the interface, in their order; at most `BATCH_MAX` of them.
    pub(super) fn send(&self, frames: &[Vec<u8>]) -> io::Result<()> {
        let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH_MAX];
        // SAFETY: `mmsghdr` is numbers and pointers, for which all zeros is a valid value.
        let mut messages: [libc::mmsghdr; BATCH_MAX] = unsafe { std::mem::zeroed() };
        let count = frames.len().min(BATCH_MAX);
        for ((frame, part), message) in frames.iter().zip(&mut parts).zip(&mut messages) {
            // The kernel only reads what a sender gives it.
            *part = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
        }
        let mut sent = 0;
        while sent < count {
            let left = &mut messages[sent..count];
            // SAFETY: the messages point to `parts`, those to `frames`; both live through the call.
            let more = unsafe {
                libc::sendmmsg(self.0.as_raw_fd(), left.as_mut_ptr(), left.len() as libc::c_uint, 0)
            };
            match told(more) {
                Ok(more) => sent += more.unsigned_abs() as usize,
                Err(error) if is_for_now(&error) => std::thread::yield_now(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether the kernel only had no room at that moment.
fn is_for_now(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::EAGAIN | libc::EINTR))
}

fn told(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
