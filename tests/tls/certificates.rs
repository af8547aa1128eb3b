//! Certificates of a TLS 1.2 handshake, which crosses the wire in the clear.

use crate::json_schema::violations;
use crate::wire::{Side, client_hello, connection, message, names, record, server_hello, told};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

/// Of a workload, signed by itself: `CN=billing`, a SPIFFE URI and a host.
const WORKLOAD: &str = "MIIB/zCCAaWgAwIBAgIUHAjl7ffl7g6qjsXgMcANLF1NrlEwCgYIKoZIzj0EAwIwLjELMAkGA1UEBhMCREUxDTALBgNVBAoMBEFjbWUxEDAOBgNVBAMMB2JpbGxpbmcwIBcNMjYxMTIyMDIyODE2WhgPMjEyNjEwMjkwMjI4MTZaMC4xCzAJBgNVBAYTAkRFMQ0wCwYDVQQKDARBY21lMRAwDgYDVQQDDAdiaWxsaW5nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOOdggQ+qDA8lHKhFAjWsiHFz8V7FsY5TI0pULus3nWqDiYfWETQjLSMmwFeW6+ALIgrjqOaTgLGjCzP7xaoj9qOBnjCBmzAdBgNVHQ4EFgQUVkcTGV4UYLkgz8gkR5Yrkxj4wUowHwYDVR0jBBgwFoAUVkcTGV4UYLkgz8gkR5Yrkxj4wUowDwYDVR0TAQH/BAUwAwEB/zBIBgNVHREEQTA/hidzcGlmZmU6Ly9hY21lLmV4YW1wbGUvbnMvcGF5L3NhL2JpbGxpbmeCFGJpbGxpbmcuYWNtZS5leGFtcGxlMAoGCCqGSM49BAMCA0gAMEUCIGZRMBN+UZYpv0IDrWB8IpG0Q0W4rW5+4U70bik/NxCJAiEAw1WUNnyBVROmKG9R+L3hLr+iF+Fv1Rnv/50qds6Cxnc=";
/// Of a person: `O=Acme, CN=alice`.
const PERSON: &str = "MIIBljCCATugAwIBAgIUBeEhOc+l+vVRPAdEMVaxto6yWT8wCgYIKoZIzj0EAwIwHzENMAsGA1UECgwEQWNtZTEOMAwGA1UEAwwFYWxpY2UwIBcNMjYxMTIyMDIyODE2WhgPMjEyNjEwMjkwMjI4MTZaMB8xDTALBgNVBAoMBEFjbWUxDjAMBgNVBAMMBWFsaWNlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEseB7Pc6tvz79keW7VFv7nFn/L/9r2UnJRZ41QZB0aNyB39kuR1mluUe94hMZhV+jxr6qLbAAGElDqrZ4JdGEWaNTMFEwHQYDVR0OBBYEFFlFR0b5xDX/Ik1K1MO1JIbtsk26MB8GA1UdIwQYMBaAFFlFR0b5xDX/Ik1K1MO1JIbtsk26MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAOURKVzPmPRPZ+BKc1vU0QgtJrgpYI2gwQRu4x0zHcCGAiEAqgQxR7aFMg2OUYQI4bw/L02p9Tn6Tdb6BfgniP/7Hy0=";

/// A Certificate message of these certificates.
fn certificates(chain: &[&[u8]]) -> Vec<u8> {
    let vector24 = |content: &[u8]| [&(content.len() as u32).to_be_bytes()[1..], content].concat();
    let list: Vec<u8> = chain.iter().flat_map(|der| vector24(der)).collect();
    message(11, &vector24(&list))
}

/// A handshake in which both sides show a certificate, or the client says that it has none.
fn handshake(own: Option<&[u8]>) -> Vec<(Side, Vec<u8>)> {
    let workload = BASE64_STANDARD.decode(WORKLOAD).expect("base64");
    let asked = [
        server_hello(),
        certificates(&[&workload, b"whatever follows"]),
        message(13, &[0; 8]),
        message(14, b""),
    ];
    let shown = certificates(&own.into_iter().collect::<Vec<_>>());
    let proof = if own.is_some() { message(15, &[0; 72]) } else { Vec::new() };
    let given = [shown, message(16, &[0; 66]), proof, record(20, b"\x01"), record(22, &[0x55; 40])];
    vec![
        (Side::Client, client_hello(&names(&[b"billing.acme.example"]))),
        (Side::Server, asked.concat()),
        (Side::Client, given.concat()),
        (Side::Server, [record(20, b"\x01"), record(22, &[0x66; 40])].concat()),
    ]
}

#[test]
fn what_both_certificates_say_is_told_however_they_are_cut() {
    let person = BASE64_STANDARD.decode(PERSON).expect("base64");
    for portion in [1, 100, 1_400] {
        let told = connection(&handshake(Some(&person)), portion);
        let (server, client) = (&told["certificate"], &told["client_cert"]);
        assert_eq!(server["subject"], "spiffe://acme.example/ns/pay/sa/billing");
        assert_eq!(
            server["names"],
            json!(["spiffe://acme.example/ns/pay/sa/billing", "billing.acme.example"])
        );
        assert_eq!((&server["issuer"], &server["self_signed"]), (&json!("billing"), &json!(true)));
        assert_eq!(server["not_before"], "2026-11-22T02:28:16.000000Z");
        assert_eq!(server["key_sha256"].as_str().map(str::len), Some(64));
        assert_eq!((&client["subject"], &told["client_cert_requested"]), (&json!("alice"), &json!(true)));
        assert_eq!(told["resumed"], json!(false));
    }
    let told = connection(&handshake(None), 1_400);
    assert_eq!((&told["client_cert"], &told["client_cert_requested"]), (&Value::Null, &json!(true)));
}

#[test]
fn a_certificate_has_one_fingerprint_in_the_handshake_and_in_a_proxys_header() {
    let person = BASE64_STANDARD.decode(PERSON).expect("base64");
    let own = connection(&handshake(Some(&person)), 1_400);
    let request = format!("GET /v1/me HTTP/1.1\r\nHost: api.example.com\r\nClient-Cert: :{PERSON}:\r\n\r\n");
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    let run = told(&[(Side::Client, request.into_bytes()), (Side::Server, answer)], 1_400);
    let passed = run.transaction_values();
    assert_eq!(passed[0]["credentials"][0]["kind"], "client_certificate");
    assert_eq!(passed[0]["credentials"][0]["fingerprint"], own["client_cert"]["fingerprint"]);
}

#[test]
fn a_record_is_what_its_schema_says() {
    let schema: Value =
        serde_json::from_str(heelguard::sinks::schema::text("tls").expect("a schema")).expect("JSON");
    let person = BASE64_STANDARD.decode(PERSON).expect("base64");
    let lone = vec![(Side::Client, client_hello(&names(&[b"a.example"])))];
    for said in [handshake(Some(&person)), handshake(None), lone] {
        let told = connection(&said, 1_400);
        assert_eq!(violations(&schema, &told), Vec::<String>::new());
        let mut wrong = told.clone();
        wrong["ja4"] = "t13d".into();
        assert_eq!(violations(&schema, &wrong).len(), 1);
    }
}

#[test]
fn a_certificate_that_nobody_can_read_has_its_hash() {
    let mut said = handshake(None);
    said[1].1 = [server_hello(), certificates(&[b"no certificate at all"])].concat();
    let told = connection(&said, 1_400);
    assert_eq!(told["certificate"]["subject"], Value::Null);
    assert_eq!(told["certificate"]["sha256"].as_str().map(str::len), Some(64));
}
