//! Slow attackers that a flood might hide: a few wrong codes for one account, and one password every twenty seconds.
//! Account and address are known from before the flood, as those of a real site are.
//! They promise to cross the thresholds of their rules during the flood, and not before.

use crate::story::{FLOOD_SPAN_US, FLOOD_US, Out, SECOND_US, Voice};
use serde_json::Value;
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 6), 80);
const VICTIM: &str = "victim@example.com";
const GUESSER: Ipv4Addr = Ipv4Addr::new(84, 128, 212, 99);
const STUFFER: Ipv4Addr = Ipv4Addr::new(84, 128, 212, 200);
/// Accounts that the slow one tries.
const ACCOUNTS: u64 = 30;

/// What is sent at a time, by whom, and what the server says.
struct Turn {
    at_us: u64,
    client: Ipv4Addr,
    request: String,
    answer: String,
}

/// Both of them.
pub struct Attackers {
    turns: VecDeque<Turn>,
    port: u16,
}

impl Attackers {
    pub fn new() -> Self {
        let mut turns = vec![password(5, GUESSER, VICTIM, true), code(8, "481523", true)];
        turns.push(password(6, STUFFER, "first@example.com", false));
        let begin = FLOOD_US / SECOND_US;
        turns.push(password(begin + 20, GUESSER, VICTIM, true));
        turns.extend(
            [(30, "111111"), (90, "222222"), (150, "333333")]
                .map(|(at, digits)| code(begin + at, digits, false)),
        );
        let step = FLOOD_SPAN_US / SECOND_US / ACCOUNTS;
        turns.extend((0..ACCOUNTS).map(|number| {
            password(begin + number * step, STUFFER, &format!("account{number}@example.com"), false)
        }));
        turns.sort_by_key(|turn| turn.at_us);
        Self { turns: turns.into(), port: 10_000 }
    }
}

fn password(at: u64, client: Ipv4Addr, account: &str, right: bool) -> Turn {
    let body = format!("{{\"username\":\"{account}\",\"password\":\"correct horse 41\"}}");
    let ticket = format!("{{\"error\":\"mfa_required\",\"mfa_token\":\"{}\"}}", ticket(at));
    let said = if right { ticket } else { "{\"error\":\"invalid_credentials\"}".to_owned() };
    Turn {
        at_us: at * SECOND_US,
        client,
        request: post("/login", &body),
        answer: answer("401 Unauthorized", &said),
    }
}

fn code(at: u64, digits: &str, right: bool) -> Turn {
    // Tickets are of the login before.
    let login = if at < FLOOD_US / SECOND_US { 5 } else { FLOOD_US / SECOND_US + 20 };
    let body = format!("{{\"mfa_token\":\"{}\",\"code\":\"{digits}\"}}", ticket(login));
    let answer = if right {
        answer("200 OK", "{\"access_token\":\"at_victim_5b1c77e0\"}")
    } else {
        answer("401 Unauthorized", "{\"error\":\"invalid_code\"}")
    };
    Turn { at_us: at * SECOND_US, client: GUESSER, request: post("/mfa/verify", &body), answer }
}

fn ticket(login: u64) -> String {
    format!("tkt_victim_{login:04}9f2c41d07ab3")
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: login.example\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Voice for Attackers {
    fn due_us(&self) -> Option<u64> {
        self.turns.front().map(|turn| turn.at_us)
    }

    fn speak(&mut self, wire: &mut Out) -> io::Result<()> {
        let Some(turn) = self.turns.pop_front() else { return Ok(()) };
        self.port += 1;
        let mut connection = wire.open(SocketAddrV4::new(turn.client, self.port), SERVER)?;
        wire.exchange(&mut connection, turn.request.as_bytes(), turn.answer.as_bytes())
    }
}

/// Both were told.
pub fn are_told(alerts: &[Value]) {
    let is_told = |rule: &str, subject: &str| {
        alerts.iter().any(|alert| {
            alert["rule"] == rule
                && alert["status"] == "open"
                && alert["subject"]["value"].as_str().unwrap().contains(subject)
        })
    };
    assert!(is_told("MFA-01", VICTIM), "the wrong codes for {VICTIM} were not told");
    assert!(is_told("ABU-01", &STUFFER.to_string()), "the slow passwords of {STUFFER} were not told");
}
