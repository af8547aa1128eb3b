//! A script: what one client does, one call after the other.
//! It is given a client and a moment and collects exchanges while its clock moves on.
//! It promises that calls of one script never overtake each other.

use super::message::{Answer, Content, Form, Request};
use super::random::Random;
use super::records::Kind;
use super::site::Visitor;
use super::timeline::Exchange;
use heelguard_detectors::time::EventTime;
use std::fmt::Write as _;
use std::time::Duration;

/// A client at work; `now` is the moment of its next call.
pub(super) struct Script<'a> {
    pub visitor: &'a Visitor,
    pub now: EventTime,
    pub random: &'a mut Random,
    pub out: &'a mut Vec<Exchange>,
}

impl Script<'_> {
    pub(super) fn wait_ms(&mut self, low: u64, high: u64) {
        let span = self.random.range(low * 1_000, high * 1_000);
        self.now = self.now.after(Duration::from_micros(span));
    }

    /// Makes the call and waits for its answer; the next call is at least a few milliseconds later.
    pub(super) fn call(&mut self, mut request: Request, mut answer: Answer) {
        request.caller = self.visitor.lines.clone();
        if answer.service_us == 0 {
            answer.service_us = self.random.log_uniform(1_800, 60_000);
        }
        if self.random.chance(800) {
            // Writing to a string does not fail.
            let _ = write!(answer.lines, "X-Request-Id: {}\r\n", self.random.hex(32));
        }
        let spent = answer.service_us;
        self.out.push(self.visitor.exchange(self.now, request, answer, self.random));
        self.now = self.now.after(Duration::from_micros(spent));
        self.wait_ms(4, 30);
    }

    /// A list of ordinary size: half a kilobyte to ten, one in four hundred much more.
    pub(super) fn list(&mut self, kind: Kind) -> Answer {
        let bytes = if self.random.chance(2) { 200_000 } else { self.random.log_uniform(200, 10_000) };
        Answer {
            status: 200,
            body: Content::Sized(kind, bytes),
            form: Form::any(self.random),
            ..Answer::default()
        }
    }
}

/// A request without a body.
pub(super) fn get(host: &'static str, target: impl Into<String>, proof: impl Into<String>) -> Request {
    Request { method: "GET", target: target.into(), host, proof: proof.into(), ..Request::default() }
}

/// A request with a body.
pub(super) fn post(
    host: &'static str,
    target: impl Into<String>,
    proof: impl Into<String>,
    body: Content,
) -> Request {
    Request { method: "POST", target: target.into(), host, proof: proof.into(), body, ..Request::default() }
}

/// An answer with a short JSON text.
pub(super) fn json(status: u16, text: impl Into<String>) -> Answer {
    Answer { status, body: Content::Json(text.into()), ..Answer::default() }
}

/// An answer without a body.
pub(super) fn empty(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}
