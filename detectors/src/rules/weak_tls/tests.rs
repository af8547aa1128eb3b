//! What servers speak, in connections that were read and in those that were not.

use crate::alert::Alert;
use crate::anomaly::AnomalySet;
use crate::runtime::{Runtime, RuntimeConfig};
use crate::story::{blank, check, line_of};
use crate::time::EventTime;
use crate::tls::{CipherSuite, Tls, TlsConnection, TlsVersion, Transport};
use crate::transaction::{Completeness, TransactionId};
use expect_test::{Expect, expect};

const HOUR: u64 = 3_600;
/// 10:00 on the day of stories.
const START: u64 = 1_795_255_200;

/// A connection that was not read, so many seconds after the start; `None` where the server's answer was not seen.
fn connection(second: u64, name: Option<&str>, version: u16, cipher: Option<u16>) -> TlsConnection {
    let end = EventTime::from_secs(START + second);
    let of = blank(TransactionId(u128::from(second) + 1), end, [203, 0, 113, 7].into());
    TlsConnection {
        id: of.id,
        time: end,
        end,
        flow: of.flow,
        transport: Transport::Tcp,
        client: of.client,
        tls: Tls {
            version: Some(TlsVersion(version)),
            cipher: cipher.map(CipherSuite),
            sni: name.map(Into::into),
            ..Tls::default()
        },
        offered: Vec::new(),
        hides_name: false,
        is_resumed: None,
        server_certificate: None,
        asks_certificate: false,
        bytes: [0; 2],
        completeness: if cipher.is_some() { Completeness::Whole } else { Completeness::RequestOnly },
        anomalies: AnomalySet::EMPTY,
    }
}

/// What is told of them, with a restart after each.
fn told(connections: &[TlsConnection]) -> Vec<Alert> {
    let start = || Runtime::new(RuntimeConfig::default()).unwrap();
    let (mut runtime, mut alerts) = (start(), Vec::new());
    for connection in connections {
        runtime.connection(connection, &mut alerts);
        let saved = runtime.save();
        runtime = start();
        runtime.load(&saved).unwrap();
    }
    alerts.retain(|alert| alert.rev == 1 && alert.status != crate::alert::Status::Closed);
    alerts
}

#[expect(clippy::needless_pass_by_value, reason = "as `check`")]
fn check_connections(connections: &[TlsConnection], expected: Expect) {
    expected.assert_eq(&told(connections).iter().map(line_of).collect::<String>());
}

#[test]
fn an_old_version_and_a_suite_without_forward_secrecy() {
    let name = Some("api.example.com");
    check_connections(
        &[
            connection(0, name, 0x0301, Some(0xC013)),
            connection(HOUR, name, 0x0303, Some(0x009C)),
            connection(2 * HOUR, name, 0x0302, Some(0xC013)),
            connection(30 * 24 * HOUR - 1, name, 0x0302, Some(0xC013)),
            connection(30 * 24 * HOUR, name, 0x0300, Some(0x0005)),
        ],
        expect![[r#"
            10:00:00.000 POS-02 weak_tls high api.example.com: api.example.com speaks TLS 1.0 with 203.0.113.7 (TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
            11:00:00.000 POS-02 weak_tls medium api.example.com: api.example.com speaks TLS 1.2 without forward secrecy with 203.0.113.7 (TLS_RSA_WITH_AES_128_GCM_SHA256)
            10:00:00.000 POS-02 weak_tls high api.example.com: api.example.com speaks SSL 3 with 203.0.113.7 (TLS_RSA_WITH_RC4_128_SHA)
        "#]],
    );
}

#[test]
fn what_is_strong_and_what_was_not_answered() {
    let name = Some("api.example.com");
    check_connections(
        &[
            connection(0, name, 0x0304, Some(0x1301)),
            connection(1, name, 0x7F1C, Some(0x1301)),
            connection(2, name, 0x0303, Some(0xC02F)),
            connection(3, name, 0x0303, Some(0x009E)),
            connection(4, name, 0x0301, None),
            connection(5, None, 0x0303, None),
        ],
        expect![[""]],
    );
}

#[test]
fn twenty_connections_and_none_of_the_latest() {
    let behind = |times: u64| {
        (0..times).map(|second| connection(second, None, 0x0303, Some(0xC02F))).collect::<Vec<_>>()
    };
    check_connections(&behind(19), expect![[""]]);
    check_connections(
        &behind(20),
        expect![[r#"
        10:00:19.000 POS-02 weak_tls info 10.0.0.5:443: 10.0.0.5:443 speaks TLS 1.2 in 20 connections and TLS 1.3 in none
    "#]],
    );
    let mut with_one = behind(60);
    with_one[9] = connection(9, None, 0x0304, Some(0x1301));
    check_connections(&with_one, expect![[""]]);
    with_one.push(connection(30 * 24 * HOUR + 8, None, 0x0303, Some(0xC02F)));
    check_connections(&with_one, expect![[""]]);
    with_one.push(connection(30 * 24 * HOUR + 9, None, 0x0303, Some(0xC02F)));
    assert_eq!(told(&with_one).len(), 1);
}

#[test]
fn names_that_clients_make_up() {
    let names: Vec<String> = (0..40).map(|n| format!("n{n}.example.com")).collect();
    let connections: Vec<TlsConnection> = names
        .iter()
        .zip(0..)
        .map(|(name, second)| connection(second * 60, Some(name), 0x0301, Some(0xC013)))
        .collect();
    let told = told(&connections);
    assert_eq!(told.len(), 11);
    expect![[r#"
        10:10:00.000 POS-02 weak_tls high 10.0.0.5:443: 10.0.0.5:443 under more than 10 names, now n10.example.com, speaks TLS 1.0 with 203.0.113.7 (TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA)
    "#]].assert_eq(&told.last().map(line_of).unwrap());
}

#[test]
fn connections_that_are_read() {
    check(
        "10:00:00 203.0.113.7 -> use GET /a 200 user=ann session=s1 tls=0303 suite=c02f x19
         11:00:00 203.0.113.7 -> use GET /a 200 user=ann session=s1 tls=0303 suite=002f host=old.example.com
         12:00:00 203.0.113.7 -> use GET /a 200 user=ann session=s1 tls=0304 suite=1301 x30
         13:00:00 203.0.113.7 -> use GET /a 200 user=ann session=s1",
        expect![[r#"
            11:00:00.000 POS-02 weak_tls medium old.example.com: old.example.com speaks TLS 1.2 without forward secrecy with 203.0.113.7 (TLS_RSA_WITH_AES_128_CBC_SHA)
        "#]],
    );
}
