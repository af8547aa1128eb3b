//! The way in, with the mistakes people make: caps lock, forgotten passwords, old codes, prompts not seen.
//! It is given a script and an account and plays a whole sign-in, help desk included.
//! It promises human rates: most people get it right, some are wrong once or twice, few need help.

use super::census::Happening;
use super::company::{Account, Company};
use super::factors::{self, Asked, Factor, Reply};
use crate::demo::message::Content;
use crate::demo::script::{Script, json, post};
use crate::demo::sign_in::{self, Pass, Step, Ticket, Verdict};
use crate::demo::site::API;

/// Signs in. `None`: the person gave up, and comes back later.
pub(super) fn enter(script: &mut Script<'_>, account: &mut Account, company: &Company) -> Option<Pass> {
    mistype_password(script, account, company);
    let pass = match sign_in::password(script, &account.person, true) {
        Step::Refused => return None,
        Step::In(pass) => pass,
        Step::SecondFactor(ticket) if script.random.chance(1) && script.random.chance(300) => {
            lose_phone(script, account, &ticket, company)?
        }
        Step::SecondFactor(ticket) => prove(script, account, Asked::Door(&ticket), company)?,
    };
    company.census.count(Happening::SignIn);
    if account.factor == Factor::Nothing && account.joins {
        join(script, account, &pass, company);
    }
    Some(pass)
}

/// A fresh proof in a session that is under way, before something sensitive.
pub(super) fn step_up(
    script: &mut Script<'_>,
    account: &Account,
    pass: &Pass,
    company: &Company,
) -> Option<Pass> {
    company.census.count(Happening::StepUp);
    prove(script, account, Asked::Inside(pass), company)
}

/// The second factor, with mistakes.
pub(super) fn prove(
    script: &mut Script<'_>,
    account: &Account,
    asked: Asked<'_>,
    company: &Company,
) -> Option<Pass> {
    match account.factor {
        Factor::Nothing | Factor::App => by_code(script, account, asked, company),
        Factor::Push => by_prompt(script, account, asked, company),
        Factor::Message => by_message(script, account, asked, company),
        Factor::Key => {
            let id = factors::challenge(script, asked, Factor::Key);
            script.wait_ms(3_000, 11_000);
            factors::attempt(script, &account.person, asked, (Factor::Key, &id), Reply::Right)
        }
    }
}

/// One wrong password of twenty-five, two of a hundred and fifty, forgotten of five hundred.
fn mistype_password(script: &mut Script<'_>, account: &Account, company: &Company) {
    let (wrong, forgotten) = match script.random.below(1_000) {
        0..40 => (1, false),
        40..47 => (2, false),
        47..49 => (3, true),
        _ => return,
    };
    for _ in 0..wrong {
        company.census.count(Happening::WrongPassword);
        sign_in::password(script, &account.person, false);
        script.wait_ms(4_000, 18_000);
    }
    if !forgotten {
        return;
    }
    company.census.count(Happening::PasswordReset);
    let body = format!(r#"{{"email":"{}"}}"#, account.person.email);
    script
        .call(post(API, "/auth/password/forgot", "", Content::Json(body)), json(202, r#"{"status":"sent"}"#));
    script.wait_ms(40_000, 240_000);
    let body =
        format!(r#"{{"token":"{}","password":"{}"}}"#, script.random.token(43), script.random.token(14));
    script.call(post(API, "/auth/password/reset", "", Content::Json(body)), json(200, r#"{"status":"ok"}"#));
    script.wait_ms(5_000, 15_000);
}

/// A code from the app: one wrong of twenty-five, two of two hundred; a phone with a wrong clock in two thousand.
fn by_code(script: &mut Script<'_>, account: &Account, asked: Asked<'_>, company: &Company) -> Option<Pass> {
    script.wait_ms(6_000, 24_000);
    let wrong = match script.random.below(10_000) {
        0..400 => 1,
        400..450 => 2,
        450..455 => 3,
        _ => 0,
    };
    for _ in 0..wrong {
        company.census.count(Happening::WrongCode);
        code(script, account, asked, Reply::Wrong);
        // Who is wrong three times looks for advice between: the third comes after more than five minutes.
        if wrong == 3 { script.wait_ms(160_000, 260_000) } else { script.wait_ms(9_000, 30_000) }
    }
    if wrong < 3 {
        return code(script, account, asked, Reply::Right);
    }
    let Asked::Door(_) = asked else { return None };
    company.help(script, account);
    script.wait_ms(60_000, 180_000);
    // Without a factor the password is enough, once; a new factor is enrolled at once.
    let bare = Account { factor: Factor::Nothing, ..account.clone() };
    let bare = Account { person: crate::demo::people::Person { mfa: false, ..bare.person }, ..bare };
    let Step::In(pass) = sign_in::password(script, &bare.person, true) else { return None };
    script.wait_ms(8_000, 20_000);
    company.census.count(Happening::Enrolment);
    factors::enrol(script, &pass, false);
    Some(pass)
}

fn code(script: &mut Script<'_>, account: &Account, asked: Asked<'_>, reply: Reply) -> Option<Pass> {
    let Asked::Door(ticket) = asked else {
        return factors::attempt(script, &account.person, asked, (Factor::App, ""), reply);
    };
    let verdict = if reply == Reply::Right { Verdict::Right } else { Verdict::Wrong };
    sign_in::code(script, &account.person, ticket, verdict)
}

/// A prompt on the phone: one of seventy denied by mistake, one of thirty not seen, one of two hundred not seen twice.
fn by_prompt(
    script: &mut Script<'_>,
    account: &Account,
    asked: Asked<'_>,
    company: &Company,
) -> Option<Pass> {
    let (missed, denied) = match script.random.below(1_000) {
        0..30 => (1, 0),
        30..35 => (2, 0),
        35..50 => (0, 1),
        _ => (0, 0),
    };
    let kind = |id: &str| (Factor::Push, id.to_owned());
    for round in 0..missed + denied {
        let (factor, id) = kind(&factors::challenge(script, asked, Factor::Push));
        let (polls, reply, what) = if round < missed {
            (20, Reply::Expired, Happening::PromptMissed)
        } else {
            (script.random.range(1, 4), Reply::Denied, Happening::PromptDenied)
        };
        company.census.count(what);
        poll(script, account, asked, &id, polls);
        factors::attempt(script, &account.person, asked, (factor, &id), reply);
        script.wait_ms(4_000, 15_000);
    }
    let id = factors::challenge(script, asked, Factor::Push);
    let polls = script.random.range(1, 5);
    poll(script, account, asked, &id, polls);
    factors::attempt(script, &account.person, asked, (Factor::Push, &id), Reply::Right)
}

/// The page asks every three seconds whether the owner has answered.
fn poll(script: &mut Script<'_>, account: &Account, asked: Asked<'_>, id: &str, times: u64) {
    for _ in 0..times {
        script.wait_ms(2_950, 3_050);
        factors::attempt(script, &account.person, asked, (Factor::Push, id), Reply::Pending);
    }
}

/// A text message: one of twenty comes late and is sent again, and some type the code of the one before.
fn by_message(
    script: &mut Script<'_>,
    account: &Account,
    asked: Asked<'_>,
    company: &Company,
) -> Option<Pass> {
    let mut id = factors::challenge(script, asked, Factor::Message);
    let resent = match script.random.below(1_000) {
        0..50 => 1,
        50..58 => 2,
        _ => 0,
    };
    for _ in 0..resent {
        script.wait_ms(35_000, 80_000);
        company.census.count(Happening::CodeResent);
        id = factors::challenge(script, asked, Factor::Message);
    }
    script.wait_ms(9_000, 30_000);
    let slip = if resent > 0 { script.random.chance(300) } else { script.random.chance(30) };
    if slip {
        company.census.count(if resent > 0 { Happening::OldCode } else { Happening::WrongCode });
        factors::attempt(script, &account.person, asked, (Factor::Message, &id), Reply::Wrong);
        script.wait_ms(9_000, 25_000);
    }
    factors::attempt(script, &account.person, asked, (Factor::Message, &id), Reply::Right)
}

/// The phone is lost: a printed code opens, the lost factor goes, a new phone is enrolled.
fn lose_phone(
    script: &mut Script<'_>,
    account: &mut Account,
    ticket: &Ticket,
    company: &Company,
) -> Option<Pass> {
    company.census.count(Happening::LostPhone);
    script.wait_ms(50_000, 200_000);
    let pass = sign_in::backup_code(script, &account.person, ticket, Verdict::Right)?;
    script.wait_ms(20_000, 60_000);
    factors::remove(script, &pass);
    script.wait_ms(4_000, 12_000);
    company.census.count(Happening::Enrolment);
    factors::enrol(script, &pass, false);
    account.set_factor(Factor::App);
    Some(pass)
}

/// A new colleague enrols the first factor.
fn join(script: &mut Script<'_>, account: &mut Account, pass: &Pass, company: &Company) {
    script.wait_ms(9_000, 30_000);
    company.census.count(Happening::Enrolment);
    let wrong_first = script.random.chance(150);
    factors::enrol(script, pass, wrong_first);
    account.set_factor(Factor::App);
}
