//! What was proved, as words and colours: the same ones on every page and in every report.
//! It is given proof levels, and successes by them.
//! It promises that what is not known has a colour of its own and is never left out.

use super::html::{Html, grouped};
use super::parts::share;
use super::svg;
use crate::ledger::endpoint::Proofs;
use heelguard_detectors::identity::ProofLevel;

/// Proof levels as pictures show them: the strongest proof of a person first, what is not known last.
pub(crate) const PROOFS: [ProofLevel; 7] = [
    ProofLevel::Mfa,
    ProofLevel::Certificate,
    ProofLevel::Password,
    ProofLevel::ServiceToken,
    ProofLevel::ApiKey,
    ProofLevel::None,
    ProofLevel::Unknown,
];

/// What a proof level is called where people read it.
pub(crate) const fn proof_words(level: ProofLevel) -> &'static str {
    match level {
        ProofLevel::None => "no credential",
        ProofLevel::Unknown => "unknown",
        ProofLevel::Password => "password only",
        ProofLevel::Mfa => "second factor",
        ProofLevel::ApiKey => "static key",
        ProofLevel::ServiceToken => "service token",
        ProofLevel::Certificate => "certificate",
    }
}

/// The class of a proof level in pictures.
pub(crate) const fn proof_class(level: ProofLevel) -> &'static str {
    match level {
        ProofLevel::None => "p-none",
        ProofLevel::Unknown => "p-unknown",
        ProofLevel::Password => "p-password",
        ProofLevel::Mfa => "p-mfa",
        ProofLevel::ApiKey => "p-key",
        ProofLevel::ServiceToken => "p-service",
        ProofLevel::Certificate => "p-certificate",
    }
}

/// What the colours of proofs mean.
pub(crate) fn legend(html: &mut Html) {
    html.raw("<ul class=\"legend\" aria-label=\"Colours of proofs\">");
    for level in PROOFS {
        html.raw("<li><span class=\"swatch ").raw(proof_class(level)).raw("\"></span>");
        html.raw(proof_words(level)).raw("</li>");
    }
    html.raw("</ul>");
}

/// A bar of proofs with its numbers: the colours that are in it, each with what it stands for.
pub(crate) fn proofs_told(html: &mut Html, proofs: &Proofs) {
    let all: u64 = proofs.iter().sum();
    proof_bar(html, proofs);
    html.raw("<ul class=\"legend\" aria-label=\"Successes by proof\">");
    for level in PROOFS {
        let count = proofs.get(level as usize).copied().unwrap_or(0);
        if count > 0 {
            html.raw("<li><span class=\"swatch ").raw(proof_class(level)).raw("\"></span>");
            html.raw(proof_words(level)).raw(" ").text(grouped(count));
            html.text(format_args!(" ({})", share(count, all))).raw("</li>");
        }
    }
    html.raw("</ul>");
}

/// The parts of a bar of proofs.
pub(crate) fn proof_bar(html: &mut Html, proofs: &Proofs) {
    let parts = PROOFS.map(|level| {
        (proof_class(level), proof_words(level), proofs.get(level as usize).copied().unwrap_or(0))
    });
    if parts.iter().any(|part| part.2 > 0) {
        svg::bar(html, &parts);
    } else {
        html.raw("<span class=\"soft\">none</span>");
    }
}
