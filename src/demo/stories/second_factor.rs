//! Stories of the second factor: wrong codes in a burst, a spray over many accounts, a backup code.
//! They are given the stage and write attacks and innocents on it.
//! They promise exact spans: the innocent's third wrong code comes one second after the window.

use super::{About, Stage};
use crate::demo::people::{App, Person};
use crate::demo::script::Script;
use crate::demo::sign_in::{self, Pass, Step, Ticket, Verdict};
use crate::demo::work;
use std::time::Duration;

pub(super) fn tell(stage: &mut Stage) {
    burst(stage);
    two_typos(stage);
    third_after_the_window(stage);
    spray(stage);
    shared_address(stage);
    backup_code(stage);
    refused_backup_code(stage);
}

/// A stranger knows the password and guesses codes until the server locks the account.
fn burst(stage: &mut Stage) {
    let mara = stage.person("mara.keller", App::Web, true, "DE");
    let home = stage.clock(7, 40);
    work::routine(&mut stage.script(&mara.visitor, home), &mara, 4);
    let thief = mara.from(App::Web, "RO", &mut stage.random);
    let at = stage.clock(10, 42);
    let mut script = stage.script(&thief.visitor, at);
    let Some(ticket) = ticket(&mut script, &thief) else { return };
    script.wait_ms(9_000, 14_000);
    let from = script.now;
    let mut to = from;
    for verdict in [Verdict::Wrong, Verdict::Wrong, Verdict::Wrong, Verdict::Locked] {
        to = script.now;
        sign_in::code(&mut script, &thief, &ticket, verdict);
        script.wait_ms(38_000, 61_000);
    }
    stage.attack(
        "mfa_failure_burst",
        &["new_device"],
        About::person(&thief),
        (from, to),
        "a stranger with the right password tries three codes before the account locks",
    );
}

/// Two typing errors, then the right code.
fn two_typos(stage: &mut Stage) {
    let jonas = stage.person("jonas.brandt", App::Web, true, "DE");
    let at = stage.clock(8, 12);
    let mut script = stage.script(&jonas.visitor, at);
    let Some(ticket) = ticket(&mut script, &jonas) else { return };
    script.wait_ms(9_000, 15_000);
    let from = script.now;
    for verdict in [Verdict::Wrong, Verdict::Wrong, Verdict::Right] {
        script.wait_ms(14_000, 25_000);
        if let Some(pass) = sign_in::code(&mut script, &jonas, &ticket, verdict) {
            work_on(&mut script, &pass);
        }
    }
    let to = script.now;
    let about = About::person(&jonas);
    stage.innocent("mfa_failure_burst", about, (from, to), "two typing errors, then the right code");
}

/// Three wrong codes, but the third comes 301 seconds after the first.
fn third_after_the_window(stage: &mut Stage) {
    let ines = stage.person("ines.lopez", App::Desktop, true, "ES");
    let from = stage.clock(9, 20);
    for wait_s in [0, 150, 301] {
        let at = from.after(Duration::from_secs(wait_s));
        // Each time she starts anew, so each code has its own ticket.
        let mut script = stage.script(&ines.visitor, at.before(Duration::from_secs(20)));
        let Some(ticket) = ticket(&mut script, &ines) else { return };
        script.now = at;
        sign_in::code(&mut script, &ines, &ticket, Verdict::Wrong);
    }
    let to = from.after(Duration::from_secs(301));
    let after_a_coffee = stage.clock(9, 55);
    work::routine(&mut stage.script(&ines.visitor, after_a_coffee), &ines, 6);
    let about = About::person(&ines);
    stage.innocent("mfa_failure_burst", about, (from, to), "three wrong codes in 301 seconds, one too slow");
}

/// One address with a list of good passwords tries one code on each account, on two of them two.
fn spray(stage: &mut Stage) {
    const NAMES: [&str; 6] =
        ["uma.vos", "liam.petit", "kira.novak", "omar.hansen", "rosa.silva", "wen.abbott"];
    let anyone = stage.person("nobody", App::Mobile, true, "DE");
    let thief = anyone.from(App::Mobile, "VN", &mut stage.random);
    let address = thief.visitor.address;
    let mut now = stage.clock(14, 5);
    let from = now;
    for (index, name) in NAMES.into_iter().enumerate() {
        let victim = stage.person(name, App::Mobile, true, "FR");
        let victim = Person { visitor: thief.visitor.clone(), ..victim };
        let mut script = stage.script(&thief.visitor, now);
        let Some(ticket) = ticket(&mut script, &victim) else { return };
        for _ in 0..=usize::from(index < 2) {
            script.wait_ms(4_000, 9_000);
            sign_in::code(&mut script, &victim, &ticket, Verdict::Wrong);
        }
        script.wait_ms(11_000, 19_000);
        now = script.now;
    }
    stage.attack(
        "mfa_failure_spray",
        &[],
        About::client(address),
        (from, now),
        "one address with six stolen passwords tries codes on all six accounts",
    );
}

/// Three colleagues behind one address, each with one typing error.
fn shared_address(stage: &mut Stage) {
    let address = crate::demo::places::of("NL").v4(&mut stage.random);
    let from = stage.clock(12, 30);
    for (index, name) in ["noor.jansen", "hugo.vos", "tova.quist"].into_iter().enumerate() {
        let colleague = stage.person(name, App::Web, true, "NL").at(address);
        let at = from.after(Duration::from_secs(40 * index as u64));
        let mut script = stage.script(&colleague.visitor, at);
        let Some(ticket) = ticket(&mut script, &colleague) else { return };
        for verdict in [Verdict::Wrong, Verdict::Right] {
            script.wait_ms(12_000, 22_000);
            if let Some(pass) = sign_in::code(&mut script, &colleague, &ticket, verdict) {
                work_on(&mut script, &pass);
            }
        }
    }
    let to = from.after(Duration::from_mins(3));
    let about = About::client(address);
    stage.innocent(
        "mfa_failure_spray",
        about,
        (from, to),
        "three colleagues behind one address, one typo each",
    );
}

/// Someone has lost the phone and uses a printed code.
fn backup_code(stage: &mut Stage) {
    let gita = stage.person("gita.weber", App::Web, true, "GB");
    let at = stage.clock(11, 5);
    let mut script = stage.script(&gita.visitor, at);
    let Some(ticket) = ticket(&mut script, &gita) else { return };
    script.wait_ms(40_000, 70_000);
    let from = script.now;
    if let Some(pass) = sign_in::backup_code(&mut script, &gita, &ticket, Verdict::Right) {
        work_on(&mut script, &pass);
    }
    stage.attack(
        "backup_code_use",
        &[],
        About::person(&gita),
        (from, from.after(Duration::from_secs(1))),
        "a printed backup code stands in for the phone",
    );
}

/// A backup code that was used up is refused; the phone turns up.
fn refused_backup_code(stage: &mut Stage) {
    let sami = stage.person("sami.rossi", App::Web, true, "SE");
    let from = stage.clock(13, 15);
    let mut script = stage.script(&sami.visitor, from);
    let Some(ticket) = ticket(&mut script, &sami) else { return };
    script.wait_ms(20_000, 30_000);
    sign_in::backup_code(&mut script, &sami, &ticket, Verdict::Wrong);
    script.wait_ms(25_000, 50_000);
    if let Some(pass) = sign_in::code(&mut script, &sami, &ticket, Verdict::Right) {
        work_on(&mut script, &pass);
    }
    let to = script.now;
    let about = About::person(&sami);
    stage.innocent(
        "backup_code_use",
        about,
        (from, to),
        "a used-up backup code is refused, the phone's code works",
    );
}

fn ticket(script: &mut Script<'_>, person: &Person) -> Option<Ticket> {
    match sign_in::password(script, person, true) {
        Step::SecondFactor(ticket) => Some(ticket),
        Step::Refused | Step::In(_) => None,
    }
}

fn work_on(script: &mut Script<'_>, pass: &Pass) {
    for _ in 0..5 {
        script.wait_ms(9_000, 50_000);
        work::task(script, pass);
    }
}
