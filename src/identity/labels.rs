//! What a route is for, as the engine needs to know it: more and finer labels than records show.
//! They come from presets, from the operator's own labels, and from the words of a path.
//! It promises a closed set, and that words are looked up, never searched for.

use super::names::Names;
use heelguard_detectors::label::{self, Label};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A set of labels. A route can be several things: `DELETE /session` ends what `GET /session` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(u64);

const fn bit(n: u32) -> Labels {
    Labels(1 << n)
}

impl Labels {
    pub(crate) const NONE: Self = Self(0);
    /// A password is checked here.
    pub(crate) const LOGIN: Self = bit(0);
    /// Words that only second factors use.
    pub(crate) const MFA: Self = bit(1);
    /// Words that second factors use too: `verify`, `challenge`.
    pub(crate) const MAYBE_MFA: Self = bit(2);
    pub(crate) const TOKEN: Self = bit(3);
    pub(crate) const LOGOUT: Self = bit(4);
    pub(crate) const SIGNUP: Self = bit(5);
    /// Static keys are made here.
    pub(crate) const KEY_ISSUE: Self = bit(6);
    /// Where factors are added and removed.
    pub(crate) const ENROLMENT: Self = bit(7);
    /// Sessions themselves: shown, made and ended here.
    pub(crate) const SESSION: Self = bit(8);
    /// Writing here is sensitive.
    pub(crate) const SENSITIVE: Self = bit(9);
    /// The last word is `me`, `session`, `userinfo`, `whoami`: the answer speaks of the caller.
    pub(crate) const OWN_ACCOUNT: Self = bit(10);
    pub(crate) const BACKUP: Self = bit(11);
    /// A password is asked for again in a running session.
    pub(crate) const REAUTH: Self = bit(12);
    pub(crate) const OAUTH_CLIENT: Self = bit(13);
    /// Reading is sensitive too: exports.
    pub(crate) const EXPORT: Self = bit(14);
    /// Interaction pages of an authorization server; ids in the path are tickets.
    pub(crate) const INTERACTION: Self = bit(15);
    /// Collections of factors: `authenticators`, `factors`.
    pub(crate) const FACTORS: Self = bit(16);
    /// A factor is taken away.
    pub(crate) const REMOVAL: Self = bit(17);
    /// Words of push approvals.
    pub(crate) const PUSH: Self = bit(18);
    /// Words that are about second factors where the path is about authentication: `auth/code/confirm`.
    pub(crate) const MFA_IN_AUTH: Self = bit(19);
    /// Words of authentication in general.
    pub(crate) const AUTH: Self = bit(20);
    pub(crate) const ADMIN: Self = bit(21);
    pub(crate) const USERS: Self = bit(22);
    pub(crate) const ROLE: Self = bit(23);
    pub(crate) const PASSWORD: Self = bit(24);
    pub(crate) const PAYMENT: Self = bit(25);
    /// Static keys: made, listed, removed.
    pub(crate) const KEYS: Self = bit(26);
    /// All factors of an account are taken away.
    pub(crate) const RESET: Self = bit(27);
    /// Backup codes are made anew.
    pub(crate) const REGENERATION: Self = bit(28);
    /// A new factor proves that it works.
    pub(crate) const CONFIRMATION: Self = bit(29);
    /// A code is sent, or a challenge begun.
    pub(crate) const CHALLENGE: Self = bit(30);
    /// A code or assertion is checked: set by presets and operators, never guessed from words.
    pub(crate) const ATTEMPT: Self = bit(31);

    /// The labels that presets and operators give, by name.
    pub(crate) const NAMES: &[(&str, Self)] = &[
        ("login", Self::LOGIN),
        ("mfa", Self::MFA),
        ("challenge", Self::MFA.or(Self::CHALLENGE)),
        ("attempt", Self::MFA.or(Self::ATTEMPT)),
        ("enrolment", Self::MFA.or(Self::ENROLMENT)),
        ("confirmation", Self::MFA.or(Self::CONFIRMATION)),
        ("removal", Self::MFA.or(Self::FACTORS).or(Self::REMOVAL)),
        ("reset", Self::MFA.or(Self::FACTORS).or(Self::RESET)),
        ("regeneration", Self::MFA.or(Self::BACKUP).or(Self::REGENERATION)),
        ("push", Self::MFA.or(Self::PUSH)),
        ("backup", Self::MFA.or(Self::BACKUP)),
        ("factors", Self::FACTORS),
        ("token", Self::TOKEN),
        ("oauth", Self::OAUTH_CLIENT),
        ("interaction", Self::LOGIN.or(Self::INTERACTION)),
        ("session", Self::SESSION),
        ("account", Self::OWN_ACCOUNT),
        ("reauthentication", Self::REAUTH),
        ("logout", Self::LOGOUT),
        ("signup", Self::SIGNUP),
        ("key_issue", Self::KEY_ISSUE.or(Self::KEYS)),
        ("keys", Self::KEYS.or(Self::SENSITIVE)),
        ("admin", Self::ADMIN.or(Self::SENSITIVE)),
        ("users", Self::USERS.or(Self::SENSITIVE)),
        ("role", Self::ROLE.or(Self::SENSITIVE)),
        ("password", Self::PASSWORD.or(Self::SENSITIVE)),
        ("payment", Self::PAYMENT.or(Self::SENSITIVE)),
        ("export", Self::EXPORT.or(Self::SENSITIVE)),
        ("sensitive", Self::SENSITIVE.or(Self::EXPORT)),
        ("none", Self::NONE),
    ];

    /// The label of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, labels)| labels)
    }

    /// Whether one of `other`'s labels is given.
    pub(crate) fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The labels as rules and records know them. What is only likely by its words is left out.
    pub(crate) fn public(self) -> label::Labels {
        const PUBLIC: &[(Labels, Label)] = &[
            (Labels::LOGIN, Label::Login),
            (Labels::MFA, Label::Mfa),
            (Labels::TOKEN, Label::Token),
            (Labels::LOGOUT, Label::Logout),
            (Labels::SIGNUP, Label::SignUp),
            (Labels::SESSION, Label::Session),
            (Labels::OWN_ACCOUNT, Label::Account),
            (Labels::OAUTH_CLIENT, Label::OAuth),
            (Labels::ADMIN, Label::Admin),
            (Labels::USERS, Label::Users),
            (Labels::ROLE, Label::Role),
            (Labels::KEY_ISSUE.or(Labels::KEYS), Label::Key),
            (Labels::FACTORS, Label::Factor),
            (Labels::PASSWORD, Label::Password),
            (Labels::PAYMENT, Label::Payment),
            (Labels::EXPORT, Label::Export),
        ];
        if self == Self::NONE {
            return label::Labels::NONE;
        }
        let mut public = label::Labels::NONE;
        // What changes is only said of a second factor: passwords are reset, and members removed.
        let changes = Self::REMOVAL.or(Self::RESET).or(Self::REGENERATION).or(Self::CONFIRMATION);
        if self.any(Self::MFA) && self.any(changes.or(Self::ENROLMENT)) {
            public.insert(Label::Factor);
        }
        for &(ours, theirs) in PUBLIC {
            if self.any(ours) {
                public.insert(theirs);
            }
        }
        public
    }
}

/// Words of a path and what they say. A word is a run of letters and digits in a segment;
/// `-`, `_` and `.` separate words, and a segment is also looked up without them (`sign-in`).
const WORDS: &[(&str, Labels)] = &[
    ("login signin logon authenticate tokenauth checkpassword", Labels::LOGIN),
    (
        "mfa 2fa otp totp hotp twofactor multifactor webauthn passkey passkeys stepup secondfactor",
        Labels::MFA,
    ),
    ("authenticator authenticators factor factors", Labels::FACTORS),
    ("push poll", Labels::PUSH),
    ("disable deactivate remove", Labels::REMOVAL),
    ("reset", Labels::RESET),
    ("regenerate", Labels::REGENERATION),
    ("verify challenge assertion push verification", Labels::MAYBE_MFA),
    ("confirm validate code", Labels::MFA_IN_AUTH),
    ("auth authn account accounts identity sso", Labels::AUTH),
    ("backup recovery", Labels::BACKUP.or(Labels::MAYBE_MFA)),
    ("recoverycodes backupcodes", Labels::BACKUP.or(Labels::MAYBE_MFA).or(Labels::FACTORS)),
    ("enroll enrol enrollment enrolment setup activate enable associate register", Labels::ENROLMENT),
    ("token tokenauth oauth2token refresh refreshtoken accesstoken gettoken exchange", Labels::TOKEN),
    ("introspect introspection par revoke", Labels::OAUTH_CLIENT),
    ("logout signout logoff endsession revoke", Labels::LOGOUT),
    ("signup register registration createaccount", Labels::SIGNUP),
    (
        "apikeys apikey accesskeys personalaccesstokens apitokens apitoken serviceaccountkeys keys tokens \
         credentials pat pats",
        Labels::KEY_ISSUE,
    ),
    ("session sessions", Labels::SESSION),
    ("reauthenticate reauth sudo confirmpassword", Labels::REAUTH),
    ("password passwords", Labels::SENSITIVE.or(Labels::PASSWORD)),
    ("roles role permissions permission grants privileges iam", Labels::SENSITIVE.or(Labels::ROLE)),
    (
        "payment payments payout payouts transfer transfers withdraw withdrawal withdrawals",
        Labels::SENSITIVE.or(Labels::PAYMENT),
    ),
    ("admin impersonate", Labels::SENSITIVE.or(Labels::ADMIN)),
    ("export exports dump bulkexport", Labels::SENSITIVE.or(Labels::EXPORT)),
    ("interaction", Labels::LOGIN.or(Labels::INTERACTION)),
];

/// The words, each with all its labels.
static WORD_LABELS: LazyLock<Names<Labels>> = LazyLock::new(|| {
    let mut labels: BTreeMap<&str, Labels> = BTreeMap::new();
    for (words, label) in WORDS {
        words.split_ascii_whitespace().for_each(|word| labels.entry(word).or_default().add(*label));
    }
    Names::new(labels)
});

/// The labels of one literal segment: of the segment as one word, and of each of its words.
pub(crate) fn of_segment(segment: &[u8]) -> Labels {
    let mut labels = Labels::NONE;
    let mut whole = [0u8; 32];
    let mut len = 0usize;
    for &byte in segment.iter().filter(|b| b.is_ascii_alphanumeric()) {
        let Some(slot) = whole.get_mut(len) else { return labels };
        *slot = byte.to_ascii_lowercase();
        len += 1;
    }
    let whole = whole.get(..len).unwrap_or(&[]);
    labels.add(of_word(whole));
    // `two-factor` is a word; its parts would say something else.
    if labels == Labels::NONE && whole.len() != segment.len() {
        for word in segment.split(|b| !b.is_ascii_alphanumeric()).filter(|w| w.len() > 1) {
            labels.add(of_word(word));
        }
    }
    labels
}

fn of_word(word: &[u8]) -> Labels {
    WORD_LABELS.get(word).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_show_what_is_certain() {
        let shown = |segment: &str| format!("{:?}", of_segment(segment.as_bytes()).public());
        assert_eq!(shown("customers"), "{}");
        assert_eq!(shown("verify"), "{}");
        assert_eq!(shown("two-factor"), r#"{"mfa"}"#);
        assert_eq!(shown("change-password"), r#"{"password"}"#);
        assert_eq!(shown("authenticators"), r#"{"factor"}"#);
        assert_eq!(shown("reset"), "{}");
        assert_eq!(shown("mfa-reset"), r#"{"mfa", "factor"}"#);
    }

    #[test]
    fn every_name_is_a_label_and_only_none_is_nothing() {
        for &(name, labels) in Labels::NAMES {
            assert_eq!(Labels::named(name), Some(labels));
            assert_eq!(labels == Labels::NONE, name == "none", "{name}");
        }
        assert_eq!(Labels::named("mfaa"), None);
    }
}
