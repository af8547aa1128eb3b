//! What the system tells a running command: to end, or to read its files anew.
//! It is given SIGINT, SIGTERM and SIGHUP by the system, on a thread of its own.
//! It promises that the first wish to end is granted in order, and that the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the run is to end; shared by those who ask.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether somebody wishes the run to end.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Wishes the run to end.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Listens from now on, and calls `hung_up` at each SIGHUP. Without it, a signal ends the process as it always does.
#[cfg(unix)]
pub(super) fn listen(hung_up: impl Fn() + Send + 'static) -> std::io::Result<Stop> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = Stop::default();
    let asked = stop.clone();
    let mut signals = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    let wait = async move {
        loop {
            tokio::select! {
                _ = signals.0.recv() => {}
                _ = signals.1.recv() => {}
                _ = signals.2.recv() => {
                    hung_up();
                    continue;
                }
            }
            if asked.0.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            crate::capture::end_input();
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(wait))?;
    Ok(stop)
}

/// Nothing to listen to here.
#[cfg(not(unix))]
pub(super) fn listen(_: impl Fn() + Send + 'static) -> std::io::Result<Stop> {
    Ok(Stop::default())
}
