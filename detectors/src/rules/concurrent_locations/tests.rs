//! Accounts in two places at once, and the shared addresses, phones and tunnels that look like it.

use crate::story::{check, check_confidence};
use expect_test::expect;

/// Countries the account is at home in, so that other rules have nothing to say.
const AT_HOME: &str = "09:00:00 198.51.100.4 -> mfa POST /mfa 200 user=ann country=FR device=abcd
     09:10:00 198.51.100.4 -> mfa POST /mfa 200 user=ann country=JP device=abcd
     09:20:00 198.51.100.4 -> mfa POST /mfa 200 user=ann country=FR device=abxy";

#[track_caller]
fn check_at_home(story: &str, expected: expect_test::Expect) {
    check(&format!("{AT_HOME}\n{story}"), expected);
}

#[test]
fn a_phone_at_home_and_a_laptop_on_the_companys_vpn() {
    let day = "-> use GET /me 200 user=ann session=p1 country=CA device=abcd";
    let office = "10:00:00 198.51.100.9 -> use GET /me 200 user=c{1..5} session=c{1..5} country=DE";
    check(
        &format!(
            "09:00:00 203.0.113.7 {day}
             {office}
             1d+09:00:00 203.0.113.7 {day}
             1d+09:01:00 198.51.100.9 -> use GET /me 200 user=ann session=l1 country=DE device=abxy
             1d+10:00:00 198.51.100.9 -> use GET /me 200 user=c1 session=c1 country=DE device=abcd
             1d+10:01:00 203.0.113.9 -> use GET /me 200 user=c1 session=x1 country=BR device=abcd"
        ),
        expect![[r#"
            09:01:00.000 GEO-01 new_country info user:ann: ann active in DE from 198.51.100.9 (shared), without a second factor there; seen before in CA
            09:01:00.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.9 (other header_order, platform); 1 device known
            10:01:00.000 GEO-01 new_country medium user:c1: c1 active in BR from 203.0.113.9, without a second factor there; seen before in DE
            10:01:00.000 GEO-03 concurrent_locations medium user:c1: c1 in use from BR and DE at once (2 sessions, 1 device within 60 s)
        "#]],
    );
}

#[test]
fn two_sessions_in_two_countries() {
    check_at_home(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
         10:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s2 country=JP device=abcd
         10:01:05 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
         21:59:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
         22:00:59 203.0.113.7 -> use GET /me 200 user=ann session=s2 country=JP device=abcd
         22:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s2 country=JP device=abcd",
        expect![[r#"
            09:10:00.000 GEO-01 new_country low user:ann: ann active in JP from 198.51.100.4, with a second factor; seen before in FR
            09:20:00.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.4 (other header_order, platform); 1 device known
            10:01:00.000 GEO-03 concurrent_locations medium user:ann: ann in use from FR and JP at once (2 sessions, 1 device within 60 s)
            22:01:00.000 GEO-03 concurrent_locations medium user:ann: ann in use from FR and JP at once (2 sessions, 1 device within 120 s)
        "#]],
    );
}

#[test]
fn one_after_the_other_to_the_nanosecond() {
    check_at_home(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
         10:05:00 203.0.113.7 -> use GET /me 200 user=ann session=s2 country=JP device=abcd",
        expect![[r#"
            09:10:00.000 GEO-01 new_country low user:ann: ann active in JP from 198.51.100.4, with a second factor; seen before in FR
            09:20:00.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.4 (other header_order, platform); 1 device known
            10:05:00.000 GEO-03 concurrent_locations medium user:ann: ann in use from FR and JP at once (2 sessions, 1 device within 300 s)
        "#]],
    );
    check_at_home(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
         10:05:00.000000001 203.0.113.7 -> use GET /me 200 user=ann session=s2 country=JP device=abcd",
        expect![[r#"
            09:10:00.000 GEO-01 new_country low user:ann: ann active in JP from 198.51.100.4, with a second factor; seen before in FR
            09:20:00.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.4 (other header_order, platform); 1 device known
        "#]],
    );
}

#[test]
fn one_device_that_crosses_a_border() {
    check_at_home(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
         10:00:30 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=JP device=abcd
         10:01:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd",
        expect![[r#"
            09:10:00.000 GEO-01 new_country low user:ann: ann active in JP from 198.51.100.4, with a second factor; seen before in FR
            09:20:00.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.4 (other header_order, platform); 1 device known
        "#]],
    );
}

#[test]
fn one_session_on_two_devices() {
    check_at_home(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
         10:00:30 203.0.113.7 -> use GET /me 200 user=ann session=s1 country=JP device=abxy",
        expect![[r#"
            09:10:00.000 GEO-01 new_country low user:ann: ann active in JP from 198.51.100.4, with a second factor; seen before in FR
            09:20:00.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.4 (other header_order, platform); 1 device known
            10:00:30.000 GEO-03 concurrent_locations medium user:ann: ann in use from FR and JP at once (1 session, 2 devices within 30 s)
            10:00:30.000 SES-01 session_hijack high user:ann: session of ann used on d:ea05633d from 203.0.113.7 (JP), 30 s after 198.51.100.4 (FR) on d:8103e7a6, accepted (other country, header_order, platform)
        "#]],
    );
}

#[test]
fn a_tunnel_beside_a_phone_and_a_refused_call() {
    check_at_home(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
         10:00:30 203.0.113.7 -> use GET /me 200 user=ann session=s2 country=JP device=abxy class=vpn
         10:00:40 203.0.113.8 -> use GET /me 401 user=ann session=s2 country=JP device=abxy
         10:00:50 203.0.113.9 -> use GET /me 200 user=ann key=k1 country=JP device=abxy
         10:00:55 203.0.113.9 -> use GET /me 200 user=ann session=s2 device=abxy",
        expect![[r#"
            09:10:00.000 GEO-01 new_country low user:ann: ann active in JP from 198.51.100.4, with a second factor; seen before in FR
            09:20:00.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.4 (other header_order, platform); 1 device known
        "#]],
    );
}

#[test]
fn three_networks_on_three_devices() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR asn=64501 device=abcd
         10:00:10 198.51.100.5 -> use GET /me 200 user=ann session=s2 country=FR asn=64502 device=abxy
         10:00:20 198.51.100.6 -> use GET /me 200 user=ann session=s3 country=FR asn=64503 device=wxab",
        expect![[r#"
            10:00:10.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.5 (other header_order, platform); 1 device known
            10:00:20.000 GEO-03 concurrent_locations medium user:ann: ann in use from 3 networks in FR at once (3 sessions, 3 devices within 20 s)
            10:00:20.000 DEV-01 new_device info user:ann: ann on the new device d:9d112085 from 198.51.100.6 (other tls, agent, header_order, platform); 2 devices known
        "#]],
    );
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR asn=64501 device=abcd
         10:00:10 198.51.100.5 -> use GET /me 200 user=ann session=s2 country=FR asn=64502 device=abxy
         10:00:20 198.51.100.6 -> use GET /me 200 user=ann session=s3 country=FR asn=64503 device=abcx
         10:00:30 198.51.100.7 -> use GET /me 200 user=ann session=s4 country=FR asn=64502 device=wxab",
        expect![[r#"
            10:00:10.000 DEV-01 new_device info user:ann: ann on the new device d:ea05633d from 198.51.100.5 (other header_order, platform); 1 device known
            10:00:30.000 DEV-01 new_device info user:ann: ann on the new device d:9d112085 from 198.51.100.7 (other tls, agent, header_order, platform); 2 devices known
        "#]],
    );
}

#[test]
fn what_was_cut_lowers_confidence() {
    check_confidence(
        &format!(
            "{AT_HOME}
             10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 country=FR device=abcd
             10:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s2 country=JP device=abcd gap"
        ),
        expect![[r#"
            GEO-01 low
            DEV-01 low
            GEO-03 medium"#]],
    );
}
