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
