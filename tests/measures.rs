//! What the measurements stand on: packets that are right in every round, slopes, tables, pictures.
//! The benches themselves run no tests; their parts that only compute are tested here.
//! Every expectation is worked out by other means than the code's own.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each part is there for the benches, of which this is none")]

#[path = "bench/document.rs"]
mod document;
#[path = "bench/live/page.rs"]
mod page;
#[path = "bench/plot.rs"]
mod plot;
#[path = "bench/live/round.rs"]
mod round;
#[path = "bench/table.rs"]
mod table;
#[path = "bench/trend.rs"]
mod trend;

mod measures {
    mod rounds;
    mod shown;
    mod trends;
}
