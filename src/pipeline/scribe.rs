//! Whoever writes checkpoints, on a thread of its own: hashing and syncing a large file takes longer than traffic waits.
//! It is given the parts of one checkpoint after the other, and says how each ended.
//! It promises to hold no more than `PARTS_WAITING` parts beside the one it writes, and that a checkpoint is in place
//! before it is told that it is.

use super::checkpoint::{Draft, Store};
use crossbeam_channel::{Receiver, Sender, bounded};
use heelguard_detectors::time::EventTime;
use std::io;
use std::sync::Arc;
use std::thread;

/// Parts that wait until there is time to write them.
const PARTS_WAITING: usize = 1;

/// A line to the thread. It ends with this.
pub(super) struct Scribe {
    orders: Sender<Order>,
    ends: Receiver<io::Result<()>>,
}

/// What is to be done next.
enum Order {
    /// Write this part; the first one begins a file.
    Part(Arc<str>, Vec<u8>),
    /// That was all: what the last transaction was.
    End((EventTime, u128)),
    /// Forget what was written of this file.
    Drop,
}

impl Scribe {
    /// Starts the thread.
    pub(super) fn start(store: Store, key: [u8; 8]) -> io::Result<Self> {
        let (orders, taken) = bounded(PARTS_WAITING);
        let (ended, ends) = bounded(1);
        thread::Builder::new().name("state".into()).spawn(move || write(&store, key, &taken, &ended))?;
        Ok(Self { orders, ends })
    }

    /// Whether a part would be taken at once.
    pub(super) fn has_room(&self) -> bool {
        !self.orders.is_full()
    }

    /// Hands a part on, and waits until there is room for it.
    pub(super) fn part(&self, name: Arc<str>, bytes: Vec<u8>) {
        self.order(Order::Part(name, bytes));
    }

    /// Ends the checkpoint under way; how it went is told by `ended` or `wait`.
    pub(super) fn end(&self, last: (EventTime, u128)) {
        self.order(Order::End(last));
    }

    /// Forgets the checkpoint under way.
    pub(super) fn drop_draft(&self) {
        self.order(Order::Drop);
    }

    /// How a checkpoint ended, once it has.
    pub(super) fn ended(&self) -> Option<io::Result<()>> {
        self.ends.try_recv().ok()
    }

    /// Waits until the checkpoint has ended.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.ends.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that writes state has ended")))
    }

    /// A thread that is no more is noticed by whoever waits for it.
    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

fn write(store: &Store, key: [u8; 8], orders: &Receiver<Order>, ended: &Sender<io::Result<()>>) {
    let mut draft: Option<io::Result<Draft<'_>>> = None;
    for order in orders {
        match order {
            // After an error the parts that follow are passed over, and the end tells it.
            Order::Part(name, bytes) => {
                let begun = draft.take().unwrap_or_else(|| store.begin(key));
                draft = Some(begun.and_then(|mut open| open.part(&name, &bytes).map(|()| open)));
            }
            Order::End(last) => {
                let whole = draft.take().unwrap_or_else(|| store.begin(key));
                if ended.send(whole.and_then(|open| open.finish(last))).is_err() {
                    return;
                }
            }
            Order::Drop => draft = None,
        }
    }
}
