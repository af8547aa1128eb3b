//! Stories of readers who take everything, and of those who only read a lot.

use crate::story::{check, check_rule};
use expect_test::expect;

#[test]
fn pages_of_a_hundred_as_fast_as_they_come() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 200 user=root key=k1 limit=100 items=100 x350 every 9.14ms",
        expect![[r#"
            10:00:00.447 EXF-01 bulk_extraction high user:root: 50 pages of 100 in 0.4 s by root on GET /customers (limit 50 in 60 s at the largest size)
        "#]],
    );
}

#[test]
fn more_than_ten_thousand_records_in_a_minute() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 200 user=root key=k1 items=1000 x10 every 5s
         10:00:51 203.0.113.7 -> use GET /customers 200 user=root key=k1 items=1",
        expect![[r#"
            10:00:51.000 EXF-01 bulk_extraction high user:root: 10001 records in 51 s by root on GET /customers (limit 10000 in 60 s)
        "#]],
    );
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 200 user=root key=k1 items=1000 x10 every 5s
         10:01:00 203.0.113.7 -> use GET /customers 200 user=root key=k1 items=1000",
        expect![""],
    );
}

#[test]
fn small_pages_at_a_persons_pace_and_single_rows() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 200 user=ann session=s limit=20 items=20 x25 every 2s
         11:00:00 203.0.113.7 -> use GET /customers/{1..600} 200 user=ann session=s items=1 route=/customers/{id} every 220ms",
        expect![[r#"
            11:00:06.380 TIM-01 odd_timing low user:ann: ann: 30 requests, one every 0.2 s, varying by 0.0 % (a machine's vary by less than 5 %)
            11:00:11.000 EXF-03 object_enumeration high user:ann: 51 objects asked for in 11 s by ann on GET /customers/{id}, ids 1 to 51: 100 % given, 0 % refused, 98 % in order (limit 50 in 300 s)
            11:01:51.980 EXF-03 object_enumeration high (update) user:ann: 510 objects asked for in 111 s by ann on GET /customers/{id}, ids 1 to 510: 100 % given, 0 % refused, 99 % in order (limit 50 in 300 s)
        "#]],
    );
}

#[test]
fn a_thousand_requests_in_ten_seconds() {
    check(
        "10:00:00 203.0.113.7 -> use GET /status 200 user=ann session=s x1000 every 10.01ms",
        expect![[r#"
        10:00:09.999 EXF-01 bulk_extraction high user:ann: 1000 reads in 9.9 s by ann (limit 100 a second for 10 s)
    "#]],
    );
    check("10:00:00 203.0.113.7 -> use GET /status 200 user=ann session=s x1000 every 10.02ms", expect![""]);
}

#[test]
fn fifty_of_the_largest_pages_in_a_minute() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 200 user=ann session=s limit=100 items=100 x50 every 1.2s",
        expect![[r#"
            10:00:58.800 EXF-01 bulk_extraction high user:ann: 50 pages of 100 in 58.8 s by ann on GET /customers (limit 50 in 60 s at the largest size)
        "#]],
    );
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 200 user=ann session=s limit=100 items=100 x50 every 1.3s
         10:10:00 203.0.113.8 -> use GET /customers 200 user=bob session=t limit=500 items=100
         10:20:00 203.0.113.7 -> use GET /customers 200 user=ann session=s limit=100 items=100 x50 every 1s
         10:30:00 203.0.113.7 -> use GET /orders 200 user=ann session=s limit=50 items=50 x25 every 2s",
        expect![""],
    );
}

#[test]
fn an_export_that_an_app_fetches_page_by_page() {
    check(
        "10:00:00 203.0.113.7 -> use GET /exports/1/records 200 user=ann session=s limit=200 items=200 x20 every 1.5s",
        expect![""],
    );
}

/// A copy of everything at the same hour each night is told as what it is once; a larger one, another hour and a rate
/// of a hundred a second are told again.
#[test]
fn the_same_job_every_night() {
    let night = |day: u32, at: &str, records: u32| {
        format!(
            "{day}d+{at} 10.0.0.21 -> use GET /stock 200 user=job key=k1 items={records} x120 every 500ms\n"
        )
    };
    check(
        &(night(0, "02:00:00", 500) + &night(1, "02:20:00", 500) + &night(2, "01:55:00", 900)),
        expect![[r#"
            02:00:10.000 EXF-01 bulk_extraction high user:job: 10500 records in 10 s by job on GET /stock (limit 10000 in 60 s)
            02:20:10.000 EXF-01 bulk_extraction low user:job: 10500 records in 10 s by job on GET /stock (limit 10000 in 60 s)
            01:55:05.500 EXF-01 bulk_extraction low user:job: 10800 records in 5.5 s by job on GET /stock (limit 10000 in 60 s)
            01:55:59.500 EXF-01 bulk_extraction low (update) user:job: 108000 records in 59.5 s by job on GET /stock (limit 10000 in 60 s)
        "#]],
    );
    check(
        &(night(0, "02:00:00", 500) + &night(1, "04:00:00", 500)),
        expect![[r#"
        02:00:10.000 EXF-01 bulk_extraction high user:job: 10500 records in 10 s by job on GET /stock (limit 10000 in 60 s)
        04:00:10.000 EXF-01 bulk_extraction high user:job: 10500 records in 10 s by job on GET /stock (limit 10000 in 60 s)
    "#]],
    );
    check(
        &(night(0, "02:00:00", 100) + &night(1, "02:00:00", 500)),
        expect![[r#"
        02:00:50.000 EXF-01 bulk_extraction high user:job: 10100 records in 50 s by job on GET /stock (limit 10000 in 60 s)
        02:00:10.000 EXF-01 bulk_extraction low user:job: 10500 records in 10 s by job on GET /stock (limit 10000 in 60 s)
        02:00:24.000 EXF-01 bulk_extraction high (update) user:job: 24500 records in 24 s by job on GET /stock (limit 10000 in 60 s)
    "#]],
    );
    check(
        "02:00:00 10.0.0.21 -> use GET /stock 200 user=job key=k1 items=500 x120 every 500ms
         1d+02:00:00 10.0.0.21 -> use GET /stock 200 user=job key=k1 items=20 x1100 every 9ms",
        expect![[r#"
            02:00:10.000 EXF-01 bulk_extraction high user:job: 10500 records in 10 s by job on GET /stock (limit 10000 in 60 s)
            02:00:00.891 EXF-01 bulk_extraction high user:job: 100 pages in 0.8 s by job on GET /stock (limit 100 in 1 s)
            02:00:08.991 EXF-01 bulk_extraction high (update) user:job: 112 pages in 0.9 s by job on GET /stock (limit 100 in 1 s); 1000 in all since 2026-11-22T02:00:00Z
        "#]],
    );
}

#[test]
fn a_hundred_pages_in_a_second() {
    check(
        "10:00:00 203.0.113.7 -> use GET /export 200 user=ann session=s limit=20 x100 every 10.1ms",
        expect![[r#"
            10:00:00.999 EXF-01 bulk_extraction high user:ann: 100 pages in 0.9 s by ann on GET /export (limit 100 in 1 s)
        "#]],
    );
    check(
        "10:00:00 203.0.113.7 -> use GET /export 200 user=ann session=s limit=20 x99 every 10ms
         11:00:00 203.0.113.7 -> use POST /acme.Customers/List 200 user=ann bearer=t grpc x300 every 8.9ms
         12:00:00 203.0.113.7 -> use POST /acme.Customers/Get 200 user=ann bearer=t grpc x300 every 8.9ms",
        expect![[r#"
            11:00:00.881 EXF-01 bulk_extraction high user:ann: 100 pages in 0.8 s by ann on POST /acme.Customers/List (limit 100 in 1 s)
        "#]],
    );
}

#[test]
fn several_accounts_behind_one_client_are_read_as_one() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 200 user=u{1..4} session=s items=900 x4 every 1s",
        expect![[r#"
            10:00:12.000 EXF-01 bulk_extraction high 203.0.113.7: 10800 records in 11 s by 203.0.113.7 on GET /customers (limit 10000 in 60 s)
        "#]],
    );
}

#[test]
fn refused_reads_give_nothing_away() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 403 user=root key=k1 limit=100 x1000 every 5ms",
        expect![[r#"
            10:00:00.500 KEY-07 key_guessing info 4fe70c2b12730bbd30c371687045227c (dead): api_key 4fe70c2b of root refused 101 times in 0.5 s, the latest from 203.0.113.7 (limit 100 in 3600 s)
        "#]],
    );
}

/// Somebody takes nearly as much as may be taken, minute by minute for hours of each day, for the limit to rise: it is
/// ten times what is learned, and that is a thousand at first, on the fourth day, and doubles at most from day to day.
#[test]
fn a_week_of_noise_raises_the_limit_by_no_more_than_its_bound() {
    let trained = |days: u32, records: u32| {
        let day = |day| {
            format!(
                "{day}d+08:00:00 203.0.113.7 -> use GET /stock 200 user=eve session=s items={records} x120 every 60s\n"
            )
        };
        let noise: String = (0..days).map(day).collect();
        let attack =
            "20:00:00 203.0.113.7 -> use GET /stock 200 user=eve session=s items=4000 x60 every 800ms";
        format!("{noise}{days}d+{attack}")
    };
    check_rule(
        &super::RULE,
        &trained(4, 9_000),
        expect![[r#"
        20:00:04.000 EXF-01 bulk_extraction high user:eve: 24000 records in 4 s by eve on GET /stock (limit 20000 in 60 s)
        20:00:47.200 EXF-01 bulk_extraction high (update) user:eve: 240000 records in 47.2 s by eve on GET /stock (limit 20000 in 60 s)
    "#]],
    );
    check_rule(
        &super::RULE,
        &trained(5, 9_000),
        expect![[r#"
        20:00:08.000 EXF-01 bulk_extraction high user:eve: 44000 records in 8 s by eve on GET /stock (limit 40000 in 60 s)
    "#]],
    );
    check_rule(
        &super::RULE,
        &trained(7, 9_000),
        expect![[r#"
        20:00:24.000 EXF-01 bulk_extraction high user:eve: 124000 records in 24 s by eve on GET /stock (limit 122880 in 60 s)
    "#]],
    );
    // Who reads little for a week is met by the rule's own limit.
    check_rule(
        &super::RULE,
        &trained(7, 90),
        expect![[r#"
        20:00:01.600 EXF-01 bulk_extraction high user:eve: 12000 records in 1.6 s by eve on GET /stock (limit 10000 in 60 s)
        20:00:23.200 EXF-01 bulk_extraction high (update) user:eve: 120000 records in 23.2 s by eve on GET /stock (limit 10000 in 60 s)
    "#]],
    );
}
