//! The desk where presented tokens are judged, in the order of events.
//! It is given each transaction with its sealed token, the tokens its answer hands out, and the documents it
//! publishes; it fills in what other tokens and keys tell of the presented one.
//! It promises a verdict that depends on that order alone, work within its budgets, and that a sealed token ends here.

use super::alg::Alg;
use super::budget::Budget;
use super::claims::Claims;
use super::history::{History, Signer};
use super::keys::PublicKey;
use super::keysets::KeySets;
use super::known;
use super::pem;
use super::reference::TokenReference;
use super::sealed::{IssuedToken, SealedToken};
use super::shelf::Shelf;
use crate::identity::clues::Clues;
use crate::metrics::TokenCounters;
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::token::{Confusion, KnownSecret, SignatureCheck};
use heelguard_detectors::transaction::{Outcome, Transaction};
use std::sync::Arc;

/// Tokens whose verdict is remembered, and signatures and `jti` that are compared.
const TOKENS_MAX: usize = 131_072;
/// Issuers' keys whose way of signing is remembered.
const SIGNERS_MAX: usize = 16_384;
/// Signatures checked with a public key, and secrets tried, in a second of packet time (about a fifth of a
/// second's work each).
const CHECKS_PER_SECOND: u32 = 2_000;
const SECRETS_PER_SECOND: u32 = 200_000;
/// Keys that one token is checked with, where its header does not name one.
const CANDIDATES_MAX: usize = 4;

/// What was found out about a token.
#[derive(Clone, Copy)]
struct Verdict {
    check: SignatureCheck,
    known_secret: Option<KnownSecret>,
    confusion: Option<Confusion>,
    tampered: bool,
    /// The state of the key sets it rests on.
    epoch: u64,
}

/// A token that came by.
#[derive(Clone, Copy, Default)]
struct Seen {
    verdict: Option<Verdict>,
    /// Its signer's history has it.
    counted: bool,
}

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
    /// The issuer itself gives this `jti` to several: it tells nothing.
    shared: bool,
}

impl Holder {
    fn differs(&self, claims: &Claims) -> bool {
        let differ = |a: Option<u64>, b: Option<u64>| a.zip(b).is_some_and(|(a, b)| a != b);
        differ(self.subject, claims.marks.subject) || differ(self.scope, claims.marks.scope)
    }
}

/// All that is remembered of tokens.
pub(crate) struct TokenDesk {
    reference: Arc<TokenReference>,
    keys: KeySets,
    tokens: Shelf<Fingerprint, Seen>,
    signers: Shelf<Signer, History>,
    /// What each signature covers, by marks.
    signatures: Shelf<u64, u64>,
    tickets: Shelf<Ticket, Holder>,
    checks: Budget,
    secrets: Budget,
    counters: TokenCounters,
}

impl TokenDesk {
    pub(crate) fn new(reference: Arc<TokenReference>) -> Self {
        Self {
            keys: KeySets::new(reference.clone()),
            reference,
            tokens: Shelf::new(TOKENS_MAX),
            signers: Shelf::new(SIGNERS_MAX),
            signatures: Shelf::new(TOKENS_MAX),
            tickets: Shelf::new(TOKENS_MAX),
            checks: Budget::new(CHECKS_PER_SECOND),
            secrets: Budget::new(SECRETS_PER_SECOND),
            counters: TokenCounters::default(),
        }
    }

    pub(crate) fn counters(&self) -> TokenCounters {
        TokenCounters {
            evicted: self.tokens.evicted
                + self.signers.evicted
                + self.signatures.evicted
                + self.tickets.evicted
                + self.keys.evicted(),
            key_sets: self.keys.learned,
            key_sets_refused: self.keys.refused,
            ..self.counters.clone()
        }
    }

    /// Fills in what is found out about the presented token; learns from what the answer hands out and publishes.
    pub(crate) fn judge(&mut self, tx: &mut Transaction, clues: &mut Clues) {
        if let Some(token) = clues.token.take() {
            let verdict = self.presented(&token, tx);
            if let Some(jwt) = &mut tx.jwt {
                jwt.check = verdict.check;
                jwt.known_secret = verdict.known_secret;
                jwt.confusion = verdict.confusion;
                jwt.tampered = verdict.tampered;
            }
        }
        let issued = std::mem::take(&mut clues.issued_tokens);
        if tx.outcome == Outcome::Success {
            issued.iter().for_each(|token| self.issued(token, tx));
        }
        if let Some(published) = clues.published.take() {
            self.keys.learn(tx, published);
        }
    }

    fn presented(&mut self, token: &SealedToken, tx: &Transaction) -> Verdict {
        let seen = *self.tokens.entry(&token.fingerprint, Seen::default);
        let current = seen.verdict.filter(|verdict| verdict.epoch == self.keys.epoch);
        let signer = Signer::of(&token.claims, &host(tx));
        let verdict = current.unwrap_or_else(|| self.examine(token, &signer, tx.end));
        let believed = tx.outcome == Outcome::Success;
        if believed && !seen.counted {
            let alg = Alg::of(&token.claims.header.alg);
            self.signers.entry(&signer, History::default).take(alg);
        }
        // What was put off is done when the token comes again.
        let settled = verdict.check != SignatureCheck::OverBudget;
        if let Some(seen) = self.tokens.get(&token.fingerprint) {
            seen.verdict = settled.then_some(verdict);
            seen.counted |= believed;
        }
        verdict
    }

    /// A token that the server made is genuine, whatever it looks like.
    fn issued(&mut self, token: &IssuedToken, tx: &Transaction) {
        let claims = &*token.claims;
        let signer = Signer::of(claims, &host(tx));
        let seen = self.tokens.entry(&token.fingerprint, Seen::default);
        if !std::mem::replace(&mut seen.counted, true) {
            self.signers.entry(&signer, History::default).take(Alg::of(&claims.header.alg));
        }
        if let Some(signature) = claims.marks.signature {
            *self.signatures.entry(&signature, || claims.marks.input) = claims.marks.input;
        }
        if let Some(ticket) = ticket(claims, &signer) {
            let holder = self.tickets.entry(&ticket, || Holder::of(claims));
            holder.shared |= holder.differs(claims);
        }
    }

    fn examine(&mut self, token: &SealedToken, signer: &Signer, now: EventTime) -> Verdict {
        let alg = Alg::of(&token.claims.header.alg);
        let history = self.signers.entry(signer, History::default);
        let (first, was_asymmetric) = (history.presents(alg), history.is_asymmetric());
        let mut verdict = Verdict {
            check: SignatureCheck::NotChecked,
            known_secret: None,
            confusion: None,
            tampered: false,
            epoch: self.keys.epoch,
        };
        if let Some((input, signature)) = token.parts() {
            if alg.hmac().is_some() {
                verdict.confusion = was_asymmetric.then_some(Confusion::Suspected);
                self.try_secrets(&mut verdict, token, signer, (input, &signature), first, now);
            } else {
                verdict.check = self.check(token, signer, (input, &signature), first, now);
            }
        }
        verdict.tampered = self.is_tampered(&token.claims, signer, verdict.check);
        verdict
    }

    /// Checks the signature with the keys of the issuer, where they are known.
    fn check(
        &mut self,
        token: &SealedToken,
        signer: &Signer,
        (input, signature): (&[u8], &[u8]),
        first: bool,
        now: EventTime,
    ) -> SignatureCheck {
        let alg = Alg::of(&token.claims.header.alg);
        let Some(set) = self.keys.of(&signer.issuer, &signer.host, now) else {
            return SignatureCheck::NotChecked;
        };
        if !alg.is_asymmetric() || alg == Alg::OtherAsymmetric {
            return SignatureCheck::Unsupported;
        }
        let kid = token.claims.header.kid.as_ref();
        let named: Vec<&PublicKey> =
            set.keys.iter().copied().filter(|key| kid.is_some() && key.kid.as_ref() == kid).collect();
        // Without a name, a wrong signature is this key's only if it is the only one.
        let (candidates, certain) = match (named.is_empty(), kid) {
            (false, _) => (named, true),
            (true, _) if !set.bound => return SignatureCheck::NotChecked,
            (true, None) => (set.keys.clone(), set.keys.len() == 1),
            (true, Some(_)) => {
                let nameless = set.keys.iter().copied().filter(|key| key.kid.is_none()).collect();
                (nameless, set.keys.len() == 1)
            }
        };
        let mut told = SignatureCheck::KeyUnknown;
        for key in candidates.into_iter().take(CANDIDATES_MAX) {
            if !self.checks.take(1, first, now) {
                self.counters.over_budget += 1;
                return SignatureCheck::OverBudget;
            }
            self.counters.checked += 1;
            match key.check(alg, input, signature) {
                SignatureCheck::Valid => return SignatureCheck::Valid,
                SignatureCheck::Invalid if !certain => {}
                other => told = other,
            }
        }
        told
    }

    /// Tries well-known secrets, then the issuer's public keys taken for secrets.
    fn try_secrets(
        &mut self,
        verdict: &mut Verdict,
        token: &SealedToken,
        signer: &Signer,
        (input, signature): (&[u8], &[u8]),
        first: bool,
        now: EventTime,
    ) {
        let Some(alg) = Alg::of(&token.claims.header.alg).hmac() else { return };
        let kid = token.claims.header.kid.as_ref();
        let keys = self.keys.of(&signer.issuer, &signer.host, now).map(|set| set.keys).unwrap_or_default();
        let is_named = |key: &&&PublicKey| kid.is_some() && key.kid.as_ref() == kid;
        let named: Vec<&PublicKey> = keys.iter().filter(is_named).copied().collect();
        let keys = if named.is_empty() { keys } else { named };
        let forms: Vec<Vec<u8>> =
            keys.iter().take(CANDIDATES_MAX).flat_map(|key| pem::as_secrets(&key.material)).collect();
        let known = self.reference.secrets().map(known::SecretList::len).sum::<usize>();
        if !self.secrets.take(known + forms.len(), first, now) {
            self.counters.over_budget += 1;
            verdict.check = SignatureCheck::OverBudget;
            return;
        }
        self.counters.searched += 1;
        verdict.known_secret = self.reference.secrets().find_map(|list| list.find(alg, input, signature));
        if forms.iter().any(|form| known::signs(alg, form, input, signature)) {
            verdict.confusion = Some(Confusion::Proved);
        }
    }

    /// Compares the token with others of the same signature and the same `jti`. A right signature clears it.
    fn is_tampered(&mut self, claims: &Claims, signer: &Signer, check: SignatureCheck) -> bool {
        let genuine = check == SignatureCheck::Valid;
        let mut tampered = false;
        if let Some(signature) = claims.marks.signature {
            let input = self.signatures.entry(&signature, || claims.marks.input);
            tampered |= *input != claims.marks.input;
            if genuine {
                *input = claims.marks.input;
            }
        }
        if let Some(ticket) = ticket(claims, signer) {
            let holder = self.tickets.entry(&ticket, || Holder::of(claims));
            tampered |= !holder.shared && holder.differs(claims);
        }
        tampered && !genuine
    }
}

impl Holder {
    fn of(claims: &Claims) -> Self {
        Self { subject: claims.marks.subject, scope: claims.marks.scope, shared: false }
    }
}

fn ticket(claims: &Claims, signer: &Signer) -> Option<Ticket> {
    Some(Ticket { jti: claims.marks.jti?, host: signer.host.clone(), refreshes: claims.refreshes })
}

/// The host a request was sent to.
fn host(tx: &Transaction) -> Arc<str> {
    tx.request.as_ref().map(|request| request.host.clone()).unwrap_or_default()
}
