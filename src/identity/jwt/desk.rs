//! The desk where presented tokens are judged, in the order of events.
//! It is given each transaction with its sealed token, the tokens its answer hands out, and the documents it
//! publishes; it fills in what other tokens and keys tell of the presented one.
//! It promises a verdict that depends on that order alone, work within its budgets, and that a sealed token ends here.

use super::alg::Alg;
use super::budget::Budget;
use super::history::{History, Signer};
use super::keys::PublicKey;
use super::keysets::KeySets;
use super::known::{self, SecretList};
use super::pem;
use super::publication::Publication;
use super::reference::TokenReference;
use super::sealed::{IssuedToken, SealedToken};
use super::shelf::Shelf;
use super::twins::Twins;
use crate::identity::clues::Clues;
use crate::metrics::TokenCounters;
use heelguard_detectors::identity::Fingerprint;
use heelguard_detectors::saved::{Damaged, saved};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::token::{Confusion, KnownSecret, SignatureCheck};
use heelguard_detectors::transaction::{Outcome, Transaction};
use std::sync::Arc;

/// Tokens whose verdict is remembered.
const TOKENS_MAX: usize = 131_072;
/// Issuers' keys whose way of signing is remembered.
const SIGNERS_MAX: usize = 16_384;
/// Work in a second of packet time: checks with an RSA key of 2,048 bits, and secrets tried on a token of usual
/// length (each about a fifth of a second on one core).
const CHECKS_PER_SECOND: u32 = 4_000;
const SECRETS_PER_SECOND: u32 = 200_000;
/// Signed bytes that cost one trial more, and one check more.
const BYTES_PER_TRIAL: usize = 1024;
const BYTES_PER_CHECK: usize = 16 * 1024;
/// Keys that one token is tried with.
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

saved!(Seen { counted } fresh { verdict });

/// A signed token under examination.
struct Case<'a> {
    signer: &'a Signer,
    alg: Alg,
    kid: Option<&'a Arc<str>>,
    input: &'a [u8],
    signature: &'a [u8],
    /// The first of its signer with this algorithm.
    first: bool,
    now: EventTime,
}

/// All that is remembered of tokens.
pub(crate) struct TokenDesk {
    reference: Arc<TokenReference>,
    keys: KeySets,
    /// By signer too: a token that names no issuer is tried with the keys of each host it is used on.
    tokens: Shelf<(Fingerprint, Signer), Seen>,
    signers: Shelf<Signer, History>,
    twins: Twins,
    checks: Budget,
    trials: Budget,
    counters: TokenCounters,
}

impl TokenDesk {
    pub(crate) fn new(reference: Arc<TokenReference>) -> Self {
        Self {
            keys: KeySets::new(reference.clone()),
            reference,
            tokens: Shelf::new(TOKENS_MAX),
            signers: Shelf::new(SIGNERS_MAX),
            twins: Twins::new(),
            checks: Budget::new(CHECKS_PER_SECOND),
            trials: Budget::new(SECRETS_PER_SECOND),
            counters: TokenCounters::default(),
        }
    }

    /// Looks things up in another reference from here on.
    pub(crate) fn consult(&mut self, reference: Arc<TokenReference>) {
        self.keys.consult(reference.clone());
        self.reference = reference;
    }

    /// Appends what was learned of keys, signers and tokens. Verdicts are not kept: keys and lists of secrets may be
    /// others when it is loaded, so what was found out is found out again.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.keys.save(out);
        self.tokens.save(out);
        self.signers.save(out);
        self.twins.save(out);
        self.checks.save(out);
        self.trials.save(out);
    }

    /// Goes on from what was saved, and from nothing else: bytes that are left are damage.
    pub(crate) fn load(&mut self, mut from: &[u8]) -> Result<(), Damaged> {
        let from = &mut from;
        self.keys.load(from)?;
        self.tokens = Shelf::load(TOKENS_MAX, from)?;
        self.signers = Shelf::load(SIGNERS_MAX, from)?;
        self.twins.load(from)?;
        self.checks.load(from)?;
        self.trials.load(from)?;
        if from.is_empty() { Ok(()) } else { Err(Damaged) }
    }

    pub(crate) fn counters(&self) -> TokenCounters {
        let tables = self.tokens.evicted + self.signers.evicted;
        TokenCounters {
            evicted: tables + self.twins.evicted() + self.keys.evicted(),
            key_sets: self.keys.learned,
            key_sets_refused: self.keys.refused,
            ..self.counters.clone()
        }
    }

    /// Fills in what is found out about the presented token; learns from what the answer hands out and publishes. Gives
    /// back what is news to others, too.
    pub(crate) fn judge(&mut self, tx: &mut Transaction, clues: &mut Clues) -> Option<Publication> {
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
            for token in &issued {
                self.issued(token, tx);
            }
        }
        let publication = Publication::of(tx, clues.published.take()?)?;
        self.keys.learn(&publication).then_some(publication)
    }

    /// Takes what others saw published, as if it had been seen here.
    pub(crate) fn hear(&mut self, publication: &Publication) {
        self.keys.learn(publication);
    }

    fn presented(&mut self, token: &SealedToken, tx: &Transaction) -> Verdict {
        let signer = Signer::of(&token.claims, &host(tx));
        let id = (token.fingerprint, signer);
        let known = self.tokens.peek(&id).copied();
        let seen = known.unwrap_or_else(|| *self.tokens.entry(&id, Seen::default));
        let signer = &id.1;
        let believed = tx.outcome == Outcome::Success;
        let current = seen.verdict.filter(|verdict| verdict.epoch == self.keys.epoch);
        if let (Some(verdict), true) = (current, seen.counted || !believed) {
            return verdict;
        }
        let mut verdict = current.unwrap_or_else(|| self.examine(token, signer, tx.end));
        let genuine = verdict.check == SignatureCheck::Valid;
        verdict.tampered = self.twins.contradict(&token.claims, signer, genuine, believed);
        if believed && !seen.counted {
            let alg = Alg::of(&token.claims.header.alg);
            self.signers.entry(signer, History::default).take(alg);
        }
        // What was put off is done when the token comes again.
        let settled = verdict.check != SignatureCheck::OverBudget;
        if let Some(seen) = self.tokens.get(&id) {
            *seen = Seen { verdict: settled.then_some(verdict), counted: seen.counted || believed };
        }
        verdict
    }

    fn issued(&mut self, token: &IssuedToken, tx: &Transaction) {
        let signer = Signer::of(&token.claims, &host(tx));
        let seen = self.tokens.entry(&(token.fingerprint, signer.clone()), Seen::default);
        if !std::mem::replace(&mut seen.counted, true) {
            let alg = Alg::of(&token.claims.header.alg);
            self.signers.entry(&signer, History::default).take(alg);
        }
        self.twins.take_issued(&token.claims, &signer);
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
            let kid = token.claims.header.kid.as_ref();
            let case = Case { signer, alg, kid, input, signature: &signature, first, now };
            if alg.hmac().is_some() {
                verdict.confusion = was_asymmetric.then_some(Confusion::Suspected);
                self.try_secrets(&case, &mut verdict);
            } else {
                verdict.check = self.check(&case);
            }
        }
        verdict
    }

    /// Checks the signature with the keys of the issuer, where they are known.
    fn check(&mut self, case: &Case<'_>) -> SignatureCheck {
        let Some(set) = self.keys.of(&case.signer.issuer, &case.signer.host, case.now) else {
            return SignatureCheck::NotChecked;
        };
        if !case.alg.is_asymmetric() || case.alg == Alg::OtherAsymmetric {
            return SignatureCheck::Unsupported;
        }
        let mut candidates = named(&set.keys, case.kid);
        // Of a token that names no key, a wrong signature is that of the only key there is.
        let certain = !candidates.is_empty() || case.kid.is_none() && set.keys.len() == 1;
        if candidates.is_empty() {
            if !set.bound {
                return SignatureCheck::NotChecked;
            }
            let nameless = |key: &&PublicKey| case.kid.is_none() || key.kid.is_none();
            candidates = set.keys.into_iter().filter(nameless).collect();
        }
        let mut told = SignatureCheck::KeyUnknown;
        for key in candidates.into_iter().take(CANDIDATES_MAX) {
            let cost = key.cost() + case.input.len() / BYTES_PER_CHECK;
            if !self.checks.take(cost, case.first, case.now) {
                self.counters.over_budget += 1;
                return SignatureCheck::OverBudget;
            }
            self.counters.checked += 1;
            match key.check(case.alg, case.input, case.signature) {
                SignatureCheck::Valid => return SignatureCheck::Valid,
                SignatureCheck::Invalid if !certain => {}
                other => told = other,
            }
        }
        told
    }

    /// Tries well-known secrets, and the issuer's public keys taken for secrets.
    fn try_secrets(&mut self, case: &Case<'_>, verdict: &mut Verdict) {
        let Some(hash) = case.alg.hmac() else { return };
        let set = self.keys.of(&case.signer.issuer, &case.signer.host, case.now);
        let keys = set.map(|set| set.keys).unwrap_or_default();
        let meant = Some(named(&keys, case.kid)).filter(|named| !named.is_empty()).unwrap_or(keys);
        let meant = meant.get(..CANDIDATES_MAX).unwrap_or(&meant);
        let listed = self.reference.secrets().map(SecretList::len).sum::<usize>();
        let cost = (listed + meant.len() * pem::FORMS) * (1 + case.input.len() / BYTES_PER_TRIAL);
        if !self.trials.take(cost, case.first, case.now) {
            self.counters.over_budget += 1;
            verdict.check = SignatureCheck::OverBudget;
            return;
        }
        self.counters.searched += 1;
        let lists = || self.reference.secrets();
        verdict.known_secret = lists().find_map(|list| list.find(hash, case.input, case.signature));
        let mut forms = meant.iter().flat_map(|key| pem::as_secrets(&key.material));
        if forms.any(|form| known::signs(hash, &form, case.input, case.signature)) {
            verdict.confusion = Some(Confusion::Proved);
        }
    }
}

/// The keys that go by this name.
fn named<'k>(keys: &[&'k PublicKey], kid: Option<&Arc<str>>) -> Vec<&'k PublicKey> {
    keys.iter().copied().filter(|key| kid.is_some() && key.kid.as_ref() == kid).collect()
}

/// The host a request was sent to.
fn host(tx: &Transaction) -> Arc<str> {
    tx.request.as_ref().map(|request| request.host.clone()).unwrap_or_default()
}
