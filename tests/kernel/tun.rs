//! An interface whose other end is this test: packets written to it arrive in the kernel, and what the kernel sends
//! comes back here.
//! It is made in a network that only the calling thread is in.
//! It promises that a packet was dealt with by the kernel, its answer included, when `send` comes back.

#![allow(unsafe_code, reason = "an interface is made by a call that has no safe form")]

use crate::wire::{ip, leave_network};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;

const NAME: &str = "judge";
/// The kernel's own addresses on the interface; everybody else in these networks is behind it.
pub const HOST_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 1));
pub const HOST_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 1));

/// The interface.
pub struct Tun {
    device: File,
}

impl Tun {
    /// Leaves the network for one in which only this interface is.
    pub fn alone() -> Result<Self, String> {
        leave_network()?;
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .map_err(|error| format!("/dev/net/tun: {error}"))?;
        attach(&device).map_err(|error| format!("a TUN device: {error}"))?;
        // The interface is a wire and speaks when spoken to: IPv6 without announcements, and no rest for a sender that
        // is out of the window, who would otherwise be answered twice a second.
        let settings = [
            (format!("/proc/sys/net/ipv6/conf/{NAME}/disable_ipv6"), "0"),
            (format!("/proc/sys/net/ipv6/conf/{NAME}/router_solicitations"), "0"),
            (format!("/proc/sys/net/ipv6/conf/{NAME}/accept_dad"), "0"),
            ("/proc/sys/net/ipv4/tcp_invalid_ratelimit".to_owned(), "0"),
        ];
        for (path, value) in settings {
            std::fs::write(&path, value).map_err(|error| format!("{path}: {error}"))?;
        }
        ip(&format!("link set {NAME} mtu 1500 up"))?;
        ip(&format!("addr add {HOST_V4}/16 dev {NAME}"))?;
        ip(&format!("-6 addr add {HOST_V6}/64 dev {NAME} nodad"))?;
        Ok(Self { device })
    }

    /// Lets the kernel receive an IP packet.
    pub fn send(&self, packet: &[u8]) {
        // A packet that is no IP packet at all is refused at once, and never came.
        match (&self.device).write(packet) {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            Err(error) => panic!("the kernel takes a packet: {error}"),
        }
    }

    /// The next packet that the kernel has sent, if there is one.
    pub fn receive(&self) -> Option<Vec<u8>> {
        let mut packet = vec![0; 2048];
        match (&self.device).read(&mut packet) {
            Ok(length) => {
                packet.truncate(length);
                Some(packet)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("the kernel gives a packet: {error}"),
        }
    }
}

/// Makes the open file an interface for IP packets without any header before them.
fn attach(device: &File) -> std::io::Result<()> {
    // SAFETY: `ifreq` is numbers and a union of them, for which all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(NAME.bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the pointer is to a whole `ifreq` that lives through the call, whose name ends with zero.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw const request) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
