//! Who goes through a list to its end, and who looks at a few pages.

use crate::story::{check, check_confidence, check_rule};
use expect_test::expect;

#[test]
fn page_after_page() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers 200 user=ann key=k1 at={1..80} items=20 every 7s",
        expect![[r#"
            10:05:43.000 EXF-02 pagination_walk low user:ann: 50 steps through GET /customers by ann in 343 s, one after the other; 0 of 0 other callers went as far (limit 50 steps, 1 %)
        "#]],
    );
}

#[test]
fn offsets_cursors_and_from_the_end() {
    let mut from_the_end = String::new();
    for (minute, page) in (150..=200).rev().enumerate() {
        from_the_end +=
            &format!("\n12:{minute:02}:00 203.0.113.7 -> use GET /d 200 user=dan key=k4 at={page}");
    }
    check_rule(
        &super::RULE,
        &("10:00:00 203.0.113.7 -> use GET /a 200 user=ann key=k1 at={9000..9049}0 every 7s
         11:00:00 203.0.113.7 -> use GET /c 200 user=cid key=k3 cursor={1..50} every 7s"
            .to_owned()
            + &from_the_end),
        expect![[r#"
            10:05:43.000 EXF-02 pagination_walk low user:ann: 50 steps through GET /a by ann in 343 s, one after the other; 0 of 0 other callers went as far (limit 50 steps, 1 %)
            11:05:43.000 EXF-02 pagination_walk low user:cid: 50 steps through GET /c by cid in 343 s, one after the other; 0 of 0 other callers went as far (limit 50 steps, 1 %)
            12:49:00.000 EXF-02 pagination_walk low user:dan: 50 steps through GET /d by dan in 2940 s, one after the other; 0 of 0 other callers went as far (limit 50 steps, 1 %)
        "#]],
    );
}

#[test]
fn others_go_as_far() {
    let story = |others: u32| {
        format!(
            "09:00:00 203.0.113.7 -> use GET /news 200 user=u{{1..{others}}} key=k{{1..{others}}} at=1
             09:10:00 203.0.113.7 -> use GET /news 200 user=bob key=kb at={{1..48}} every 3s
             10:00:00 203.0.113.7 -> use GET /news 200 user=ann key=ka at={{1..50}} every 3s"
        )
    };
    check_rule(&super::RULE, &story(98), expect![[""]]);
    check_rule(
        &super::RULE,
        &story(99),
        expect![[r#"
        10:02:27.000 EXF-02 pagination_walk medium user:ann: 50 steps through GET /news by ann in 147 s, one after the other; 1 of 100 other callers went as far (limit 50 steps, 1 %)
    "#]],
    );
}

#[test]
fn forty_nine_pages_and_many_short_walks() {
    check_rule(
        &super::RULE,
        "09:00:00 203.0.113.7 -> use GET /a 200 user=ann key=k1 at={1..49} every 7s
         10:00:00 203.0.113.7 -> use GET /b 200 user=ann key=k1 at={1..9} x20 every 7s
         11:00:00 203.0.113.7 -> use GET /c 200 user=ann key=k1 at={1..40} x9 every 7s
         12:00:00 203.0.113.7 -> use GET /d 200 user=ann key=k1 at={1..90} labels=export every 7s
         13:00:00 203.0.113.7 -> use GET /e 404 user=ann key=k1 at={1..90} every 7s
         14:00:00 203.0.113.7 -> use GET /f 200 user=ann key=k1 at=7 x90 every 7s
         15:00:00 203.0.113.7 -> use GET /g 200 user=u{1..40} session=s{1..40} at={1..90} every 7s
         16:00:00 203.0.113.7 -> use GET /h 200 user=ann key=k1 at={1,4,2,900,3,77} x90 every 7s",
        expect![[""]],
    );
}

#[test]
fn a_feed_that_is_polled() {
    // News come in every third look; two looks between find the same cursor.
    let mut story = String::new();
    for news in 0..60 {
        let minute = news % 60;
        story +=
            &format!("10:{minute:02}:00 203.0.113.7 -> use GET /feed 200 user=ann key=k1 cursor={news} x3\n");
    }
    crate::story::check_in_one_run(&story, expect![[""]]);
}

#[test]
fn pages_fetched_side_by_side() {
    check(
        "10:00:00 203.0.113.7 -> use GET /a 200 user=ann key=k1 at={3..80} every 9s
         10:00:04 203.0.113.7 -> use GET /a 200 user=ann key=k1 at={1..78} every 9s",
        expect![[r#"
            10:07:03.000 EXF-02 pagination_walk low user:ann: 50 steps through GET /a by ann in 423 s, one after the other; 0 of 0 other callers went as far (limit 50 steps, 1 %)
        "#]],
    );
}

#[test]
fn a_copy_job_is_told_once_and_again_when_it_goes_twice_as_far() {
    let night = |day: u32, pages: u32| {
        format!(
            "{day}d+02:00:00 203.0.113.7 -> use GET /a 200 service=copy key=k1 at={{1..{pages}}} every 3s\n"
        )
    };
    check_rule(
        &super::RULE,
        &(night(0, 60) + &night(1, 60) + &night(2, 100) + &night(3, 130) + &night(4, 200)),
        expect![[r#"
            02:02:27.000 EXF-02 pagination_walk low service:copy: 50 steps through GET /a by copy in 147 s, one after the other; 0 of 0 other callers went as far (limit 50 steps, 1 %)
            02:06:00.000 EXF-02 pagination_walk low service:copy: 121 steps through GET /a by copy in 360 s, one after the other; 0 of 0 other callers went as far (limit 50 steps, 1 %)
        "#]],
    );
}

#[test]
fn confidence_needs_others() {
    let alone = "10:00:00 203.0.113.7 -> use GET /a 200 user=ann key=k1 at={1..50} every 7s";
    check_confidence(alone, expect!["EXF-02 low"]);
    check_confidence(
        &format!("09:00:00 203.0.113.7 -> use GET /a 200 user=u{{1..10}} key=k{{1..10}} at=1\n{alone}"),
        expect!["EXF-02 high"],
    );
}
