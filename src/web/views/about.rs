//! Whom and what an alert is about, as places on these pages.
//! It is given an alert, whose subject is a word with a scope, and the run.
//! It promises one answer for every view, and that a word is looked at by its scope: a host that is called
//! `user:bob@example.com` is not Bob.

use super::Sight;
use super::parts::{principal, principal_named};
use crate::web::html::Html;
use heelguard_detectors::alert::{Alert, Scope};
use heelguard_detectors::identity::PrincipalKind;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// Hexadecimal digits of a fingerprint.
const FINGERPRINT_CHARS: usize = 32;

/// The key of the principal that is an alert's subject, if a principal is. A source is the one who acts from there
/// without a name.
pub(super) fn subject_key(alert: &Alert) -> Option<String> {
    let value = &*alert.subject.value;
    match alert.subject.scope {
        Scope::Principal => Some(value.to_owned()),
        Scope::Client => {
            // Of IPv6 a network is counted, and an address acts.
            let network = value.strip_suffix("/64");
            let address = alert.client.as_ref().map(|client| client.ip.to_string());
            Some(key_of_address(
                &network.map_or_else(|| value.to_owned(), |net| address.unwrap_or(net.to_owned())),
            ))
        }
        Scope::Credential | Scope::Session | Scope::Endpoint | Scope::Service => None,
    }
}

/// The keys of all principals that an alert speaks of: its subject and its account.
pub(super) fn keys(alert: &Alert) -> BTreeSet<String> {
    let who = alert.principal.as_ref().map(heelguard_detectors::identity::Principal::key);
    subject_key(alert).into_iter().chain(who).collect()
}

/// Whether an alert speaks of this principal.
pub(super) fn is_about(alert: &Alert, key: &str) -> bool {
    subject_key(alert).is_some_and(|subject| subject == key)
        || alert.principal.as_ref().is_some_and(|who| who.key() == key)
}

/// The subject as a link: to the principal, to the credential, or to the list it is searched in.
pub(super) fn subject(html: &mut Html, alert: &Alert) {
    let value = &*alert.subject.value;
    match (alert.subject.scope, subject_key(alert)) {
        (_, Some(key)) if key == value => principal(html, &key),
        (_, Some(key)) => principal_named(html, &key, value),
        (Scope::Credential | Scope::Session, None) => match value.get(..FINGERPRINT_CHARS) {
            Some(fingerprint) => {
                html.raw("<a class=\"mono\" href=\"/keys/")
                    .part(fingerprint)
                    .raw("\">")
                    .wire(value)
                    .raw("</a>");
            }
            None => {
                html.wire(value);
            }
        },
        (Scope::Endpoint, None) => {
            // What is about a part of its traffic names it in brackets, which no endpoint has in its name.
            let whole =
                value.strip_suffix(')').and_then(|value| value.rsplit_once(" (")).map_or(value, |it| it.0);
            search(html, "/endpoints?q=", whole, value);
        }
        (_, None) => search(html, "/?q=", value, value),
    }
}

/// Who it is, in a list: the account or the source, rather than what they used or where.
pub(super) fn who(html: &mut Html, alert: &Alert) {
    let is_actor = matches!(alert.subject.scope, Scope::Principal | Scope::Client);
    match alert.principal.as_ref().map(heelguard_detectors::identity::Principal::key).filter(|_| !is_actor) {
        Some(key) => principal_named(html, &key, person(&key)),
        None => match subject_key(alert) {
            Some(key) if key == *alert.subject.value => principal_named(html, &key, person(&key)),
            _ => subject(html, alert),
        },
    }
}

/// A person's name without the word that it is one.
fn person(key: &str) -> &str {
    match key.split_once(':') {
        Some((kind, id)) if kind == PrincipalKind::User.name() => id,
        _ => key,
    }
}

/// An address as a link: to who acts from there without a name, else to the alerts that name it.
pub(super) fn address(html: &mut Html, sight: &Sight<'_>, address: IpAddr) {
    let text = address.to_string();
    if sight.ledger.principal(PrincipalKind::Anonymous, &text).is_some() {
        principal_named(html, &key_of_address(&text), &text);
    } else {
        search(html, "/?q=", &text, &text);
    }
}

/// A link to a list that is searched for some words. A search has less room than a word of traffic may take.
pub(super) fn search(html: &mut Html, list: &'static str, words: &str, shown: &str) {
    let end = words.char_indices().nth(super::parts::SEARCH_CHARS_MAX).map_or(words.len(), |(end, _)| end);
    html.raw("<a href=\"")
        .raw(list)
        .part(words.get(..end).unwrap_or_default())
        .raw("\">")
        .wire(shown)
        .raw("</a>");
}

/// The alerts that speak of a principal.
pub(super) fn alerts_about(sight: &Sight<'_>, key: &str) -> Vec<Arc<Alert>> {
    let mut alerts = sight.ledger.alerts();
    alerts.retain(|alert| is_about(alert, key));
    alerts
}

fn key_of_address(address: &str) -> String {
    format!("{}:{address}", PrincipalKind::Anonymous)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::record::samples;
    use heelguard_detectors::alert::Subject;

    fn key(scope: Scope, value: &str) -> Option<String> {
        subject_key(&Alert { subject: Subject { scope, value: value.into() }, ..samples::alert() })
    }

    #[test]
    fn a_word_is_looked_at_by_its_scope() {
        let some = |key: &str| Some(key.to_owned());
        assert_eq!(key(Scope::Principal, "user:bob@corp"), some("user:bob@corp"));
        assert_eq!(key(Scope::Client, "105.4.252.170"), some("anonymous:105.4.252.170"));
        assert_eq!(
            key(Scope::Client, "2001:db8::/64"),
            some("anonymous:203.0.113.7"),
            "the address that acted"
        );
        for scope in [Scope::Service, Scope::Endpoint, Scope::Credential, Scope::Session] {
            assert_eq!(key(scope, "user:bob@corp"), None, "{scope}");
        }
    }
}
