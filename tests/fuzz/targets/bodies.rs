//! Requests and answers with bodies of any bytes and any type, through identity: JSON, forms, multipart, XML, GraphQL,
//! gRPC, tokens in them. What is told of a message is a record that can be written, and the same however it was cut.

use super::input::{Input, Turn, piece};
use super::wire::{CLIENT, SERVER, found};
use crate::support::sensor::settings;
use heelguard::flow::Origin;
use heelguard::http::{Config, Exchange};
use heelguard::identity::{Extractor, Sighting};
use heelguard::sinks::record::TransactionRecord;
use std::sync::OnceLock;

const TYPES: [&str; 14] = [
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/xml",
    "application/soap+xml",
    "application/graphql",
    "application/grpc",
    "application/grpc-web-text",
    "application/jwt",
    "application/jose+json",
    "text/html",
    "application/problem+json",
    "application/x-ndjson",
    "text/plain",
];

const PATHS: [&str; 10] = [
    "/login",
    "/oauth/token",
    "/graphql",
    "/mfa/verify",
    "/pkg.Auth/Login",
    "/users/17/orders",
    "/.well-known/jwks.json",
    "/password/reset",
    "/webauthn/authenticate",
    "/introspect",
];

const STATUS: [u16; 6] = [200, 201, 302, 400, 401, 429];

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (types, path, status) =
        ([input.one_of(&TYPES), input.one_of(&TYPES)], input.one_of(&PATHS), input.one_of(&STATUS));
    let (asked, answered) = (input.piece(), input.rest());
    for exchange in exchanges(path, types, status, asked, answered) {
        let told = record(exchange);
        assert!(serde_json::from_slice::<serde_json::Value>(&told).is_ok(), "a record is JSON");
    }
}

fn exchanges(path: &str, types: [&str; 2], status: u16, asked: &[u8], answered: &[u8]) -> Vec<Exchange> {
    let [asked_type, answered_type] = types;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: {asked_type}\r\nContent-Length: {}\r\n\r\n",
        asked.len()
    );
    let request = [head.as_bytes(), asked].concat();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {answered_type}\r\nContent-Length: {}\r\n\r\n",
        answered.len()
    );
    let response = [head.as_bytes(), answered].concat();
    let turns = [Turn { kind: CLIENT, bytes: &request }, Turn { kind: SERVER, bytes: &response }];
    found(&Config::default(), Origin::Handshake, &turns, None).exchanges
}

/// The record of an exchange.
pub fn record(exchange: Exchange) -> Vec<u8> {
    serde_json::to_vec(&TransactionRecord::new(&sighting(exchange).transaction)).expect("a record is written")
}

/// What identity makes of an exchange, knowing nothing of any other.
pub fn sighting(exchange: Exchange) -> Sighting {
    static SETTINGS: OnceLock<std::sync::Arc<heelguard::identity::Settings>> = OnceLock::new();
    Extractor::new(SETTINGS.get_or_init(settings).clone()).extract(exchange)
}

/// Type of request and answer, path, status, both bodies.
type Seed<'s> = (u8, u8, u8, u8, &'s [u8], &'s [u8]);

pub fn seeds() -> Vec<Vec<u8>> {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4iLCJhbXIiOlsibWZhIl0sImV4cCI6MTc5NTI1NTIwMH0.c2lnbmF0dXJl";
    let json = format!(
        "{{\"access_token\":\"{token}\",\"refresh_token\":\"r\",\"expires_in\":60,\"user\":{{\"email\":\"a@b.c\"}}}}"
    );
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nann\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\nContent-Type: text/plain\r\n\r\nabc\r\n--b--\r\n";
    let soap = "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><Login><user>ann</user><password>p&amp;q</password></Login></s:Body></s:Envelope>";
    let graphql = "{\"operationName\":\"Login\",\"query\":\"mutation Login($p: String!) { login(user: \\\"ann\\\", password: $p) { token ...F } } fragment F on T { id }\",\"variables\":{\"p\":\"x\"}}";
    let grpc = [&[0, 0, 0, 0, 12][..], b"\x0a\x03ann\x12\x05words"].concat();
    let trailers = [
        &[0, 0, 0, 0, 8][..],
        b"\x0a\x06123456",
        &[0x80, 0, 0, 0, 40],
        b"grpc-status: 16\r\ngrpc-message: no%20way\r\n",
    ]
    .concat();
    let web = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &trailers);
    let grpc_code =
        [&[0, 0, 0, 0, 38][..], b"\x0a\x06123456\x12\x04totp\x1a\x16c2Vzc2lvbi10aWNrZXQtOTk5"].concat();
    let odd = r#"{"query":"query Q($a: T = {b: [1, 2]}) @d(x: \"y\\n\") { a: b(c: 1, d: \"\"\"block \\\"\"\" s\"\"\", e: $a, f: [1, {g: -2.5e3}], password: \"p\", otp: 123456) ...F ... on T @include(if: true) { x } ... { y } } fragment F on T { ...G y } fragment G on T { ...F z } # why\n mutation { login(user: \"ann\") } subscription { s }","variables":{"input":{"email":"ann@example.com"}},"extensions":{"persistedQuery":{"version":1}}}"#;
    let letters = r#"{"username":"\t\r\b\f\/\ud83d\ude00\ud800x\udc00\uzzzz","a":[{"k":"say \"this\" and \\\\ that, at some length, so that it is more than sixty-four bytes"},{"k":"\\"}],"n":-1.5e+9,"t":tru}"#;
    let many = format!("[{}]", vec![r#"{"name":"a \\ b","email":"ann@example.com","iban":"DE89370400440532013000","ssn":"078-05-1120","n":1}"#; 20].join(","));
    let bodies: [Seed<'_>; 19] = [
        (0, 0, 0, 0, b"{\"username\":\"ann\",\"password\":\"p\\u0041\",\"code\":\"123456\"}", json.as_bytes()),
        (1, 0, 1, 0, b"grant_type=password&username=ann&password=a%20b+c", json.as_bytes()),
        (2, 0, 0, 4, multipart.as_bytes(), b"{\"error\":\"invalid_grant\"}"),
        (3, 3, 0, 0, soap.as_bytes(), soap.as_bytes()),
        (0, 0, 2, 0, graphql.as_bytes(), b"{\"data\":{\"login\":{\"token\":\"t\"}},\"errors\":[{\"message\":\"no\"}]}"),
        (5, 0, 2, 3, b"query Q { me { id } } subscription S { x }", b"{\"data\":null}"),
        (6, 6, 4, 0, &grpc, &grpc),
        (7, 7, 4, 0, b"AAAAAAwKA2FubhIFd29yZHM=", b"AAAAAAA="),
        (0, 0, 6, 0, b"", b"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"1\",\"k\":\"AAAA\"},{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}"),
        (0, 10, 3, 0, b"{\"otp\":\"123456\"}", b"<html><form><input name=\"csrf\" type=hidden value=x><input type=password></form>"),
        (12, 12, 5, 0, b"{\"a\":1}\n{\"a\":2}\n", b"[{\"card\":\"4111111111111111\"},{\"card\":\"4111111111111111\"}]"),
        (7, 7, 4, 3, web.as_bytes(), web.as_bytes()),
        (6, 6, 4, 3, &grpc_code, &trailers),
        (0, 0, 2, 0, odd.as_bytes(), b"{\"data\":{\"login\":null},\"errors\":[{\"message\":\"bad\",\"extensions\":{\"code\":\"UNAUTHENTICATED\"}}]}"),
        (5, 0, 2, 0, b"# c\n{ me { id } }", letters.as_bytes()),
        (0, 0, 5, 0, letters.as_bytes(), many.as_bytes()),
        (0, 0, 0, 0, b"{\"assertion\":{\"id\":\"x\"},\"factor\":{},\"operation\":true,\"password\":\"p\"}", b"{\"success\":false,\"code\":401,\"data\":{\"mfa_required\":true,\"factors\":[\"totp\",\"sms\"],\"secret\":\"JBSWY3DPEHPK3PXP\",\"otpauth\":\"otpauth://totp/x?secret=JBSWY3DPEHPK3PXP\"}}"),
        (0, 3, 3, 4, b"[{\"query\":\"{a}\"},{\"query\":\"{b}\"}]", b"<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>bad login</faultstring></s:Fault></s:Body></s:Envelope>"),
        (0, 0, 9, 0, token.as_bytes(), b"{\"active\":true,\"sub\":\"ann\",\"scope\":\"a b\",\"amr\":[\"pwd\",\"otp\"]"),
    ];
    bodies
        .iter()
        .map(|(asked, answered, path, status, request, response)| {
            [vec![*asked, *answered, *path, *status], piece(request), response.to_vec()].concat()
        })
        .collect()
}
