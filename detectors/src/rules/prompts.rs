//! Prompts: second factors that the server pushes, texts or calls out to somebody, and how they were answered.
//! Shared by the rules about fatigue.
//! It promises that one prompt counts once: polls of it, retries of its request and double clicks add nothing, nor does
//! the request for what a login's answer offered.

use crate::detector::Sample;
use crate::identity::{Credential, CredentialKind, Factor, Fingerprint};
use crate::saved::{Damaged, Saved, saved};
use crate::shown::Shown;
use crate::time::EventTime;
use crate::transaction::{Device, MfaEvent, MfaOutcome, Transaction};
use crate::window::{Limit, Window};
use std::net::IpAddr;
use std::time::Duration;

/// Requests of one session closer together than this are one click.
const CLICK: Duration = Duration::from_secs(1);
/// A request that comes again word for word within this time is a retry.
const RETRY: Duration = Duration::from_secs(10);

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A prompt that nobody answered.
    Open,
    /// A prompt that was denied.
    Denied,
    /// A code that was wrong.
    WrongCode,
}

impl End {
    const ALL: [Self; 3] = [Self::Open, Self::Denied, Self::WrongCode];

    /// For evidence.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Open => "prompt without an answer",
            Self::Denied => "prompt denied",
            Self::WrongCode => "wrong code",
        }
    }
}

impl Saved for End {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        Self::ALL.get(usize::from(u8::load(from)?)).copied().ok_or(Damaged)
    }

    fn shown(&self) -> Shown {
        Shown::word(self.note())
    }
}

/// A prompt, or a refused step that no prompt was seen of.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    pub(super) sample: Sample,
    pub(super) end: End,
    pub(super) factor: Factor,
    /// Where it was started from.
    pub(super) network: IpAddr,
    pub(super) asn: Option<u32>,
    pub(super) device: Option<Device>,
    /// Where it was refused from.
    pub(super) answered_from: Option<IpAddr>,
    pub(super) at: EventTime,
    ticket: Option<Fingerprint>,
    session: Option<Fingerprint>,
    /// Whether a login's answer offered it: the prompt that is chosen next is the same one.
    offered: bool,
    /// Whether its start was seen, and not only its polls.
    started: bool,
    /// What its polls call it, where that is not what its start was called.
    alias: Option<Fingerprint>,
    mark: u64,
}

saved!(Prompt {
    sample, end, factor, network, asn, device, answered_from, at, ticket, session, offered, started, alias
} fresh { mark });

impl Prompt {
    fn of(tx: &Transaction, factor: Factor, end: End) -> Self {
        Self {
            sample: Sample::of(tx),
            end,
            factor,
            network: tx.client.network(),
            asn: tx.client.asn,
            device: tx.device,
            answered_from: None,
            at: tx.end,
            ticket: tx.mfa.and_then(|mfa| mfa.ticket),
            session: session(tx),
            offered: tx.login.is_some(),
            started: Step::of(tx) == Some(Step::Prompt),
            alias: None,
            mark: mark(tx),
        }
    }

    /// Whether this transaction speaks of the same prompt.
    fn is_meant_by(&self, tx: &Transaction, polls: bool) -> bool {
        let ticket = tx.mfa.and_then(|mfa| mfa.ticket);
        let age = tx.end.since(self.at);
        let same_ticket = ticket.is_some() && (ticket == self.ticket || ticket == self.alias);
        let strange_ticket = ticket.is_some() && self.ticket.is_some() && !same_ticket;
        let retried = age <= RETRY && self.mark != 0 && self.mark == mark(tx);
        let clicked = age < CLICK && self.session.is_some() && self.session == session(tx);
        let polled = polls && self.end == End::Open && !strange_ticket;
        same_ticket || retried || clicked || polled
    }
}

impl Prompt {
    /// Whether this is the first poll of the latest prompt, by a name of the prompt's own: its start was known by the
    /// login's ticket, its polls by the prompt's.
    fn is_first_polled_by(&mut self, tx: &Transaction, limit: Limit) -> bool {
        let ticket = tx.mfa.and_then(|mfa| mfa.ticket);
        let same_place = self.network == tx.client.network() && tx.end.since(self.at) <= limit.within;
        let is_unnamed = self.alias.is_none() && ticket.is_some() && ticket != self.ticket;
        if self.end != End::Open || !self.started || !same_place || !is_unnamed {
            return false;
        }
        self.alias = ticket;
        true
    }

    /// Whether the login's offer is what is prompted for now; it is taken up once.
    fn is_taken_up_by(&mut self, tx: &Transaction, limit: Limit) -> bool {
        let is_offer = self.offered && tx.login.is_none() && self.end == End::Open;
        let same_place = self.network == tx.client.network();
        if !is_offer || !same_place || tx.end.since(self.at) > limit.within {
            return false;
        }
        self.offered = false;
        self.ticket = tx.mfa.and_then(|mfa| mfa.ticket).or(self.ticket);
        true
    }
}

/// What a transaction means for the prompts of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Somebody is prompted.
    Prompt,
    /// The state of a prompt is asked for.
    Poll,
    /// A prompt was denied, or a code was wrong.
    Refused(End),
    /// A factor was accepted.
    Accepted,
}

impl Step {
    /// Which step this is, if it is one.
    pub(super) fn of(tx: &Transaction) -> Option<Self> {
        let mfa = tx.mfa?;
        let prompts = matches!(mfa.factor, Factor::Push | Factor::Sms | Factor::Voice);
        match (mfa.event, mfa.outcome) {
            (
                MfaEvent::Challenge | MfaEvent::StepUp,
                MfaOutcome::Challenge | MfaOutcome::Success | MfaOutcome::Pending,
            ) if prompts => Some(Self::Prompt),
            (MfaEvent::Attempt, MfaOutcome::Pending) if mfa.factor == Factor::Push => Some(Self::Poll),
            (MfaEvent::Attempt, MfaOutcome::FailCode) if mfa.factor == Factor::Push => {
                Some(Self::Refused(End::Denied))
            }
            (MfaEvent::Attempt, MfaOutcome::FailCode) => Some(Self::Refused(End::WrongCode)),
            (MfaEvent::Attempt, MfaOutcome::Success) => Some(Self::Accepted),
            _ => None,
        }
    }
}

/// Notes a step in an account's prompts; says whether it added one that reaches the limit.
/// A refusal ends the latest open prompt; where none was seen it stands for itself.
pub(super) fn note(prompts: &mut Window<Prompt>, tx: &Transaction, step: Step, limit: Limit) -> bool {
    let factor = tx.mfa.map_or(Factor::Unknown, |mfa| mfa.factor);
    let added = match step {
        Step::Prompt | Step::Poll => {
            let polls = step == Step::Poll;
            let last = prompts.last_mut();
            if last.is_some_and(|last| {
                last.is_taken_up_by(tx, limit) || polls && last.is_first_polled_by(tx, limit)
            }) {
                return false;
            }
            let mut recent =
                prompts.iter().rev().take_while(|prompt| tx.end.since(prompt.at) <= limit.within);
            if recent.any(|prompt| prompt.is_meant_by(tx, polls)) {
                return false;
            }
            Prompt::of(tx, factor, End::Open)
        }
        Step::Refused(end) => {
            let answered = prompts.last_mut().filter(|prompt| {
                prompt.end == End::Open && prompt.factor == factor && tx.end.since(prompt.at) <= limit.within
            });
            if let Some(prompt) = answered {
                (prompt.end, prompt.answered_from) = (end, Some(tx.client.network()));
                return false;
            }
            let answered_from = Some(tx.client.network());
            Prompt { answered_from, ..Prompt::of(tx, factor, end) }
        }
        Step::Accepted => return false,
    };
    prompts.push(tx.end, added, limit)
}

fn mark(tx: &Transaction) -> u64 {
    tx.request.as_ref().map_or(0, |request| request.mark)
}

fn session(tx: &Transaction) -> Option<Fingerprint> {
    let carries = |credential: &&Credential| {
        matches!(credential.kind, CredentialKind::Session | CredentialKind::MfaToken)
    };
    tx.credentials.iter().find(carries).map(|credential| credential.fingerprint)
}
