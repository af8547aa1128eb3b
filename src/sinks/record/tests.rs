//! Golden records: a change of a wire form is a change of these lines.

use super::{AlertRecord, ServiceRow, StatsRecord, TlsRecord, TransactionRecord, samples};
use crate::metrics::{Counters, DropReason, SinkCounters};
use crate::sinks::escape::write_json_line;
use expect_test::{Expect, expect};
use heelguard_detectors::anomaly::Anomaly;
use serde::Serialize;

fn check(record: &impl Serialize, expected: &Expect) {
    let mut line = Vec::new();
    write_json_line(&mut line, record).unwrap();
    expected.assert_eq(&String::from_utf8(line).unwrap());
}

#[test]
fn an_alert_with_everything() {
    check(
        &AlertRecord::new(&samples::alert(), &samples::labels()),
        &expect![[r#"
        {"schema":"heelguard.alert/1","id":"6f3f1a52-6f0c-5a43-9a52-6c1f6c1e9b10","rev":1,"status":"open","rule":"MFA-01","detector":"mfa_failure_burst","title":"Burst of failed MFA codes","severity":"medium","confidence":"high","message":"3 wrong MFA codes in 179 s for alice@example.com on POST /mfa/verify (limit 3 in 300 s)","time":"2026-11-21T10:03:00.120000Z","first_seen":"2026-11-21T10:00:01.003000Z","last_seen":"2026-11-21T10:03:00.120000Z","count":3,"threshold":3,"window_s":300,"subject":{"scope":"principal","value":"user:alice@example.com"},"principal":{"kind":"user","id":"alice@example.com","source":"login"},"client":{"ip":"203.0.113.7","country":"DE","asn":64500,"device":"d:91be02aa"},"credential":{"kind":"session","class":"session_cookie","location":"cookie","fingerprint":"5b0e00000000000000000000000000ff"},"endpoint":{"method":"POST","host":"api.example.com","route":"/mfa/verify"},"evidence":[{"transaction":"00000000-0000-0000-0000-000000000007","time":"2026-11-21T10:00:01.003000Z","method":"POST","path":"/mfa/verify","status":401,"note":"wrong totp code"}],"facts":{"factor":"totp","distinct_codes":3},"response":"temporary account lock; check whether the password is known to someone else","mitre":["T1621","T1110.001"],"owasp":["API2:2023"],"visibility":{"loss_pct":0.0,"truncated":0,"one_way":false},"tenant":"default","sensor":"sensor-1"}
    "#]],
    );
}

#[test]
fn an_alert_with_nothing_that_can_be_left_out() {
    check(
        &AlertRecord::new(&samples::bare_alert(), &samples::labels()),
        &expect![[r#"
        {"schema":"heelguard.alert/1","id":"6f3f1a52-6f0c-5a43-9a52-6c1f6c1e9b10","rev":1,"status":"open","rule":"MFA-01","detector":"mfa_failure_burst","title":"Burst of failed MFA codes","severity":"medium","confidence":"high","message":"3 wrong MFA codes in 179 s for alice@example.com on POST /mfa/verify (limit 3 in 300 s)","time":"2026-11-21T10:03:00.120000Z","first_seen":"2026-11-21T10:00:01.003000Z","last_seen":"2026-11-21T10:03:00.120000Z","count":3,"threshold":3,"window_s":null,"subject":{"scope":"principal","value":"user:alice@example.com"},"principal":null,"client":null,"credential":null,"endpoint":null,"evidence":[],"facts":{},"response":"temporary account lock; check whether the password is known to someone else","mitre":["T1621","T1110.001"],"owasp":["API2:2023"],"visibility":{"loss_pct":0.0,"truncated":0,"one_way":false},"tenant":"default","sensor":"sensor-1"}
    "#]],
    );
}

#[test]
fn a_transaction_with_everything() {
    check(
        &TransactionRecord::new(&samples::transaction()),
        &expect![[r#"
            {"schema":"heelguard.transaction/1","id":"01234567-89ab-8def-8123-456789abcdef","time":"2026-11-21T10:00:00.000000Z","end":"2026-11-21T10:00:00.003250Z","ttfb_us":1834,"flow":{"community_id":"1:IgBmsq8T6mgUy3bU66bPPBx2cKE=","src_ip":"198.51.100.4","src_port":51514,"dst_ip":"10.0.0.5","dst_port":8080,"vlan":[12],"tunnel":null,"vni":null},"protocol":"http/1.1","tls":null,"request":{"method":"POST","scheme":"http","host":"api.example.com","path":"/v1/users/42","route":"/v1/users/{id}","query_keys":["page"],"bytes":27,"content_type":"application/json","user_agent":"curl/8.7.1","agent_kind":"library","labels":["users"],"identity_headers":[{"name":"x-forwarded-user","claim":"user","by_proxy":false}]},"response":{"status":401,"grpc_status":null,"bytes":64,"content_type":"application/json","items":null,"retry_after_s":30},"client":{"ip":"203.0.113.7","country":"DE","city":null,"lat":51.2,"lon":10.4,"asn":64500,"class":"mobile","claimed_ip":"192.0.2.1"},"device":"d:dd6a4668","principal":{"kind":"user","id":"alice@example.com","source":"jwt"},"credentials":[{"kind":"bearer_jwt","class":"jwt","location":"header","name":"authorization","fingerprint":"a1b200000000000000000000000000ff"}],"jwt":{"alg":"RS256","kid":"k1","iss":"https://idp.example.com","expires_in_s":3500,"amr":["pwd","otp"],"typ":"at+jwt","aud":["https://api.example.com"],"client_id":"web","scope":["orders:read"],"acr":null,"valid_in_s":null,"issued_ago_s":100,"auth_ago_s":null,"lifetime_s":3600,"bound":false,"bytes":672,"parts":3,"header":["jku"],"p2c":null,"signature":"present","check":"valid","known_secret":{"list":"builtin","line":7,"sha256":"01020304"},"confusion":null,"tampered":false},"mfa":{"event":"attempt","factor":"totp","outcome":"fail_code","ticket":"71c800000000000000000000000000ff","codes_left":7},"outcome":"denied","completeness":"whole","anomalies":["tcp.retransmission"],"activity":"mfa","proof":{"level":"mfa","factor":"totp","mfa_at":"2026-11-21T10:00:00.000000Z","account_has_mfa":true},"login":{"name":"alice@example.com","outcome":"second_factor"},"exposed":[{"kind":"query","class":"jwt","name":"token"}],"graphql":{"kind":"mutation","operation":"Login","fields":["tokenAuth"],"auth_operations":1},"repeat_of":"00000000-0000-0000-0000-000000000009","session":{"id":"5e5500000000000000000000000000ff","since":"2026-11-21T10:00:00.000000Z","issued_in_sight":true,"mfa_since":null,"renewals":2,"ended":{"cause":"logout","at":"2026-11-21T10:00:00.001000Z"},"rotated":null},"reuse":{"what":"refresh_token","first":"2026-11-21T10:00:00.000500Z","same_client":false}}
        "#]],
    );
}

#[test]
fn a_lone_answer() {
    check(
        &TransactionRecord::new(&samples::bare_transaction()),
        &expect![[r#"
            {"schema":"heelguard.transaction/1","id":"01234567-89ab-8def-8123-456789abcdef","time":"2026-11-21T10:00:00.000000Z","end":"2026-11-21T10:00:00.003250Z","ttfb_us":null,"flow":{"community_id":"1:IgBmsq8T6mgUy3bU66bPPBx2cKE=","src_ip":"198.51.100.4","src_port":51514,"dst_ip":"10.0.0.5","dst_port":8080,"vlan":[12],"tunnel":null,"vni":null},"protocol":"http/1.1","tls":null,"request":null,"response":{"status":401,"grpc_status":null,"bytes":64,"content_type":null,"items":null,"retry_after_s":null},"client":{"ip":"203.0.113.7","country":null,"city":null,"lat":null,"lon":null,"asn":null,"class":null,"claimed_ip":null},"device":null,"principal":{"kind":"user","id":"alice@example.com","source":"jwt"},"credentials":[],"jwt":null,"mfa":null,"outcome":"denied","completeness":"response_only","anomalies":[],"activity":"mfa","proof":{"level":"mfa","factor":"totp","mfa_at":"2026-11-21T10:00:00.000000Z","account_has_mfa":true},"login":null,"exposed":[],"graphql":null,"repeat_of":null,"session":null,"reuse":null}
        "#]],
    );
}

#[test]
fn a_connection_that_was_not_read() {
    check(
        &TlsRecord::new(&samples::connection()),
        &expect![[r#"
            {"schema":"heelguard.tls/1","id":"01234567-89ab-8def-8123-456789abcdef","time":"2026-11-21T10:00:00.000000Z","end":"2026-11-21T10:00:00.003250Z","flow":{"community_id":"1:IgBmsq8T6mgUy3bU66bPPBx2cKE=","src_ip":"198.51.100.4","src_port":51514,"dst_ip":"10.0.0.5","dst_port":8080,"vlan":[12],"tunnel":null,"vni":null},"transport":"tcp","version":"TLS 1.2","cipher":"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256","sni":"api.example.com","ech":false,"alpn":"http/1.1","offered_alpn":["h2","http/1.1"],"ja4":"t12d1516h2_8daaf6152771_e5627efa2ab1","ja4_stable":"t12d1514h2_8daaf6152771_6d807ffa2a79","decrypted":false,"resumed":false,"certificate":{"subject":"api.example.com","names":["api.example.com"],"issuer":"Example CA","not_before":"2025-11-13T02:13:20.000000Z","not_after":null,"self_signed":false,"sha256":"c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3","key_sha256":"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"},"client_cert_requested":true,"client_cert":{"subject":"svc-billing","issuer":"Example CA","not_before":"2025-11-13T02:13:20.000000Z","not_after":null,"self_signed":false,"fingerprint":"ce4700000000000000000000000000ff","key_sha256":"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"},"client":{"ip":"203.0.113.7","country":"DE","city":null,"lat":51.2,"lon":10.4,"asn":64500,"class":"mobile","claimed_ip":"192.0.2.1"},"bytes":{"client":2048,"server":9000},"completeness":"whole","anomalies":[]}
        "#]],
    );
}

/// The random word that stands for a presented code must not leave.
#[test]
fn a_code_is_never_written() {
    let transaction = samples::transaction();
    let code = transaction.mfa.unwrap().code.unwrap();
    let line = serde_json::to_string(&TransactionRecord::new(&transaction)).unwrap();
    assert!(!line.contains(&code.to_string()) && !line.contains(&format!("{code:x}")), "{line}");
}

fn counters() -> Counters {
    let mut counters = Counters::default();
    counters.capture.files = 1;
    counters.packets.read = 3;
    counters.packets.processed = 1;
    counters.dropped.count(DropReason::NotTcp, 2);
    counters.anomalies.count(Anomaly::TcpGap);
    counters.mfa_outcomes.add([("accepted", 2), ("broken", 0), ("no_row", 1)]);
    counters
}

#[test]
fn the_counters_of_a_run() {
    let sink = SinkCounters { queued: 2, delivered: 2, spooled: 0, lost: 0 };
    let service = ServiceRow { host: "api.example.com".to_owned(), port: 443, tls: 10, ..Default::default() };
    check(
        &StatsRecord::new(&counters(), &[("jsonl".to_owned(), sink)], &[service]),
        &expect![[r#"
            {"schema":"heelguard.stats/1","balanced":true,"capture":{"files":1,"truncated_files":0,"bytes":0},"packets":{"read":3,"processed":1,"dropped":{"not_tcp":2}},"segments":{"received":0,"accepted":0,"refused":0,"abandoned":0},"bytes":{"received":0,"delivered":0,"duplicate":0,"discarded":0,"buffered":0,"missing":0},"flows":{"opened":0,"closed":0,"evicted":0,"abandoned":0,"open":0},"http":{"requests":0,"responses":0,"interim":0,"requests_abandoned":0,"responses_abandoned":0,"requests_out":0,"responses_out":0,"pairs":0},"transactions":{"whole":0,"request_only":0,"response_only":0,"gap":0,"truncated":0},"alerts":{"findings":0,"open":0,"update":0,"closed":0,"suppressed":0},"evicted":{"handles":0,"accounts":0,"names":0,"proofs":0,"detector_keys":0},"routes":{"hosts":0,"routes":0,"slugs":0,"other":0,"other_hosts":0},"sinks":{"jsonl":{"queued":2,"delivered":2,"spooled":0,"lost":0}},"services":[{"host":"api.example.com","port":443,"tls":10,"http1":0,"http2":0,"quic":0,"unknown":0}],"anomalies":{"tcp.gap":1},"mfa_outcomes":{"accepted":2,"no_row":1},"tokens":{"checked":0,"searched":0,"over_budget":0,"evicted":0,"key_sets":0,"key_sets_refused":0},"sight":{"one_way_flows":0,"two_way_flows":0,"copied_segments":0,"tunnel_packets":0,"cut_tunnel_packets":0,"jumbo_frames":0,"giant_frames":0,"encrypted_bytes":0},"tls":{"client_hellos":0,"server_hellos":0,"certificates":0,"unread":0},"decrypt":{"connections":0,"records":0,"bytes":0,"held":0,"early_refused":0,"no_secret":0,"unsupported":0,"not_opened":0},"secrets":{"taken":0,"forgotten":0,"unused_lines":0,"junk_lines":0},"quic":{"datagrams":0,"followed":0,"strangers":0,"abandoned":0,"bytes":0,"connections":0,"opened":0,"not_opened":0,"hellos_given_up":0,"evicted":0},"contents":{"looked":0,"cut":0,"left_out":0}}
        "#]],
    );
}

#[test]
fn accounts_that_do_not_add_up_are_not_balanced() {
    let balanced = |counters: &Counters, sink: SinkCounters| {
        let record =
            serde_json::to_value(StatsRecord::new(counters, &[("jsonl".to_owned(), sink)], &[])).unwrap();
        record["balanced"].as_bool().unwrap()
    };
    assert!(balanced(&counters(), SinkCounters::default()));
    let mut short = counters();
    short.packets.read += 1;
    assert!(!balanced(&short, SinkCounters::default()));
    assert!(!balanced(&counters(), SinkCounters { queued: 1, ..Default::default() }));
}
