//! How an issuer signs with a key: what was seen of it so far.
//! It is given accepted and issued tokens, each once, in order.
//! It promises that what a server refused teaches nothing: it may be anybody's.

use super::alg::Alg;
use super::claims::Claims;
use heelguard_detectors::saved::saved;
use std::sync::Arc;

/// Asymmetric tokens after which a shared secret is a surprise (20: no trial run, and no coincidence).
const SETTLED: u32 = 20;

/// Who signs, and with which key. A token without issuer belongs to the host it is used on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Signer {
    pub(super) issuer: Arc<str>,
    pub(super) host: Arc<str>,
    kid: Option<Arc<str>>,
}

saved!(Signer { issuer, host, kid });

impl Signer {
    pub(super) fn of(claims: &Claims, host: &Arc<str>) -> Self {
        let issuer = claims.iss.clone().unwrap_or_default();
        let host = if issuer.is_empty() { host.clone() } else { Arc::default() };
        Self { issuer, host, kid: claims.header.kid.clone() }
    }
}

/// What this signer did so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    asymmetric: u32,
    /// A shared secret was in use before anything was settled: both are this signer's way.
    mixed: bool,
    /// Algorithms that were presented, one bit each.
    presented: u16,
}

saved!(History { asymmetric, mixed, presented });

impl History {
    /// Whether this algorithm is presented for the first time.
    pub(super) fn presents(&mut self, alg: Alg) -> bool {
        let first = self.presented & alg.bit() == 0;
        self.presented |= alg.bit();
        first
    }

    /// Takes a token that its server made, or believed.
    pub(super) fn take(&mut self, alg: Alg) {
        if alg.is_asymmetric() {
            self.asymmetric = self.asymmetric.saturating_add(1);
        } else if alg.hmac().is_some() && !self.is_asymmetric() {
            self.mixed = true;
        }
    }

    /// Whether this signer never used anything but private keys, for long enough.
    pub(super) fn is_asymmetric(self) -> bool {
        self.asymmetric >= SETTLED && !self.mixed
    }
}
