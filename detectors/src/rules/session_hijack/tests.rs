//! Sessions in other hands, and the same hands in other places.

use crate::story::{check, check_confidence};
use expect_test::expect;

#[test]
fn another_device_in_another_network() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1 country=CA
         10:00:51 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=axyz asn=2 country=CA
         10:00:55 203.0.113.7 -> use GET /you 200 user=ann session=s1 device=axyz asn=2 country=CA
         10:01:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1 country=CA",
        expect![[r#"
            10:00:51.000 DEV-01 new_device info user:ann: ann on the new device d:278fa1d8 from 203.0.113.7 (other agent, header_order, platform); 1 device known
            10:00:51.000 SES-01 session_hijack high user:ann: session of ann used on d:278fa1d8 from 203.0.113.7 (CA), 51 s after 198.51.100.4 (CA) on d:8103e7a6, accepted (other autonomous system, agent, header_order, platform)
        "#]],
    );
}

#[test]
fn one_who_takes_the_session_along() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1 country=CA
         10:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=abxd asn=2 country=CA
         10:02:00 203.0.113.9 -> use GET /me 200 user=ann session=s1 device=abcd asn=3 country=CA
         10:03:00 203.0.113.9 -> use GET /me 200 user=ann session=s1 device=wxyz asn=3 country=CA
         10:04:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=wxyz asn=1 country=CA
         10:05:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=ab-- asn=9 country=CA
         10:06:00 192.0.2.4 -> use GET /me 200 user=ann session=s1 asn=7 country=CA
         10:07:00 10.0.0.9 -> use GET /me 200 user=ann session=s1 device=oooo",
        expect![[r#"
            10:03:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.9 (other tls, agent, header_order, platform); 1 device known
            10:07:00.000 DEV-01 new_device info user:ann: ann on the new device d:e1dfcd06 from 10.0.0.9 (other tls, agent, header_order, platform); 2 devices known
        "#]],
    );
}

#[test]
fn what_the_session_opens_makes_it_worse() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1 mfa=1h
         10:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=wxyz asn=2 mfa=1h
         10:00:00 198.51.100.4 -> use GET /me 200 user=bob session=s2 device=abcd asn=1
         10:02:00 203.0.113.7 -> sensitive POST /password 200 user=bob session=s2 device=wxyz asn=2
         10:00:00 198.51.100.4 -> use GET /me 200 user=cid session=s3 device=abcd asn=1 agent=browser
         10:03:00 203.0.113.7 -> use GET /me 200 user=cid session=s3 device=wxyz asn=2 agent=library
         10:00:00 198.51.100.4 -> use GET /me 200 user=dan session=s4 device=abcd asn=1 agent=library
         10:04:00 203.0.113.7 -> use GET /me 200 user=dan session=s4 device=wxyz asn=2 agent=library
         10:05:00 198.51.100.4 -> use GET /me 200 session=s5 device=abcd asn=1
         10:06:00 203.0.113.7 -> use GET /me 200 session=s5 device=wxyz asn=2",
        expect![[r#"
            10:01:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            10:01:00.000 SES-01 session_hijack critical user:ann: session of ann used on d:515d0b1f from 203.0.113.7, 60 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
            10:02:00.000 DEV-01 new_device medium user:bob: bob did something sensitive (POST /password) 0 s after the first use of the new device d:515d0b1f from 203.0.113.7; 1 device known
            10:02:00.000 SES-01 session_hijack critical user:bob: session of bob used on d:515d0b1f from 203.0.113.7, 120 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
            10:03:00.000 DEV-01 new_device info user:cid: cid on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            10:03:00.000 SES-01 session_hijack critical user:cid: session of cid used on d:515d0b1f from 203.0.113.7, 180 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
            10:04:00.000 DEV-01 new_device info user:dan: dan on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            10:04:00.000 SES-01 session_hijack high user:dan: session of dan used on d:515d0b1f from 203.0.113.7, 240 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
            10:06:00.000 SES-01 session_hijack high c6cb9c74ea36c111f2ba5757bd63119f: session of one used on d:515d0b1f from 203.0.113.7, 60 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
        "#]],
    );
}

#[test]
fn refused_uses_and_a_later_accepted_one() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1 mfa=1h
         10:01:00 203.0.113.7 -> use GET /me 401 user=ann session=s1 device=wxyz asn=2 mfa=1h
         10:02:00 203.0.113.7 -> use GET /me 401 user=ann session=s1 device=wxyz asn=2 mfa=1h agent=library
         10:03:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=wxyz asn=2 mfa=1h
         11:00:00 203.0.113.7 -> use GET /me 401 user=bob session=s2 device=wxyz asn=2
         11:01:00 198.51.100.4 -> use GET /me 200 user=bob session=s2 device=abcd asn=1",
        expect![[r#"
            10:01:00.000 SES-01 session_hijack medium user:ann: session of ann used on d:515d0b1f from 203.0.113.7, 60 s after 198.51.100.4 on d:8103e7a6, not accepted (other autonomous system, tls, agent, header_order, platform)
            10:02:00.000 SES-01 session_hijack high (update) user:ann: session of ann used on d:515d0b1f from 203.0.113.7, 120 s after 198.51.100.4 on d:8103e7a6, not accepted (other autonomous system, tls, agent, header_order, platform); 2 in all since 2026-11-21T10:01:00Z
            10:03:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            10:03:00.000 SES-01 session_hijack critical (update) user:ann: session of ann used on d:515d0b1f from 203.0.113.7, 180 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform); 3 in all since 2026-11-21T10:01:00Z
        "#]],
    );
}

#[test]
fn tokens_have_a_holder_when_they_were_seen_handed_out() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann jwt=t1 device=abcd asn=1
         10:01:00 203.0.113.7 -> use GET /me 200 user=ann jwt=t1 device=wxyz asn=2
         10:02:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t2 issued device=abcd asn=1
         10:23:00 203.0.113.7 -> use GET /me 401 service=sync jwt=t2 issued device=wxyz asn=2
         10:04:00 198.51.100.4 -> use GET /me 200 user=bob bearer=t3 issued device=abcd asn=1
         10:05:00 203.0.113.7 -> use GET /me 200 user=bob bearer=t3 issued device=wxyz asn=2",
        expect![[r#"
            10:01:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            10:01:00.000 SES-01 session_hijack high user:ann: token of ann used on d:515d0b1f from 203.0.113.7, 60 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
            10:05:00.000 DEV-01 new_device info user:bob: bob on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            10:05:00.000 SES-01 session_hijack high user:bob: token of bob used on d:515d0b1f from 203.0.113.7, 60 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
            10:23:00.000 SES-01 session_hijack medium service:sync: token of sync used on d:515d0b1f from 203.0.113.7, 1260 s after 198.51.100.4 on d:8103e7a6, not accepted (other autonomous system, tls, agent, header_order, platform)
        "#]],
    );
}

#[test]
fn what_fleets_and_servers_share() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 service=sync jwt=t1 device=abcd asn=1
         10:10:00 203.0.113.7 -> use GET /me 200 service=sync jwt=t1 device=wxyz asn=2
         10:00:00 198.51.100.4 -> use GET /me 200 user=bob bearer=t2 device=abcd asn=1
         10:01:00 203.0.113.7 -> use GET /me 200 user=bob bearer=t2 device=wxyz asn=2
         10:00:00 198.51.100.4 -> use GET /me 200 user=cid session=s3 device=abcd asn=1
         10:01:00 203.0.113.7 -> use GET /me 200 user=cid session=s4 device=wxyz asn=2
         10:02:00 203.0.113.7 -> use GET /me 200 user=cid jwt=t5 device=wxyz asn=2",
        expect![[r#"
            10:01:00.000 DEV-01 new_device info user:bob: bob on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            10:01:00.000 DEV-01 new_device info user:cid: cid on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
        "#]],
    );
}

#[test]
fn another_network_where_little_is_known_of_it() {
    check_confidence(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1
         10:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=wxyz asn=2",
        expect![[r#"
            DEV-01 low
            SES-01 high"#]],
    );
    check_confidence(
        "10:00:00 198.51.100.4 -> use GET /me 200 session=s1 device=abcd asn=1 country=CA
         10:01:00 203.0.113.7 -> use GET /me 200 session=s1 device=wxyz country=CN",
        expect!["SES-01 medium"],
    );
    check_confidence(
        "10:00:00 198.51.100.4 -> use GET /me 200 session=s1 device=abcd asn=1
         10:01:00 198.50.100.4 -> use GET /me 200 session=s1 device=wxyz
         10:00:00 2001:db8:1::1 -> use GET /me 200 session=s2 device=abcd
         10:01:00 2001:db9:1::1 -> use GET /me 200 session=s2 device=wxyz",
        expect![[r#"
            SES-01 low
            SES-01 low"#]],
    );
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 session=s1 device=abcd asn=1
         10:01:00 198.51.200.4 -> use GET /me 200 session=s1 device=wxyz
         10:00:00 198.51.100.4 -> use GET /me 200 session=s2 device=abcd country=CA
         10:01:00 203.0.113.7 -> use GET /me 200 session=s2 device=wxyz country=CA
         10:00:00 2001:db8:1::1 -> use GET /me 200 session=s3 device=abcd
         10:01:00 2001:db8:2::1 -> use GET /me 200 session=s3 device=wxyz
         10:01:00 203.0.113.7 -> use GET /me 200 session=s3 device=xyzo",
        expect![""],
    );
}

#[test]
fn a_week_without_use_to_the_nanosecond() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1
         7d+10:00:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=wxyz asn=2",
        expect![[r#"
            10:00:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
            10:00:00.000 SES-01 session_hijack high user:ann: session of ann used on d:515d0b1f from 203.0.113.7, 604800 s after 198.51.100.4 on d:8103e7a6, accepted (other autonomous system, tls, agent, header_order, platform)
        "#]],
    );
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1
         7d+10:00:00.000000001 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=wxyz asn=2",
        expect![[r#"
            10:00:00.000 DEV-01 new_device info user:ann: ann on the new device d:515d0b1f from 203.0.113.7 (other tls, agent, header_order, platform); 1 device known
        "#]],
    );
}

#[test]
fn a_second_sight_is_no_use() {
    check(
        "10:00:00 198.51.100.4 -> use GET /me 200 user=ann session=s1 device=abcd asn=1
         10:01:00 203.0.113.7 -> use GET /me 200 user=ann session=s1 device=wxyz asn=2 repeat",
        expect![""],
    );
}
