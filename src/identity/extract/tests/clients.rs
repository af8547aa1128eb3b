//! Who the client is, what it claims, what kind of program and network it comes from.

use super::{exchange, extractor, see};
use expect_test::{Expect, expect};
use heelguard_detectors::transaction::Transaction;
use std::net::IpAddr;

/// What is known of the client, in one line.
fn told(tx: &Transaction) -> String {
    let client = &tx.client;
    let request = tx.request.as_ref().unwrap();
    let mut line = format!("{} {}", client.ip, if client.external { "outside" } else { "inside" });
    let mut note = |what: &str, text: Option<String>| {
        if let Some(text) = text {
            line.push_str(&format!(" {what} {text}"));
        }
    };
    note("claims", client.claimed_ip.map(|ip| ip.to_string()));
    note("in", client.country.map(|country| country.to_string()));
    note("of", client.asn.map(|asn| format!("AS{asn}")));
    note("class", client.class.map(|class| class.to_string()));
    note("by", Some(request.agent_kind.to_string()));
    for header in &request.identity_headers {
        let by = if header.by_proxy { " by proxy" } else { "" };
        note("says", Some(format!("{}: {}{by}", header.name, header.claim)));
    }
    note("odd", tx.anomalies.iter().map(|anomaly| anomaly.name().to_owned()).next());
    line
}

/// A request with these header lines from `peer`, perhaps on behalf of somebody by a PROXY preamble.
#[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
fn check(peer: &str, proxied_for: Option<&str>, headers: &str, expected: Expect) {
    let mut exchange = exchange(&format!("GET /me HTTP/1.1\nHost: a\n{headers}"), "HTTP/1.1 200 OK");
    exchange.client.ip = peer.parse().unwrap();
    exchange.proxied_for = proxied_for.map(|ip| ip.parse::<IpAddr>().unwrap());
    expected.assert_eq(&told(&extractor().extract(exchange).transaction));
}

#[test]
fn a_client_behind_a_proxy_and_one_that_says_so() {
    let headers = "User-Agent: curl/8.7.1\nX-Forwarded-For: 87.123.13.252";
    check("10.0.0.9", None, headers, expect!["87.123.13.252 outside in DE of AS8881 by library"]);
    check(
        "203.0.113.7",
        None,
        headers,
        expect!["203.0.113.7 outside claims 87.123.13.252 by library says x-forwarded-for: address"],
    );
}

#[test]
fn a_preamble_of_a_balancer_and_one_of_a_stranger() {
    check(
        "10.0.0.9",
        Some("3.5.140.1"),
        "",
        expect!["3.5.140.1 outside in KR of AS16509 class hosting by unknown"],
    );
    check(
        "203.0.113.7",
        Some("3.5.140.1"),
        "",
        expect!["203.0.113.7 outside claims 3.5.140.1 by unknown odd http.proxy_preamble"],
    );
}

#[test]
fn a_proxy_names_the_account_and_a_client_does() {
    let headers =
        "X-Forwarded-User: ann@example.com\nX-SSL-Client-Verify: SUCCESS\nX-Real-IP: 203.0.113.7\nX-User-Id:";
    check(
        "10.0.0.9",
        None,
        headers,
        expect![
            "203.0.113.7 outside by unknown says x-forwarded-user: user by proxy says x-ssl-client-verify: certificate by proxy"
        ],
    );
    check(
        "203.0.113.7",
        None,
        headers,
        expect![
            "203.0.113.7 outside by unknown says x-forwarded-user: user says x-ssl-client-verify: certificate says x-real-ip: address"
        ],
    );
}

#[test]
fn of_many_such_headers_a_few_are_kept_and_each_once() {
    let tx =
        see(&format!("GET / HTTP/1.1\nHost: a\n{}", "X-User: root\nX-Remote-User: root\n".repeat(50)), "")
            .transaction;
    let names: Vec<_> = tx.request.unwrap().identity_headers.into_iter().map(|header| header.name).collect();
    assert_eq!(names, ["x-user".into(), "x-remote-user".into()]);
    let many = "X-User: a\nX-User-Id: a\nX-User-Name: a\nX-Username: a\nX-User-Email: a\nX-User-Role: a\nX-User-Roles: a\n\
                X-User-Groups: a\nRemote-User: a\nRemote-Name: a";
    let tx = see(&format!("GET / HTTP/1.1\nHost: a\n{many}"), "").transaction;
    assert_eq!(tx.request.unwrap().identity_headers.len(), 8);
}

#[test]
fn only_a_proxys_word_makes_a_request_https() {
    let scheme = |peer: [u8; 4]| {
        let mut exchange = exchange("GET / HTTP/1.1\nHost: a\nX-Forwarded-Proto: https", "");
        exchange.client.ip = peer.into();
        extractor().extract(exchange).transaction.request.unwrap().scheme
    };
    assert_eq!((scheme([10, 0, 0, 9]), scheme([203, 0, 113, 7])), ("https", "http"));
}
