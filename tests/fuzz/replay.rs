//! One target's inputs, and mutations of them, answered one after the other.
//! A fault ends the replay, and leaves its input where it can be kept as a regression.

use crate::corpus::{Kept, inputs};
use crate::mutation::Mutator;
use crate::support::figures::sized;
use crate::targets::{TARGETS, Target};
use rustix::time::{ClockId, clock_gettime};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

/// What an input may take of the thread that answers it. Debug builds are ten times slower, and have no more.
const TIME_MAX: Duration = Duration::from_secs(1);
/// How many times as many mutations `make harden` tries.
const LONG: usize = 40;

/// Answers all of a target's inputs, and as many mutations as it says.
pub fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of the registry");
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "there are inputs");
    for Kept { name, bytes } in &inputs {
        answer(target, bytes, name);
    }
    let mut mutator = Mutator::new(name);
    let tries = sized(target.tries, LONG * target.tries);
    for n in 0..tries {
        let [one, other] = [(); 2].map(|()| &inputs[mutator.below(inputs.len())]);
        let bytes = mutator.mutated(&one.bytes, &other.bytes);
        answer(target, &bytes, &format!("mutation {n} of {}", one.name));
    }
    println!("{name}: {} inputs and {tries} mutations", inputs.len());
}

fn answer(target: &Target, bytes: &[u8], name: &str) {
    let begun = spent();
    let answered = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    let took = spent().saturating_sub(begun);
    if answered.is_ok() && took <= TIME_MAX {
        return;
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fault-{}", target.name));
    std::fs::write(&kept, bytes).expect("the input is kept");
    println!("{name}, {took:?}: kept as {}", kept.display());
    match answered {
        Err(panic) => resume_unwind(panic),
        Ok(()) => panic!("{name} took {took:?}"),
    }
}

/// What this thread has spent of a processor: a busy machine says nothing.
fn spent() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).expect("from 0"),
        u32::try_from(now.tv_nsec).expect("below a second"),
    )
}
