//! The server's half of a connection: responses, each for the request that waits longest.
//! It is given the server's bytes and gaps and ends exchanges with them.
//! It promises never to give an answer to a request that could not have got it without saying so.

use super::body;
use super::connection::{Connection, Context, Fate, Hold, flag_flow};
use super::framing::{Facts, Length};
use super::halves::{Answer, Cut, Switch, Target};
use super::head::Form;
use super::reader::{Gap, Parsed, Step};
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;

impl Connection {
    /// After lost bytes: a response may start here only if a request waits for one.
    pub(super) fn response_may_start(&self) -> bool {
        let begun = usize::from(self.answer.is_some());
        !self.requests_met || self.waiting.len() > begun || self.waiting.has_overflow()
    }

    /// The server answers where its messages cannot be told: the oldest request's answer is lost, or part of it.
    pub(super) fn miss_answer(&mut self) {
        if self.answer.is_none() && !self.waiting.is_empty() {
            self.responses.lose();
            self.waiting.lose_answer();
        }
    }

    pub(super) fn response_bytes<'a>(
        &mut self,
        cx: &mut Context<'_>,
        at: EventTime,
        bytes: &'a [u8],
    ) -> Fate<'a> {
        let mut rest = bytes;
        while let Some(step) = self.responses.step(&mut rest, at, &cx.shared.config) {
            match step {
                Step::Head(parsed) => self.response_head(cx, at, parsed),
                Step::Body(bytes) => {
                    if let Some(answer) = &mut self.answer {
                        answer.absorb(bytes, at);
                    }
                }
                Step::End { odd } => {
                    if let Some(answer) = &mut self.answer {
                        answer.last_byte(at);
                        if odd {
                            answer.anomalies.merge(cx.shared.note(Anomaly::Http1FramingConflict));
                        }
                    }
                    let switch = self.answer.as_ref().map_or(Switch::No, |answer| answer.switch());
                    if switch == Switch::Http2
                        && let Some(request) = self.waiting.take_last()
                    {
                        // The answer itself is the first of HTTP/2.
                        cx.shared.counters.http.interim += 1;
                        self.answer = None;
                        let (ahead, since) = self.requests.release();
                        return Fate::Http2 { request, ahead, since, rest };
                    }
                    self.end_answer(cx, at, Cut::No, true);
                    match switch {
                        Switch::No => {}
                        Switch::Tunnel => {
                            let (ahead, since) = self.requests.release();
                            return Fate::Tunnel { ahead, since, rest };
                        }
                        Switch::Opaque | Switch::Http2 => {
                            self.waiting.give_up_all(cx, self.client, at);
                            return Fate::Opaque;
                        }
                    }
                }
                Step::Broken(anomaly) => self.response_broken(cx, at, anomaly),
            }
        }
        if self.waiting.is_empty() {
            self.responses.forgive_blank();
        }
        Fate::GoesOn
    }

    fn response_head(&mut self, cx: &mut Context<'_>, at: EventTime, parsed: Parsed) {
        let status = parsed.status_meant;
        if (100..200).contains(&status) && status != 101 {
            self.interim_head(cx, parsed.form);
            return;
        }
        // Only a response whose end nobody could tell is still open here.
        self.end_answer(cx, at, Cut::No, false);
        let Parsed { message, minor, form, resynced, .. } = parsed;
        if resynced {
            self.waiting.give_up_lost(cx, self.client, at);
        }
        if self.hold == Some(Hold::Refused) && self.waiting.is_empty() && self.requests.holds_bytes() {
            // A second answer: the server took what follows the refused request for another request.
            self.release(cx, at, Hold::Refused);
        }
        let target = self.waiting.next_target();
        let facts = Facts::of(&message);
        let framing = facts.response_framing(minor, status, target.expect());
        let kept_max = cx.shared.config.response_body_prefix_bytes_max;
        let prefix_max = body::response_prefix(facts.content_type, self.waiting.next_sends(), kept_max);
        let mut answer = Box::new(Answer::new(message, minor, status, target, prefix_max));
        answer.whole = framing.length != Length::Undecided;
        if form != Form::Strict {
            answer.anomalies.merge(cx.shared.note(Anomaly::Http1Malformed));
        }
        if framing.conflict {
            answer.anomalies.merge(cx.shared.note(Anomaly::Http1FramingConflict));
        }
        if target == Target::Nobody {
            answer.anomalies.merge(cx.shared.note(Anomaly::Http1UnpairedResponse));
        } else if resynced {
            answer.anomalies.merge(cx.shared.note(Anomaly::Http1Resync));
        }
        self.responses.frame(framing.length);
        self.answer = Some(answer);
    }

    /// A 1xx that announces the final response; more than the limit of them are no courtesy.
    fn interim_head(&mut self, cx: &mut Context<'_>, form: Form) {
        cx.shared.counters.http.interim += 1;
        self.interim = self.interim.saturating_add(1);
        let is_too_many = self.interim == cx.shared.config.interim_responses_max.saturating_add(1);
        if is_too_many || form != Form::Strict {
            flag_flow(cx, Anomaly::Http1Malformed);
        }
        self.responses.restart();
    }

    /// The open response ended, or is given up; `known` says that its end is where its framing puts it.
    pub(super) fn end_answer(&mut self, cx: &mut Context<'_>, at: EventTime, cut: Cut, known: bool) {
        let Some(mut answer) = self.answer.take() else { return };
        let at_its_end = self.responses.is_at_start() || self.responses.is_until_close();
        answer.whole &= known && at_its_end && answer.cut == Cut::No;
        if !answer.whole {
            answer.cut = answer.cut.max(cut);
        }
        self.interim = 0;
        self.waiting.answered(answer, cx, self.client, at);
        if self.waiting.is_empty() {
            self.answered = true;
            self.settle_hold();
        }
    }

    /// The server's bytes make no sense (any more).
    fn response_broken(&mut self, cx: &mut Context<'_>, at: EventTime, anomaly: Anomaly) {
        if let Some(answer) = &mut self.answer {
            answer.anomalies.merge(cx.shared.note(anomaly));
            self.end_answer(cx, at, Cut::No, false);
        } else {
            flag_flow(cx, anomaly);
            self.waiting.lose_answer();
        }
        self.waiting.doubt_all();
    }

    pub(super) fn response_gap(
        &mut self,
        cx: &mut Context<'_>,
        at: EventTime,
        missing: u64,
    ) -> Fate<'static> {
        match self.responses.gap(missing) {
            Gap::Bridged => {
                if let Some(answer) = &mut self.answer {
                    answer.bridge(missing);
                }
                return self.response_bytes(cx, at, &[]);
            }
            Gap::LostInBody | Gap::LostPastBody => {
                self.end_answer(cx, at, Cut::Gap, false);
                self.waiting.doubt_all();
            }
            Gap::LostBetween => {
                self.waiting.lose_answer();
                self.waiting.doubt_all();
            }
            Gap::Ignored => self.miss_answer(),
        }
        Fate::GoesOn
    }
}
