//! Answers that say no with 200, and those that only look like it.

use super::*;

fn verify(answer: &str) -> String {
    let request = "POST /mfa/verify HTTP/1.1\nContent-Type: application/json\n\n{\"otp\":\"123456\"}";
    told(request, answer)
}

fn told(request: &str, answer: &str) -> String {
    let t = see(request, answer).transaction;
    t.mfa.map_or("none".to_owned(), |m| format!("{} {}, {}", m.event, m.outcome, t.outcome))
}

#[test]
fn a_session_that_ended_is_no_wrong_code() {
    let says =
        |words: &str| verify(&format!("401\nContent-Type: application/json\n\n{{\"message\":\"{words}\"}}"));
    for words in [
        "Session expired, please log in again",
        "Please sign in",
        "Your session is invalid",
        "jwt expired",
        "Challenge expired",
        "mfa_token_expired",
    ] {
        assert_eq!(says(words), "attempt fail_other, denied", "{words}");
    }
    for words in ["Invalid code. Please log in again.", "The code has expired", "Sorry"] {
        assert_eq!(says(words), "attempt fail_code, denied", "{words}");
    }
}

#[test]
fn an_expired_bearer_token_is_no_wrong_code() {
    let with = |exp: u64, body: &str| {
        let token = jwt(&format!(r#"{{"sub":"alice","exp":{exp}}}"#));
        let head = format!("POST /mfa/verify HTTP/1.1\nAuthorization: Bearer {token}");
        told(&format!("{head}\nContent-Type: application/json\n\n{body}"), "401")
    };
    let code = r#"{"code":"123456"}"#;
    assert_eq!(with(1_794_211_100, code), "attempt fail_other, denied");
    assert_eq!(with(1_794_211_300, code), "attempt fail_code, denied");
    // The ticket carries the step: no old token beside it hides a wrong code.
    let ticket = r#"{"code":"123456","mfa_token":"tkt_alice_9f2c41d07ab3"}"#;
    assert_eq!(with(1_794_211_100, ticket), "attempt fail_code, denied");
}

#[test]
fn coupons_and_cards_are_verified_too() {
    let post = |path: &str, body: &str| {
        let request = format!("POST {path} HTTP/1.1\nContent-Type: application/json\n\n{body}");
        told(&request, "400\nContent-Type: application/json\n\n{\"error\":\"invalid_code\"}")
    };
    assert_eq!(post("/checkout/coupon/verify", r#"{"code":"SAVE10"}"#), "none");
    assert_eq!(post("/gift-cards/verify", r#"{"code":"123456"}"#), "none");
    assert_eq!(post("/checkout/verify", r#"{"code":"SAVE10"}"#), "none");
    assert_eq!(post("/checkout/verify", r#"{"code":"123456"}"#), "attempt fail_code, denied");
    assert_eq!(post("/auth/verify", r#"{"code":"SAVE10"}"#), "attempt fail_code, denied");
    let ticket = r#"{"code":"AB12CD","mfa_token":"tkt_alice_9f2c41d07ab3"}"#;
    assert_eq!(post("/verify", ticket), "attempt fail_code, denied");
}

#[test]
fn a_code_that_leads_to_the_sign_in_page_is_denied() {
    assert_eq!(verify("302\nLocation: /login"), "attempt fail_other, denied");
    assert_eq!(verify("302\nLocation: /home"), "attempt success, success");
}

#[test]
fn a_no_has_many_spellings() {
    for body in [
        r#"{"success":"false"}"#,
        r#"{"success":0}"#,
        r#"{"status":"fail"}"#,
        r#"{"status":"FAILED"}"#,
        r#"{"status":"error"}"#,
        r#"{"result":"failure"}"#,
        r#"{"error":true}"#,
        r#"{"error":"x"}"#,
        r#"{"errno":1}"#,
        r#"{"errorCode":"E1"}"#,
        r#"{"match":false}"#,
        r#"{"matched":false}"#,
        "false",
    ] {
        let answer = format!("200\nContent-Type: application/json\n\n{body}");
        assert_eq!(verify(&answer), "attempt fail_code, denied", "{body}");
    }
    for body in [
        r#"{"error":null}"#,
        r#"{"error":""}"#,
        r#"{"error":false}"#,
        r#"{"errors":[]}"#,
        r#"{"errno":0}"#,
        r#"{"status":"success"}"#,
        r#"{"success":1}"#,
        r#"{"code":0,"data":null}"#,
        "true",
    ] {
        let answer = format!("200\nContent-Type: application/json\n\n{body}");
        assert_eq!(verify(&answer), "attempt success, success", "{body}");
    }
}

#[test]
fn a_batch_is_one_level_deeper() {
    let answer = |body: &str| format!("200\nContent-Type: application/json\n\n{body}");
    let batch = answer(r#"[{"data":{"verifyTotp":{"success":false}}}]"#);
    assert_eq!(verify(&batch), "attempt fail_code, denied");
    let right = answer(r#"[{"data":{"verifyTotp":{"success":true}}}]"#);
    assert_eq!(verify(&right), "attempt success, success");
    let deeper = answer(r#"{"data":{"verifyTotp":{"user":{"verified":false}}}}"#);
    assert_eq!(verify(&deeper), "attempt success, success");
}

/// Refusals that only their bodies tell.
const ENVELOPES: &[&str] = &[
    r#"{"status":401}"#,
    "{\n  \"http_status\" : 401\n}",
    r#"{"statusCode":401,"message":"x17","error":"Unauthorized"}"#,
    r#"{"status":401,"title":"x17","type":"about:blank","instance":"/x","timestamp":1794211200}"#,
    r#"{"code":401,"msg":"x17","data":null}"#,
    r#"{"code":401,"success":false,"errors":["x17"],"data":{}}"#,
    r#"{"status":"error","code":401,"message":"x17"}"#,
];
/// Data that has such a number in it, and answers that say that all is well.
const NO_ENVELOPES: &[&str] = &[
    r#"{"status":401,"order":7}"#,
    r#"{"status":401,"message":"x17","items":[1]}"#,
    r#"{"order":{"status":401}}"#,
    r#"[{"status":401}]"#,
    r#"{"code":401}"#,
    r#"{"code":415,"description":"a city"}"#,
    r#"{"status":200,"message":"x17"}"#,
    r#"{"status":399,"message":"x17"}"#,
    r#"{"status":600,"message":"x17"}"#,
    r#"{"code":0,"status":401,"message":"x17"}"#,
    r#"{"status":401,"success":true}"#,
    r#"{"status":401,"error":false}"#,
    r#"{"status":401,"message":"ok"}"#,
    r#"{"status":"401","order":7}"#,
];

#[test]
fn a_status_in_the_body_is_that_of_the_answer_unless_it_is_data() {
    let plain = |request: &str, body: &str| {
        let answer = format!("200\nContent-Type: application/json\n\n{body}");
        see(request, &answer).transaction.outcome
    };
    for request in ["GET /v1/orders/7 HTTP/1.1", "POST /v1/orders HTTP/1.1", "GET /v1/admin/users HTTP/1.1"] {
        for body in ENVELOPES {
            assert_eq!(plain(request, body), Outcome::Denied, "{request} {body}");
        }
        for body in NO_ENVELOPES {
            assert_eq!(plain(request, body), Outcome::Success, "{request} {body}");
        }
        assert_eq!(plain(request, r#"{"status":503,"message":"x17"}"#), Outcome::Error);
    }
    for body in ENVELOPES {
        let answer = format!("200\nContent-Type: application/json\n\n{body}");
        assert_eq!(verify(&answer), "attempt fail_code, denied", "{body}");
        assert_eq!(log_in(body), "refused", "{body}");
    }
    assert_eq!(log_in(r#"{"status":429,"message":"x17"}"#), "throttled");
    assert_eq!(log_in(r#"{"status":200,"token":"4oyyilulumoxrzekx0l93qz"}"#), "success");
    let long = format!(r#"{{"status":401,"message":"{}"}}"#, "x".repeat(1024));
    assert_eq!(plain("GET /v1/orders/7 HTTP/1.1", &long), Outcome::Success);
}

#[test]
fn of_an_answer_that_was_cut_the_rest_may_be_data() {
    let body = r#"{"status":401,"message":"x17"}"#;
    let outcome = |more: u64| {
        let answer = format!("200\nContent-Type: application/json\n\n{body}");
        let mut exchange = exchange("GET /v1/orders/7 HTTP/1.1", &answer);
        exchange.response.as_mut().unwrap().body.bytes += more;
        extractor().extract(exchange).transaction.outcome
    };
    assert_eq!((outcome(0), outcome(1)), (Outcome::Denied, Outcome::Success));
}

fn log_in(body: &str) -> String {
    let request = "POST /login HTTP/1.1\nContent-Type: application/json\n\n\
        {\"username\":\"victim\",\"password\":\"Harbor-rill9925!\"}";
    let cookie = "Set-Cookie: sid=4oyyilulumoxrzekx0l93qzduf8zu9yi";
    let t = see(request, &format!("200\nContent-Type: application/json\n{cookie}\n\n{body}")).transaction;
    t.login.unwrap().outcome.to_string()
}

#[test]
fn an_error_in_words_nobody_knows_refuses_a_login() {
    for body in [
        r#"{"error":"E1042"}"#,
        r#"{"error":true,"message":"x17"}"#,
        r#"{"errno":1}"#,
        r#"{"error":["EAPI:Denied"],"result":{}}"#,
        r#"{"error":{"code":4711}}"#,
        r#"{"error":{"details":[{"x":"E1042"}]}}"#,
        r#"{"data":{"login":{"token":null,"error":"E1042"}}}"#,
        r#"{"data":{"login":{"token":null,"errors":[{"field":"x17"}]}}}"#,
        r#"[{"data":{"login":{"token":null,"errors":[{"field":"x17"}]}}}]"#,
        r#"{"errors":{"x17":["is wrong"]},"token":"renewed-csrf-token-4oyyil"}"#,
    ] {
        assert_eq!(log_in(body), "refused", "{body}");
    }
    for body in [
        "{}",
        r#"{"error":null}"#,
        r#"{"error":false,"message":"welcome"}"#,
        r#"{"error":"","errno":0,"error_code":"0000","errcode":200}"#,
        r#"{"error":[],"result":{"token":"4oyyilulumoxrzekx0l93qz"}}"#,
        r#"{"error":{},"data":{"token":"4oyyilulumoxrzekx0l93qz"}}"#,
        r#"{"error":{"code":0,"message":"ok","details":[]},"data":{"x":"E1042"}}"#,
        r#"{"errors":{},"token":"4oyyilulumoxrzekx0l93qz"}"#,
        r#"{"errors":[],"token":"4oyyilulumoxrzekx0l93qz"}"#,
        r#"{"errors":[{}],"token":"4oyyilulumoxrzekx0l93qz"}"#,
        // Of something else.
        r#"{"token":"4oyyilulumoxrzekx0l93qz","user":{"sync":{"errors":["timeout"]}}}"#,
        r#"{"user":{"sync":{"errors":["timeout"]}},"token":"4oyyilulumoxrzekx0l93qz"}"#,
        r#"{"token":"4oyyilulumoxrzekx0l93qz","user":{"sync":{"error":"timeout"}}}"#,
        r#"{"user":{"devices":[{"sync":{"errors":["timeout"]}}]}}"#,
        r#"{"token":"4oyyilulumoxrzekx0l93qz","user":{"verified":false}}"#,
        r#"{"user":{"verified":false},"token":"4oyyilulumoxrzekx0l93qz"}"#,
        // A remark beside the token.
        r#"{"access_token":"4oyyilulumoxrzekx0l93qz","error":"password_expires"}"#,
    ] {
        assert_eq!(log_in(body), "success", "{body}");
    }
    for body in [r#"{"success":false,"token":"4oyyilulumoxrzekx0l93qz"}"#, r#"{"user":{"verified":false}}"#] {
        assert_eq!(log_in(body), "refused", "{body}");
    }
    // A ticket beside the error is for the next step.
    let ticket = r#"{"error":"E1042","mfa_token":"tkt_alice_9f2c41d07ab3"}"#;
    let request = "POST /login HTTP/1.1\nContent-Type: application/json\n\n\
        {\"username\":\"alice\",\"password\":\"Harbor-rill9925!\"}";
    let answer = format!("200\nContent-Type: application/json\n\n{ticket}");
    assert_eq!(see(request, &answer).transaction.login.unwrap().outcome.to_string(), "second_factor");
}
