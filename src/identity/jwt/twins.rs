//! Tokens that cannot both be genuine: one signature over two texts, one `jti` for two holders.
//! It is given the claims of presented and issued tokens in order, and compares keyed marks.
//! It promises that a token which its issuer handed out, or whose signature is right, is never the forged one.

use super::claims::Claims;
use super::history::Signer;
use super::shelf::Shelf;
use heelguard_detectors::saved::{Damaged, saved};
use std::sync::Arc;

/// Signatures, and `jti`, that are compared.
const TWINS_MAX: usize = 131_072;

/// A `jti` at its issuer; a refresh token may share it with its access token, and hold more scopes.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Ticket {
    jti: u64,
    host: Arc<str>,
    refreshes: bool,
}

/// Whose ticket it is.
struct Holder {
    subject: Option<u64>,
    scope: Option<u64>,
    /// The server made or believed that token.
    accepted: bool,
    /// Two tokens that were accepted have this `jti`: it tells nothing.
    shared: bool,
}

saved!(Ticket { jti, host, refreshes });
saved!(Holder { subject, scope, accepted, shared });

/// What was seen of signatures and tickets.
pub(super) struct Twins {
    /// What each signature covers.
    signatures: Shelf<u64, u64>,
    tickets: Shelf<Ticket, Holder>,
}

impl Twins {
    pub(super) fn new() -> Self {
        Self { signatures: Shelf::new(TWINS_MAX), tickets: Shelf::new(TWINS_MAX) }
    }

    pub(super) fn evicted(&self) -> u64 {
        self.signatures.evicted + self.tickets.evicted
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        self.signatures.save(out);
        self.tickets.save(out);
    }

    pub(super) fn load(&mut self, from: &mut &[u8]) -> Result<(), Damaged> {
        self.signatures = Shelf::load(TWINS_MAX, from)?;
        self.tickets = Shelf::load(TWINS_MAX, from)?;
        Ok(())
    }

    /// Takes a token that the server made: it is genuine, whatever it looks like.
    pub(super) fn take_issued(&mut self, claims: &Claims, signer: &Signer) {
        if let Some(signature) = claims.marks.signature {
            *self.signatures.entry(&signature, || claims.marks.input) = claims.marks.input;
        }
        if let Some(ticket) = Ticket::of(claims, signer) {
            self.tickets.entry(&ticket, || Holder::of(claims, true)).take(claims);
        }
    }

    /// Whether this token contradicts one that was seen before. `genuine`: its signature is right;
    /// `believed`: the server accepted it, so that its `jti` is its own as much as the other's.
    pub(super) fn contradict(
        &mut self,
        claims: &Claims,
        signer: &Signer,
        genuine: bool,
        believed: bool,
    ) -> bool {
        let mut contradicts = false;
        if let Some(signature) = claims.marks.signature {
            let input = self.signatures.entry(&signature, || claims.marks.input);
            contradicts |= *input != claims.marks.input;
            if genuine {
                *input = claims.marks.input;
            }
        }
        if let Some(ticket) = Ticket::of(claims, signer) {
            let holder = self.tickets.entry(&ticket, || Holder::of(claims, believed));
            if !believed {
                contradicts |= holder.accepted && !holder.shared && holder.differs(claims);
            } else if !contradicts {
                holder.take(claims);
            }
        }
        contradicts && !genuine
    }
}

impl Ticket {
    fn of(claims: &Claims, signer: &Signer) -> Option<Self> {
        let jti = claims.marks.jti.filter(|_| claims.marks.jti_tells)?;
        Some(Self { jti, host: signer.host.clone(), refreshes: claims.refreshes })
    }
}

impl Holder {
    fn of(claims: &Claims, accepted: bool) -> Self {
        Self { subject: claims.marks.subject, scope: claims.marks.scope, accepted, shared: false }
    }

    /// Takes an accepted token: the first owns the ticket, whoever was refused with it before.
    fn take(&mut self, claims: &Claims) {
        if self.accepted {
            self.shared |= self.differs(claims);
        } else {
            *self = Self::of(claims, true);
        }
    }

    /// Another subject, or other scopes; what one of them does not say is no difference.
    fn differs(&self, claims: &Claims) -> bool {
        let differ = |a: Option<u64>, b: Option<u64>| a.zip(b).is_some_and(|(a, b)| a != b);
        differ(self.subject, claims.marks.subject) || differ(self.scope, claims.marks.scope)
    }
}
