//! What tells the operator that the spool itself is in trouble: a full disk, one that can only be read.
//! It is given the spool and looks at it now and then, on a thread of its own.
//! It promises one line when trouble begins, one when it ends, and one every half minute between.

use super::delivery::Tell;
use super::spool::Spool;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const TOLD_EVERY: Duration = Duration::from_secs(30);

/// Looks until it is dropped.
pub(super) struct Guard(#[expect(dead_code, reason = "its end is the sign to stop")] Sender<()>);

impl Guard {
    /// Begins to look.
    pub(super) fn start(spool: Spool, tell: Tell) -> std::io::Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        let look = move || {
            let mut told: Option<(String, Instant)> = None;
            while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                match (spool.trouble(), &told) {
                    (Some(trouble), Some((last, when)))
                        if *last == trouble && when.elapsed() < TOLD_EVERY => {}
                    (Some(trouble), _) => {
                        tell(&trouble);
                        told = Some((trouble, Instant::now()));
                    }
                    (None, Some(_)) => {
                        tell("the spool can be written again");
                        told = None;
                    }
                    (None, None) => {}
                }
            }
        };
        std::thread::Builder::new().name("spool-guard".to_owned()).spawn(look)?;
        Ok(Self(stop))
    }
}
