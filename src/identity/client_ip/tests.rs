//! Who is believed, who is not, and what is only noted.

use super::{ClientHeader, Form, Forwarding, Told};
use crate::identity::prefixes::Prefixes;
use proptest::prelude::*;
use std::net::IpAddr;

/// Headers as `(name, value)`: `xff`, `fwd` and `real` are believed in this order, `vendor` is not.
fn told(peer: &str, proxied_for: Option<&str>, headers: &[(&str, &str)]) -> Told {
    let trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.1"].map(str::to_owned);
    let trusted = Prefixes::parse(&trusted).unwrap();
    let mut forwarding = Forwarding::default();
    for (name, value) in headers {
        let header = match *name {
            "xff" => ClientHeader { form: Form::List, rank: Some(0) },
            "fwd" => ClientHeader { form: Form::Forwarded, rank: Some(1) },
            "real" => ClientHeader { form: Form::List, rank: Some(2) },
            "vendor" => ClientHeader::unset(Form::List),
            _ => panic!("{name}"),
        };
        forwarding.push(header, value.as_bytes());
    }
    forwarding.client(peer.parse().unwrap(), proxied_for.map(|ip| ip.parse().unwrap()), &trusted)
}

/// `ip`, or `ip claims ip`.
#[track_caller]
fn check(peer: &str, headers: &[(&str, &str)], expected: &str) {
    check_proxied(peer, None, headers, expected);
}

#[track_caller]
fn check_proxied(peer: &str, proxied_for: Option<&str>, headers: &[(&str, &str)], expected: &str) {
    let told = told(peer, proxied_for, headers);
    let claims = told.claimed.map_or_else(String::new, |ip| format!(" claims {ip}"));
    assert_eq!(format!("{}{claims}", told.ip), expected, "{peer} {proxied_for:?} {headers:?}");
}

#[test]
fn only_trusted_peers_speak_for_others() {
    check("198.51.100.4", &[("xff", "1.1.1.1")], "198.51.100.4 claims 1.1.1.1");
    check(
        "198.51.100.4",
        &[("xff", "1.1.1.1, 2.2.2.2"), ("vendor", "198.51.100.4")],
        "198.51.100.4 claims 2.2.2.2",
    );
    check("198.51.100.4", &[("xff", "198.51.100.4")], "198.51.100.4");
    check("10.0.0.1", &[("xff", "1.1.1.1")], "1.1.1.1");
    check("10.0.0.1", &[], "10.0.0.1");
    check("::ffff:10.0.0.1", &[("real", "203.0.113.9")], "203.0.113.9");
}

#[test]
fn a_forged_entry_stands_left_of_the_true_one_and_is_a_claim() {
    check("10.0.0.1", &[("xff", "1.1.1.7, 203.0.113.9")], "203.0.113.9 claims 1.1.1.7");
    check(
        "10.0.0.1",
        &[("xff", "9.9.9.9, 1.1.1.7"), ("xff", "203.0.113.9, 10.0.0.2, 192.0.2.1")],
        "203.0.113.9 claims 1.1.1.7",
    );
    check("10.0.0.1", &[("xff", "10.9.9.9, 10.0.0.2")], "10.9.9.9");
    check("10.0.0.1", &[("xff", "203.0.113.9, 203.0.113.9")], "203.0.113.9");
}

#[test]
fn a_vendors_header_counts_only_where_the_deployment_sets_it() {
    check("10.0.0.1", &[("vendor", "1.1.1.7")], "10.0.0.1");
    check("10.0.0.1", &[("vendor", "1.1.1.7"), ("xff", "203.0.113.9")], "203.0.113.9");
    // The same word from outside is a claim.
    check("203.0.113.9", &[("vendor", "1.1.1.7")], "203.0.113.9 claims 1.1.1.7");
}

#[test]
fn headers_are_believed_in_the_order_of_the_deployment() {
    check("10.0.0.1", &[("real", "1.1.1.1"), ("fwd", "for=2.2.2.2"), ("xff", "3.3.3.3")], "3.3.3.3");
    check("10.0.0.1", &[("real", "1.1.1.1"), ("fwd", "for=2.2.2.2")], "2.2.2.2");
}

#[test]
fn garbage_ends_the_walk() {
    check("10.0.0.1", &[("xff", "203.0.113.9, unknown, 10.0.0.2")], "10.0.0.2 claims 203.0.113.9");
    check("10.0.0.1", &[("xff", "203.0.113.9, , 10.0.0.2,")], "203.0.113.9");
    check("10.0.0.1", &[("xff", "")], "10.0.0.1");
    check("10.0.0.1", &[("real", "nonsense")], "10.0.0.1");
    check("10.0.0.1", &[("xff", "203.0.113.9:99999")], "10.0.0.1");
}

#[test]
fn forms_of_addresses() {
    for form in
        ["203.0.113.9", "203.0.113.9:4711", "\"203.0.113.9\"", "::ffff:203.0.113.9", "[::ffff:203.0.113.9]:1"]
    {
        check("10.0.0.1", &[("xff", form)], "203.0.113.9");
    }
    for form in
        ["2001:db8::7", "[2001:db8::7]", "[2001:db8::7]:443", "2001:db8::7%eth0", "[2001:db8::7%25eth0]:443"]
    {
        check("10.0.0.1", &[("xff", form)], "2001:db8::7");
    }
    let forwarded = r#"for=1.1.1.1, proto=http;For="[2001:db8:cafe::17]:4711";by=x"#;
    check("fd00::1", &[("fwd", forwarded)], "2001:db8:cafe::17 claims 1.1.1.1");
    check("10.0.0.1", &[("fwd", "for=203.0.113.9:_p0rt, for=_hidden")], "10.0.0.1");
    check("10.0.0.1", &[("fwd", r#"for="[2001:db8::7]:_p0rt""#)], "2001:db8::7");
    // A quotation mark that the client left open swallows nothing of what the proxy adds.
    check("10.0.0.1", &[("fwd", r#"for="x, for=203.0.113.9"#)], "203.0.113.9");
}

#[test]
fn a_preamble_is_believed_of_trusted_peers_alone() {
    check_proxied("10.0.0.1", Some("203.0.113.9"), &[], "203.0.113.9");
    check_proxied("10.0.0.1", Some("::ffff:203.0.113.9"), &[], "203.0.113.9");
    check_proxied("198.51.100.4", Some("203.0.113.9"), &[], "198.51.100.4 claims 203.0.113.9");
    assert!(told("198.51.100.4", Some("203.0.113.9"), &[]).false_preamble);
    assert!(!told("10.0.0.1", Some("203.0.113.9"), &[]).false_preamble);
}

#[test]
fn behind_a_preamble_the_headers_are_the_next_hops() {
    // The client itself wrote them ...
    check_proxied("10.0.0.1", Some("203.0.113.9"), &[("xff", "1.1.1.7")], "203.0.113.9 claims 1.1.1.7");
    assert!(!told("10.0.0.1", Some("203.0.113.9"), &[]).by_proxy);
    // ... unless the next hop is a trusted proxy too.
    check_proxied("10.0.0.1", Some("10.0.0.2"), &[("xff", "203.0.113.9")], "203.0.113.9");
    assert!(told("10.0.0.1", Some("10.0.0.2"), &[]).by_proxy);
}

proptest! {
    #[test]
    fn what_a_client_writes_never_changes_who_it_is(forged in "[0-9a-f.:,;=\" \\[\\]%_-]{0,60}") {
        let line = format!("{forged}, 203.0.113.9, 10.0.0.2");
        prop_assert_eq!(told("10.0.0.1", None, &[("xff", &line)]).ip, IpAddr::from([203, 0, 113, 9]));
        let line = format!("{forged}, for=203.0.113.9");
        prop_assert_eq!(told("10.0.0.1", None, &[("fwd", &line)]).ip, IpAddr::from([203, 0, 113, 9]));
        prop_assert_eq!(told("198.51.100.4", None, &[("xff", &forged)]).ip, IpAddr::from([198, 51, 100, 4]));
    }
}
