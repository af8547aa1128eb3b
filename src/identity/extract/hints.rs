//! What a call that changes something looks like where its path does not say what it is for.
//! It is given small, plain bodies of unlabelled routes, and gives clues, names of fields and fingerprints.
//! It promises that no value leaves: a proposal of a label is made from names and from what happened next.

use super::Extractor;
use crate::http::Message;
use crate::http::body::without_mark;
use crate::identity::answer::Answer;
use crate::identity::clues::HandleKind;
use crate::identity::json::{self, Value};
use crate::identity::names::Names;
use crate::identity::request::Asking;
use crate::identity::route::Route;
use crate::identity::secret::Secret;
use crate::identity::shape;
use crate::identity::tables::Field;
use crate::identity::text::MASK;
use crate::identity::urlencoded;
use aho_corasick::AhoCorasick;
use heelguard_detectors::label::{Clue, Hints};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// Bytes of a body that is looked at; logins are small.
const BODY_BYTES_MAX: usize = 4096;
/// Fields of a request that are looked at.
const FIELDS_MAX: usize = 16;
/// Things handed out that are kept of one answer.
const ISSUED_MAX: usize = 4;
/// Levels below which a body is data.
const DEPTH_MAX: usize = 3;

/// What passwords are called; the short ones as whole names, the others as parts of one.
const PASSWORD_NAMES: &[&str] = &["pass", "pw", "pwd", "psw", "pswd", "mdp", "clave", "secret", "kod"];
const PASSWORD_PARTS: &[&str] = &[
    "passw",
    "passphrase",
    "kennwort",
    "geheim",
    "motdepasse",
    "mot_de_passe",
    "contrasen",
    "senha",
    "parola",
    "wachtwoord",
    "haslo",
    "losen",
    "salasana",
    "heslo",
    "jelszo",
    "sifre",
    "parool",
    "slaptazodis",
];

/// All parts in one automaton.
static PARTS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(PASSWORD_PARTS).ok());

/// No name is known: every scalar is shown with its name.
static NO_NAMES: LazyLock<Names<()>> = LazyLock::new(|| Names::new::<&str>([]));

/// A field's name and value.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// What a field looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Password,
    Code,
}

impl Extractor {
    /// The clues of an exchange; `None` where it only reads or the route is known.
    pub(super) fn hints(
        &mut self,
        request: &Message,
        response: Option<&Message>,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
        route: &Route,
    ) -> Option<Box<Hints>> {
        let changes = matches!(asked.method, b"POST" | b"PUT" | b"PATCH" | b"DELETE");
        if !changes || route.is_told() || asked.graphql.is_some() {
            return None;
        }
        let mut hints = Hints::default();
        let fields = plain(request).filter(|body| asked.is_read(body)).map(fields).unwrap_or_default();
        for (name, value) in fields {
            match self.look(&name, &value) {
                Some((Look::Password, new)) if !hints.has(Clue::PasswordField) => {
                    hints.insert(Clue::PasswordField);
                    hints.password_field = self.shown(&name, asked).filter(|_| new);
                }
                Some((Look::Code, new)) if !hints.has(Clue::CodeField) => {
                    hints.insert(Clue::CodeField);
                    hints.code_field = self.shown(&name, asked).filter(|_| new);
                }
                _ => {}
            }
        }
        if let (Some(answer), Some(response)) = (answer, response) {
            self.look_at_answer(answer, response, &mut hints);
        }
        Some(Box::new(hints))
    }

    /// What a field looks like, and whether its name was not known for that.
    fn look(&self, name: &[u8], value: &[u8]) -> Option<(Look, bool)> {
        match self.settings.fields.get(name) {
            Some(Field::Password | Field::NewPassword) => Some((Look::Password, false)),
            Some(Field::Code | Field::AnyCode | Field::BackupCode | Field::Token) if is_code(value) => {
                Some((Look::Code, false))
            }
            None if is_code(value) => Some((Look::Code, true)),
            None if is_password(name, value) => Some((Look::Password, true)),
            _ => None,
        }
    }

    fn look_at_answer(&mut self, answer: &Answer<'_>, response: &Message, hints: &mut Hints) {
        if !(200..400).contains(&answer.status) {
            return;
        }
        let body = plain(response).unwrap_or_default();
        if answer.totp_secret || memchr::memmem::find(body, b"otpauth://").is_some() {
            hints.insert(Clue::ShowsOtpSecret);
        }
        for issued in answer.issued.iter().filter(|i| i.kind != HandleKind::Challenge) {
            self.handed_out(&issued.value, hints);
        }
        for value in cookies(response).into_iter().chain(fields(body).into_iter().map(|(_, value)| value)) {
            if (16..=512).contains(&value.len()) && shape::looks_secret(&value) {
                self.handed_out(&value, hints);
            }
        }
    }

    fn handed_out(&mut self, value: &[u8], hints: &mut Hints) {
        hints.insert(Clue::HandsOut);
        let settings = &self.settings;
        let known =
            self.memory.know(&Secret::new(value), &settings.keyring, settings.principal_claim.as_deref());
        if hints.issued.len() < ISSUED_MAX && !hints.issued.contains(&known.fingerprint) {
            hints.issued.push(known.fingerprint);
        }
    }

    /// The name of a field as it may be written; `None` for one that is a secret itself.
    fn shown(&mut self, name: &[u8], asked: &Asking<'_>) -> Option<Arc<str>> {
        Some(self.recorded_name(name, &asked.presented)).filter(|name| **name != *MASK)
    }
}

/// A small body that is not coded.
fn plain(message: &Message) -> Option<&[u8]> {
    let body = without_mark(&message.body.prefix);
    let small = !body.is_empty() && message.body.bytes <= BODY_BYTES_MAX as u64;
    (small && message.header("content-encoding").is_none()).then_some(body)
}

/// Names and values of the first fields of a JSON object or a form.
fn fields(body: &[u8]) -> Vec<Pair<'_>> {
    let mut found = Vec::new();
    if body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{') {
        json::walk(body, &NO_NAMES, |member| {
            if let Value::Text(text) = member.value
                && member.depth <= DEPTH_MAX
                && !member.name.is_empty()
                && found.len() < FIELDS_MAX
            {
                found.push((Cow::Borrowed(member.name), text.decoded()));
            }
        });
    } else if memchr::memchr(b'=', body).is_some() {
        let pairs = urlencoded::pairs(body).take(FIELDS_MAX);
        found.extend(pairs.map(|(name, value)| (urlencoded::decode(name), urlencoded::decode(value))));
    }
    found
}

/// The values of the cookies an answer sets.
fn cookies(message: &Message) -> Vec<Cow<'_, [u8]>> {
    let lines = message.header_lines().filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie"));
    let values = lines.filter_map(|(_, line)| {
        let pair = line.split(|&b| b == b';').next()?;
        pair.get(memchr::memchr(b'=', pair)? + 1..).map(Cow::Borrowed)
    });
    values.take(FIELDS_MAX).collect()
}

fn is_code(value: &[u8]) -> bool {
    (6..=8).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
}

/// By its name, or by a value as people choose them: three kinds of letters, and no address, date or identifier.
fn is_password(name: &[u8], value: &[u8]) -> bool {
    if !(4..=128).contains(&value.len()) {
        return false;
    }
    let name = String::from_utf8_lossy(name.get(..64.min(name.len())).unwrap_or(name)).to_lowercase();
    if PASSWORD_NAMES.contains(&&*name) || PARTS.as_ref().is_some_and(|parts| parts.is_match(&name)) {
        return true;
    }
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let (lower, digit) = (has(u8::is_ascii_lowercase), has(u8::is_ascii_digit));
    let odd = has(|b| b.is_ascii_punctuation() && !b"-_.:/@,".contains(b));
    let other = has(u8::is_ascii_uppercase) || odd;
    let plain = value.iter().all(u8::is_ascii_graphic);
    let means_something = value.contains(&b'@')
        || memchr::memmem::find(value, b"://").is_some()
        || value.get(4) == Some(&b'-')
        || shape::looks_secret(value);
    (8..=40).contains(&value.len()) && plain && lower && digit && other && !means_something
}
