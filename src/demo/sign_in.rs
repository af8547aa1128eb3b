//! Logging in: password, second factor, tokens and sessions, refresh and logout.
//! It is given a script and a person and plays the steps that person's front end takes.
//! It promises the server of a careful company: three wrong codes lock, a success rotates the session.

use super::message::{Answer, Content};
use super::people::{App, Person};
use super::script::{Script, empty, json, post};
use super::site::API;
use super::tokens::{self, Claims};
use heelguard_detectors::time::EventTime;
use std::time::Duration;

/// What a logged-in client shows with every call.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// Header lines.
    pub lines: String,
    refresh: Option<String>,
    second_factor: bool,
    /// When its owner proved who they are; a refreshed token is as old as the first one.
    pub since: EventTime,
    pub expires_at: EventTime,
}

/// A password was right, and a second factor is asked for.
#[derive(Clone, Debug)]
pub(super) struct Ticket(pub String);

/// What the password led to.
pub(super) enum Step {
    Refused,
    SecondFactor(Ticket),
    In(Pass),
}

/// How the server takes a one-time code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Not looked at: too many were wrong before.
    Locked,
}

/// Access tokens live for an hour.
const TOKEN_LIFETIME_S: u64 = 3_600;
/// Sessions end after ten hours.
const SESSION_LIFETIME_S: u64 = 36_000;
/// The cookie that says which look the page has: an ordinary cookie beside the session.
const LOOK: &str = "theme=dark; locale=en-GB";

/// The whole way in, with the right password and the right code.
pub(super) fn sign_in(script: &mut Script<'_>, person: &Person) -> Option<Pass> {
    match password(script, person, true) {
        Step::Refused => None,
        Step::In(pass) => Some(pass),
        Step::SecondFactor(ticket) => {
            // Looking the code up takes a while.
            script.wait_ms(6_000, 24_000);
            code(script, person, &ticket, Verdict::Right)
        }
    }
}

/// The password step.
pub(super) fn password(script: &mut Script<'_>, person: &Person, right: bool) -> Step {
    let typed = if right { person.password.clone() } else { script.random.token(11) };
    let body = format!(r#"{{"email":"{}","password":"{typed}"}}"#, person.email);
    let request = post(API, "/auth/login", "", Content::Json(body));
    if !right {
        let text = r#"{"error":"invalid_credentials","message":"E-mail or password is not correct"}"#;
        script.call(request, slow(json(401, text)));
        return Step::Refused;
    }
    if !person.mfa {
        let (pass, answer) = grant(script, person, false, script.now);
        script.call(request, slow(answer));
        return Step::In(pass);
    }
    let ticket = script.random.token(40);
    let factors = person.factors;
    let challenge = match person.app {
        App::Web => json(
            200,
            format!(
                r#"{{"status":"mfa_required","mfa_required":true,"mfa_token":"{ticket}","factors":{factors}}}"#
            ),
        ),
        App::Mobile | App::Desktop => {
            json(401, format!(r#"{{"error":"mfa_required","mfa_token":"{ticket}","factors":{factors}}}"#))
        }
    };
    script.call(request, slow(challenge));
    Step::SecondFactor(Ticket(ticket))
}

/// One attempt with a code from the authenticator.
pub(super) fn code(
    script: &mut Script<'_>,
    person: &Person,
    ticket: &Ticket,
    verdict: Verdict,
) -> Option<Pass> {
    let typed = script.random.digits(6);
    second_factor(script, person, ticket, "code", &typed, verdict)
}

/// One attempt with a code from the printed list.
pub(super) fn backup_code(
    script: &mut Script<'_>,
    person: &Person,
    ticket: &Ticket,
    verdict: Verdict,
) -> Option<Pass> {
    let typed = tokens::backup_code(script.random);
    second_factor(script, person, ticket, "backup_code", &typed, verdict)
}

fn second_factor(
    script: &mut Script<'_>,
    person: &Person,
    Ticket(ticket): &Ticket,
    field: &str,
    typed: &str,
    verdict: Verdict,
) -> Option<Pass> {
    // The phone app carries the ticket in a header, the others in the body.
    let (proof, body) = match person.app {
        App::Mobile => (format!("X-MFA-Token: {ticket}\r\n"), format!(r#"{{"{field}":"{typed}"}}"#)),
        App::Web | App::Desktop => {
            (String::new(), format!(r#"{{"mfa_token":"{ticket}","{field}":"{typed}"}}"#))
        }
    };
    let request = post(API, "/mfa/verify", proof, Content::Json(body));
    match verdict {
        Verdict::Right => {
            let (pass, answer) = grant(script, person, true, script.now);
            script.call(request, answer);
            Some(pass)
        }
        Verdict::Wrong => {
            let text = r#"{"error":"invalid_code","message":"The code is not correct"}"#;
            script.call(request, json(401, text));
            None
        }
        Verdict::Locked => {
            let text = r#"{"error":"too_many_attempts","message":"Try again later"}"#;
            script.call(request, Answer { lines: "Retry-After: 300\r\n".into(), ..json(423, text) });
            None
        }
    }
}

/// A new access token for the old refresh token, which is of no use afterwards.
pub(super) fn refresh(script: &mut Script<'_>, person: &Person, pass: &Pass) -> Option<Pass> {
    let old = pass.refresh.as_ref()?;
    let body = format!(r#"{{"grant_type":"refresh_token","refresh_token":"{old}","client_id":"acme-go"}}"#);
    let (pass, answer) = grant(script, person, pass.second_factor, pass.since);
    script.call(post(API, "/oauth/token", "", Content::Json(body)), answer);
    Some(pass)
}

/// The end of the session.
pub(super) fn sign_out(script: &mut Script<'_>, pass: &Pass) {
    script.call(post(API, "/auth/logout", pass.lines.as_str(), Content::Empty), empty(204));
}

/// What the server hands out to this front end, and how the client shows it from then on.
pub(super) fn grant(
    script: &mut Script<'_>,
    person: &Person,
    second_factor: bool,
    since: EventTime,
) -> (Pass, Answer) {
    let user = format!(r#"{{"id":"{}","email":"{}"}}"#, person.id, person.email);
    let until = |lifetime_s| script.now.after(Duration::from_secs(lifetime_s));
    match person.app {
        App::Web => {
            let expires_at = until(SESSION_LIFETIME_S);
            let session = script.random.token(43);
            let lines = format!("Set-Cookie: session={session}; Path=/; HttpOnly; Secure; SameSite=Lax\r\n");
            let answer = Answer { lines, ..json(200, format!(r#"{{"status":"ok","user":{user}}}"#)) };
            let lines = format!("Cookie: {LOOK}; session={session}\r\n");
            (Pass { lines, refresh: None, second_factor, since, expires_at }, answer)
        }
        App::Desktop => {
            let expires_at = until(SESSION_LIFETIME_S);
            let session = script.random.hex(40);
            let answer = json(200, format!(r#"{{"user":{user},"session_token":"{session}"}}"#));
            let lines = format!("X-Session-Token: {session}\r\n");
            (Pass { lines, refresh: None, second_factor, since, expires_at }, answer)
        }
        App::Mobile => {
            let expires_at = until(TOKEN_LIFETIME_S);
            let claims = Claims {
                subject: &person.id,
                email: &person.email,
                client_id: "",
                scope: "openid profile orders:read orders:write",
                amr: if second_factor { &["pwd", "otp", "mfa"] } else { &["pwd"] },
                issued_at: script.now,
                auth_time: since,
                lifetime_s: TOKEN_LIFETIME_S,
            };
            let access = tokens::jwt(&claims, script.random);
            let refresh = script.random.token(64);
            let answer = json(
                200,
                format!(
                    r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{TOKEN_LIFETIME_S},"refresh_token":"{refresh}"}}"#
                ),
            );
            let lines = format!("Authorization: Bearer {access}\r\n");
            (Pass { lines, refresh: Some(refresh), second_factor, since, expires_at }, answer)
        }
    }
}

/// Password hashing takes its time.
fn slow(answer: Answer) -> Answer {
    Answer { service_us: 180_000, ..answer }
}
