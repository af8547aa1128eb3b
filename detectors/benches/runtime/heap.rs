//! The heap as this process uses it: the sensor's own allocator, with a count of the bytes that are in use.
//! Requests are rounded up to sixteen bytes, which is the least that any allocator gives away.
//! It promises exact sums while one thread allocates, which is all that the bench has.

#![allow(unsafe_code, reason = "an allocator can be had in no other way; it only counts and hands on")]

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// Bytes in use.
pub(crate) fn in_use() -> usize {
    IN_USE.load(Relaxed)
}

pub(crate) struct Counting;

fn rounded(bytes: usize) -> usize {
    bytes.next_multiple_of(16)
}

// SAFETY: every call is handed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(rounded(layout.size()), Relaxed);
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(rounded(layout.size()), Relaxed);
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(rounded(layout.size()), Relaxed);
        unsafe { MiMalloc.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        IN_USE.fetch_add(rounded(bytes), Relaxed);
        IN_USE.fetch_sub(rounded(layout.size()), Relaxed);
        unsafe { MiMalloc.realloc(at, layout, bytes) }
    }
}
