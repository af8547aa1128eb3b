//! The format itself: what brackets stand for, and what is found fault with.

use super::*;

fn burst(edges: &str) -> String {
    let row = rules::catalogue().iter().find(|row| row.rule.name == "mfa_failure_burst").unwrap();
    faults("mfa_failure_burst", &row.thresholds(), edges).join("\n")
}

#[test]
fn brackets_are_worked_out() {
    let row = rules::catalogue().iter().find(|row| row.rule.name == "impossible_travel").unwrap();
    let values = Values::of(&row.thresholds());
    let fill = |text: &str, beyond| values.fill(text, "speed_kmh", beyond);
    let step = "[speed_kmh|+]";
    for (text, exact) in [
        ("[7/2] [7/2.0] [2*(3+4)-1]", "3 3.5 13"),
        ("[again_after_h] [again_after_h/2+1ns] [1d/again_after_h]", "43200000000000ns 21600000000001ns 2"),
        ("[distance_km] [distance_km + 0.5] [1000 * 1h / speed_kmh]", "500 500.5 4000000000000ns"),
    ] {
        assert_eq!(fill(&format!("{text} {step}"), false).unwrap(), format!("{exact} 900"));
    }
    assert_eq!(fill(step, true).unwrap(), "900.001");
    assert_eq!(fill("[900*1h/speed_kmh|-]", true).unwrap(), "3599999999999ns");
    for (text, complaint) in [
        ("[speed_kmh", "a bracket is not closed"),
        ("[speed|+]", "`[speed|+]`: `speed` is no numeric threshold"),
        ("[speed_kmh|2]", "`[speed_kmh|2]`: a step is `|+` or `|-`"),
        ("[distance_km|+]", "`[distance_km|+]`: the step has no `speed_kmh` in it"),
        ("[speed_kmh+1s|+]", "`[speed_kmh+1s|+]`: a time and a number do not add"),
        ("[speed_kmh 2|+]", "`[speed_kmh 2|+]`: `2` is not understood"),
        ("[speed_kmh/0|+]", "`[speed_kmh/0|+]`: nothing can be divided by zero"),
        ("[speed_kmh]", "an entry has one step, not 0"),
    ] {
        assert_eq!(fill(text, false).unwrap_err(), complaint);
    }
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    let found = burst(
        "failurs: speaks\n10:00:00 ...\n\nfailures: shouts\n\nfailures speaks\n\nfailures: speaks, twice",
    );
    let expected = [
        "failurs: speaks",
        "`failurs` is no numeric threshold",
        "failures: shouts",
        "`shouts` is no answer",
        "failures speaks",
        "a head is `THRESHOLD: ANSWER`",
        "failures: speaks, twice",
        "`twice` is no part of a head",
        "`failures` has no entry",
        "`window_s` has no entry",
        "`high_failures` has no entry",
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_edge_that_is_not_exact_is_told_with_its_story() {
    let found = burst("failures: speaks\n10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x[failures+1|-]");
    let expected = [
        "failures: speaks",
        "with failures = 3, one step beyond, it is told, and should not be:",
        "10:00:00 203.0.113.7 -> mfa POST /mfa 401 user=ann x3",
        "what was told:",
        "10:00:02.000 MFA-01 mfa_failure_burst medium user:ann: 3 wrong MFA codes in 2 s for ann on POST /mfa \
         (limit 3 in 300 s) confidence=high factor=totp guess_odds_pct=0.0009 shortest_gap_s=1",
    ];
    assert_eq!(found.lines().take(5).collect::<Vec<_>>(), expected);
}
