//! Virtual cables in a network that nobody else is in, and a socket that puts frames on them.
//! A thread leaves its network, stretches cables and sends; threads and programs it starts later are there with it.
//! It promises silence, so that nothing but what is sent comes out at the other end, and that every frame was taken by
//! the kernel when a call comes back without an error. The network is gone when all who are in it are.

#![allow(
    unsafe_code,
    reason = "a namespace, a raw socket and many frames in one call have no safe interface"
)]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::Command;

/// Frames in one call at most.
pub const BATCH_MAX: usize = 64;

/// Gives the calling thread, and all threads it starts later, a network of their own; takes root.
pub fn leave_network() -> Result<(), String> {
    // SAFETY: the call takes no pointers; it changes what this thread sees of the network and nothing else.
    told(unsafe { libc::unshare(libc::CLONE_NEWNET) })
        .map_err(|error| format!("a network namespace of its own, which takes root: {error}"))?;
    // The kernel's own announcements would be counted as traffic.
    for scope in ["all", "default"] {
        let path = format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6");
        // A kernel without IPv6 announces nothing.
        let _ = std::fs::write(path, "1");
    }
    ip("link set lo up")
}

/// Makes a cable with these two ends, both up.
pub fn stretch(far: &str, near: &str) -> Result<(), String> {
    ip(&format!("link add {far} type veth peer name {near}"))?;
    [far, near].iter().try_for_each(|end| ip(&format!("link set {end} arp off multicast off promisc on up")))
}

/// Frames that came out at the near end since the cable was made, and those lost inside it.
pub fn arrived(far: &str, near: &str) -> Result<(u64, u64), String> {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").map_err(|error| error.to_string())?;
    let row = |end: &str| {
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix(end)?.strip_prefix(':'))?;
        Some(line.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u64>>())
    };
    // Received: bytes, packets, errors, drops and four more; then the same eight for sent.
    let (near, far) = (row(near), row(far));
    let counts = near.zip(far).and_then(|(near, far)| Some((*near.get(1)?, near.get(3)? + far.get(11)?)));
    counts.ok_or_else(|| "the cable is gone".to_owned())
}

/// Runs `ip` with these words.
pub fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(words.split(' '))
        .output()
        .map_err(|error| format!("ip ({error}): apt install iproute2"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {words}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// A raw socket on one interface.
pub struct Socket(OwnedFd);

impl Socket {
    pub fn on(interface: &str) -> io::Result<Self> {
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
    pub fn send(&self, frames: &[Vec<u8>]) -> io::Result<()> {
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
