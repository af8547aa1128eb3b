//! Who takes more than ever, and who has a busy day.

use crate::story::check_rule;
use expect_test::expect;

/// Two hundred people who take 800 records a day for a week, and what ann takes on each of her days.
fn story(own: &[u32]) -> String {
    let mut story = String::new();
    for (day, taken) in own.iter().enumerate() {
        story += &format!(
            "{day}d+09:00:00 203.0.113.8 -> use GET /a 200 user=u{{1..200}} session=s{{1..200}} items=800\n"
        );
        story += &format!("{day}d+10:00:00 203.0.113.7 -> use GET /a 200 user=ann session=s items={taken}\n");
    }
    story
}

#[test]
fn eight_own_days_and_three_of_anybody_in_one() {
    check_rule(
        &super::RULE,
        &story(&[600, 500, 600, 500, 600, 500, 600, 500, 4_900]),
        expect![[r#"
            10:00:00.000 EXF-04 slow_drip medium user:ann: 4900 records on one day by ann in 1 read: its median day has 600, 99 in 100 days of its kind no more than 1024 (limit 8 and 3 times)
        "#]],
    );
    // Eight times its own, but less than three times what others take; and nearly three times that, but not eight times
    // its own.
    check_rule(&super::RULE, &story(&[300, 200, 300, 200, 300, 200, 300, 200, 2_900]), expect![[""]]);
    check_rule(&super::RULE, &story(&[700, 600, 700, 600, 700, 600, 700, 600, 4_900]), expect![[""]]);
}

#[test]
fn a_little_more_every_day() {
    let mut own = vec![400];
    while own.len() < 14 {
        own.push(own.last().unwrap() * 13 / 10);
    }
    check_rule(
        &super::RULE,
        &story(&own),
        expect![[r#"
            10:00:00.000 EXF-04 slow_drip medium user:ann: 3256 records on one day by ann in 1 read: its first day, rising since, had 400, 99 in 100 days of its kind no more than 1024 (limit 8 and 3 times)
            10:00:00.000 EXF-04 slow_drip medium user:ann: 7151 records on one day by ann in 1 read: its first day, rising since, had 400, 99 in 100 days of its kind no more than 1024 (limit 8 and 3 times)
        "#]],
    );
    // One quiet day in between, and it is no rise.
    own[5] = 300;
    check_rule(&super::RULE, &story(&own), expect![[""]]);
}

#[test]
fn who_is_new_and_where_all_are_new() {
    check_rule(&super::RULE, &story(&[600, 500, 600, 500, 600, 500, 9_000]), expect![[""]]);
    let alone: String = story(&[600, 500, 600, 500, 600, 500, 600, 500, 9_000])
        .lines()
        .filter(|line| line.contains("ann"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    check_rule(&super::RULE, &alone, expect![[""]]);
}

#[test]
fn the_same_again_is_known_and_twice_as_much_is_not() {
    let mut own = vec![600, 500, 600, 500, 600, 500, 600, 500];
    own.extend([6_000, 5_000, 9_000, 600, 600, 13_000]);
    check_rule(
        &super::RULE,
        &story(&own),
        expect![[r#"
            10:00:00.000 EXF-04 slow_drip medium user:ann: 6000 records on one day by ann in 1 read: its median day has 600, 99 in 100 days of its kind no more than 1024 (limit 8 and 3 times)
            10:00:00.000 EXF-04 slow_drip medium user:ann: 13000 records on one day by ann in 1 read: its median day has 600, 99 in 100 days of its kind no more than 1024 (limit 8 and 3 times)
        "#]],
    );
}

#[test]
fn where_many_export_now_and_then_one_export_is_no_drip() {
    // Each exports every other week, on a day of its own.
    let day = |day: u32, who: u32| if (day + who).is_multiple_of(14) { 2_400 } else { 240 };
    let mut story = String::new();
    for at in 0..16 {
        for who in 0..60 {
            story += &format!(
                "{at}d+09:00:00 203.0.113.8 -> use GET /a 200 user=u{who} session=s{who} items={}\n",
                day(at, who)
            );
        }
    }
    check_rule(&super::RULE, &story, expect![[""]]);
}
