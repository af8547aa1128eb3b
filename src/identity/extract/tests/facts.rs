//! GraphQL, marks, the server's clock, and clues for routes that nobody knows. Stories come in pairs.

use super::*;
use heelguard_detectors::label::Clue;
use heelguard_detectors::token::InPath;

fn json(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\nHost: api.example.com\nContent-Type: application/json\n\n{body}")
}

const OK: &str = "200\nContent-Type: application/json\n\n{}";

fn graphql(document: &str, more: &str) -> Transaction {
    let document = document.replace('"', "\\\"");
    see(&json("/graphql", &format!(r#"{{"query":"{document}"{more}}}"#)), OK).transaction
}

#[test]
fn a_login_written_into_the_document_is_a_login() {
    check(
        &json(
            "/graphql",
            r#"{"query":"mutation { tokenAuth(username: \"al\", password: \"Harbor-rill9925!\") { token } }"}"#,
        ),
        "200\nContent-Type: application/json\n\n{\"data\":{\"tokenAuth\":{\"token\":\"4oyyilulumoxrzekx0l93qzduf8zu9yi\"}}}",
        expect!["token_issue success user:al by login; login success al; gets Access"],
    );
    let t = graphql(r#"query { orders(first: 500, note: "password: x") { id } }"#, "");
    assert!(t.login.is_none());
    assert_eq!(t.request.unwrap().page_limit, Some(500));
}

#[test]
fn names_are_told_and_secrets_among_them_are_not() {
    let t =
        graphql("mutation Open { a: login(p: 1) { t } b: login(p: 2) { t } c: verifyOtp(c: 3) { t } }", "");
    let operation = t.request.unwrap().graphql.unwrap();
    assert_eq!(operation.operation.as_deref(), Some("Open"));
    assert_eq!(operation.fields, ["login".into(), "verifyOtp".into()] as [Arc<str>; 2]);
    assert_eq!(operation.auth_operations, 3);

    let secret = "jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8";
    for (document, more) in [
        (format!("mutation {secret} {{ login {{ t }} }}"), String::new()),
        (format!("mutation {{ {secret} {{ t }} }}"), String::new()),
        ("mutation hunter22x { login { t } }".into(), r#","variables":{"password":"hunter22x"}"#.into()),
        ("mutation { hunter22x { t } }".into(), r#","variables":{"password":"hunter22x"}"#.into()),
        (format!("mutation {{ login(token: \"{secret}\") {{ t }} }}"), String::new()),
    ] {
        let shown = format!("{:?}", graphql(&document, &more));
        assert!(!shown.contains(secret) && !shown.contains("hunter22x"), "{shown}");
    }
}

#[test]
fn a_repeated_request_has_the_same_mark_and_a_changed_one_another() {
    let one = json("/orders", r#"{"n":1}"#).replace("Content", "Authorization: Bearer abcdefgh1234\nContent");
    let mut worker = extractor();
    let mut mark = |text: &str| worker.extract(exchange(text, OK)).transaction.request.unwrap().mark;
    let first = mark(&one);
    assert_eq!(first, mark(&one));
    for (from, to) in [(r#""n":1"#, r#""n":2"#), ("/orders", "/orders?x"), ("POST", "PUT"), ("1234", "1235")]
    {
        assert_ne!(first, mark(&one.replace(from, to)), "{from}");
    }
    let settings = worker.settings.clone();
    let other = Extractor::new(settings).extract(exchange(&one, OK)).transaction.request.unwrap().mark;
    assert_eq!(first, other, "all shards mark alike");
}

#[test]
fn the_servers_clock_is_told_where_the_server_answered() {
    let date = "Date: Mon, 09 Nov 2026 08:00:00 GMT";
    let seen = |head: &str, status: &str| {
        let answer = format!("{status}\n{date}\n{head}");
        let response = see("GET /orders HTTP/1.1", answer.trim_end()).transaction.response.unwrap();
        (response.date_s, response.retry_after_s)
    };
    assert_eq!(seen("Retry-After: 17", "429"), (Some(1_794_211_200), Some(17)));
    assert_eq!(seen("Age: 0", "200").0, Some(1_794_211_200));
    assert_eq!(seen("X-Cache: MISS", "200").0, Some(1_794_211_200));
    for stored in
        ["Age: 12", "X-Cache: HIT", "CF-Cache-Status: HIT", "X-Cache-Status: HIT", "Cache-Status: Edge; hit"]
    {
        assert_eq!(seen(stored, "200").0, None, "{stored}");
    }
    assert_eq!(seen("", "304").0, None);
}

#[test]
fn clues_are_taken_where_nobody_knows_the_route() {
    let clues = |request: &str, answer: &str| {
        let Some(hints) = see(request, answer).transaction.request.unwrap().hints else {
            return "known".to_owned();
        };
        let names =
            [&hints.password_field, &hints.code_field].map(|n| n.as_deref().unwrap_or("-").to_owned());
        let clues = Clue::ALL.iter().filter(|&&clue| hints.has(clue)).map(|c| format!("{c} "));
        format!("{}{} {}", clues.collect::<String>(), names.join(" "), hints.issued.len())
    };
    let token = "200\nContent-Type: application/json\n\n{\"ausweis\":\"4oYyiLuluMOxrzEkx0l93qZduF8zu9yi\"}";
    let cookie = "302\nSet-Cookie: keks=4oYyiLuluMOxrzEkx0l93qZduF8zu9yi; Path=/";
    let otp = "200\n\n{\"adresse\":\"otpauth://totp/x\"}";
    let cases = [
        clues(&json("/anmelden", r#"{"wer":"al","Kennwort":"geheim"}"#), token),
        clues(&json("/anmelden", r#"{"wer":"al","x":"Harbor-rill9925!"}"#), cookie),
        clues(&json("/zahl", r#"{"zahl":"123456"}"#), token),
        clues(&json("/auth/zahl", r#"{"code":"123456"}"#), OK),
        clues(&json("/handy", "{}"), otp),
        clues(
            &json("/dinge", r#"{"nummer":"12345","datum":"2026-11-21T10:00:00Z","mail":"A1@x.example"}"#),
            OK,
        ),
        clues(&json("/login", r#"{"kennwort":"geheim"}"#), token),
        clues("GET /dinge?zahl=123456 HTTP/1.1", token),
        clues(&json("/dinge", r#"{"hunter22x":"123456","password":"hunter22x"}"#), "401"),
    ];
    expect![[r"
        password_field hands_out kennwort - 1
        password_field hands_out x - 1
        code_field hands_out - zahl 1
        code_field - - 0
        shows_otp_secret - - 0
        - - 0
        known
        known
        password_field code_field - - 0"]]
    .assert_eq(&cases.join("\n"));
}

#[test]
fn the_secret_of_a_second_factor_is_told_by_its_field_and_as_one_in_all_its_forms() {
    let shown = |request: &str, answer: &str| {
        let secrets = see(request, answer).transaction.factor_secrets;
        let named = secrets.iter().map(|one| format!("{} {}", one.kind, one.name));
        let mut prints: Vec<_> = secrets.iter().map(|one| one.fingerprint).collect();
        prints.dedup();
        (named.collect::<Vec<_>>().join(", "), prints)
    };
    let secret = "RJ2E6PAFTDF6FTS45OH4I6SU5GOCYANR";
    let address = format!("otpauth://totp/x:bob?secret={}&issuer=x", secret.to_lowercase());
    let both = format!(r#"{{"meta":{{"secret":"{secret}","totp_url":"{address}"}}}}"#);
    let (fields, prints) = shown("POST /account/totp HTTP/1.1", &format!("200\n\n{both}"));
    assert_eq!((fields.as_str(), prints.len()), ("response secret, response totp_url", 1));
    // The answer to a plain call is only scanned; a backslash before each slash is PHP's.
    let list =
        format!(r#"[{{"id":1,"mfa_seed":"{secret}"}},{{"id":2,"uri":"{}"}}]"#, address.replace('/', r"\/"));
    let (fields, listed) = shown("GET /things HTTP/1.1", &format!("200\n\n{list}"));
    assert_eq!((fields.as_str(), &listed), ("response mfa_seed, response uri", &prints));
    let page = format!("200\nContent-Type: text/html\n\n<img alt=\"{address}\">");
    let html = shown("POST /account/totp HTTP/1.1", &page);
    assert_eq!((html.0.as_str(), &html.1), ("response body", &prints));
    let query = format!("GET /qr?size=200&data={} HTTP/1.1", address.replace('?', "%3F").replace('&', "%26"));
    let asked = shown(&query, "200");
    assert_eq!((asked.0.as_str(), &asked.1), ("query data", &prints));

    for quiet in [
        format!(r#"{{"code":"{secret}"}}"#),
        r#"{"secret":"jgWTwRuNtwSFF6YsXfAu9EjODAKP"}"#.into(),
        r#"{"secret":"otpauth://totp/x"}"#.into(),
    ] {
        assert_eq!(shown("GET /things HTTP/1.1", &format!("200\n\n{quiet}")).0, "", "{quiet}");
    }
}

#[test]
fn a_look_for_factors_makes_no_answer_to_a_plain_call_speak() {
    let body = r#"200

{"token":"jgWTwRuNtwSFF6YsXfAu9EjODAKP","mfa_seed":"RJ2E6PAFTDF6FTS45OH4I6SU5GOCYANR"}"#;
    let sighting = see("GET /things HTTP/1.1", body);
    assert!(sighting.clues.issued.is_empty() && sighting.transaction.factor_secrets.len() == 1);
}

#[test]
fn a_token_tells_which_of_its_claims_stand_in_the_path() {
    let base64 = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let payload = base64(r#"{"iss":"x","sub":"42","tenant_id":7,"exp":9999999999}"#);
    let token = format!("{}.{payload}.c2lnbmF0dXJl", base64(r#"{"alg":"RS256"}"#));
    let told = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\nAuthorization: Bearer {token}");
        let jwt = see(&request, "200").transaction.jwt.unwrap();
        let names = jwt.claims.unwrap();
        let place = |one: &InPath| format!("{} {}", names[usize::from(one.claim)], one.segment);
        (names.join(" "), jwt.in_path.iter().map(place).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(told("/users/42?x=7"), ("sub tenant_id".into(), "sub 2".into()));
    assert_eq!(told("/tenants/7/users/43").1, "tenant_id 2");
    assert_eq!(told("/orders").1, "");
}

#[test]
fn a_method_is_written_to_thirty_two_bytes_and_escaped_and_a_longer_one_is_none() {
    let written = |method: &str| {
        let seen = see(&format!("{method} /v1/orders HTTP/1.1\nHost: api.example"), "200\n\n{}");
        seen.transaction.request.unwrap().method
    };
    assert_eq!(&*written("GET"), "GET");
    assert_eq!(&*written(&"M".repeat(32)), "M".repeat(32));
    for long in [33, 4_096] {
        assert_eq!(&*written(&"M".repeat(long)), "{secret}", "{long}");
    }
    for odd in ["A\u{1b}[31mB", &"\u{7f}".repeat(30), &"\u{9b}".repeat(16)] {
        let told = written(odd);
        assert!(told.len() <= 32 && !told.chars().any(char::is_control), "{told:?}");
    }
}
