//! Interfaces come and go: opens them at the start, and again when they have been away.
//! It is given the configuration, and rings back from taps whose interface was lost; it gives rings to the taps.
//! It promises that all rings of an interface change together, and that every loss and return is told once.

use super::config::Config;
use super::group::{self, Dealing, Failure, Group};
use super::observer::Interface;
use super::ring::Ring;
use super::{Stop, Tell};
use crossbeam_channel::{Receiver, Sender};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A ring and the number of its interface.
pub(super) type Moving = (usize, Ring);

/// Waits between attempts to open an interface that is away, doubled each time.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);

/// Watches interfaces and opens them again.
pub(super) struct Watcher {
    config: Config,
    shards: usize,
    interfaces: Arc<[Interface]>,
    watches: Vec<Watch>,
    taps: Vec<Sender<Moving>>,
    returned: Receiver<Moving>,
    stop: Stop,
}

/// What the supervisor knows of an interface.
#[derive(Default)]
struct Watch {
    /// Rings that taps have.
    out: usize,
    /// Rings that came back, kept until all have: a ring that leaves a group moves the others.
    back: Vec<Ring>,
    away: Option<Away>,
}

struct Away {
    since: Instant,
    next_try: Instant,
    wait: Duration,
    /// What was told last about why it stays away.
    told: Option<String>,
}

impl Away {
    fn new() -> Self {
        let now = Instant::now();
        Self { since: now, next_try: now, wait: RETRY_MIN, told: None }
    }
}

impl Watcher {
    pub(super) fn new(
        config: &Config,
        interfaces: Arc<[Interface]>,
        taps: Vec<Sender<Moving>>,
        returned: Receiver<Moving>,
        stop: Stop,
    ) -> Self {
        let shards = taps.len();
        let watches = interfaces
            .iter()
            .map(|interface| {
                let (out, away) = if interface.is_up() { (shards, None) } else { (0, Some(Away::new())) };
                Watch { out, away, back: Vec::new() }
            })
            .collect();
        Self { config: config.clone(), shards, interfaces, watches, taps, returned, stop }
    }

    /// Starts to watch, on a thread of its own that ends with the capture.
    pub(super) fn start(self, tell: Tell) -> io::Result<()> {
        thread::Builder::new().name("interfaces".to_owned()).spawn(move || self.run(&tell)).map(drop)
    }

    fn run(mut self, tell: &Tell) {
        while !self.stop.is_stopped() {
            if let Ok((index, ring)) = self.returned.recv_timeout(RETRY_MIN)
                && let Some(watch) = self.watches.get_mut(index)
            {
                watch.out = watch.out.saturating_sub(1);
                watch.back.push(ring);
            }
            for index in 0..self.watches.len() {
                self.look(index, tell);
            }
        }
    }

    fn look(&mut self, index: usize, tell: &Tell) {
        let (Some(interface), Some(watch)) = (self.interfaces.get(index), self.watches.get_mut(index)) else {
            return;
        };
        let name = &interface.name;
        if !interface.is_up() && watch.away.is_none() {
            watch.away = Some(Away::new());
            tell(&format!("{name} is down or gone: nothing is seen there until it is back"));
        }
        let Some(away) = &mut watch.away else { return };
        if watch.out > 0 || Instant::now() < away.next_try {
            return;
        }
        watch.back.clear();
        match group::open(name, &self.config, self.shards) {
            Ok(Group { rings, dealing }) => {
                let seconds = away.since.elapsed().as_secs_f64();
                watch.out = rings.len();
                watch.away = None;
                interface.come_back();
                for (tap, ring) in self.taps.iter().zip(rings) {
                    // A tap that has ended needs no ring.
                    let _ = tap.send((index, ring));
                }
                tell(&format!("{name} is back after {seconds:.1} s"));
                if dealing == Dealing::Kernel {
                    tell(&super::kernel_deals(name));
                }
            }
            Err(failure) => {
                away.next_try = Instant::now() + away.wait;
                away.wait = (away.wait * 2).min(RETRY_MAX);
                if let Some(words) = trouble(&failure)
                    && away.told.as_ref() != Some(&words)
                {
                    tell(&format!("{name} cannot be opened again: {words}"));
                    away.told = Some(words);
                }
            }
        }
    }
}

/// What is worth telling while an interface is away. That it is away has been told.
fn trouble(failure: &Failure) -> Option<String> {
    match failure {
        Failure::Missing | Failure::Down => None,
        Failure::NotPermitted => {
            Some("the process may not open packet sockets any more (CAP_NET_RAW)".to_owned())
        }
        Failure::Setting(words) | Failure::System(words) => Some(words.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{bounded, unbounded};

    /// No interface of any machine: `/` cannot be in a name.
    const NOWHERE: &str = "no/where";

    /// A watcher of an interface that does not exist, and what it tells.
    fn watcher(up: bool) -> (Watcher, Tell, Receiver<String>) {
        let interfaces: Arc<[Interface]> = Arc::new([Interface::new(NOWHERE, 2, up)]);
        let taps = vec![bounded(1).0, bounded(1).0];
        let watcher = Watcher::new(&Config::default(), interfaces, taps, unbounded().1, Stop::default());
        let (told_in, told) = unbounded();
        let tell: Tell = Arc::new(move |line: &str| told_in.send(line.to_owned()).unwrap());
        (watcher, tell, told)
    }

    #[test]
    fn a_loss_is_told_once_and_nothing_is_opened_before_all_rings_are_back() {
        let (mut watcher, tell, told) = watcher(true);
        watcher.look(0, &tell);
        assert!(told.is_empty() && watcher.watches[0].away.is_none());
        watcher.interfaces[0].lose();
        (0..3).for_each(|_| watcher.look(0, &tell));
        let lines: Vec<_> = told.try_iter().collect();
        assert_eq!(lines, ["no/where is down or gone: nothing is seen there until it is back"]);
        assert_eq!((watcher.watches[0].out, watcher.watches[0].away.as_ref().unwrap().wait), (2, RETRY_MIN));

        watcher.watches[0].out = 0;
        watcher.look(0, &tell);
        assert!(watcher.watches[0].away.as_ref().unwrap().wait > RETRY_MIN, "it was tried");
        // There is nobody it is for.
        watcher.look(1, &tell);
    }

    #[test]
    fn tries_become_rare_but_never_rarer_than_the_longest_wait() {
        let (mut watcher, tell, _told) = watcher(false);
        let mut waits = Vec::new();
        for _ in 0..8 {
            watcher.watches[0].away.as_mut().unwrap().next_try = Instant::now();
            watcher.look(0, &tell);
            waits.push(watcher.watches[0].away.as_ref().unwrap().wait);
        }
        assert!(waits.is_sorted() && waits[0] == RETRY_MIN * 2, "{waits:?}");
        assert_eq!(waits[7], RETRY_MAX);
        assert_eq!((watcher.interfaces[0].losses(), watcher.interfaces[0].returns()), (0, 0));
    }

    #[test]
    fn what_keeps_an_interface_away_is_told_where_it_is_more_than_being_away() {
        assert_eq!(trouble(&Failure::Missing), None);
        assert_eq!(trouble(&Failure::Down), None);
        assert!(trouble(&Failure::NotPermitted).is_some_and(|words| words.contains("CAP_NET_RAW")));
        assert_eq!(trouble(&Failure::System("the ring: no".to_owned())).as_deref(), Some("the ring: no"));
    }

    #[test]
    fn a_watcher_that_fails_ends_the_process_for_no_interface_would_come_back() {
        let name = concat!(
            module_path!(),
            "::a_watcher_that_fails_ends_the_process_for_no_interface_would_come_back"
        );
        crate::fault::ending::ends(name, "watcher", "interfaces", || {
            let (watcher, _, _) = watcher(true);
            watcher.interfaces[0].lose();
            watcher.start(Arc::new(|line: &str| panic!("{line}"))).unwrap();
        });
    }
}
