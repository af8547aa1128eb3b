//! What one shard hears: its rings of all interfaces as one sequence of packets in order of time.
//! It is given rings, and new ones when an interface comes back, and gives packets that lie in them.
//! It promises that times never go back, and that after a stop everything the kernel had taken is given or counted.

use super::observer::{Account, Interface};
use super::present::{Present, SETTLED};
use super::ring::Ring;
use super::supervisor::Moving;
use super::sys::Statistics;
use super::{Stop, fanout};
use crate::capture::{Next, Packet};
use crate::metrics::{AnomalyCounters, CaptureCounters, Counters, LiveCounters};
use crossbeam_channel::{Receiver, Sender};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A tap that hears nothing says so this often.
const QUIET: Duration = Duration::from_millis(50);
/// The kernel's counts are asked for this often.
const COUNT_EVERY: Duration = Duration::from_millis(500);
/// A ring that is given up has so long to hand over what is in it.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// One shard's ears.
pub(super) struct Rings {
    shard: usize,
    interfaces: Arc<[Interface]>,
    slots: Vec<Slot>,
    arrivals: Receiver<Moving>,
    returned: Sender<Moving>,
    stop: Stop,
    is_stopping: bool,
    /// The slot whose frame was given last.
    current: Option<usize>,
    present: Present,
    counted: Instant,
    anomalies: AnomalyCounters,
    misrouted: u64,
    warnings: Vec<String>,
}

/// The place of one interface.
struct Slot {
    ring: Option<Ring>,
    leaving: Leaving,
    /// When the ring was last seen to be empty.
    empty_at: Option<Instant>,
    /// What was read.
    account: Account,
    /// What the kernel has told of all rings that were here.
    kernel: Cell<Statistics>,
}

/// Whether a ring is read on, or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    Stays,
    /// Nothing more comes in; what is inside is still given.
    Drains(Instant),
    /// It is empty. It keeps its place in the group until all of them end.
    Done,
}

/// What to do next.
enum Turn {
    Give(usize),
    Wait(Duration),
    Quiet,
    End,
}

impl Rings {
    pub(super) fn new(
        shard: usize,
        interfaces: Arc<[Interface]>,
        rings: Vec<Option<Ring>>,
        arrivals: Receiver<Moving>,
        returned: Sender<Moving>,
        stop: Stop,
    ) -> Self {
        Self {
            shard,
            interfaces,
            slots: rings.into_iter().map(Slot::new).collect(),
            arrivals,
            returned,
            stop,
            is_stopping: false,
            current: None,
            present: Present::default(),
            counted: Instant::now(),
            anomalies: AnomalyCounters::default(),
            misrouted: 0,
            warnings: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Next<'_> {
        loop {
            match self.turn() {
                Turn::Give(index) => {
                    self.note(index);
                    return self.packet(index);
                }
                Turn::Wait(time) => self.wait(time),
                Turn::Quiet => {
                    self.wait(QUIET);
                    if !self.is_any_ready() {
                        return Next::Quiet(self.present.quiet());
                    }
                }
                Turn::End => return Next::End,
            }
        }
    }

    pub(super) fn counters(&self) -> Counters {
        let mut sum = Account::default();
        for slot in &self.slots {
            let account = slot.counted();
            sum.add(&account);
        }
        let mut live = LiveCounters {
            received: sum.received,
            kernel_dropped: sum.dropped,
            lost: sum.lost,
            waiting: sum.waiting(),
            ring_freezes: sum.freezes,
            truncated: sum.truncated,
            misrouted: self.misrouted,
            ..LiveCounters::default()
        };
        // Interfaces are shared by all taps; the first one counts them.
        if self.shard == 0 {
            live.interface_losses = self.interfaces.iter().map(Interface::losses).sum();
            live.interface_returns = self.interfaces.iter().map(Interface::returns).sum();
        }
        let capture = CaptureCounters { bytes: sum.bytes, ..CaptureCounters::default() };
        Counters { capture, live, anomalies: self.anomalies.clone(), ..Counters::default() }
    }

    pub(super) fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Steps past the frame that was given, and says what comes now.
    #[inline]
    fn turn(&mut self) -> Turn {
        if let Some(slot) = self.current.take().and_then(|index| self.slots.get_mut(index))
            && let Some(ring) = &mut slot.ring
            && !ring.advance()
        {
            slot.empty_at = None;
            self.control();
        }
        match self.slots.as_mut_slice() {
            // Usually there is one interface: nothing is to be compared.
            [slot] if slot.has_frame() => Turn::Give(0),
            _ => self.choose(),
        }
    }

    /// Which ring is next, by time.
    fn choose(&mut self) -> Turn {
        let mut first: Option<(EventTime, usize)> = None;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            slot.refill();
            if let Some(time) = slot.time()
                && first.is_none_or(|(earliest, _)| time < earliest)
            {
                first = Some((time, index));
            }
        }
        match first {
            Some((_, index)) => self.settle(index),
            None if self.finish() => Turn::End,
            None => Turn::Quiet,
        }
    }

    /// Gives the frame of a ring unless an earlier one may still come into another.
    fn settle(&mut self, index: usize) -> Turn {
        let Some(ring) = self.slots.get(index).and_then(|slot| slot.ring.as_ref()) else {
            return Turn::Quiet;
        };
        let Some(since) = ring.block_since() else { return Turn::Give(index) };
        let safe = since + SETTLED;
        let awaited = |slot: &Slot| {
            slot.is_open() && !slot.has_frame() && slot.empty_at.is_none_or(|empty_at| empty_at < safe)
        };
        if !self.slots.iter().any(awaited) || ring.is_pressed() {
            return Turn::Give(index);
        }
        let now = Instant::now();
        for slot in self.slots.iter_mut().filter(|slot| slot.is_open()) {
            // They were looked at just now.
            if !slot.has_frame() {
                slot.empty_at = Some(now);
            }
        }
        if now >= safe { Turn::Give(index) } else { Turn::Wait(safe - now) }
    }

    /// Counts what is about to be given.
    #[inline]
    fn note(&mut self, index: usize) {
        self.current = Some(index);
        let Some(slot) = self.slots.get_mut(index) else { return };
        let Some((ring, frame)) = slot.ring.as_ref().and_then(|ring| Some((ring, ring.frame()?))) else {
            return;
        };
        let data = ring.data(frame);
        slot.account.packets += 1;
        slot.account.bytes += data.len() as u64;
        if data.len() < frame.original_len as usize {
            slot.account.truncated += 1;
        }
        if frame.is_odd {
            self.anomalies.count(Anomaly::ClockAnomaly);
        }
        let dealt = ring.dealt();
        if dealt > 1
            && fanout::shard_of_syn(ring.link(), data, dealt).is_some_and(|shard| shard != self.shard)
        {
            self.misrouted += 1;
            if self.misrouted == 1 {
                self.warnings.push(
                    "the kernel hands packets of one connection to several shards: some connections are seen in part; \
                     --shards 1 sees them whole"
                        .to_owned(),
                );
            }
        }
    }

    #[inline]
    fn packet(&mut self, index: usize) -> Next<'_> {
        let found = self.slots.get(index).and_then(|slot| slot.ring.as_ref());
        let Some((ring, frame)) = found.and_then(|ring| Some((ring, ring.frame()?))) else {
            return Next::Quiet(self.present.last());
        };
        let time = match ring.block_since() {
            Some(since) => self.present.packet(frame.time, since),
            None => self.present.last(),
        };
        Next::Packet(Packet {
            time,
            link: ring.link(),
            data: ring.data(frame),
            original_len: frame.original_len,
            offload: frame.offload,
        })
    }

    /// Between blocks: has anything happened beside packets?
    fn control(&mut self) {
        if self.counted.elapsed() >= COUNT_EVERY {
            self.counted = Instant::now();
            self.count();
        }
        if self.stop.is_stopped() {
            self.is_stopping = true;
        }
        while let Ok((index, ring)) = self.arrivals.try_recv() {
            if let Some(slot) = self.slots.get_mut(index) {
                (slot.ring, slot.leaving, slot.empty_at) = (Some(ring), Leaving::Stays, None);
            }
        }
        for (index, (slot, interface)) in self.slots.iter_mut().zip(self.interfaces.iter()).enumerate() {
            if self.is_stopping || !interface.is_up() {
                slot.leave();
            }
            slot.drained();
            if slot.leaving == Leaving::Done && !self.is_stopping && slot.ring.is_some() {
                interface.show(self.shard, &slot.counted());
                let Some(ring) = slot.ring.take() else { continue };
                // Without a supervisor nobody waits for it.
                let _ = self.returned.send((index, ring));
            }
        }
    }

    /// Whether all is over.
    fn finish(&mut self) -> bool {
        self.control();
        let is_over = self.is_stopping
            && self.slots.iter().all(|slot| slot.ring.is_none() || slot.leaving == Leaving::Done);
        if is_over {
            self.count();
        }
        is_over
    }

    /// Waits for a block in a ring that has none.
    fn wait(&mut self, time: Duration) {
        let timeout = Timespec::try_from(time).unwrap_or_default();
        let waiting =
            || self.slots.iter().enumerate().filter(|(_, slot)| slot.is_open() && !slot.has_frame());
        let rings = waiting().filter_map(|(_, slot)| slot.ring.as_ref());
        let mut fds: Vec<_> = rings.map(|ring| PollFd::new(ring.socket(), PollFlags::IN)).collect();
        if fds.is_empty() {
            std::thread::sleep(time);
        } else if poll(&mut fds, Some(&timeout)).is_err() {
            // A signal: the next round waits again.
            return;
        }
        let troubled: Vec<bool> = fds
            .iter()
            .map(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL))
            .collect();
        for ((index, slot), _) in waiting().zip(troubled).filter(|(_, troubled)| *troubled) {
            let error = slot.ring.as_ref().and_then(|ring| ring.socket().error().err());
            if let (Some(_), Some(interface)) = (error, self.interfaces.get(index)) {
                interface.lose();
            }
        }
        self.control();
    }

    fn is_any_ready(&mut self) -> bool {
        self.slots.iter_mut().any(|slot| {
            slot.refill();
            slot.has_frame()
        }) || self.is_stopping
    }

    /// Asks the kernel for its counts, and shows them.
    fn count(&mut self) {
        for (slot, interface) in self.slots.iter().zip(self.interfaces.iter()) {
            interface.show(self.shard, &slot.counted());
        }
    }
}

impl Slot {
    fn new(ring: Option<Ring>) -> Self {
        Self {
            ring,
            leaving: Leaving::Stays,
            empty_at: None,
            account: Account::default(),
            kernel: Cell::default(),
        }
    }

    #[inline]
    fn has_frame(&self) -> bool {
        self.ring.as_ref().is_some_and(|ring| ring.frame().is_some())
    }

    fn time(&self) -> Option<EventTime> {
        self.ring.as_ref().and_then(Ring::frame).map(|frame| frame.time)
    }

    /// Whether packets may come out of it.
    fn is_open(&self) -> bool {
        self.ring.is_some() && self.leaving != Leaving::Done
    }

    /// Takes the next block where none is at hand.
    fn refill(&mut self) {
        if let Some(ring) = &mut self.ring
            && ring.frame().is_none()
            && self.leaving != Leaving::Done
            && ring.next_block()
        {
            self.empty_at = None;
        }
    }

    /// Takes in no more.
    fn leave(&mut self) {
        if let (Some(ring), Leaving::Stays) = (&self.ring, self.leaving) {
            // The kernel takes this program from whoever may have the socket; if not, the account shows it.
            let _ = ring.shut();
            self.leaving = Leaving::Drains(Instant::now());
        }
    }

    /// Is it empty? The kernel hands over its last block by the clock, and a frame that was on its way when the ring
    /// was shut has arrived long before.
    fn drained(&mut self) {
        let Leaving::Drains(since) = self.leaving else { return };
        self.refill();
        if self.has_frame() || since.elapsed() < SETTLED {
            return;
        }
        let waiting = self.counted().waiting();
        if waiting == 0 || since.elapsed() >= DRAIN_WITHIN {
            self.account.lost += waiting;
            self.leaving = Leaving::Done;
        }
    }

    /// All counts up to now. The kernel forgets what it has told, so it is added up here.
    fn counted(&self) -> Account {
        let mut kernel = self.kernel.get();
        if let Some(ring) = &self.ring {
            let more = ring.statistics();
            kernel.received += more.received;
            kernel.dropped += more.dropped;
            kernel.freezes += more.freezes;
            self.kernel.set(kernel);
        }
        let Statistics { received, dropped, freezes } = kernel;
        Account { received, dropped, freezes, ..self.account }
    }
}
