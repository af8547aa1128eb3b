//! The sensor's own counters while it runs, read from its page of metrics.
//! It is given the page's address and gives the few numbers that a measurement follows.
//! It promises nothing when the page does not answer: the counters at the end are what counts.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// What the page said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Packets that came to the kernel.
    pub received: u64,
    /// Packets the kernel had no room for.
    pub dropped: u64,
    pub transactions: u64,
}

/// Asks the page; `None` while nobody answers.
pub(super) fn counts(address: SocketAddr) -> Option<Counts> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.starts_with("HTTP/1.1 200").then(|| read(&text))
}

/// The numbers in a page; a family is the sum of its series.
pub(crate) fn read(text: &str) -> Counts {
    let sum = |family: &str| {
        let series = text.lines().filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let name = name.split('{').next()?;
            (name == family).then(|| value.parse::<u64>().ok())?
        });
        series.sum()
    };
    Counts {
        received: sum("heelguard_live_received_total"),
        dropped: sum("heelguard_live_kernel_dropped_total"),
        transactions: sum("heelguard_transactions_total"),
    }
}
