//! Where credentials stand in an exchange, and where they must not: stories in pairs.

use super::*;
use heelguard_detectors::identity::{Location, Stage};

#[test]
fn keys_are_found_in_variables_nested_json_and_multipart() {
    check(
        "POST /graphql HTTP/1.1\nContent-Type: application/json\n\n{\"query\":\"query { me { id } }\",\"variables\":{\"input\":{\"apiKey\":\"5357442683a5ad1695b3b8a7aa0a6e69\"}}}",
        "200\n\n{\"data\":{\"me\":{\"id\":7}}}",
        expect!["use success user:7 by response; api_key api_key json apikey; presents ApiKey; answered 7"],
    );
    check(
        "POST /upload HTTP/1.1\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\njgWTwRuNtwSFF6YsXfAu9EjODAKP\r\n--x--",
        "200",
        expect![
            "use success session:8b203f01 by credential; bearer_opaque opaque form access_token; presents Access"
        ],
    );
}

#[test]
fn grpc_calls_carry_metadata() {
    let mut call =
        exchange("POST /pay.Pay/Send HTTP/2\nauthorization: Bearer jgWTwRuNtwSFF6YsXfAu9EjODAKP", "200");
    call.protocol = Protocol::Grpc;
    let seen = extractor().extract(call).transaction;
    assert_eq!(seen.credentials[0].location, Location::Metadata);
    let plain = see("POST /pay.Pay/Send HTTP/1.1\nauthorization: Bearer jgWTwRuNtwSFF6YsXfAu9EjODAKP", "200")
        .transaction;
    assert_eq!(plain.credentials[0].location, Location::Header);
    assert_eq!(plain.credentials[0].fingerprint, seen.credentials[0].fingerprint);
}

#[test]
fn a_certificate_counts_from_a_trusted_proxy_and_from_nobody_else() {
    let request = "GET /v1/pay HTTP/1.1\nX-Forwarded-Client-Cert: By=spiffe://m/b;Hash=0a0b0c0d0e0f0a0b;URI=spiffe://m/app";
    let from = |ip: &str| {
        let mut exchange = exchange(request, "200");
        exchange.client.ip = ip.parse().unwrap();
        line(&extractor().extract(exchange))
    };
    expect!["use success cert:spiffe://m/app by certificate; client_certificate client_certificate header x-forwarded-client-cert"]
        .assert_eq(&from("10.0.0.9"));
    expect!["use success anonymous:203.0.113.7 by address; client_certificate client_certificate header x-forwarded-client-cert"]
        .assert_eq(&from("203.0.113.7"));
}

#[test]
fn ntlm_names_its_user_and_a_handshake_names_nobody() {
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    message.resize(36, 0);
    message.extend([6, 0, 6, 0, 64, 0, 0, 0]);
    message.resize(64, 0);
    message.extend(b"jsmith");
    check(
        &format!("GET / HTTP/1.1\nAuthorization: NTLM {}", BASE64_STANDARD.encode(message)),
        "200",
        expect!["use success user:jsmith by credential; negotiate ntlm header authorization"],
    );
    check(
        "GET / HTTP/1.1\nAuthorization: Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa8=",
        "200",
        expect!["use success anonymous:203.0.113.7 by address; negotiate negotiate header authorization"],
    );
}

#[test]
fn keys_that_others_have_are_told_by_their_place_in_a_list() {
    let why = |head: &str| {
        let credentials = see(head, "401").transaction.credentials;
        credentials.first().and_then(|credential| credential.known).map(|known| known.source)
    };
    // In two parts: whole, scanners would take them for a leak.
    let (aws, stripe) =
        (["AKIA", "IOSFODNN7EXAMPLE"].concat(), ["sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"].concat());
    let signed = format!(
        "GET / HTTP/1.1\nAuthorization: AWS4-HMAC-SHA256 Credential={aws}/20261121/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
    );
    assert_eq!(why(&signed), Some("aws_documentation"));
    assert_eq!(why(&format!("GET / HTTP/1.1\nAuthorization: Bearer {stripe}")), Some("stripe_documentation"));
    // Stripe takes its keys as the user of Basic.
    let basic = |user: &str| {
        format!("GET / HTTP/1.1\nAuthorization: Basic {}", BASE64_STANDARD.encode(format!("{user}:")))
    };
    assert_eq!(why(&basic(&stripe)), Some("stripe_documentation"));
    assert_eq!(why("GET / HTTP/1.1\nX-API-Key: changeme"), Some("common_examples"));

    assert_eq!(why(&signed.replace("EXAMPLE", "EXAMPLF")), None);
    assert_eq!(why(&basic("changeme")), None);
    assert_eq!(why("GET / HTTP/1.1\nX-API-Key: 5357442683a5ad1695b3b8a7aa0a6e69"), None);
}

#[test]
fn a_key_says_what_it_is_for_where_its_prefix_does() {
    let stage = |head: &str| {
        let credentials = see(&format!("GET / HTTP/1.1\n{head}"), "200").transaction.credentials;
        credentials.first().and_then(|credential| credential.stage)
    };
    let key = |words: &str| [words, "0bD2vW9qLx7RtY4k"].concat();
    assert_eq!(stage(&format!("X-API-Key: {}", key("acme_test_"))), Some(Stage::Test));
    assert_eq!(stage(&format!("Authorization: Bearer {}", key("sk_live_"))), Some(Stage::Live));
    let basic = BASE64_STANDARD.encode(format!("{}:", key("sk_test_")));
    assert_eq!(stage(&format!("Authorization: Basic {basic}")), Some(Stage::Test));
    assert_eq!(stage(&format!("X-API-Key: {}", key("acme_"))), None);
}

#[test]
fn keys_on_the_operators_list_are_found_by_fingerprint() {
    let key = "5357442683a5ad1695b3b8a7aa0a6e69";
    let keyring = || Keyring::from_bytes(&[7; 32]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    std::fs::write(&path, format!("# found on a laptop\n{}\thex\n", keyring().fingerprint(key.as_bytes()).0))
        .unwrap();
    let identity = Identity { compromised_keys: path, ..Identity::default() };
    let (network, privacy) = (Network::default(), Privacy::default());
    let settings = Settings::build(&network, &identity, &privacy, keyring(), Geo::builtin()).unwrap();
    let mut extractor = Extractor::new(Arc::new(settings));
    let mut line = |head: &str| {
        let credentials = extractor.extract(exchange(head, "200")).transaction.credentials;
        credentials.first().and_then(|credential| credential.known).map(|known| known.line)
    };
    for _ in 0..2 {
        assert_eq!(line(&format!("GET / HTTP/1.1\nX-API-Key: {key}")), Some(2));
        assert_eq!(line(&format!("GET /?api_key={key} HTTP/1.1")), Some(2));
        assert_eq!(line(&format!("GET / HTTP/1.1\nX-API-Key: {key}0")), None);
    }
}

#[test]
fn a_secret_in_a_certificates_subject_is_no_name() {
    let key = "5357442683a5ad1695b3b8a7aa0a6e69";
    let from_proxy = |subject: &str| {
        let head = format!(
            "GET /v1/pay HTTP/1.1\nX-Session-Token: {key}\nX-Forwarded-Client-Cert: By=spiffe://m/b;Hash=0a0b0c0d0e0f0a0b;URI={subject}"
        );
        let mut exchange = exchange(&head, "200");
        exchange.client.ip = "10.0.0.9".parse().unwrap();
        extractor().extract(exchange).transaction.principal.key()
    };
    assert_eq!(from_proxy("spiffe://m/app"), "cert:spiffe://m/app");
    let masked = from_proxy(&format!("spiffe://m/{key}"));
    assert!(!masked.contains(key), "{masked}");
}
