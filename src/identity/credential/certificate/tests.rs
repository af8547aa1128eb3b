//! One certificate in every coding, and headers that say less than it or lie.

use super::*;
use crate::identity::tables::RequestHeader;
use base64::prelude::{BASE64_STANDARD, Engine};

/// Of a workload: `CN=billing`, and a SPIFFE URI.
const WORKLOAD: &str = "MIIB/zCCAaWgAwIBAgIUHAjl7ffl7g6qjsXgMcANLF1NrlEwCgYIKoZIzj0EAwIwLjELMAkGA1UEBhMCREUxDTALBgNVBAoMBEFjbWUxEDAOBgNVBAMMB2JpbGxpbmcwIBcNMjYxMTIyMDIyODE2WhgPMjEyNjEwMjkwMjI4MTZaMC4xCzAJBgNVBAYTAkRFMQ0wCwYDVQQKDARBY21lMRAwDgYDVQQDDAdiaWxsaW5nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEOOdggQ+qDA8lHKhFAjWsiHFz8V7FsY5TI0pULus3nWqDiYfWETQjLSMmwFeW6+ALIgrjqOaTgLGjCzP7xaoj9qOBnjCBmzAdBgNVHQ4EFgQUVkcTGV4UYLkgz8gkR5Yrkxj4wUowHwYDVR0jBBgwFoAUVkcTGV4UYLkgz8gkR5Yrkxj4wUowDwYDVR0TAQH/BAUwAwEB/zBIBgNVHREEQTA/hidzcGlmZmU6Ly9hY21lLmV4YW1wbGUvbnMvcGF5L3NhL2JpbGxpbmeCFGJpbGxpbmcuYWNtZS5leGFtcGxlMAoGCCqGSM49BAMCA0gAMEUCIGZRMBN+UZYpv0IDrWB8IpG0Q0W4rW5+4U70bik/NxCJAiEAw1WUNnyBVROmKG9R+L3hLr+iF+Fv1Rnv/50qds6Cxnc=";
/// Of a person: `O=Acme, CN=alice`.
const PERSON: &str = "MIIBljCCATugAwIBAgIUBeEhOc+l+vVRPAdEMVaxto6yWT8wCgYIKoZIzj0EAwIwHzENMAsGA1UECgwEQWNtZTEOMAwGA1UEAwwFYWxpY2UwIBcNMjYxMTIyMDIyODE2WhgPMjEyNjEwMjkwMjI4MTZaMB8xDTALBgNVBAoMBEFjbWUxDjAMBgNVBAMMBWFsaWNlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEseB7Pc6tvz79keW7VFv7nFn/L/9r2UnJRZ41QZB0aNyB39kuR1mluUe94hMZhV+jxr6qLbAAGElDqrZ4JdGEWaNTMFEwHQYDVR0OBBYEFFlFR0b5xDX/Ik1K1MO1JIbtsk26MB8GA1UdIwQYMBaAFFlFR0b5xDX/Ik1K1MO1JIbtsk26MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAOURKVzPmPRPZ+BKc1vU0QgtJrgpYI2gwQRu4x0zHcCGAiEAqgQxR7aFMg2OUYQI4bw/L02p9Tn6Tdb6BfgniP/7Hy0=";

/// What the headers come to: the value hashed, and the name.
fn told(headers: &[(&str, &str)], believed: bool) -> (Option<Vec<u8>>, Option<String>) {
    let mut presented = Presented::default();
    for (name, value) in headers {
        presented.header(RequestHeader::ClientCertificate, name.as_bytes(), value.as_bytes());
    }
    presented.certificates_from(believed, None);
    let value = presented.found.first().map(|found| found.secret.bytes().to_vec());
    (value, presented.certificate_subject.as_deref().map(str::to_owned))
}

fn pem(base64: &str, line_end: &str) -> String {
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "-----BEGIN CERTIFICATE-----{line_end}{}{line_end}-----END CERTIFICATE-----",
        lines.join(line_end)
    )
}

#[test]
fn one_certificate_is_one_value_in_every_coding() {
    let identity = hex(digest(&SHA256, &BASE64_STANDARD.decode(PERSON).unwrap()).as_ref());
    let escaped = pem(PERSON, "\n").replace('\n', "%0A").replace('+', "%2B").replace(' ', "%20");
    for (header, value) in [
        ("Client-Cert", format!(":{PERSON}:")),
        ("X-ARR-ClientCert", PERSON.to_owned()),
        ("X-SSL-Client-Cert", escaped.clone()),
        ("X-SSL-Client-Cert", pem(PERSON, " ")),
        ("X-Amzn-Mtls-Clientcert-Leaf", pem(PERSON, "\n").replace('\n', "%0A").replace(' ', "%20")),
        ("X-Forwarded-Client-Cert", format!("Hash=ab12;Cert=\"{escaped}\"")),
    ] {
        assert_eq!(
            told(&[(header, &value)], true),
            (Some(identity.clone()), Some("alice".to_owned())),
            "{header}"
        );
    }
    let workload = told(&[("Client-Cert", &format!(":{WORKLOAD}:"))], true).1;
    assert_eq!(workload.as_deref(), Some("spiffe://acme.example/ns/pay/sa/billing"));
}

/// What the headers and the handshake come to: where credentials were, and who is believed to act.
fn with_own(headers: &[(&str, &str)], believed: bool, is_proved: bool) -> (Vec<Location>, Option<String>) {
    let mut presented = Presented::default();
    for (name, value) in headers {
        presented.header(RequestHeader::ClientCertificate, name.as_bytes(), value.as_bytes());
    }
    let own = OwnCertificate { sha256: [7; 32], subject: Some((*b"proxy").into()), is_proved };
    presented.certificates_from(believed, Some(own));
    let places = presented.found.iter().map(|found| found.location).collect();
    (places, presented.certificate_subject.as_deref().map(str::to_owned))
}

#[test]
fn the_certificate_of_the_connection_speaks_unless_a_proxy_passes_another_one_on() {
    let (tls, header) = (Location::Tls, Location::Header);
    let passed = format!(":{PERSON}:");
    let passed = [("Client-Cert", passed.as_str())];
    assert_eq!(with_own(&[], true, true), (vec![tls], Some("proxy".to_owned())));
    assert_eq!(with_own(&passed, true, true), (vec![header, tls], Some("alice".to_owned())));
    assert_eq!(with_own(&passed, false, true), (vec![tls, header], Some("proxy".to_owned())));
    assert_eq!(with_own(&[], true, false), (vec![tls], None), "nobody showed that it is theirs");
}

#[test]
fn names_and_hashes_are_taken_where_the_certificate_is_not_passed() {
    let name = |header: &str, value: &str| told(&[(header, value)], true).1.unwrap_or_default();
    assert_eq!(name("X-SSL-Client-DN", "CN=billing,OU=pay,O=Acme"), "billing");
    assert_eq!(name("X-SSL-Client-S-DN", "/C=DE/O=Acme/CN=billing"), "billing");
    assert_eq!(name("ssl-client-subject-dn", "O=Acme, CN=Smith\\, Jo"), "Smith, Jo");
    assert_eq!(
        name("X-Amzn-Mtls-Clientcert-Subject", "CN=rootcamtls.com,OU=rootCA,O=mTLS"),
        "rootcamtls.com"
    );
    assert_eq!(name("X-SSL-Client-DN", "O=Acme"), "");
    let key = format!("CN={}{}", "sk_live_", "4eC39HqLyjWDarjtT1zdp7dc");
    assert_eq!(name("X-SSL-Client-DN", &key), "", "a key is nobody's name");
    let hash = [("X-SSL-Client-SHA1", "AB:CD:EF:01"), ("X-SSL-Client-Serial", "03A5")];
    assert_eq!(told(&hash, true).0, Some(b"abcdef01".to_vec()), "a hash says more than a serial number");
}

#[test]
fn envoys_last_word_counts_unless_its_peer_is_a_proxy_that_spoke_before() {
    let uri = |value: &str| told(&[("X-Forwarded-Client-Cert", value)], true).1.unwrap_or_default();
    let client = "By=spiffe://m/gateway;Hash=01;Subject=\"CN=app, O=Acme\";URI=spiffe://m/app";
    let gateway = "By=spiffe://m/server;Hash=02;URI=spiffe://m/gateway";
    assert_eq!(uri(client), "spiffe://m/app");
    assert_eq!(uri(&format!("{client},{gateway}")), "spiffe://m/app");
    // What somebody sent along with a certificate of their own is not followed.
    assert_eq!(uri(&format!("URI=spiffe://m/admin;By=spiffe://m/other,{client}")), "spiffe://m/app");
    assert_eq!(uri("By=x;Hash=0a0b;Subject=\"\";URI="), "");
    assert_eq!(
        told(&[("X-Forwarded-Client-Cert", "By=x;Hash=0A0B;Subject=\"\";URI=")], true).0,
        Some(b"0a0b".to_vec())
    );
}

#[test]
fn what_is_not_verified_or_not_believed_stands_for_nobody() {
    let dn = ("X-SSL-Client-DN", "CN=billing,O=Acme");
    for (verify, counts) in [("SUCCESS", true), ("0", true), ("NONE", false), ("FAILED:expired", false)] {
        assert_eq!(told(&[dn, ("X-SSL-Client-Verify", verify)], true).1.is_some(), counts, "{verify}");
    }
    let forged = told(&[dn], false);
    assert!(forged.0.is_some() && forged.1.is_none(), "a credential all the same");
}

#[test]
fn damaged_certificates_end() {
    let der = BASE64_STANDARD.decode(WORKLOAD).unwrap();
    for cut in 0..der.len() {
        let mut damaged = der.clone();
        damaged[cut] ^= 0x55;
        drop((der::subject(&der[..cut]), der::subject(&damaged)));
    }
    let nested = [0x30, 0x82].repeat(20_000);
    assert_eq!(der::subject(&nested), None);
}
