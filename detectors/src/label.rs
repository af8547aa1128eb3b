//! What a route is for: login, second factor, keys, money. Rules ask a route's labels, never its words.
//! The sensor's `identity` layer gives them, from presets, the operator's own labels, and the words of a path.
//! It promises a closed list: a label is a class, not a free text.

use crate::identity::{Fingerprint, named};
use crate::saved::saved;
use std::fmt;
use std::sync::Arc;

named! {
    /// One thing a route can be for.
    Label {
        /// A password is checked here.
        Login => "login",
        /// A second factor is asked for, sent or checked here.
        Mfa => "mfa",
        /// Tokens are issued, refreshed or exchanged here.
        Token => "token",
        /// A session ends here.
        Logout => "logout",
        /// An account is made by its owner.
        SignUp => "sign_up",
        /// Sessions are shown, made and ended here.
        Session => "session",
        /// The caller's own account.
        Account => "account",
        /// Endpoints of an authorization server that serve programs: introspection, revocation, registration.
        OAuth => "oauth",
        /// Administration in general.
        Admin => "admin",
        /// Accounts of others are made, changed or removed.
        Users => "users",
        /// Roles, permissions and grants.
        Role => "role",
        /// Static keys are made, listed or removed.
        Key => "key",
        /// Second factors are added, replaced or removed.
        Factor => "factor",
        /// A password is changed or reset.
        Password => "password",
        /// Money moves.
        Payment => "payment",
        /// Data leaves in bulk by design.
        Export => "export",
    }
}

/// The labels of one route.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(u32);

saved!(Labels { 0 });

impl Labels {
    /// No label: an ordinary API call.
    pub const NONE: Self = Self(0);
    /// What a program's key should rarely be able to do: users, roles, keys, security settings, export.
    pub const PRIVILEGED: Self =
        Self::of(&[Label::Admin, Label::Users, Label::Role, Label::Key, Label::Factor, Label::Export]);
    /// What a person should prove a fresh second factor for.
    pub const SENSITIVE: Self =
        Self::of(&[Label::Password, Label::Factor, Label::Payment, Label::Export, Label::Role, Label::Key]);

    /// The set of these labels.
    pub const fn of(labels: &[Label]) -> Self {
        let (mut set, mut i) = (0, 0);
        while i < labels.len() {
            set |= 1 << labels[i] as u32;
            i += 1;
        }
        Self(set)
    }

    /// Adds one label.
    pub fn insert(&mut self, label: Label) {
        self.0 |= 1 << label as u32;
    }

    /// What one or the other has.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the route has this label.
    pub const fn has(self, label: Label) -> bool {
        self.0 & (1 << label as u32) != 0
    }

    /// Whether the route has one of these labels.
    pub const fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// Whether the route has no label.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The labels, in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = Label> {
        Label::ALL.iter().copied().filter(move |&label| self.has(label))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Label::name)).finish()
    }
}

named! {
    /// What an exchange looks like on a route whose words say nothing.
    Clue {
        /// The request has a field that is called like a password, or filled like one.
        PasswordField => "password_field",
        /// The request has a field of six to eight digits.
        CodeField => "code_field",
        /// The answer hands out a session, token or key.
        HandsOut => "hands_out",
        /// The answer shows a second factor's secret.
        ShowsOtpSecret => "shows_otp_secret",
    }
}

/// What an exchange with an unlabelled route looks like: names and fingerprints, for proposals of labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    clues: u8,
    /// The field that looks like a password.
    pub password_field: Option<Arc<str>>,
    /// The field that looks like a one-time code.
    pub code_field: Option<Arc<str>>,
    /// The first things handed out.
    pub issued: Vec<Fingerprint>,
}

saved!(Hints { clues, password_field, code_field, issued });

impl Hints {
    /// Adds one clue.
    pub fn insert(&mut self, clue: Clue) {
        self.clues |= 1 << clue as u8;
    }

    /// Whether the exchange has this clue.
    pub const fn has(&self, clue: Clue) -> bool {
        self.clues & (1 << clue as u8) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut labels = Labels::NONE;
        assert!(labels.is_empty());
        labels.insert(Label::Export);
        assert!(labels.has(Label::Export) && !labels.has(Label::Login));
        assert!(labels.any(Labels::PRIVILEGED) && labels.any(Labels::SENSITIVE));
        assert!(!Labels::of(&[Label::Login, Label::Token]).any(Labels::PRIVILEGED));
        assert_eq!(format!("{labels:?}"), r#"{"export"}"#);
    }
}
