//! Who acts and with what proof, as far as one exchange alone tells; lineage knows better.
//! It is given clues and hashed credentials and gives a principal, a proof, JWT facts and the transaction's id.
//! It promises that a credential that cannot be read stands for nobody.

use super::Proved;
use crate::http::Exchange;
use crate::identity::clues::Clues;
use crate::identity::credential::Presented;
use crate::identity::jwt::Claims;
use crate::identity::step::{MfaStep, Step};
use crate::identity::text;
use heelguard_detectors::identity::{
    CredentialKind, Principal, PrincipalKind, PrincipalSource, Proof, ProofLevel,
};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::token::Jwt;
use heelguard_detectors::transaction::{LoginOutcome, MfaEvent, MfaOutcome, Outcome, TransactionId};
use std::net::IpAddr;
use std::sync::Arc;

/// Who acts, as far as this exchange alone tells.
pub(super) fn provisional_principal(clues: &Clues, proved: &Proved, ip: IpAddr) -> Principal {
    let of = |kind, id: &Arc<str>, source| Principal { kind, id: id.clone(), source };
    if let Some(name) = &clues.login_name {
        let basic = proved
            .credentials
            .iter()
            .any(|c| matches!(c.kind, CredentialKind::Basic | CredentialKind::Digest));
        let source = if basic { PrincipalSource::Credential } else { PrincipalSource::Login };
        return of(PrincipalKind::User, name, source);
    }
    if let Some(subject) = &clues.presented_subject {
        let kind = if subject.service { PrincipalKind::Service } else { PrincipalKind::User };
        return of(kind, subject.name.as_ref().unwrap_or(&subject.subject), PrincipalSource::Jwt);
    }
    if let Some(name) = clues.answered.primary() {
        return of(PrincipalKind::User, name, PrincipalSource::Response);
    }
    if let Some(person) = clues.issued_subject.as_ref().filter(|subject| !subject.service) {
        return of(
            PrincipalKind::User,
            person.name.as_ref().unwrap_or(&person.subject),
            PrincipalSource::Jwt,
        );
    }
    if let Some(client) = &clues.client_id {
        return of(PrincipalKind::Service, client, PrincipalSource::Credential);
    }
    let first = proved.credentials.iter().find(|c| names_a_holder(c.kind));
    if let Some(credential) = first {
        let hex = credential.fingerprint.to_string();
        let kind = match credential.kind {
            CredentialKind::ApiKey | CredentialKind::Signature | CredentialKind::Hawk => PrincipalKind::Key,
            CredentialKind::ClientCertificate => PrincipalKind::Cert,
            _ => PrincipalKind::Session,
        };
        return Principal {
            kind,
            id: hex.get(..8).unwrap_or(&hex).into(),
            source: PrincipalSource::Credential,
        };
    }
    Principal { kind: PrincipalKind::Anonymous, id: ip.to_string().into(), source: PrincipalSource::Address }
}

/// Whether a credential is the same on every use. Proofs and handshakes are new each time; a Basic credential
/// that cannot be read would make one actor of all who send rubbish.
fn names_a_holder(kind: CredentialKind) -> bool {
    use CredentialKind as K;
    !matches!(kind, K::Dpop | K::MfaToken | K::Basic | K::Digest | K::Negotiate | K::ClientSecret)
}

/// What was proved, as far as this exchange alone tells.
pub(super) fn provisional_proof(step: &Step<'_>, proved: &Proved, clues: &Clues, end: EventTime) -> Proof {
    let with = |level| Proof { level, account_has_mfa: clues.enrolled_mfa, ..Proof::UNKNOWN };
    let succeeded = |m: &MfaStep<'_>| {
        matches!(m.event, MfaEvent::Attempt | MfaEvent::Confirmation) && m.outcome == MfaOutcome::Success
    };
    if let Some(m) = step.mfa.filter(succeeded) {
        return Proof { factor: Some(m.factor), mfa_at: Some(end), ..with(ProofLevel::Mfa) };
    }
    if step.login == Some(LoginOutcome::Success) {
        return with(ProofLevel::Password);
    }
    if let Some(subject) = &clues.presented_subject {
        return with(match (subject.service, subject.says_mfa) {
            (true, _) => ProofLevel::ServiceToken,
            // What a refused token says of its bearer is only a claim.
            (false, true) if step.outcome != Outcome::Denied => ProofLevel::Mfa,
            (false, _) => ProofLevel::Unknown,
        });
    }
    let Some(first) = proved.credentials.first() else { return with(ProofLevel::None) };
    with(match first.kind {
        CredentialKind::Basic | CredentialKind::Digest => ProofLevel::Password,
        CredentialKind::ApiKey | CredentialKind::Signature | CredentialKind::Hawk => ProofLevel::ApiKey,
        CredentialKind::ClientSecret => ProofLevel::ServiceToken,
        CredentialKind::ClientCertificate => ProofLevel::Certificate,
        _ => ProofLevel::Unknown,
    })
}

pub(super) fn jwt_facts(claims: &Claims, exchange: &Exchange, presented: &Presented<'_>) -> Jwt {
    let now = i64::try_from(exchange.time.as_secs()).unwrap_or(i64::MAX);
    // Whoever makes the token writes these texts: a secret of the request may stand in them.
    let shown = |said: &Arc<str>| {
        let telling = presented.is_within(said.as_bytes()) || text::tells_secret(said.as_bytes());
        if telling { Arc::from(text::MASK) } else { said.clone() }
    };
    Jwt {
        alg: shown(&claims.alg),
        kid: claims.kid.as_ref().map(shown),
        iss: claims.iss.as_ref().map(shown),
        expires_in_s: claims.exp.map(|exp| exp.saturating_sub(now)),
        amr: claims.amr.iter().map(shown).collect(),
        acr: claims.acr.as_ref().map(shown),
        signature: claims.signature,
        ..Jwt::of_alg("")
    }
}

/// A hash of the flow, the first byte's time and the position, with the version and variant bits of RFC 9562.
pub(super) fn id_of(exchange: &Exchange) -> TransactionId {
    let mut hasher = blake3::Hasher::new();
    for end in [exchange.client, exchange.server] {
        let ip = match end.ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        hasher.update(&ip.octets()).update(&end.port.to_be_bytes());
    }
    for number in [exchange.flow_opened_at.as_nanos(), exchange.time.as_nanos(), u64::from(exchange.ordinal)]
    {
        hasher.update(&number.to_be_bytes());
    }
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    let id = u128::from_be_bytes(out);
    let version = 0xF << 76;
    let variant = 0b11 << 62;
    TransactionId(id & !version & !variant | 8 << 76 | 0b10 << 62)
}
