//! Second factors beside the authenticator app: push prompts, text messages, security keys; and step-up.
//! It is given a script and a person and plays the calls of one attempt, as the server answers them.
//! It promises the server's side only: what people get wrong is decided elsewhere.

use crate::demo::message::{Answer, Content};
use crate::demo::people::Person;
use crate::demo::script::{Script, empty, json, post};
use crate::demo::sign_in::{self, Pass, Ticket};
use crate::demo::site::API;

/// How a person proves to be the one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Factor {
    /// None yet.
    #[default]
    Nothing,
    /// An app shows a code.
    App,
    /// The phone asks whether it is the owner.
    Push,
    /// A code by text message.
    Message,
    /// A security key or the laptop's finger reader.
    Key,
}

impl Factor {
    fn method(self) -> &'static str {
        match self {
            Self::Nothing | Self::App => "totp",
            Self::Push => "push",
            Self::Message => "sms",
            Self::Key => "webauthn",
        }
    }

    /// What the server offers to accounts with this factor.
    pub(super) fn offered(self) -> &'static str {
        match self {
            Self::Nothing | Self::App => r#"["totp","backup_code"]"#,
            Self::Push => r#"["push","backup_code"]"#,
            Self::Message => r#"["sms","backup_code"]"#,
            Self::Key => r#"["webauthn","backup_code"]"#,
        }
    }
}

/// Who is asked for a factor: somebody at the door, or somebody inside who wants more.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'a> {
    Door(&'a Ticket),
    Inside(&'a Pass),
}

/// How the server takes an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Right,
    Wrong,
    /// The owner has not answered the prompt yet.
    Pending,
    /// The owner said no.
    Denied,
    /// The owner said nothing for a minute.
    Expired,
}

/// Asks for a prompt, a message or a challenge; gives its id.
pub(super) fn challenge(script: &mut Script<'_>, asked: Asked<'_>, factor: Factor) -> String {
    let id = script.random.token(24);
    let method = factor.method();
    let text = match factor {
        Factor::Key => format!(
            r#"{{"challenge_id":"{id}","publicKey":{{"challenge":"{}","timeout":60000,"userVerification":"preferred"}}}}"#,
            script.random.token(43)
        ),
        _ => format!(r#"{{"challenge_id":"{id}","method":"{method}","status":"sent"}}"#),
    };
    let (proof, ticket) = asked.carried();
    let body = format!(r#"{{{ticket}"method":"{method}"}}"#);
    script.call(post(API, "/mfa/challenge", proof, Content::Json(body)), json(200, text));
    id
}

/// One attempt; a right one gives the pass that it opens or freshens.
pub(super) fn attempt(
    script: &mut Script<'_>,
    person: &Person,
    asked: Asked<'_>,
    (factor, challenge): (Factor, &str),
    reply: Reply,
) -> Option<Pass> {
    let shown = match factor {
        Factor::Nothing | Factor::App | Factor::Message => {
            format!(r#","code":"{}""#, script.random.digits(6))
        }
        Factor::Push => String::new(),
        Factor::Key => format!(
            r#","response":{{"authenticatorData":"{}","clientDataJSON":"{}","signature":"{}"}}"#,
            script.random.token(50),
            script.random.token(120),
            script.random.token(96)
        ),
    };
    let challenge =
        if challenge.is_empty() { String::new() } else { format!(r#""challenge_id":"{challenge}","#) };
    let (proof, ticket) = asked.carried();
    let body = format!(r#"{{{ticket}{challenge}"method":"{}"{shown}}}"#, factor.method());
    let request = post(API, "/mfa/verify", proof, Content::Json(body));
    let refused = match reply {
        Reply::Right => {
            let (pass, answer) = open(script, person, asked);
            script.call(request, answer);
            return Some(pass);
        }
        Reply::Wrong => json(401, r#"{"error":"invalid_code","message":"The code is not correct"}"#),
        Reply::Pending => json(202, r#"{"status":"pending"}"#),
        Reply::Denied => {
            json(403, r#"{"error":"push_rejected","message":"The sign-in was denied on the phone"}"#)
        }
        Reply::Expired => json(410, r#"{"error":"challenge_expired","message":"Nobody answered"}"#),
    };
    script.call(request, refused);
    None
}

/// An authenticator app is enrolled: its secret is shown, a code confirms it.
pub(super) fn enrol(script: &mut Script<'_>, pass: &Pass, wrong_first: bool) {
    let secret = script.random.hex(32).to_ascii_uppercase().replace(['0', '1', '8', '9'], "K");
    let shown =
        format!(r#"{{"secret":"{secret}","otpauth_url":"otpauth://totp/acme?secret={secret}&issuer=acme"}}"#);
    let body = Content::Json(r#"{"method":"totp"}"#.into());
    script.call(post(API, "/mfa/setup", pass.lines.as_str(), body), json(200, shown));
    script.wait_ms(25_000, 60_000);
    let confirm = |script: &mut Script<'_>, answer: Answer| {
        let body = Content::Json(format!(r#"{{"code":"{}"}}"#, script.random.digits(6)));
        script.call(post(API, "/mfa/setup/confirm", pass.lines.as_str(), body), answer);
    };
    if wrong_first {
        confirm(script, json(422, r#"{"error":"invalid_code"}"#));
        script.wait_ms(12_000, 30_000);
    }
    let codes: Vec<String> =
        (0..10).map(|_| format!("\"{}\"", crate::demo::tokens::backup_code(script.random))).collect();
    confirm(script, json(200, format!(r#"{{"backup_codes":[{}]}}"#, codes.join(","))));
}

/// The factor on a lost phone is taken away.
pub(super) fn remove(script: &mut Script<'_>, pass: &Pass) {
    let mut request = post(API, "/mfa/totp", pass.lines.as_str(), Content::Empty);
    request.method = "DELETE";
    script.call(request, empty(204));
}

impl Asked<'_> {
    /// The header lines and the body's first field that say for whom the factor is.
    fn carried(&self) -> (String, String) {
        match self {
            Self::Door(Ticket(ticket)) => (String::new(), format!(r#""mfa_token":"{ticket}","#)),
            Self::Inside(pass) => (pass.lines.clone(), String::new()),
        }
    }
}

/// The way in, or the same session with a fresh proof.
fn open(script: &mut Script<'_>, person: &Person, asked: Asked<'_>) -> (Pass, Answer) {
    match asked {
        Asked::Door(_) => sign_in::grant(script, person, true, script.now),
        Asked::Inside(pass) => {
            let mut fresh = pass.clone();
            fresh.since = script.now;
            (fresh, json(200, r#"{"status":"ok","verified":true}"#))
        }
    }
}
