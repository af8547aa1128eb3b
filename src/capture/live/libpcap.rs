//! The portable way: libpcap's handles, one an interface, read by one tap.
//! It is given a checked configuration and gives packets that libpcap holds until the next is asked for.
//! It promises times that never go back, and an interface that went away is opened again when it is back.

use super::observer::{Account, Interface, Observer};
use super::present::Present;
use super::{Config, OpenError, Opened, Stop, Supervisor, Tap, known_interfaces, not_permitted};
use crate::capture::clock::Clock;
use crate::capture::{LinkType, Next, Offload, Packet};
use crate::metrics::{AnomalyCounters, CaptureCounters, Counters, LiveCounters};
use heelguard_detectors::anomaly::Anomaly;
use pcap::{Active, Capture, Error, Precision};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long libpcap may hold packets back.
const TIMEOUT_MS: i32 = 50;
/// Packets from one interface before the others are looked at.
const ROUND: u32 = 1_024;
/// What is taken in after a stop ends here.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);
/// An interface that is away is looked for this often.
const RETRY: Duration = Duration::from_secs(1);

/// One tap over all interfaces.
pub(super) struct Handles {
    config: Config,
    interfaces: Arc<[Interface]>,
    slots: Vec<Slot>,
    /// The interface that is read, and how many packets more.
    current: Option<(usize, u32)>,
    /// The interface that failed, and why.
    failed: Option<(usize, String)>,
    present: Present,
    stop: Stop,
    stopping: Option<Instant>,
    anomalies: AnomalyCounters,
    warnings: Vec<String>,
}

struct Slot {
    open: Option<Open>,
    account: Account,
    /// What the handles before this one had dropped.
    dropped_before: u64,
    next_try: Instant,
}

struct Open {
    capture: Capture<Active>,
    link: LinkType,
    clock: Clock,
}

/// Opens every interface.
pub(super) fn open(config: &Config) -> Result<Opened, OpenError> {
    let mut slots = Vec::new();
    let mut interfaces = Vec::new();
    for name in &config.interfaces {
        let open = open_one(name, config)?;
        interfaces.push(Interface::new(name, 1, true));
        slots.push(Slot {
            open: Some(open),
            account: Account::default(),
            dropped_before: 0,
            next_try: Instant::now(),
        });
    }
    let interfaces: Arc<[Interface]> = interfaces.into();
    let stop = Stop::default();
    let handles = Handles {
        config: config.clone(),
        interfaces: Arc::clone(&interfaces),
        slots,
        current: None,
        failed: None,
        present: Present::default(),
        stop: stop.clone(),
        stopping: None,
        anomalies: AnomalyCounters::default(),
        warnings: Vec::new(),
    };
    let supervisor = Supervisor {
        #[cfg(target_os = "linux")]
        watcher: None,
    };
    let observer = Observer { interfaces };
    Ok(Opened { taps: vec![Tap::of_handles(handles)], supervisor, observer, stop, warnings: Vec::new() })
}

fn open_one(name: &str, config: &Config) -> Result<Open, OpenError> {
    let failed = |error: Error| of_error(name, &error);
    let bytes = i32::try_from(u64::from(config.ring_mib) << 20).unwrap_or(i32::MAX);
    let inactive = Capture::from_device(name).map_err(failed)?;
    let inactive = inactive.promisc(config.promiscuous).snaplen(config.snaplen.cast_signed());
    let inactive = inactive.timeout(TIMEOUT_MS).buffer_size(bytes).precision(Precision::Nano);
    let mut capture = inactive.open().map_err(failed)?;
    if !config.filter.trim().is_empty() {
        capture.filter(&config.filter, true).map_err(|error| {
            OpenError::Setting(format!("capture.filter: {:?}: {}", config.filter, words(&error)))
        })?;
    }
    let link = LinkType(u32::try_from(capture.get_datalink().0).unwrap_or(u32::MAX));
    let capture = capture.setnonblock().map_err(failed)?;
    Ok(Open { capture, link, clock: Clock::default() })
}

impl Handles {
    #[inline]
    pub(super) fn next(&mut self) -> Next<'_> {
        let (index, left) = match self.current {
            Some(current) => current,
            None => match self.choose() {
                Ok(index) => (index, ROUND),
                Err(next) => return next,
            },
        };
        self.current = (left > 1).then_some((index, left - 1));
        let Some(Slot { open: Some(open), account, .. }) = self.slots.get_mut(index) else {
            self.current = None;
            return Next::Quiet(self.present.last());
        };
        match open.capture.next_packet() {
            Ok(packet) => {
                // With this precision the microseconds are nanoseconds.
                let ts = packet.header.ts;
                let raw = (ts.tv_sec.max(0).cast_unsigned()).saturating_mul(1_000_000_000);
                let stamp = open.clock.stamp(raw.saturating_add(ts.tv_usec.max(0).cast_unsigned()));
                if stamp.anomalous {
                    self.anomalies.count(Anomaly::ClockAnomaly);
                }
                account.packets += 1;
                account.bytes += packet.data.len() as u64;
                account.truncated += u64::from(packet.data.len() < packet.header.len as usize);
                Next::Packet(Packet {
                    time: self.present.packet(stamp.time, Instant::now()),
                    link: open.link,
                    data: packet.data,
                    original_len: packet.header.len,
                    offload: Offload::default(),
                })
            }
            Err(error) => {
                self.current = None;
                if !matches!(error, Error::TimeoutExpired | Error::NoMorePackets) {
                    self.failed = Some((index, words(&error)));
                }
                Next::Quiet(self.present.last())
            }
        }
    }

    pub(super) fn counters(&self) -> Counters {
        let mut sum = Account::default();
        self.slots.iter().for_each(|slot| sum.add(&slot.counted()));
        let live = LiveCounters {
            received: sum.received,
            kernel_dropped: sum.dropped,
            truncated: sum.truncated,
            interface_losses: self.interfaces.iter().map(Interface::losses).sum(),
            interface_returns: self.interfaces.iter().map(Interface::returns).sum(),
            ..LiveCounters::default()
        };
        let capture = CaptureCounters { bytes: sum.bytes, ..CaptureCounters::default() };
        Counters { capture, live, anomalies: self.anomalies.clone(), ..Counters::default() }
    }

    pub(super) fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// The interface to be read next, or what to say instead.
    fn choose<'a>(&mut self) -> Result<usize, Next<'a>> {
        self.look_after();
        if self.stopping.is_none() && self.stop.is_stopped() {
            self.stopping = Some(Instant::now());
        }
        let is_stopping = self.stopping.is_some();
        let timeout = Duration::from_millis(if is_stopping { 0 } else { TIMEOUT_MS as u64 });
        let timeout = Timespec::try_from(timeout).unwrap_or_default();
        let open = || self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.open.as_ref()?)));
        let mut fds: Vec<_> = open().map(|(_, open)| PollFd::new(&open.capture, PollFlags::IN)).collect();
        if fds.is_empty() && !is_stopping {
            std::thread::sleep(Duration::from_millis(TIMEOUT_MS as u64));
        }
        // After a signal nothing is ready, and the next round asks again.
        let _ = poll(&mut fds, Some(&timeout));
        let mut ready = open().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()).map(|((at, _), _)| at);
        let found = ready.next();
        match (found, self.stopping) {
            (Some(index), None) => Ok(index),
            (Some(index), Some(since)) if since.elapsed() < DRAIN_WITHIN => Ok(index),
            (_, Some(_)) => {
                self.count();
                Err(Next::End)
            }
            (None, None) => Err(Next::Quiet(self.present.quiet())),
        }
    }

    /// Closes what failed, opens what is away, and asks for counts.
    fn look_after(&mut self) {
        if let Some((index, why)) = self.failed.take()
            && let (Some(slot), Some(interface)) = (self.slots.get_mut(index), self.interfaces.get(index))
        {
            slot.count();
            slot.dropped_before = slot.account.dropped;
            slot.open = None;
            slot.next_try = Instant::now() + RETRY;
            interface.lose();
            self.warnings.push(format!("{}: {why}: nothing is seen there until it is back", interface.name));
        }
        for (slot, interface) in self.slots.iter_mut().zip(self.interfaces.iter()) {
            if slot.open.is_some() || Instant::now() < slot.next_try || self.stopping.is_some() {
                continue;
            }
            slot.next_try = Instant::now() + RETRY;
            if let Ok(open) = open_one(&interface.name, &self.config) {
                slot.open = Some(open);
                interface.come_back();
                self.warnings.push(format!("{} is back", interface.name));
            }
        }
        self.count();
    }

    fn count(&mut self) {
        for (slot, interface) in self.slots.iter_mut().zip(self.interfaces.iter()) {
            slot.count();
            interface.show(0, &slot.counted());
        }
    }
}

impl Slot {
    /// What libpcap dropped, as far as it is known.
    fn count(&mut self) {
        if let Some(open) = &mut self.open
            && let Ok(stat) = open.capture.stats()
        {
            self.account.dropped = self.dropped_before + u64::from(stat.dropped);
        }
    }

    /// What systems mean by "received" differs; here it is what was read and what was dropped.
    fn counted(&self) -> Account {
        Account { received: self.account.packets + self.account.dropped, ..self.account }
    }
}

fn of_error(name: &str, error: &Error) -> OpenError {
    let words = words(error);
    let lower = words.to_ascii_lowercase();
    if lower.contains("permission") || lower.contains("not permitted") {
        not_permitted(name)
    } else if lower.contains("no such device") {
        OpenError::Setting(format!("no interface {name}{}", known_interfaces()))
    } else {
        OpenError::System(format!("{name}: {words}"))
    }
}

fn words(error: &Error) -> String {
    match error {
        Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &str) -> OpenError {
        of_error("eth7", &Error::PcapError(words.to_owned()))
    }

    #[test]
    fn what_libpcap_says_is_a_setting_a_right_or_trouble() {
        let words = "You don't have permission to perform this capture on that device (socket: Operation not permitted)";
        assert_eq!(said(words), not_permitted("eth7"));
        let OpenError::Setting(words) = said("eth7: No such device exists (No such device)") else {
            panic!("its name is at fault")
        };
        assert!(words.starts_with("no interface eth7"), "{words}");
        let trouble = "eth7: That device is not up";
        assert_eq!(said(trouble), OpenError::System(format!("eth7: {trouble}")));
    }

    #[test]
    fn received_is_what_was_read_and_what_was_dropped_before_and_since() {
        let account = Account { packets: 10, dropped: 4, ..Account::default() };
        let slot = Slot { open: None, account, dropped_before: 4, next_try: Instant::now() };
        assert_eq!((slot.counted().received, slot.counted().waiting()), (14, 0));
        let mut slot = slot;
        // A handle that is away tells nothing, and forgets nothing.
        slot.count();
        assert_eq!(slot.counted().dropped, 4);
    }

    #[test]
    fn handles_that_are_all_away_are_quiet_and_end_when_told_to() {
        let stop = Stop::default();
        let mut handles = Handles {
            config: Config::default(),
            interfaces: Arc::new([Interface::new("no/where", 1, true)]),
            slots: vec![Slot {
                open: None,
                account: Account::default(),
                dropped_before: 0,
                next_try: Instant::now() + RETRY,
            }],
            current: None,
            failed: Some((0, "it was deleted".to_owned())),
            present: Present::default(),
            stop: stop.clone(),
            stopping: None,
            anomalies: AnomalyCounters::default(),
            warnings: Vec::new(),
        };
        assert!(matches!(handles.next(), Next::Quiet(_)));
        let told = "no/where: it was deleted: nothing is seen there until it is back";
        assert_eq!(handles.warnings(), [told]);
        assert_eq!(handles.counters().live.interface_losses, 1);
        assert!(matches!(handles.next(), Next::Quiet(_)));
        assert!(handles.warnings().is_empty(), "it is told once");
        stop.stop();
        assert!(matches!(handles.next(), Next::End));
    }
}
