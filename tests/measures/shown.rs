//! What measurements are shown as: the table, the picture, the parts of pages, and the page that is read.

use crate::document::between;
use crate::page::{Counts, read};
use crate::plot::{Curve, Panel, svg, ticks};
use crate::table::{Cost, Measured, digits, markdown, median};
use expect_test::expect;
use std::time::Duration;

fn cost(cpu_ms: u64) -> Cost {
    Cost { cpu: Duration::from_millis(cpu_ms), wall: Duration::ZERO, peak_bytes: 64 << 20 }
}

fn row(program: &str, found: Option<u64>, pairs: &[(u64, u64)]) -> Measured {
    Measured {
        capture: "mixed".to_owned(),
        program: program.to_owned(),
        transactions: 1_000,
        connections: 100,
        bytes: 1_000_000,
        content: 900_000,
        found,
        pairs: pairs.iter().map(|&(touch, program)| (cost(touch), cost(program))).collect(),
        is_about_connections: false,
        tenth: None,
    }
}

#[test]
fn ratios_are_medians_of_pairs_and_others_are_compared_with_the_first_line() {
    let mut idle = row("sensor", Some(1_000), &[(10, 40)]);
    idle.capture = "idle".to_owned();
    idle.is_about_connections = true;
    let rows = [
        // 4, 3 and 5 times: the ratio of medians would be 50 / 11.
        row("sensor", Some(1_000), &[(10, 40), (20, 60), (11, 55)]),
        row("peer", Some(998), &[(10, 480)]),
        row("blind", None, &[(10, 5)]),
        idle,
    ];
    expect![[r#"
        | capture | program | x touch (spread) | x heelguard | µs/transaction | peak MiB | found |
        |---|---|---:|---:|---:|---:|---|
        | mixed | sensor | 4.0 (3.0–5.0) | 1 | 55 | 64 | all 1000 |
        | mixed | peer | 48 (48–48) | 12.0 | 480 | 64 | **998 of 1000** |
        | mixed | blind | 0.50 (0.50–0.50) | 0.12 | 5.0 | 64 | – |
        | idle | sensor | 4.0 (4.0–4.0) | 1 | 40 | 64 (671089 B/connection) | all 1000 |
    "#]]
    .assert_eq(&markdown(&rows));
}

#[test]
fn the_middle_of_an_even_number_lies_between_two() {
    assert!((median(&[1.0, 9.0, 2.0, 4.0]) - 3.0).abs() < 1e-12);
    assert!((median(&[7.0]) - 7.0).abs() < 1e-12);
    assert!(median(&[]).is_nan());
    assert_eq!([0.421, 3.94, 48.3].map(digits), ["0.42", "3.9", "48"]);
}

#[test]
fn ticks_reach_the_largest_value_in_round_steps() {
    assert_eq!(ticks(7.3), [0.0, 2.0, 4.0, 6.0, 8.0]);
    assert_eq!(ticks(200.0), [0.0, 50.0, 100.0, 150.0, 200.0]);
    for most in [0.0, 0.013, 1.0, 99.0, 101.0, 123_456.0, f64::NAN] {
        let ticks = ticks(most);
        assert!((4..=9).contains(&ticks.len()), "{most}: {ticks:?}");
        assert!(most.is_nan() || ticks.last().is_some_and(|last| *last >= most), "{most}: {ticks:?}");
    }
}

#[test]
fn a_picture_names_its_axes_and_knows_both_pages() {
    let curve = |name: &str| Curve { name: name.to_owned(), points: vec![(10.0, 1.0), (20.0, 2.5)] };
    let panels = [
        Panel { title: "CPU, %".to_owned(), curves: vec![curve("a<b"), curve("other")] },
        Panel { title: "memory, MiB".to_owned(), curves: vec![curve("a<b"), curve("other")] },
    ];
    let text = svg("Load & more", "a machine", "offered, packets/s", &panels);
    assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    assert!(text.contains("prefers-color-scheme: dark"));
    assert!(text.contains(">CPU, %<") && text.contains(">memory, MiB<"));
    assert_eq!(text.matches(">offered, packets/s<").count(), 2);
    assert_eq!(text.matches(">a&lt;b<").count(), 1, "a legend names each program once");
    assert!(text.contains("<title>Load &amp; more</title>") && text.contains(">a machine<"));
    // Two points of two programs in two panels, and one of each in the legend.
    assert_eq!(text.matches("class=\"mark").count(), 10);
    assert!(!text.contains("NaN") && !text.contains("inf"));
}

#[test]
fn nothing_measured_is_an_empty_picture_and_no_nonsense() {
    let text = svg("Nothing", "note", "load", &[Panel { title: "t".to_owned(), curves: Vec::new() }]);
    assert!(!text.contains("NaN"));
}

#[test]
fn a_part_of_a_page_is_renewed_and_the_rest_stays() {
    let page = "# A\n<!-- speed -->\nold\n<!-- /speed -->\nrest\n";
    let renewed = between(page, "speed", "new\n").expect("the part is there");
    assert_eq!(renewed, "# A\n<!-- speed -->\n\nnew\n\n<!-- /speed -->\nrest\n");
    assert_eq!(between(&renewed, "speed", "new").as_deref(), Some(renewed.as_str()));
    assert_eq!(between(page, "other", "new"), None);
}

#[test]
fn families_of_counters_are_added_up() {
    let page = "HTTP/1.1 200 OK\r\n\r\n# TYPE heelguard_live_received_total counter\n\
                heelguard_live_received_total 120\nheelguard_live_kernel_dropped_total 20\n\
                heelguard_transactions_total{completeness=\"whole\"} 7\n\
                heelguard_transactions_total{completeness=\"gap\"} 2\n\
                heelguard_transactions_total_of_another 99\n";
    assert_eq!(read(page), Counts { received: 120, dropped: 20, transactions: 9 });
}
