//! Names and what each is unique in: an e-mail address everywhere, a user name on its host, a subject at its issuer.
//! It is given the texts of clues and the exchange they came from.
//! It promises that names of different sorts never meet: who calls himself `7` is not the account whose id is 7.

use crate::identity::clues::{AccountNames, TokenSubject};
use heelguard_detectors::transaction::Transaction;
use std::sync::Arc;

/// What sort of name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    /// An e-mail address.
    Mail,
    /// A user name, as typed at a login or shown in an answer.
    Login,
    /// The id that the server gave the account.
    Id,
    /// The subject of an issuer's tokens.
    Subject,
    /// An OAuth client.
    Client,
}

impl Sort {
    pub(super) const ALL: [Self; 5] = [Self::Mail, Self::Login, Self::Id, Self::Subject, Self::Client];
}

/// A name with what it is unique in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) sort: Sort,
    /// The host, the issuer, or nothing.
    pub(super) realm: Arc<str>,
    pub(super) text: Arc<str>,
}

impl Name {
    /// What somebody typed, or what an answer calls a user.
    pub(super) fn of_user(realm: &Arc<str>, name: &Arc<str>) -> Self {
        if name.contains('@') {
            Self { sort: Sort::Mail, realm: Arc::from(""), text: lower(name) }
        } else {
            Self { sort: Sort::Login, realm: realm.clone(), text: lower(name) }
        }
    }

    /// A server's id of an account. Ids may differ in case alone.
    pub(super) fn of_id(realm: &Arc<str>, id: &Arc<str>) -> Self {
        Self { sort: Sort::Id, realm: realm.clone(), text: id.clone() }
    }

    /// An OAuth client.
    pub(super) fn of_client(realm: &Arc<str>, client: &Arc<str>) -> Self {
        Self { sort: Sort::Client, realm: realm.clone(), text: client.clone() }
    }

    /// A subject. Tokens that do not say who issued them are the host's own.
    pub(super) fn of_subject(realm: &Arc<str>, subject: &TokenSubject) -> Self {
        let realm = if subject.issuer.is_empty() { realm } else { &subject.issuer };
        Self { sort: Sort::Subject, realm: realm.clone(), text: subject.subject.clone() }
    }

    /// Whether two different names of this sort and realm mean two accounts.
    pub(super) fn rivals(&self, other: &Self) -> bool {
        self.sort == other.sort && self.realm == other.realm && self.text != other.text
    }
}

/// The names an answer gives, the surest first: id, e-mail, user name; each with the text to show.
pub(super) fn answered(realm: &Arc<str>, names: &AccountNames) -> Vec<(Name, Arc<str>)> {
    let id = names.id.iter().map(|id| (Name::of_id(realm, id), id.clone()));
    let of_user = |name: &Arc<str>| (Name::of_user(realm, name), name.clone());
    id.chain(names.email.iter().map(of_user)).chain(names.user_name.iter().map(of_user)).collect()
}

/// Where the names of an exchange are unique: on the host that was asked, or at the address where none is named.
pub(super) fn realm(tx: &Transaction) -> Arc<str> {
    match tx.request.as_ref().map(|request| &request.host).filter(|host| !host.is_empty()) {
        Some(host) => host.clone(),
        None => Arc::from(tx.flow.dst.to_string()),
    }
}

fn lower(name: &Arc<str>) -> Arc<str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Arc::from(name.to_ascii_lowercase())
    } else {
        name.clone()
    }
}
