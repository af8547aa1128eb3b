//! Who counts through the ids, and who only reads much.

use crate::story::{check, check_confidence};
use expect_test::expect;

#[test]
fn ids_in_order() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers/{101..220} 200 user=ann key=k1 route=/customers/{id} every 250ms",
        expect![[r#"
            10:00:12.500 EXF-03 object_enumeration high user:ann: 51 objects asked for in 12.5 s by ann on GET /customers/{id}, ids 101 to 151: 100 % given, 0 % refused, 98 % in order (limit 50 in 300 s)
        "#]],
    );
}

#[test]
fn fifty_one_in_five_minutes_to_the_nanosecond() {
    let fifty = "10:00:00 203.0.113.7 -> use GET /customers/{101..150} 200 user=ann key=k1 route=/customers/{id} every 6s";
    check(fifty, expect![[""]]);
    check(
        &format!(
            "{fifty}\n10:05:00 203.0.113.7 -> use GET /customers/151 200 user=ann key=k1 route=/customers/{{id}}"
        ),
        expect![[r#"
            10:05:00.000 EXF-03 object_enumeration high user:ann: 51 objects asked for in 300 s by ann on GET /customers/{id}, ids 101 to 151: 100 % given, 0 % refused, 98 % in order (limit 50 in 300 s)
        "#]],
    );
    check(
        &format!(
            "{fifty}\n10:05:00.000000001 203.0.113.7 -> use GET /customers/151 200 user=ann key=k1 route=/customers/{{id}}"
        ),
        expect![[""]],
    );
}

#[test]
fn guessed_ids_that_are_mostly_not_there() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers/{1..11}00 200 user=ann key=k1 route=/customers/{id} every 1s
         10:01:00 203.0.113.7 -> use GET /customers/{1..40}50 404 user=ann key=k1 route=/customers/{id} every 1s",
        expect![[r#"
            10:01:39.000 EXF-03 object_enumeration medium user:ann: 51 objects asked for in 99 s by ann on GET /customers/{id}, ids 100 to 4050: 21 % given, 78 % refused, 0 % in order (limit 50 in 300 s)
        "#]],
    );
}

#[test]
fn one_in_five_refused_is_too_few() {
    let story = |refused: u32| {
        format!(
            "10:00:00 203.0.113.7 -> use GET /customers/{{1..44}}57 200 user=ann key=k1 route=/customers/{{id}}
             10:01:00 203.0.113.7 -> use GET /customers/{{1..{refused}}}03 404 user=ann key=k1 route=/customers/{{id}}"
        )
    };
    check(&story(11), expect![[""]]);
    check(
        &story(12),
        expect![[r#"
        10:01:11.000 EXF-03 object_enumeration high user:ann: 56 objects asked for in 71 s by ann on GET /customers/{id}, ids 103 to 4457: 78 % given, 21 % refused, 0 % in order (limit 50 in 300 s)
    "#]],
    );
}

#[test]
fn three_in_five_in_order_are_too_few() {
    let story = |in_order: u32| {
        format!(
            "10:00:00 203.0.113.7 -> use GET /customers/{{1..20}}57 200 user=ann key=k1 route=/customers/{{id}}
             10:01:00 203.0.113.7 -> use GET /customers/{{9001..{in_order}}} 200 user=ann key=k1 route=/customers/{{id}}"
        )
    };
    check(&story(9032), expect![[""]]);
    check(
        &story(9033),
        expect![[r#"
        10:01:32.000 EXF-03 object_enumeration high user:ann: 53 objects asked for in 92 s by ann on GET /customers/{id}, ids 157 to 9033: 100 % given, 0 % refused, 60 % in order (limit 50 in 300 s)
    "#]],
    );
}

#[test]
fn the_usual_objects_of_a_back_office() {
    check(
        "09:00:00 203.0.113.7 -> use GET /tickets/{101..140} 200 user=ann session=s1 route=/tickets/{id} every 1s
         09:10:00 203.0.113.7 -> use GET /tickets/{121..160} 200 user=ann session=s1 route=/tickets/{id} every 1s
         09:20:00 203.0.113.7 -> use GET /tickets/{101..170} 200 user=ann session=s1 route=/tickets/{id} every 1s",
        expect![[r#"
            09:00:29.000 TIM-01 odd_timing low user:ann: ann: 30 requests, one every 1.0 s, varying by 0.0 % (a machine's vary by less than 5 %)
        "#]],
    );
}

#[test]
fn much_reading_in_no_order_or_of_few_objects() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers/{1..90}57 200 user=ann session=s1 route=/customers/{id} every 1s
         11:00:00 203.0.113.7 -> use GET /customers/{101..140} 200 user=ann session=s1 route=/customers/{id} x9 every 100ms
         12:00:00 203.0.113.7 -> use GET /customers/{101..190} 503 user=ann session=s1 route=/customers/{id} every 1s
         13:00:00 203.0.113.7 -> use GET /customers/{101..190} - user=ann session=s1 route=/customers/{id} every 1s
         14:00:00 203.0.113.7 -> use GET /customers 200 user=ann session=s1 every 1s x90",
        expect![[r#"
            10:00:29.000 TIM-01 odd_timing low user:ann: ann: 30 requests, one every 1.0 s, varying by 0.0 % (a machine's vary by less than 5 %)
        "#]],
    );
}

#[test]
fn shared_among_accounts_behind_one_client() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers/{101..160} 200 user=u{1..3} session=s{1..3} route=/customers/{id} every 1s",
        expect![[r#"
            10:00:50.000 EXF-03 object_enumeration high 203.0.113.7: 51 objects asked for in 50 s by 203.0.113.7 on GET /customers/{id}, ids 101 to 151: 100 % given, 0 % refused, 98 % in order (limit 50 in 300 s)
        "#]],
    );
}

#[test]
fn without_any_name() {
    check(
        "10:00:00 203.0.113.7 -> use GET /customers/{101..160} 200 route=/customers/{id} every 1s",
        expect![[r#"
            10:00:50.000 EXF-03 object_enumeration high 203.0.113.7: 51 objects asked for in 50 s by 203.0.113.7 on GET /customers/{id}, ids 101 to 151: 100 % given, 0 % refused, 98 % in order (limit 50 in 300 s)
        "#]],
    );
}

#[test]
fn what_was_cut_lowers_confidence() {
    check_confidence(
        "10:00:00 203.0.113.7 -> use GET /customers/{101..151} 200 user=ann key=k1 route=/customers/{id} gap every 1s",
        expect!["EXF-03 medium"],
    );
}
