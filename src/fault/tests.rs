//! Faults that are contained, and those that end a process.

use super::ending::ends;
use super::*;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[test]
fn what_fails_is_contained_and_what_does_not_is_given_back() {
    assert_eq!(contain(|| 7).unwrap(), 7);
    let nested = contain(|| {
        assert!(contain(|| panic!("inside")).is_err());
        assert!(CONTAINED.get(), "still inside the outer one");
        8
    });
    assert_eq!(nested.unwrap(), 8);
    assert!(!CONTAINED.get());
    let passed = contain(|| contain(|| panic!("on")).unwrap_or_else(|fault| fault.pass_on()));
    assert!(passed.is_err());
}

#[test]
fn work_that_waits_is_contained_each_time_it_goes_on_and_at_no_other_time() {
    let waits_once = |fails: bool| {
        let mut has_waited = false;
        poll_fn(move |_| {
            assert!(CONTAINED.get(), "while it goes on");
            if !std::mem::replace(&mut has_waited, true) {
                return Poll::Pending;
            }
            assert!(!fails, "on purpose");
            Poll::Ready(())
        })
    };
    let mut context = Context::from_waker(Waker::noop());
    let (failing, well) = (contain_future(waits_once(true)), contain_future(waits_once(false)));
    let (mut failing, mut well) = (pin!(failing), pin!(well));
    assert!(failing.as_mut().poll(&mut context).is_pending());
    assert!(well.as_mut().poll(&mut context).is_pending());
    assert!(!CONTAINED.get(), "while it waits");
    assert!(matches!(failing.as_mut().poll(&mut context), Poll::Ready(Err(_))));
    assert!(matches!(well.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    assert!(!CONTAINED.get());
}

fn fail() {
    panic!("{}", ending::WORDS);
}

#[test]
fn what_nobody_contains_ends_the_process_wherever_it_is() {
    const NAMELESS: &str = "without a name";
    let ends = |case: &str, thread: &str, work: fn()| {
        let name = concat!(module_path!(), "::what_nobody_contains_ends_the_process_wherever_it_is");
        ends(name, case, thread, work);
    };
    ends("in a thread", "far-alerts", || {
        thread::Builder::new().name("far-alerts".to_owned()).spawn(fail).unwrap();
    });
    ends("in a scope that would wait for it", NAMELESS, || {
        thread::scope(|scope| _ = scope.spawn(fail));
    });
    ends("after faults that were contained", NAMELESS, || {
        thread::spawn(|| {
            contain(|| contain(fail)).unwrap().unwrap_err();
            fail();
        });
    });
    ends("beside work that is contained", NAMELESS, || {
        thread::spawn(|| contain(|| thread::spawn(fail).join()).unwrap().unwrap());
    });
}

#[test]
fn what_is_contained_is_told_by_its_place_and_ends_nothing() {
    let name = concat!(module_path!(), "::what_is_contained_is_told_by_its_place_and_ends_nothing");
    let work = || {
        thread::spawn(|| contain(fail).unwrap_err()).join().unwrap();
        std::process::exit(7);
    };
    let (status, said) = ending::run(name, "contained", work).unwrap();
    assert_eq!(status.code(), Some(7), "{said}");
    assert!(said.contains("src/fault/tests.rs:") && !said.contains(ending::WORDS), "{said}");
}

#[test]
fn behind_the_last_line_there_is_room_for_what_is_passed_on() {
    let name = concat!(module_path!(), "::behind_the_last_line_there_is_room_for_what_is_passed_on");
    let work = || {
        let worked = thread::Builder::new().name("shard-9".to_owned()).spawn(|| {
            for _ in 0..2 * TOLD_PER_MINUTE_MAX {
                contain(fail).unwrap_err();
            }
            contain(|| contain(fail).unwrap_or_else(|fault| fault.pass_on())).unwrap_err();
        });
        worked.unwrap().join().unwrap();
        std::process::exit(7);
    };
    let Some((status, said)) = ending::run(name, "many", work) else { return };
    assert_eq!(status.code(), Some(7), "{said}");
    let told = said.lines().filter(|line| line.contains("(thread shard-9)")).count() as u64;
    assert_eq!(told, TOLD_PER_MINUTE_MAX + 1, "{said}");
}

#[test]
fn contained_faults_are_told_so_often_a_minute() {
    let told = AtomicU64::new(0);
    let told_of = |count: u64, minute: u64| (0..count).filter(|_| is_room(&told, minute)).count() as u64;
    assert_eq!(told_of(TOLD_PER_MINUTE_MAX, 0), TOLD_PER_MINUTE_MAX);
    assert_eq!(told_of(1_000, 0), 0, "one too many, and all after it");
    assert_eq!(told_of(1_000, 1), TOLD_PER_MINUTE_MAX);
    // Nothing for hours: what was not told is not saved up.
    assert_eq!(told_of(1_000, 500), TOLD_PER_MINUTE_MAX);
}
