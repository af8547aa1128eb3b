//! A secret at each place where requests and answers carry one, with any bytes around it.
//! Nothing that leaves the sensor has the secret in it: not the record, not the frame for workers, not as base64 or in any
//! other form that a leak can take.

use super::bodies::sighting;
use super::input::{Input, Turn, piece};
use super::wire::{BARE_CERTIFICATE, CERTIFICATE, CLIENT, SERVER, found};
use crate::support::secrets::{forms, leaked};
use aho_corasick::AhoCorasick;
use heelguard::flow::Origin;
use heelguard::http::{Config, Exchange};
use heelguard::pipeline::Phase;
use heelguard::scale::frame::{Frame, Sender};
use heelguard::sinks::record::TransactionRecord;
use heelguard_detectors::time::EventTime;
use std::sync::LazyLock;

const SECRET: &str = "s3cr3tZq7Wx9Lk2Vb8Nm";
/// The same where a token is three parts in base64.
const SIGNATURE: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

/// Every form that a leak can take, to be looked for a thousand times a second.
static FORMS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let forms =
        [SECRET, SIGNATURE].into_iter().flat_map(|secret| forms(secret).into_iter().map(|(_, form)| form));
    AhoCorasick::new(forms).expect("patterns fit")
});

/// Five letters of a secret, or as many of it in base64 or hexadecimal as say five.
static PIECES: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let pieces = [SECRET, SIGNATURE].into_iter().flat_map(|secret| {
        let coded =
            forms(secret).into_iter().filter(|(name, _)| name.starts_with("base64") || *name == "hex");
        let texts = std::iter::once((5, secret.to_owned()))
            .chain(coded.map(|(name, form)| (if name == "hex" { 10 } else { 7 }, form)));
        texts.flat_map(|(letters, text)| {
            text.as_bytes().windows(letters).map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
    });
    AhoCorasick::builder().ascii_case_insensitive(true).build(pieces).expect("patterns fit")
});

/// Where the secret stands; `~` is any bytes.
const REQUESTS: [&str; 32] = [
    "GET /verify/SECRET/~?again=SECRET&~ HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer SECRET\r\nReferer: https://a/SECRET\r\n\r\n",
    "GET /~ HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer SECRET\r\n~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Basic BASIC\r\nX-~: ~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nCookie: ~=~; session=SECRET; ~=~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nX-Api-Key: SECRET\r\nX-Forwarded-For: ~\r\n\r\n",
    "GET /x?~=~&access_token=SECRET&~ HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: ~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.SIGNATURE\r\nTraceparent: ~\r\nReferer: ~\r\n\r\n",
    "POST /login HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\nContent-Length: LENGTH\r\n\r\n{\"username\":\"ann\",\"password\":\"SECRET\",\"~\":\"~\"}",
    "POST /login HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: LENGTH\r\n\r\nusername=ann&password=SECRET&~=~",
    "POST /oauth/token HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: LENGTH\r\n\r\ngrant_type=refresh_token&refresh_token=SECRET&client_id=~&client_secret=SECRET",
    "POST /login HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: LENGTH\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nSECRET\r\n--b\r\nContent-Disposition: form-data; name=\"~\"\r\n\r\n~\r\n--b--\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Digest username=\"ann\", realm=\"~\", nonce=\"~\", uri=\"/\", response=\"SECRET\", ~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIA/~/s3/aws4_request, SignedHeaders=host, Signature=SECRET~\r\n\r\n",
    "GET http://ann:SECRET@api.example.com/~ HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
    "GET /reset/~ HTTP/1.1\r\nHost: api.example.com\r\nX-Csrf-Token: SECRET\r\nX-Auth-Token: SECRET\r\nProxy-Authorization: Basic BASIC\r\n\r\n",
    "POST /graphql HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\nContent-Length: LENGTH\r\n\r\n{\"query\":\"mutation { login(user: \\\"ann\\\", password: \\\"SECRET\\\") { id } }\",\"~\":\"~\"}",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: ~\r\nAuthorization: Bearer SECRET\r\nDpop: ~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nClient-Cert: :CERTIFICATE:\r\nX-SSL-Client-Verify: ~\r\nX-SSL-Client-S-DN: CN=~,O=~\r\nX-SSL-Client-Serial: ~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nX-Forwarded-Client-Cert: By=~;Hash=~;URI=~,By=~;Cert=\"-----BEGIN%20CERTIFICATE-----%0ACERTIFICATE%0A-----END%20CERTIFICATE-----\"\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: OAuth oauth_consumer_key=\"~\", oauth_token=\"SECRET\", oauth_signature=\"SECRET\", ~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Negotiate NTLM\r\nX-~: ~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: vapid t=SECRET, k=~\r\nX-Access-Token: SECRET\r\nX-Session-Token: SECRET\r\nX-Refresh-Token: SECRET\r\nX-Client-Secret: SECRET\r\nX-Otp: SECRET\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Token token=\"SECRET\", ~\r\nSignature: keyId=\"~\",signature=\"SECRET\"\r\nSignature-Input: a=(~);keyid=\"~\"\r\n\r\n",
    "GET /x?X-Amz-Credential=~&X-Amz-Signature=SECRET&sig=SECRET&code=SECRET&ticket=SECRET&device_code=SECRET&session_token=SECRET&api_key=SECRET&~ HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: HMAC ~:SECRET\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nCookie: refresh_token=SECRET; access_token=SECRET; mfa_challenge=SECRET; _ga=SECRET; SECRET; ~=~\r\nAuthorization: Hawk id=\"~\", mac=\"SECRET\", ~\r\n\r\n",
    "POST /oauth/token HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Basic BASIC\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: LENGTH\r\n\r\ngrant_type=authorization_code&code=SECRET&code_verifier=SECRET&client_assertion=SECRET&~=~",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: SharedKey ~:SECRET\r\nProxy-Authorization: ~ SECRET\r\nX-~: SECRET\r\n\r\n",
    "GET /x?SECRET=1&~ HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: tool/1 SECRET (BASIC) ~\r\nX-Api-Key: SECRET\r\nX-Otp: 123456\r\nAccept-Language: SECRET\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nX-SSL-Client-Cert: -----BEGIN CERTIFICATE----- BARE -----END CERTIFICATE-----\r\nX-SSL-Client-SHA1: ~\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nX-Forwarded-Client-Cert: Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;Subject=\"CN=~,O=\\\"SECRET\\\"\";DNS=~\r\nX-Session-Token: SECRET\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Basic KEYALONE\r\nCookie: sid=SECRET; connect.sid=s%3ASECRET.SECRET; id_token=SECRET; csrf=SECRET; ~\r\n\r\n",
    "POST /oauth/token HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: LENGTH\r\n\r\ngrant_type=password&client_id=~BASIC&username=~BASIC~&password=SECRET",
];

const ANSWERS: [&str; 5] = [
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: LENGTH\r\n\r\n{\"access_token\":\"SECRET\",\"~\":\"~\"}",
    "HTTP/1.1 200 OK\r\nSet-Cookie: ~=~; Path=/\r\nSet-Cookie: session=SECRET; ~; HttpOnly\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nLocation: https://~.example.com/cb?~&code=SECRET&state=~\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 401 No\r\nWww-Authenticate: Bearer realm=\"~\", error=\"~\"\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-Auth-Token: SECRET\r\nContent-Type: ~\r\nContent-Length: LENGTH\r\n\r\n~",
];

pub fn run(data: &[u8]) {
    // What says the secret itself, elsewhere and in pieces, proves nothing.
    if PIECES.is_match(data) {
        return;
    }
    let mut input = Input::new(data);
    let (request, answer) = (input.one_of(&REQUESTS), input.one_of(&ANSWERS));
    let [request, answer] = [request, answer].map(|template| filled(template, &mut input));
    let turns = [Turn { kind: CLIENT, bytes: &request }, Turn { kind: SERVER, bytes: &answer }];
    let exchanges = found(&Config::default(), Origin::Handshake, &turns, None).exchanges;
    let output = output(exchanges);
    if FORMS.is_match(&output) {
        let told = leaked(&output, [SECRET, SIGNATURE].into_iter().map(str::to_owned));
        assert!(told.is_empty(), "{told:?} in {}", String::from_utf8_lossy(&output));
    }
}

/// Everything that leaves.
fn output(exchanges: Vec<Exchange>) -> Vec<u8> {
    let mut output = Vec::new();
    let mut sightings = Vec::new();
    for exchange in exchanges {
        let sighting = sighting(exchange);
        serde_json::to_writer(&mut output, &TransactionRecord::new(&sighting.transaction)).expect("written");
        sightings.push(Box::new(sighting));
    }
    frame(sightings).write(&mut output);
    output
}

/// A frame for workers.
pub fn frame(sightings: Vec<Box<heelguard::identity::Sighting>>) -> Frame {
    let [tenant, sensor, pair] = ["acme", "one", ""].map(Into::into);
    Frame {
        sender: Sender { tenant, sensor, pair, key: [1; 8], run: 7 },
        number: 1,
        sent_ms: 2,
        watermark: EventTime::from_secs(3),
        phase: Phase::Goes,
        sightings,
        connections: Vec::new(),
        seconds: Vec::new(),
    }
}

/// The template with bytes of the input in it. They begin nothing anew: a place that a line's end, a quote or a separator
/// opens is another place than the one that is asked about.
fn filled(template: &str, input: &mut Input<'_>) -> Vec<u8> {
    let basic = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("ann:{SECRET}"));
    let key_alone = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("{SECRET}:"));
    let template = [
        ("SECRET", SECRET),
        ("SIGNATURE", SIGNATURE),
        ("BASIC", &basic),
        (":CERTIFICATE:", &format!(":{CERTIFICATE}:")),
        ("%0ACERTIFICATE%0A", &format!("%0A{}%0A", CERTIFICATE.replace('+', "%2B"))),
        ("BARE", BARE_CERTIFICATE),
        ("KEYALONE", &key_alone),
        ("NTLM", &ntlm()),
    ]
    .iter()
    .fold(template.to_owned(), |template, (word, meant)| template.replace(word, meant));
    let mut out = Vec::new();
    for (n, text) in template.split('~').enumerate() {
        if n > 0 {
            out.extend(input.piece().iter().filter(|byte| !b"\r\n\"\\".contains(byte)));
        }
        out.extend(text.as_bytes());
    }
    let head = out.windows(4).position(|window| window == b"\r\n\r\n").map_or(out.len(), |at| at + 4);
    let length = (out.len() - head).to_string();
    match out.windows(6).position(|window| window == b"LENGTH") {
        Some(at) => [&out[..at], length.as_bytes(), &out[at + 6..]].concat(),
        None => out,
    }
}

/// The last message of NTLM, of a user ann ([MS-NLMP] 2.2.1.3).
fn ntlm() -> String {
    let mut message = [&b"NTLMSSP\0\x03\0\0\0"[..], &[0; 52], b"a\0n\0n\0"].concat();
    (message[36], message[40], message[60]) = (6, 64, 1);
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, message)
}

pub fn seeds() -> Vec<Vec<u8>> {
    let words = ["ann", "a=b; c", "%2f..%2f", "x", "10.0.0.1, 203.0.113.9", "token", "\u{e9}", "password"];
    let places = (0_u8..).take(REQUESTS.len());
    places
        .map(|request| {
            let words = words.iter().cycle().skip(usize::from(request)).take(5);
            [vec![request, request % 5], words.flat_map(piece).collect()].concat()
        })
        .collect()
}
