//! What a sensor does with sightings that are completed elsewhere.
//! It is given them in the order of events, fills in what its desk finds out about tokens, and veils what only a sensor
//! may hold.
//! It promises that what leaves holds no token, nothing of tokens that were handed out, no published key, and no hash
//! that a short secret could be tried with.

use super::clues::Sighting;
use super::jwt::{Publication, TokenDesk, TokenReference};
use super::secret::Keyring;
use crate::metrics::TokenCounters;
use std::sync::Arc;

/// A desk without a memory of who is who behind it.
pub struct Bench {
    desk: TokenDesk,
    keyring: Keyring,
}

impl Bench {
    /// With nothing learned of tokens yet.
    pub fn new(reference: Arc<TokenReference>, keyring: &Keyring) -> Self {
        Self { desk: TokenDesk::new(reference), keyring: keyring.clone() }
    }

    /// Knows other tokens beforehand; what was learned stays.
    pub fn consult(&mut self, reference: Arc<TokenReference>) {
        self.desk.consult(reference);
    }

    /// Judges the presented token, learns from what the answer hands out and publishes, and leaves none of it in there.
    /// Gives back a published document that other sensors may be told of.
    pub fn judge(&mut self, sighting: &mut Sighting) -> Option<Publication> {
        let Sighting { transaction, clues } = sighting;
        let news = self.desk.judge(transaction, clues);
        // The desk takes them; that they are gone is promised here.
        (clues.token, clues.published) = (None, None);
        clues.issued_tokens = Vec::new();
        news.filter(Publication::may_be_told)
    }

    /// Takes what another sensor saw published: signatures are checked by it from here on.
    pub fn hear(&mut self, publication: &Publication) {
        self.desk.hear(publication);
    }

    /// Puts under the deployment's key what is only a quick hash so far. Equal ones stay equal, at every sensor.
    pub fn veil(&self, sighting: &mut Sighting) {
        let Sighting { transaction, clues } = sighting;
        let veil = |mark: &mut u64| *mark = self.keyring.veiled(*mark);
        veil(&mut clues.request_hash);
        veil(&mut clues.response_hash);
        clues.dpop_jti.iter_mut().for_each(veil);
        if let Some(request) = &mut transaction.request {
            veil(&mut request.mark);
        }
    }

    /// What was done to find out about tokens.
    pub fn counters(&self) -> TokenCounters {
        self.desk.counters()
    }
}
