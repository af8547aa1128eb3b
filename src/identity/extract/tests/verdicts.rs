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
