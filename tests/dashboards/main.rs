//! Grafana as code: the boards and alert rules in `dashboards/` are made from `dashboards/src/`, and hold what they say.
//! Queries run against the real ClickHouse, filled by the sensor's own sink; metrics are looked up among the sensor's.
//! `UPDATE_EXPECT=1` renews the files that are made; `HEELGUARD_PICTURES=FOLDER` leaves a sheet of each board's data.

#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "our own names are in lower case")]
#![allow(unreachable_pub, reason = "the shared support modules are written for test crates of one file")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "it is a test"
)]

mod engine;
mod grafana;
mod make;
mod metrics;
mod picture;
mod queries;
mod schema;
#[path = "../support/services.rs"]
mod services;
mod source;
mod structure;
mod truth;

use expect_test::expect_file;
use source::Source;

#[test]
fn the_files_that_grafana_reads_are_fresh() {
    let source = Source::read();
    for board in &source.boards {
        let path = format!("{}/{}.json", source::FOLDER, board.name);
        expect_file![path].assert_eq(&make::board(&source, board));
    }
    expect_file![format!("{}/alerts.yaml", source::FOLDER)].assert_eq(&make::alerts(&source));
}

#[test]
fn nothing_else_lies_beside_them() {
    let source = Source::read();
    let mut wanted: Vec<String> = source.boards.iter().map(|board| format!("{}.json", board.name)).collect();
    wanted.extend(["README.md", "alerts.yaml", "src"].map(str::to_owned));
    wanted.sort();
    assert_eq!(source::names(source::FOLDER), wanted);
}
