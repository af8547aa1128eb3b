//! Faults of our own: a panic anywhere is told by its place alone, and ends the process unless somebody lives with it.
//! It is given, once, the whole process, and pieces of work whose failure is contained.
//! It promises that the words of a panic, which may quote what was worked on, are shown nowhere; and that no thread ends
//! in silence while others believe it works. Contained faults are told so often a minute; whoever contains them counts them.

use std::any::Any;
use std::cell::Cell;
use std::future::poll_fn;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Instant;

/// Contained faults that are told in a minute. Each costs the sender of what fails one record.
const TOLD_PER_MINUTE_MAX: u64 = 20;

/// More than is told in a minute: what separates the minute from its count.
const ROOM: u64 = 1 << 8;

/// When faults were first watched for.
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
/// The minute in which one was told last, and how many were in it.
static TOLD: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether what this thread does now may fail.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
    /// What was not said of this thread's last fault, for want of room.
    static UNTOLD: Cell<Option<String>> = const { Cell::new(None) };
}

/// What a failed piece of work leaves: nothing but that it failed.
#[derive(Debug)]
pub struct Fault(Box<dyn Any + Send>);

impl Fault {
    /// Lets it go on to whoever is further out. What may end the process is told in any case.
    pub fn pass_on(self) -> ! {
        if let Some(line) = UNTOLD.take() {
            say(&line);
        }
        panic::resume_unwind(self.0)
    }
}

/// Does a piece of work. What it worked on must not be believed any more where it failed.
pub fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    let before = CONTAINED.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(before);
    done.map_err(Fault)
}

/// The same for work that waits in between. Nothing of it runs any more after it failed.
pub async fn contain_future<T>(work: impl Future<Output = T>) -> Result<T, Fault> {
    let mut work = pin!(work);
    poll_fn(|context| match contain(|| work.as_mut().poll(context)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
        Err(fault) => Poll::Ready(Err(fault)),
    })
    .await
}

/// Whether what is done now may fail.
#[cfg(test)]
pub(crate) fn is_contained() -> bool {
    CONTAINED.get()
}

/// From here on each panic is told by its place, and ends the process where nobody contains it.
pub fn watch() {
    LazyLock::force(&BEGUN);
    panic::set_hook(Box::new(|fault| {
        let is_contained = CONTAINED.get();
        let line = told(fault);
        if !is_contained || is_room(&TOLD, BEGUN.elapsed().as_secs() / 60) {
            say(&line);
            UNTOLD.set(None);
        } else {
            UNTOLD.set(Some(line));
        }
        // The main thread's own end is an exit code; of another one nobody would hear.
        if !is_contained && thread::current().name() != Some("main") {
            std::process::abort();
        }
    }));
}

/// Nothing can be done where not even this can be said.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Takes the room of one line in this minute, where there is some.
fn is_room(told: &AtomicU64, minute: u64) -> bool {
    let one_more = |told: u64| match (told / ROOM, told % ROOM) {
        (last, count) if last >= minute => (count < TOLD_PER_MINUTE_MAX).then_some(told + 1),
        _ => Some(minute * ROOM + 1),
    };
    told.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
}

fn told(fault: &PanicHookInfo<'_>) -> String {
    let place = fault.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let current = thread::current();
    let thread = current.name().unwrap_or("without a name");
    format!(
        "heelguard: a fault of its own at {place} (thread {thread}): please report it with this line. What was worked on is \
         not shown, it may hold secrets"
    )
}

/// Where parsers are made to fail.
#[cfg(test)]
pub(crate) mod poison {
    /// Who reads this fails.
    pub(crate) const POISON: &[u8] = b"a parser fails here";

    /// Stands where parsers work.
    #[track_caller]
    pub(crate) fn fail_at(bytes: &[u8]) {
        assert!(memchr::memmem::find(bytes, POISON).is_none(), "as it was told to");
    }
}

#[cfg(test)]
pub(crate) mod ending;
#[cfg(test)]
mod tests;
