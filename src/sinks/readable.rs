//! Alerts as a person reads them on a terminal.
//! It is given an alert and appends a block of lines, coloured when asked to.
//! It promises that text from traffic cannot steer the terminal: every such word is escaped.

use super::escape::for_terminal;
use heelguard_detectors::alert::{Alert, AlertClient, Evidence, Fact, Severity, Status};
use heelguard_detectors::time::EventTime;
use std::fmt::Display;
use std::io::{self, Write};

/// Whether the reader's terminal shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// It does.
    On,
    /// It does not, or the reader asked for none (`NO_COLOR`).
    Off,
}

/// ANSI colours, by what they are used for.
#[derive(Clone, Copy)]
enum Paint {
    Bold,
    Dim,
    Severity(Severity),
}

impl Paint {
    const fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Severity(Severity::Info) => "36",
            Self::Severity(Severity::Low) => "34",
            Self::Severity(Severity::Medium) => "33",
            Self::Severity(Severity::High) => "31",
            Self::Severity(Severity::Critical) => "1;37;41",
        }
    }
}

impl Colours {
    fn paint(self, paint: Paint, text: impl Display) -> String {
        match self {
            Self::On => format!("\x1b[{}m{text}\x1b[0m", paint.code()),
            Self::Off => text.to_string(),
        }
    }
}

/// Appends one state of an episode: the opening in full, growth in two lines, the end in one.
pub fn write_alert(out: &mut Vec<u8>, alert: &Alert, colours: Colours) -> io::Result<()> {
    let time = colours.paint(Paint::Dim, short_time(alert.time));
    let subject = for_terminal(&alert.subject.value);
    let title = format!("{} {}", alert.rule, alert.title);
    if alert.status == Status::Closed {
        return writeln!(
            out,
            "{time}  {}\n",
            colours.paint(Paint::Dim, format_args!("over      {title}  {subject}"))
        );
    }
    let severity = format!("{:<8}", alert.severity.name().to_uppercase());
    let severity = colours.paint(Paint::Severity(alert.severity), severity);
    let grew = if alert.status == Status::Update { " goes on" } else { "" };
    writeln!(out, "{time}  {severity}  {}{grew}  {subject}", colours.paint(Paint::Bold, title))?;
    writeln!(out, "    {}", for_terminal(&alert.message))?;
    if alert.status == Status::Open {
        write_story(out, alert, colours)?;
    }
    writeln!(out)
}

/// Where, the evidence, the facts, and what to do.
fn write_story(out: &mut Vec<u8>, alert: &Alert, colours: Colours) -> io::Result<()> {
    write_where(out, alert, colours)?;
    for evidence in &alert.evidence {
        write_evidence(out, evidence, colours)?;
    }
    if !alert.facts.is_empty() {
        let facts = alert.facts.iter().map(|(name, fact)| format!("{name} {}", fact_text(fact)));
        labelled(out, "facts", &facts.collect::<Vec<_>>().join(" · "), colours)?;
    }
    labelled(out, "do", alert.response, colours)
}

/// From where, with what and at which endpoint.
fn write_where(out: &mut Vec<u8>, alert: &Alert, colours: Colours) -> io::Result<()> {
    let mut parts = Vec::new();
    if let Some(client) = &alert.client {
        parts.push(client_text(client));
    }
    if let Some(credential) = &alert.credential {
        let fingerprint = credential.fingerprint.to_string();
        let start = fingerprint.get(..8).unwrap_or_default();
        parts.push(format!("{} in {} {start}…", credential.class, credential.location));
    }
    if let Some(endpoint) = &alert.endpoint {
        parts.push(format!("{} {}{}", endpoint.method, endpoint.host, endpoint.route));
    }
    parts.push(format!("confidence {}", alert.confidence));
    let label = if alert.client.is_some() { "from" } else { "at" };
    labelled(out, label, &for_terminal(&parts.join(" · ")), colours)
}

fn write_evidence(out: &mut Vec<u8>, evidence: &Evidence, colours: Colours) -> io::Result<()> {
    let status = evidence.status.map_or_else(|| "—".to_owned(), |status| status.to_string());
    writeln!(
        out,
        "      {}  {} {}  {status}  {}",
        colours.paint(Paint::Dim, short_time(evidence.time)),
        for_terminal(&evidence.method),
        for_terminal(&evidence.path),
        for_terminal(&evidence.note),
    )
}

fn labelled(out: &mut Vec<u8>, label: &str, text: &str, colours: Colours) -> io::Result<()> {
    writeln!(out, "    {} {text}", colours.paint(Paint::Dim, format_args!("{label:<5}")))
}

fn client_text(client: &AlertClient) -> String {
    let mut text = client.ip.to_string();
    let country = client.country.map(|country| country.to_string());
    let network = client.asn.map(|asn| format!("AS{asn}"));
    let places: Vec<String> = [country, network].into_iter().flatten().collect();
    if !places.is_empty() {
        text = format!("{text} ({})", places.join(", "));
    }
    text
}

fn fact_text(fact: &Fact) -> String {
    match fact {
        Fact::Count(count) => count.to_string(),
        Fact::Number(number) => format!("{number:.2}"),
        Fact::Flag(flag) => flag.to_string(),
        Fact::Text(text) => for_terminal(text).into_owned(),
        Fact::List(list) => list.iter().map(|text| for_terminal(text)).collect::<Vec<_>>().join(", "),
    }
}

/// Date and time to the millisecond: `2026-11-21 10:03:00.120`.
fn short_time(time: EventTime) -> String {
    let full = time.to_string();
    match (full.get(..10), full.get(11..23)) {
        (Some(date), Some(clock)) => format!("{date} {clock}"),
        _ => full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::record::samples;
    use expect_test::expect;

    fn shown(alert: &Alert, colours: Colours) -> String {
        let mut out = Vec::new();
        write_alert(&mut out, alert, colours).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_opened_episode_tells_the_whole_story() {
        expect![[r#"
            2026-11-21 10:03:00.120  MEDIUM    MFA-01 Burst of failed MFA codes  user:alice@example.com
                3 wrong MFA codes in 179 s for alice@example.com on POST /mfa/verify (limit 3 in 300 s)
                from  203.0.113.7 (DE, AS64500) · session_cookie in cookie 5b0e0000… · POST api.example.com/mfa/verify · confidence high
                  2026-11-21 10:00:01.003  POST /mfa/verify  401  wrong totp code
                facts factor totp · distinct_codes 3
                do    temporary account lock; check whether the password is known to someone else

        "#]]
        .assert_eq(&shown(&samples::alert(), Colours::Off));
    }

    #[test]
    fn growth_and_end_are_short() {
        let growth = shown(&Alert { status: Status::Update, ..samples::alert() }, Colours::Off);
        assert_eq!(growth.lines().count(), 3, "{growth}");
        assert!(growth.contains("Burst of failed MFA codes goes on  user:alice@example.com"), "{growth}");
        expect![[r#"
            2026-11-21 10:03:00.120  over      MFA-01 Burst of failed MFA codes  user:alice@example.com

        "#]]
        .assert_eq(&shown(&Alert { status: Status::Closed, ..samples::alert() }, Colours::Off));
    }

    #[test]
    fn a_name_from_the_wire_cannot_steer_the_terminal() {
        let mut alert = samples::alert();
        alert.message = "wrong code for \x1b[2J\u{202e}eve\r\nroot".to_owned();
        alert.subject.value = "user:\x1b]0;title\x07".into();
        alert.evidence[0].path = "/\u{9b}31m".into();
        let text = shown(&alert, Colours::Off);
        assert!(!text.contains(|c: char| c != '\n' && crate::sinks::escape::is_unsafe(c)), "{text}");
        assert!(text.contains("\\u{1b}[2J\\u{202e}eve\\u{d}\\u{a}root"), "{text}");
    }

    #[test]
    fn colours_only_add_escapes() {
        let plain = shown(&samples::alert(), Colours::Off);
        let coloured = shown(&samples::alert(), Colours::On);
        let mut stripped = String::new();
        let mut rest = coloured.as_str();
        while let Some((before, after)) = rest.split_once("\x1b[") {
            stripped.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        stripped.push_str(rest);
        assert_ne!(plain, coloured);
        assert_eq!(plain, stripped);
    }
}
