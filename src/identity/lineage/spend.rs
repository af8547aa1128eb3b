//! Things for one use: refresh tokens, authorization codes, tickets of finished steps, DPoP proofs.
//! It is given each exchange that tries to use one, and tells when it was used before.
//! It promises that only an accepted use counts as one, and that a request repeated on the same connection, or the
//! second sight of one exchange, is no second use.

use super::Lineage;
use super::handles::{Line, Proved};
use super::proof::proved_factor;
use crate::identity::clues::{Clues, HandleKind, Spend};
use ahash::RandomState;
use heelguard_detectors::session::{OneTime, Reuse};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Device, Transaction};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long a client repeats a request that got lost.
const RETRY_WITHIN: Duration = Duration::from_secs(10);
/// DPoP proofs remembered. Servers take a proof for seconds or minutes (RFC 9449 11.1).
pub(super) const PROOFS_MAX: usize = 65_536;
/// Older proofs are forgotten: no server would take them.
const PROOF_LIVES: Duration = Duration::from_mins(10);

/// A use of something for one use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) at: EventTime,
    pub(super) network: IpAddr,
    pub(super) device: Option<Device>,
    /// Mark of the request: equal when it is repeated word for word.
    pub(super) request: u64,
    pub(super) from: SocketAddr,
}

impl Use {
    fn of(tx: &Transaction, clues: &Clues) -> Self {
        Self {
            at: tx.time,
            network: tx.client.network(),
            device: tx.device,
            request: clues.request_hash,
            from: tx.flow.src,
        }
    }

    fn same_client(&self, first: &Self) -> bool {
        let same_device = match (&self.device, &first.device) {
            (Some(device), Some(first)) => device.same_as(first),
            _ => true,
        };
        self.network == first.network && same_device
    }

    fn repeats(&self, first: &Self) -> bool {
        self.request == first.request
            && self.from == first.from
            && self.same_client(first)
            && self.at.since(first.at) <= RETRY_WITHIN
    }

    /// What this use is after that first one.
    fn after(&self, first: &Self, what: OneTime) -> Option<Reuse> {
        let reuse = Reuse { what, first: first.at, same_client: self.same_client(first) };
        (!self.repeats(first)).then_some(reuse)
    }
}

/// DPoP proofs that were accepted, for as long as a server could take them.
#[derive(Default)]
pub(super) struct Proofs {
    seen: HashMap<u64, Use, RandomState>,
    /// In the order of their use.
    order: VecDeque<u64>,
    pub(super) evicted: u64,
}

impl Proofs {
    fn add(&mut self, mark: u64, first: Use) {
        while let Some(oldest) = self.order.front() {
            let is_old = self.seen.get(oldest).is_none_or(|used| first.at.since(used.at) > PROOF_LIVES);
            if !is_old && self.order.len() < PROOFS_MAX {
                break;
            }
            self.evicted += u64::from(!is_old);
            self.seen.remove(oldest);
            self.order.pop_front();
        }
        if let Entry::Vacant(unseen) = self.seen.entry(mark) {
            unseen.insert(first);
            self.order.push_back(mark);
        }
    }

    /// Marks with their first use, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Use)> {
        self.order.iter().filter_map(|mark| Some((*mark, self.seen.get(mark)?)))
    }

    /// Takes back what `iter` gave.
    pub(super) fn restore(&mut self, mark: u64, first: Use) {
        self.seen.insert(mark, first);
        self.order.push_back(mark);
    }
}

impl Lineage {
    /// What was presented that was used before.
    pub(super) fn reuse(&self, tx: &Transaction, clues: &Clues) -> Option<Reuse> {
        if clues.spends.is_none() && clues.dpop_jti.is_none() || tx.repeat_of.is_some() {
            return None;
        }
        let this = Use::of(tx, clues);
        let by_handle = clues.spends.and_then(|spend| {
            let first = self.handles.get(spend.fingerprint)?.spent.as_deref()?;
            this.after(first, spend.what)
        });
        let by_proof = || this.after(self.proofs.seen.get(&clues.dpop_jti?)?, OneTime::DpopProof);
        by_handle.or_else(by_proof)
    }

    /// Notes the first use of what was accepted just now.
    pub(super) fn spend(&mut self, tx: &Transaction, clues: &Clues) {
        if let Some(mark) = clues.dpop_jti {
            self.proofs.add(mark, Use::of(tx, clues));
        }
        let Some(spend) = clues.spends.filter(|spend| is_used_up(*spend, tx, clues)) else { return };
        if self.handles.get(spend.fingerprint).is_none() {
            self.meet_spent(tx, spend);
        }
        if let Some(held) = self.handles.get_mut(spend.fingerprint)
            && held.spent.is_none()
        {
            held.spent = Some(Box::new(Use::of(tx, clues)));
        }
    }

    /// A thing for one use that was never seen before, nor stood for the caller: nobody's, but used from here on.
    fn meet_spent(&mut self, tx: &Transaction, spend: Spend) {
        let kind = match spend.what {
            OneTime::RefreshToken => HandleKind::Refresh,
            OneTime::AuthorizationCode => HandleKind::Code,
            OneTime::Ticket | OneTime::DpopProof => HandleKind::Challenge,
        };
        let line = self.handles.begin(Line::new(spend.fingerprint, tx.time));
        self.handles.bind(spend.fingerprint, kind, line, Proved::UNKNOWN, tx.end);
        self.handles.let_go(line);
    }
}

/// Whether this accepted use was the one: a refresh token that is not replaced may be used again, and a ticket is
/// finished when the step is.
fn is_used_up(spend: Spend, tx: &Transaction, clues: &Clues) -> bool {
    let mut issued = clues.issued.iter();
    match spend.what {
        OneTime::RefreshToken => {
            issued.any(|h| h.kind == HandleKind::Refresh && h.fingerprint != spend.fingerprint)
        }
        OneTime::AuthorizationCode => issued.any(|h| h.kind == HandleKind::Access),
        OneTime::Ticket => proved_factor(tx).is_some(),
        OneTime::DpopProof => true,
    }
}
