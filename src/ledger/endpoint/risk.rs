//! How much an endpoint is worth looking at first: a number from 0 to 100, with its reasons in words.
//! It is given the endpoint's row and nothing else.
//! It promises that the number is the sum of its reasons' points, no more than `SCORE_MAX`, and that what was not seen
//! counts for nothing.

use super::Endpoint;
use heelguard_detectors::contents::DataClass;
use heelguard_detectors::identity::{CredentialKind, ProofLevel};
use heelguard_detectors::label::{Label, Labels};

/// The highest score.
pub const SCORE_MAX: u8 = 100;

/// Where nobody can have a credential yet.
const SIGNING_IN: Labels =
    Labels::of(&[Label::Login, Label::Mfa, Label::Token, Label::SignUp, Label::Password, Label::OAuth]);
/// Where handing out tokens is the purpose.
const HANDS_OUT: Labels = Labels::of(&[
    Label::Login,
    Label::Mfa,
    Label::Token,
    Label::SignUp,
    Label::OAuth,
    Label::Key,
    Label::Session,
]);

macro_rules! dangers {
    ($($(#[doc = $doc:literal])* $variant:ident => $name:literal, $points:literal, $advice:literal;)*) => {
        /// What may make an endpoint worth looking at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Danger { $($(#[doc = $doc])* $variant,)* }

        impl Danger {
            /// All of them, as they are told.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, for searches and exports.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }

            /// What it adds to the score.
            pub const fn points(self) -> u8 { match self { $(Self::$variant => $points,)* } }

            /// What to do about it.
            pub const fn advice(self) -> &'static str { match self { $(Self::$variant => $advice,)* } }

            /// What it is, as documents say it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_ascii_start(),)* }
            }
        }
    };
}

dangers! {
    /// answered calls without any credential, and calls with one, too
    Anonymous => "anonymous", 25,
        "Demand a session or a token from every caller, or declare the route public.";
    /// answered calls without any credential with personal or secret data
    AnonymousData => "anonymous_data", 20,
        "Take the data out of what everybody is answered, or demand a session or a token.";
    /// took a static key where people prove a second factor
    KeyBesideFactor => "key_beside_factor", 20,
        "Take the route away from static keys, or give the program a short-lived token of its own.";
    /// let accounts in without the second factor that they have
    AroundFactor => "around_factor", 10,
        "Ask for the second factor before anything is granted here, whatever the caller comes with.";
    /// administers users, roles, keys or factors, or exports
    Privileged => "privileged", 15,
        "Nothing by itself: look here first, and see that only those who should are granted it.";
    /// answers hold cards, bank accounts or national ids
    FinancialData => "financial_data", 15,
        "Leave out or mask what the caller does not need; of a card the last four digits are enough.";
    /// answers hold e-mail addresses or telephone numbers
    ContactData => "contact_data", 5,
        "Leave out or mask what the caller does not need.";
    /// answers hold tokens or keys, where handing them out is not the purpose
    TokenData => "token_data", 15,
        "Take tokens and keys out of the answers; change those that went out.";
    /// credentials were sent in the address, where logs keep them
    CredentialInUrl => "credential_in_url", 20,
        "Send it in a header, and change those that were sent: logs and proxies have them.";
    /// took passwords with each call (Basic)
    Basic => "basic", 10,
        "Give out a token after the login, and refuse passwords here.";
    /// was called in plain HTTP from outside
    PlainFromOutside => "plain_from_outside", 20,
        "Answer from outside under TLS alone, and change what credentials were sent in the clear.";
    /// is missing in the API's own description, and answered
    Undeclared => "undeclared", 15,
        "Declare it, or switch it off if nobody means to offer it.";
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it is.
    pub danger: Danger,
    /// How it shows here, with numbers.
    pub words: String,
}

/// A score and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Risk {
    /// From 0 to `SCORE_MAX`.
    pub score: u8,
    /// The most weighty first.
    pub reasons: Vec<Reason>,
}

impl Risk {
    /// Whether this is among the reasons.
    pub fn has(&self, danger: Danger) -> bool {
        self.reasons.iter().any(|reason| reason.danger == danger)
    }
}

/// The risk of one endpoint.
pub fn of(row: &Endpoint) -> Risk {
    let reason = |&danger: &Danger| Some(Reason { danger, words: words(danger, row)? });
    let mut reasons: Vec<Reason> = Danger::ALL.iter().filter_map(reason).collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.danger.points()));
    let sum = reasons.iter().fold(0_u8, |sum, reason| sum.saturating_add(reason.danger.points()));
    Risk { score: sum.min(SCORE_MAX), reasons }
}

/// How a danger shows in a row; nothing where it does not.
fn words(danger: Danger, row: &Endpoint) -> Option<String> {
    let of = |level: ProofLevel| row.proofs.get(level as usize).copied().unwrap_or(0);
    let anonymous = of(ProofLevel::None);
    let proved: u64 = row.proofs.iter().sum::<u64>() - anonymous - of(ProofLevel::Unknown);
    let is_open = anonymous > 0 && !row.labels.any(SIGNING_IN);
    match danger {
        Danger::Anonymous => (is_open && proved > 0).then(|| {
            format!("answered {} without any credential, beside {proved} with one", calls(anonymous))
        }),
        Danger::AnonymousData => {
            let data = held(row, |class| class != DataClass::Token || !row.labels.any(HANDS_OUT))?;
            is_open.then(|| {
                format!("answered {} without any credential, and answers hold {data}", calls(anonymous))
            })
        }
        Danger::KeyBesideFactor => {
            let (keys, people) = (of(ProofLevel::ApiKey), of(ProofLevel::Mfa));
            (keys > 0 && people > 0)
                .then(|| format!("took static keys where people proved a second factor {}", times(people)))
        }
        Danger::AroundFactor => (row.around_mfa > 0).then(|| {
            format!("let accounts that have a second factor in without it {}", times(row.around_mfa))
        }),
        Danger::Privileged => {
            let labels = row.labels.iter().filter(|&label| Labels::of(&[label]).any(Labels::PRIVILEGED));
            let labels: Vec<&str> = labels.map(Label::name).collect();
            (!labels.is_empty()).then(|| format!("is for {}", labels.join(", ").replace('_', " ")))
        }
        Danger::FinancialData => {
            let is_it = |class| matches!(class, DataClass::Card | DataClass::Iban | DataClass::NationalId);
            held(row, is_it).map(|data| format!("answers hold {data}"))
        }
        Danger::ContactData => {
            let is_it = |class| matches!(class, DataClass::Email | DataClass::Phone);
            held(row, is_it).map(|data| format!("answers hold {data}"))
        }
        Danger::TokenData => held(row, |class| class == DataClass::Token)
            .filter(|_| !row.labels.any(HANDS_OUT))
            .map(|data| format!("answers hold {data}")),
        Danger::CredentialInUrl => (row.credential_in_url > 0)
            .then(|| format!("had a credential in the address of {}", calls(row.credential_in_url))),
        Danger::Basic => row
            .taken()
            .any(|kind| kind == CredentialKind::Basic)
            .then(|| "took a password with the call (Basic)".to_owned()),
        Danger::PlainFromOutside => (row.plain_from_outside > 0)
            .then(|| format!("was reached in plain HTTP from outside by {}", calls(row.plain_from_outside))),
        Danger::Undeclared => (row.undeclared > 0).then(|| {
            format!("is missing in the API's own description, and granted {}", calls(row.undeclared))
        }),
    }
}

fn times(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

fn calls(number: u64) -> String {
    if number == 1 { "one call".to_owned() } else { format!("{number} calls") }
}

/// The classes of data that are meant: `e-mail addresses (in 4 of 12 answers)`.
fn held(row: &Endpoint, is_meant: impl Fn(DataClass) -> bool) -> Option<String> {
    let held: Vec<String> = row
        .sensitive()
        .filter(|(class, _)| is_meant(*class))
        .map(|(class, answers)| {
            format!("{} (in {answers} of {} looked into)", class_words(class), row.looked)
        })
        .collect();
    (!held.is_empty()).then(|| held.join(", "))
}

/// What people call a class.
pub const fn class_words(class: DataClass) -> &'static str {
    match class {
        DataClass::Email => "e-mail addresses",
        DataClass::Card => "card numbers",
        DataClass::Iban => "bank accounts",
        DataClass::Phone => "telephone numbers",
        DataClass::NationalId => "national ids",
        DataClass::Token => "tokens",
    }
}

#[cfg(test)]
mod tests;
