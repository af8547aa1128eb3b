//! Who acts and with what proof, as far as one exchange alone tells; lineage knows better.
//! It is given clues and hashed credentials and gives a principal, a proof and the transaction's id.
//! It promises that a credential that cannot be read stands for nobody.

use super::Proved;
use crate::decode::{Endpoint, Tunnel};
use crate::http::Exchange;
use crate::identity::clues::Clues;
use crate::identity::step::{MfaStep, Step};
use crate::tls::{Seen, Transport};
use heelguard_detectors::identity::{
    CredentialKind, Fingerprint, Principal, PrincipalKind, PrincipalSource, Proof, ProofLevel,
};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{LoginOutcome, MfaEvent, MfaOutcome, Outcome, TransactionId};
use std::net::IpAddr;
use std::sync::Arc;

/// Who acts, as far as this exchange alone tells.
pub(super) fn provisional_principal(clues: &Clues, proved: &Proved, ip: IpAddr) -> Principal {
    let of = |kind, id: &Arc<str>, source| Principal { kind, id: id.clone(), source };
    if let Some(name) = &clues.login_name {
        let basic = proved.credentials.iter().any(|c| {
            use CredentialKind as K;
            matches!(c.kind, K::Basic | K::Digest | K::Negotiate)
        });
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
    if let Some(subject) = &proved.certificate_subject {
        return of(PrincipalKind::Cert, subject, PrincipalSource::Certificate);
    }
    let first = proved.credentials.iter().find(|c| names_a_holder(c.kind, proved));
    if let Some(credential) = first {
        let kind = match credential.kind {
            CredentialKind::ApiKey | CredentialKind::Signature | CredentialKind::Hawk => PrincipalKind::Key,
            CredentialKind::ClientCertificate => PrincipalKind::Cert,
            _ => PrincipalKind::Session,
        };
        return Principal {
            kind,
            id: short_name(credential.fingerprint),
            source: PrincipalSource::Credential,
        };
    }
    Principal { kind: PrincipalKind::Anonymous, id: ip.to_string().into(), source: PrincipalSource::Address }
}

/// The first eight hex digits of a fingerprint.
fn short_name(fingerprint: Fingerprint) -> Arc<str> {
    let digit = |bits: u8| char::from_digit(u32::from(bits), 16).unwrap_or('0') as u8;
    let [a, b, c, d, ..] = fingerprint.0.map(|byte| [digit(byte >> 4), digit(byte & 0xF)]);
    std::str::from_utf8([a, b, c, d].as_flattened()).unwrap_or_default().into()
}

/// Whether a credential is the same on every use. Proofs and handshakes are new each time; a Basic credential
/// that cannot be read would make one actor of all who send rubbish.
fn names_a_holder(kind: CredentialKind, proved: &Proved) -> bool {
    use CredentialKind as K;
    if kind == K::ClientCertificate {
        return proved.certificate_believed;
    }
    !matches!(kind, K::Dpop | K::MfaToken | K::Basic | K::Digest | K::Negotiate | K::ClientSecret)
}

/// What was proved, as far as this exchange alone tells.
pub(super) fn provisional_proof(step: &Step<'_>, proved: &Proved, clues: &Clues, end: EventTime) -> Proof {
    let with = |level| Proof { level, account_has_mfa: clues.enrolled_mfa, ..Proof::UNKNOWN };
    let is_proof = |m: &MfaStep<'_>| {
        matches!(m.event, MfaEvent::Attempt | MfaEvent::Confirmation) && m.outcome == MfaOutcome::Success
    };
    if let Some(m) = step.mfa.filter(is_proof) {
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
        CredentialKind::ClientCertificate if proved.certificate_believed => ProofLevel::Certificate,
        _ => ProofLevel::Unknown,
    })
}

/// A hash of the flow, the first byte's time and the position, with the version and variant bits of RFC 9562.
pub(super) fn id_of(exchange: &Exchange) -> TransactionId {
    let Exchange { client, server, tunnel, flow_opened_at, time, ordinal, .. } = exchange;
    id([client, server], *tunnel, [*flow_opened_at, *time], u64::from(*ordinal))
}

/// The same for a connection that was not read; the position of a message never has its highest bit.
pub(super) fn id_of_connection(seen: &Seen) -> TransactionId {
    let Seen { client, server, tunnel, flow_opened_at, time, ordinal, transport, .. } = seen;
    let kind = 0b10 | u64::from(*transport == Transport::Quic);
    id([client, server], *tunnel, [*flow_opened_at, *time], u64::from(*ordinal) | kind << 62)
}

fn id(ends: [&Endpoint; 2], tunnel: Tunnel, times: [EventTime; 2], ordinal: u64) -> TransactionId {
    let [(client, client_port), (server, server_port)] = ends.map(|end| {
        let ip = match end.ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        (ip.octets(), end.port.to_be_bytes())
    });
    let [opened_at, time] = times.map(|time| time.as_nanos().to_be_bytes());
    let ordinal = ordinal.to_be_bytes();
    // Tenants of one machine have the same addresses, and at times the same microsecond.
    let network = tunnel.number().map(u32::to_be_bytes);
    let network: &[u8] = network.as_ref().map_or(&[], |number| number);
    // One block of the hash.
    let mut block = [0u8; 64];
    let parts: [&[u8]; 8] =
        [&client, &client_port, &server, &server_port, &opened_at, &time, &ordinal, network];
    let mut length = 0;
    for part in parts {
        if let Some(slot) = block.get_mut(length..length + part.len()) {
            slot.copy_from_slice(part);
            length += part.len();
        }
    }
    let hash = blake3::hash(block.get(..length).unwrap_or(&block));
    let id = hash.as_bytes().first_chunk().map_or(0, |half| u128::from_be_bytes(*half));
    let version = 0xF << 76;
    let variant = 0b11 << 62;
    TransactionId(id & !version & !variant | 8 << 76 | 0b10 << 62)
}
