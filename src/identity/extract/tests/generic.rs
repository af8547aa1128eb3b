//! APIs of no known make, and the shapes that come close to them without being them.

use super::*;

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\nContent-Type: application/json\n\n{body}")
}

#[test]
fn a_code_is_wrong_only_when_the_answer_says_so() {
    let cases = [
        ("401", ""),
        ("401", r#"{"error":"invalid_token"}"#),
        ("401", r#"{"error":"mfa_required"}"#),
        ("200", r#"{"success":false}"#),
        ("200", r#"{"success":true}"#),
        ("200", r#"{"errors":[{"message":"Invalid OTP"}],"data":null}"#),
        ("202", ""),
        ("400", r#"{"error":"authorization_pending"}"#),
        ("403", r#"{"error":"insufficient_scope"}"#),
        ("423", ""),
        ("429", ""),
        ("404", ""),
        ("503", ""),
        ("", ""),
    ];
    let mut told = String::new();
    for (status, body) in cases {
        let answer = match status {
            "" => String::new(),
            _ => format!("{status}\nContent-Type: application/json\n\n{body}"),
        };
        let transaction = see(&post("/mfa/verify", r#"{"code":"123456"}"#), &answer).transaction;
        let m = transaction.mfa.unwrap();
        let certainty = if m.by_status_only { " by status" } else { "" };
        told +=
            &format!("{status} {body} -> {} {}{certainty}, {}\n", m.event, m.outcome, transaction.outcome);
    }
    expect![[r#"
        401  -> attempt fail_code by status, denied
        401 {"error":"invalid_token"} -> attempt fail_other, denied
        401 {"error":"mfa_required"} -> attempt challenge, denied
        200 {"success":false} -> attempt fail_code, denied
        200 {"success":true} -> attempt success, success
        200 {"errors":[{"message":"Invalid OTP"}],"data":null} -> attempt fail_code, denied
        202  -> attempt pending, success
        400 {"error":"authorization_pending"} -> attempt pending, error
        403 {"error":"insufficient_scope"} -> attempt fail_other, denied
        423  -> attempt locked, denied
        429  -> attempt throttled, denied
        404  -> attempt fail_other, error
        503  -> attempt fail_other, error
          -> attempt unknown, unknown
    "#]]
    .assert_eq(&told);
}

#[test]
fn what_is_an_attempt_and_what_only_looks_like_one() {
    let mfa = |request: &str| {
        let t = see(request, "200\nContent-Type: application/json\n\n{}").transaction;
        t.mfa.map_or("none".to_owned(), |m| format!("{} {} {}", m.event, m.factor, m.outcome))
    };
    let cases = [
        post("/mfa/verify", r#"{"code":"123456"}"#),
        post("/mfa/verify", r#"{"code":"123456","method":"sms"}"#),
        post("/mfa/recovery", r#"{"code":"abcd-ef12-3456"}"#),
        post("/api/login/otp", r#"{"passcode":"1234"}"#),
        post("/session", r#"{"mfa_code":"123456"}"#),
        post("/webauthn/assertion", r#"{"assertion":{"id":"x"}}"#),
        post("/mfa/challenge", r#"{"method":"sms"}"#),
        post("/mfa/setup", r#"{"method":"totp"}"#),
        post("/mfa/totp/activate", r#"{"code":"123456"}"#),
        post("/mfa/disable", r#"{"password":"Harbor-rill9925!"}"#),
        post("/orders/7/verify", "{}"),
        post("/products", r#"{"code":"123456"}"#),
        post("/backup", r#"{"target":"s3"}"#),
        post("/address/verify", r#"{"street":"x"}"#),
        "GET /mfa/methods HTTP/1.1".to_owned(),
        "GET /api/orders HTTP/1.1\nX-MFA-Token: 123456".to_owned(),
        "GET /api/orders HTTP/1.1\nX-Request-Id: 123456".to_owned(),
    ];
    let told: String = cases.iter().map(|c| format!("{} -> {}\n", c.replace('\n', " "), mfa(c))).collect();
    expect![[r#"
        POST /mfa/verify HTTP/1.1 Content-Type: application/json  {"code":"123456"} -> attempt totp success
        POST /mfa/verify HTTP/1.1 Content-Type: application/json  {"code":"123456","method":"sms"} -> attempt sms success
        POST /mfa/recovery HTTP/1.1 Content-Type: application/json  {"code":"abcd-ef12-3456"} -> attempt backup success
        POST /api/login/otp HTTP/1.1 Content-Type: application/json  {"passcode":"1234"} -> attempt totp success
        POST /session HTTP/1.1 Content-Type: application/json  {"mfa_code":"123456"} -> attempt totp success
        POST /webauthn/assertion HTTP/1.1 Content-Type: application/json  {"assertion":{"id":"x"}} -> attempt webauthn success
        POST /mfa/challenge HTTP/1.1 Content-Type: application/json  {"method":"sms"} -> challenge sms challenge
        POST /mfa/setup HTTP/1.1 Content-Type: application/json  {"method":"totp"} -> enrolment totp success
        POST /mfa/totp/activate HTTP/1.1 Content-Type: application/json  {"code":"123456"} -> confirmation totp success
        POST /mfa/disable HTTP/1.1 Content-Type: application/json  {"password":"Harbor-rill9925!"} -> removal unknown success
        POST /orders/7/verify HTTP/1.1 Content-Type: application/json  {} -> none
        POST /products HTTP/1.1 Content-Type: application/json  {"code":"123456"} -> none
        POST /backup HTTP/1.1 Content-Type: application/json  {"target":"s3"} -> none
        POST /address/verify HTTP/1.1 Content-Type: application/json  {"street":"x"} -> none
        GET /mfa/methods HTTP/1.1 -> none
        GET /api/orders HTTP/1.1 X-MFA-Token: 123456 -> attempt totp success
        GET /api/orders HTTP/1.1 X-Request-Id: 123456 -> none
    "#]].assert_eq(&told);
}

#[test]
fn graphql_mutations_are_steps_and_queries_are_not() {
    let ask = |query: &str, variables: &str| {
        post("/graphql", &format!("{{\"query\":\"{query}\",\"variables\":{variables}}}"))
    };
    check(
        &ask(
            "mutation($e:String!){login(email:$e){token}}",
            r#"{"email":"al@x.example","password":"Harbor-rill9925!"}"#,
        ),
        "200\n\n{\"data\":{\"login\":{\"token\":\"4oyyilulumoxrzekx0l93qzduf8zu9yi\"}}}",
        expect!["login success user:al@x.example by login; login success al@x.example; gets Access"],
    );
    check(
        &ask("mutation{verifyOtp(code:$c){ok}}", r#"{"code":"123456"}"#),
        "200\n\n{\"errors\":[{\"message\":\"Invalid code\"}],\"data\":null}",
        expect!["mfa denied anonymous:203.0.113.7 by address; mfa attempt totp fail_code with code"],
    );
    check(
        &ask("query{orders{code}}", r#"{"code":"123456"}"#),
        "200\n\n{\"data\":{}}",
        expect!["use success anonymous:203.0.113.7 by address"],
    );
}

#[test]
fn a_login_form_is_answered_by_where_it_leads() {
    let form = "POST /login HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\nuser=al&password=Harbor-rill9925%21";
    let answers = [
        "302\nLocation: /home\nSet-Cookie: sid=4oyyilulumoxrzekx0l93qz",
        "302\nLocation: /login?error=1",
        "302\nLocation: /two-factor",
        "200\nContent-Type: text/html\n\n<form>",
        "500",
    ];
    let outcome = |answer: &str| see(form, answer).transaction.login.unwrap().outcome;
    let told: String =
        answers.iter().map(|a| format!("{} -> {}\n", a.replace('\n', " "), outcome(a))).collect();
    expect![[r"
        302 Location: /home Set-Cookie: sid=4oyyilulumoxrzekx0l93qz -> success
        302 Location: /login?error=1 -> refused
        302 Location: /two-factor -> second_factor
        200 Content-Type: text/html  <form> -> refused
        500 -> error
    "]]
    .assert_eq(&told);
}

#[test]
fn a_code_form_is_answered_by_where_it_leads() {
    let form = "POST /two-factor HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\ncode=123456";
    let answers = [
        "302\nLocation: /home\nSet-Cookie: sid=4oyyilulumoxrzekx0l93qz",
        "302\nLocation: /home",
        "302\nLocation: https://app.example/two-factor?again=1",
        "302\nLocation: /home?error=code",
        "302\nLocation: /login",
        "200\nContent-Type: text/html\n\n<form><input name=\"otp\">",
        "200\nContent-Type: text/html\n\n<form><input name=\"code\">",
        "200\nContent-Type: text/html\n\n<p>Welcome <input name=\"search\">",
    ];
    let mut told = String::new();
    for answer in answers {
        let m = see(form, answer).transaction.mfa.unwrap();
        let certainty = if m.by_status_only { " by status" } else { "" };
        told += &format!("{} -> {}{certainty}\n", answer.replace('\n', " "), m.outcome);
    }
    expect![[r#"
        302 Location: /home Set-Cookie: sid=4oyyilulumoxrzekx0l93qz -> success
        302 Location: /home -> success
        302 Location: https://app.example/two-factor?again=1 -> fail_code by status
        302 Location: /home?error=code -> fail_code by status
        302 Location: /login -> fail_other
        200 Content-Type: text/html  <form><input name="otp"> -> fail_code by status
        200 Content-Type: text/html  <form><input name="code"> -> fail_code by status
        200 Content-Type: text/html  <p>Welcome <input name="search"> -> success
    "#]]
    .assert_eq(&told);
}

#[test]
fn a_code_beside_a_password_is_judged_where_the_answer_tells_one_from_the_other() {
    let grant = "POST /token HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\n\
        grant_type=password&username=al&password=Harbor-rill9925%21&totp=123456";
    let login = post("/login", r#"{"username":"al","password":"Harbor-rill9925!","mfa_code":"123456"}"#);
    let cases = [
        (grant, "200", r#"{"access_token":"4oyyilulumoxrzekx0l93qz"}"#),
        (grant, "401", r#"{"error":"invalid_grant","error_description":"Invalid user credentials"}"#),
        (&login, "200", r#"{"access_token":"4oyyilulumoxrzekx0l93qz"}"#),
        (&login, "401", r#"{"error":"invalid_credentials"}"#),
        (&login, "401", r#"{"error":"invalid_code"}"#),
    ];
    let mut told = String::new();
    for (request, status, body) in cases {
        let transaction =
            see(request, &format!("{status}\nContent-Type: application/json\n\n{body}")).transaction;
        let login = transaction.login.unwrap().outcome;
        let mfa = transaction.mfa.map_or("none".to_owned(), |m| format!("{} {}", m.event, m.outcome));
        told += &format!("{status} {body} -> login {login}, mfa {mfa}\n");
    }
    expect![[r#"
        200 {"access_token":"4oyyilulumoxrzekx0l93qz"} -> login success, mfa attempt success
        401 {"error":"invalid_grant","error_description":"Invalid user credentials"} -> login refused, mfa none
        200 {"access_token":"4oyyilulumoxrzekx0l93qz"} -> login success, mfa attempt success
        401 {"error":"invalid_credentials"} -> login refused, mfa attempt fail_other
        401 {"error":"invalid_code"} -> login second_factor, mfa attempt fail_code
    "#]]
    .assert_eq(&told);
}

#[test]
fn every_place_a_credential_can_stand() {
    let key = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let get = |head: &str| format!("GET /v1/orders HTTP/1.1\n{head}");
    let with_user = |user: &[u8]| get(&format!("Authorization: Basic {}", BASE64_STANDARD.encode(user)));
    let cases = [
        get(&format!("X-API-Key: {key}")),
        get(&format!("Authorization: Bearer {key}")),
        with_user(format!("{key}:").as_bytes()),
        get(&format!("aUtHoRiZaTiOn: \tbAsIc\t {}", basic("dave:a:b:c"))),
        with_user(b"nocolon"),
        get("Authorization: Basic !!!notbase64"),
        with_user(b"da\0ve\xff:x"),
        get("Authorization: Digest username=\"dave\", realm=\"r\", response=\"6629fae49393a05397450978507c4ef1\""),
        get("Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu/s3/aws4_request, Signature=fe5f80f77d5fa3be"),
        get("Authorization: Hawk id=\"dh37fgj492je\", ts=\"1353832234\", mac=\"6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=\""),
        get("Authorization: Negotiate YIIJvwYGKwYBBQUCoIIJszCCCa+gJDAiBgkqhkiC9xIBAgI="),
        get("X-MFA-Token: mfa-4oyyilulumoxrzekx0l93qzduf8zu9yi"),
        get("X-Forwarded-Client-Cert: Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688"),
        get("Cookie: __Host-session=4oyyilulumoxrzekx0l93qz; theme=dark-and-quite-long; _ga=GA1.2.1234567890"),
        get("Authorization: Bearer first-token-1234567\nAuthorization: Bearer other-token-1234567"),
        format!("GET /v1/orders?api_key={key}&page=2 HTTP/1.1"),
        format!("GET /v1/orders?access_token={} HTTP/1.1", jwt(r#"{"sub":"al"}"#)),
        format!("GET /hooks/{key} HTTP/1.1"),
        get(&format!("Referer: https://x.example/p?token={key}")),
        "GET http://dave:s3cretpass@api.example/v1/orders HTTP/1.1".to_owned(),
        "GET /v1/files/7?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261121&X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027d0 HTTP/1.1".to_owned(),
        "GET /v1/orders?key=blue&sort=up HTTP/1.1".to_owned(),
    ];
    let answer = "200\nContent-Type: application/json\n\n[]";
    let told: String = cases.iter().map(|request| format!("{}\n", line(&see(request, answer)))).collect();
    expect![[r#"
        use success key:ce7ef4a0 by credential; api_key stripe_live header x-api-key; presents ApiKey
        use success key:ce7ef4a0 by credential; api_key stripe_live header authorization; presents ApiKey
        use success key:ce7ef4a0 by credential; api_key stripe_live header authorization; presents ApiKey
        use success user:dave by credential; basic basic header authorization
        use success anonymous:203.0.113.7 by address; basic basic header authorization
        use success anonymous:203.0.113.7 by address; basic basic header authorization
        use success user:da\x00ve\xff by credential; basic basic header authorization
        use success user:dave by credential; digest digest header authorization
        use success key:709fea5e by credential; signature aws_access_key header authorization
        use success key:4186ee97 by credential; hawk hawk header authorization
        use success anonymous:203.0.113.7 by address; negotiate negotiate header authorization
        use success anonymous:203.0.113.7 by address; mfa attempt unknown success; mfa_token mfa_token header x-mfa-token; presents Challenge
        use success anonymous:203.0.113.7 by address; client_certificate client_certificate header x-forwarded-client-cert
        use success session:3ef9ce74 by credential; session session_cookie cookie __host-session; presents Session
        use success session:389115fd by credential; bearer_opaque opaque header authorization; bearer_opaque opaque header authorization; presents Access Access; odd http.repeated_credential
        use success key:ce7ef4a0 by credential; api_key stripe_live query api_key; presents ApiKey; exposed query stripe_live api_key
        use success user:al by jwt; bearer_jwt jwt query access_token; presents Access; exposed query jwt access_token
        use success key:ce7ef4a0 by credential; api_key stripe_live path path; presents ApiKey; exposed path stripe_live path
        use success anonymous:203.0.113.7 by address; exposed referer stripe_live token
        use success user:dave by credential; basic basic userinfo url; exposed query basic url
        use success key:33694234 by credential; signature presigned_url query x-amz-signature; exposed query presigned_url x-amz-signature
        use success anonymous:203.0.113.7 by address
    "#]].assert_eq(&told);
}

#[test]
fn a_repeated_header_keeps_first_and_last() {
    let request = "GET / HTTP/1.1\nAuthorization: Bearer first-token-1234567\nAuthorization: Bearer other-token-1234567";
    let transaction = see(request, "200").transaction;
    let [first, last] = transaction.credentials.as_slice() else { panic!("two credentials") };
    assert_ne!(first.fingerprint, last.fingerprint);
    assert!(transaction.anomalies.contains(Anomaly::HttpRepeatedCredential));
    let once = see(
        "GET / HTTP/1.1\nAuthorization: Bearer first-token-1234567\nX-API-Key: other-token-1234567",
        "200",
    );
    assert!(once.transaction.anomalies.is_empty());
}

#[test]
fn a_key_in_an_answer_is_laid_open_unless_it_was_asked_for() {
    let answer = "200\nContent-Type: application/json\n\n{\"config\":{\"stripe\":\"sk_live_4eC39HqLyjWDarjtT1zdp7dc\"}}";
    check(
        "GET /v1/config HTTP/1.1",
        answer,
        expect!["use success anonymous:203.0.113.7 by address; exposed response stripe_live stripe"],
    );
    check(
        "POST /v1/api-keys HTTP/1.1\nX-API-Key: 5357442683a5ad1695b3b8a7aa0a6e69",
        "201\n\n{\"key\":\"sk_live_4eC39HqLyjWDarjtT1zdp7dc\"}",
        expect![
            "key_issue success key:774729d8 by credential; api_key api_key header x-api-key; presents ApiKey; gets ApiKey"
        ],
    );
    check(
        "GET /v1/config HTTP/1.1",
        "200\nContent-Type: application/json\n\n{\"publishable\":\"pk_live_4eC39HqLyjWDarjtT1zdp7dc\"}",
        expect!["use success anonymous:203.0.113.7 by address"],
    );
}

#[test]
fn records_are_counted_and_cut_lists_estimated() {
    let items = |body: &str, bytes: u64| {
        let answer = format!("200\nContent-Type: application/json\n\n{body}");
        let mut exchange = exchange("GET /v1/orders?per_page=500 HTTP/1.1", &answer);
        exchange.response.as_mut().unwrap().body.bytes = bytes;
        let transaction = extractor().extract(exchange).transaction;
        assert_eq!(transaction.request.unwrap().page_limit, Some(500));
        transaction.response.unwrap().items
    };
    let whole = r#"{"data":[{"a":1},{"a":2},{"a":3}]}"#;
    assert_eq!(items(whole, whole.len() as u64), Some(3));
    let cut = r#"{"data":[{"a":1},{"a":2},{"a":3},{"a":4"#;
    assert_eq!(items(cut, 10 * cut.len() as u64), Some(40));
}

#[test]
fn hostile_exchanges_end() {
    let deep = post("/login", &"[".repeat(200_000));
    assert!(line(&see(&deep, "200")).ends_with("odd body.json_limit"));
    let huge =
        format!("GET / HTTP/1.1\nAuthorization: Bearer eyJ{}.{}.c2ln", "A".repeat(60_000), "B".repeat(9));
    assert!(line(&see(&huge, "200")).ends_with("odd jwt.limit"));
    let cookies = format!("GET / HTTP/1.1\nCookie: {}", "session=abcdefghijkl; ".repeat(500));
    assert!(see(&cookies, "200").transaction.credentials.len() <= 48);
    let dots = format!("GET / HTTP/1.1\nAuthorization: Bearer {}", "ey.".repeat(5000));
    assert_eq!(see(&dots, "200").transaction.credentials.len(), 1);
    assert_eq!(see("", "").transaction.outcome, Outcome::Unknown);
    assert!(see("", "401\n\n{\"error\":\"mfa_required\"}").transaction.request.is_none());
}

#[test]
fn both_legs_of_a_proxy_have_equal_hashes() {
    let key = "X-API-Key: 5357442683a5ad1695b3b8a7";
    let front = see(
        &format!("POST /login HTTP/1.1\nHost: app.example\nConnection: keep-alive\n{key}\n\n{{\"a\":1}}"),
        "200\nServer: nginx\n\n{}",
    );
    let back = see(
        &format!(
            "POST /login HTTP/1.0\nHost: 10.0.0.9:8000\nX-Forwarded-For: 203.0.113.7\n{key}\n\n{{\"a\":1}}"
        ),
        "200\nServer: gunicorn\n\n{}",
    );
    let other =
        see(&format!("POST /login HTTP/1.1\nHost: app.example\n{key}8\n\n{{\"a\":1}}"), "200\n\n{\"b\":1}");
    assert_eq!(front.clues.request_hash, back.clues.request_hash);
    assert_eq!(front.clues.response_hash, back.clues.response_hash);
    assert_ne!(front.clues.request_hash, other.clues.request_hash);
    assert_ne!(front.clues.response_hash, other.clues.response_hash);
}

#[test]
fn nobody_without_the_key_knows_which_exchanges_have_equal_hashes() {
    let hashes = |key: u8| {
        let request = "POST /login HTTP/1.1\nHost: app.example\n\n{\"a\":1}";
        let clues = extractor_under(&[key; 32]).extract(exchange(request, "200\n\n{}")).clues;
        [clues.request_hash, clues.response_hash]
    };
    assert_eq!(hashes(7), hashes(7), "the same in every shard, at every sensor, after every start");
    assert!(hashes(7).iter().zip(hashes(8)).all(|(one, other)| *one != other));
}
