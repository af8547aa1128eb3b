//! Paths as route templates, and what a route is for by the words in it.
//! It is given a raw path and gives the path as it may be written down, its template, and labels.
//! It promises to depend on the path alone: every shard, every run and every sensor gives the same template.

use super::credential::SECRET_BYTES_MIN;
use super::labels::{self, Labels};
use super::names;
use super::shape;
use super::short;
use super::text::MASK;
use super::urlencoded;
use heelguard_detectors::identity::Factor;
use std::borrow::Cow;

/// Most bytes of a recorded path.
pub(crate) const PATH_BYTES_MAX: usize = 16 * 1024;
/// Most segments of a template; the rest is written `{rest}`.
const SEGMENTS_MAX: usize = 16;
/// Literals remembered.
const WORDS: usize = 512;
/// A literal segment that is longer is an identifier.
const LITERAL_BYTES_MAX: usize = 48;

/// Last words of paths that tell about the caller.
const OWN_ACCOUNT: &[&str] = &["me", "session", "userinfo", "whoami", "current-user", "currentuser", "self"];

/// A path, read.
#[derive(Default)]
pub(crate) struct Route {
    /// E-mail addresses are names that may not be written.
    hides_names: bool,
    /// The path as it may be written down.
    pub(crate) path: Vec<u8>,
    /// The template.
    pub(crate) template: String,
    pub(crate) labels: Labels,
    /// A preset or the operator said what the route is for, be it nothing.
    pub(crate) configured: bool,
    /// The factor that the operator or a preset says it is for.
    pub(crate) factor: Option<Factor>,
    /// The segments that look like secrets, as ranges of the raw path.
    pub(crate) secrets: Vec<std::ops::Range<usize>>,
    words: Words,
}

/// Literal segments met before, with what they say; two that meet in a slot take turns.
#[derive(Default)]
struct Words(Vec<Option<Word>>);

#[derive(Clone)]
struct Word {
    text: Box<str>,
    labels: Labels,
}

impl Words {
    fn find(&self, segment: &[u8]) -> Option<&Word> {
        let word = self.0.get(names::slot(segment) % WORDS)?.as_ref()?;
        (word.text.as_bytes() == segment).then_some(word)
    }

    /// Remembers a literal, unless it is written in other letters than it has.
    fn keep(&mut self, segment: &[u8], labels: Labels) {
        self.0.resize(WORDS, None);
        if segment.len() <= LITERAL_BYTES_MAX
            && let Ok(text) = std::str::from_utf8(segment)
            && !text.contains(char::is_control)
            && let Some(slot) = self.0.get_mut(names::slot(segment) % WORDS)
        {
            *slot = Some(Word { text: text.into(), labels });
        }
    }
}

impl Route {
    /// Of no path yet.
    pub(crate) fn new(hides_names: bool) -> Self {
        Self { hides_names, ..Self::default() }
    }

    /// Reads a raw path, without query. `presented` are values of credentials in the same request.
    pub(crate) fn read(&mut self, path: &[u8], is_presented: impl Fn(&[u8]) -> bool) {
        self.path.clear();
        self.template.clear();
        self.secrets.clear();
        self.labels = Labels::NONE;
        self.configured = false;
        self.factor = None;
        let has = |letter| memchr::memchr(letter, path).is_some();
        let (escaped, parametrised) = (has(b'%'), has(b';'));
        let mut at = 0usize;
        for (index, raw) in path.split(|&b| b == b'/').enumerate() {
            let start = at;
            at += raw.len() + 1;
            if index > 0 {
                self.path.push(b'/');
                if index <= SEGMENTS_MAX {
                    self.template.push('/');
                }
            }
            // Matrix parameters (`;jsessionid=…`) stand in no template.
            let semicolon = if parametrised { memchr::memchr(b';', raw) } else { None };
            let split = semicolon.and_then(|semicolon| raw.split_at_checked(semicolon));
            let (bare, parameters) = split.unwrap_or((raw, &[]));
            let decoded = if escaped { urlencoded::decode_path(bare) } else { Cow::Borrowed(bare) };
            let known = self.words.find(&decoded);
            let kind = Segment::of(&decoded, known.is_some(), &is_presented);
            if kind == Segment::Secret {
                self.path.extend_from_slice(MASK.as_bytes());
                self.secrets.push(start..start + bare.len());
            } else if kind == Segment::Email && self.hides_names {
                self.path.extend_from_slice(b"{email}");
            } else {
                self.path.extend_from_slice(bare);
            }
            if !parameters.is_empty() {
                self.parameters(parameters, start + bare.len(), &is_presented);
            }
            match index {
                0..=SEGMENTS_MAX => self.template_segment(kind, &decoded),
                _ if self.template.ends_with("{rest}") => {}
                _ => self.template.push_str("/{rest}"),
            }
        }
        self.path.truncate(PATH_BYTES_MAX);
        self.label_ends();
        if self.labels.any(Labels::MFA.or(Labels::MAYBE_MFA)) {
            self.mask_codes();
        }
    }

    /// Whether it is known what the route is for. `auth` and `code` alone do not say it.
    pub(crate) fn is_told(&self) -> bool {
        let vague = Labels::AUTH.or(Labels::MFA_IN_AUTH);
        self.configured || self.labels.or(vague) != vague
    }

    /// Matrix parameters (`;version=2`, `;jsessionid=…`), each from its semicolon on. A session id is a secret by
    /// its name, any other value by its looks.
    fn parameters(&mut self, parameters: &[u8], mut at: usize, is_presented: &impl Fn(&[u8]) -> bool) {
        for parameter in parameters.split(|&b| b == b';').skip(1) {
            let value_at = memchr::memchr(b'=', parameter).map_or(0, |equals| equals + 1);
            let (name, value) = parameter.split_at_checked(value_at).unwrap_or((&[], parameter));
            let names_session = name.to_ascii_lowercase().windows(4).any(|w| w == b"sess" || w == b"sid=");
            let looks = Segment::of(&urlencoded::decode_path(value), false, is_presented) == Segment::Secret;
            self.path.push(b';');
            self.path.extend_from_slice(name);
            if looks || names_session && !value.is_empty() {
                self.path.extend_from_slice(MASK.as_bytes());
                let from = at + 1 + name.len();
                self.secrets.push(from..from + value.len());
            } else {
                self.path.extend_from_slice(value);
            }
            at += 1 + parameter.len();
        }
    }

    fn template_segment(&mut self, kind: Segment, decoded: &[u8]) {
        match kind {
            Segment::Literal => self.literal(decoded),
            Segment::Number | Segment::Token => self.template.push_str("{id}"),
            Segment::Uuid => self.template.push_str("{uuid}"),
            Segment::Email => self.template.push_str("{email}"),
            Segment::Date => self.template.push_str("{date}"),
            Segment::Secret => self.template.push_str(MASK),
        }
    }

    fn literal(&mut self, decoded: &[u8]) {
        if let Some(word) = self.words.find(decoded) {
            self.template.push_str(&word.text);
            self.labels.add(word.labels);
            return;
        }
        for letter in String::from_utf8_lossy(decoded).chars() {
            self.template.push(if letter.is_control() { '?' } else { letter });
        }
        let labels = labels::of_segment(decoded);
        self.labels.add(labels);
        self.words.keep(decoded, labels);
    }

    /// Where second factors are checked, a number in the path may be the code.
    pub(crate) fn mask_codes(&mut self) {
        let is_code = |s: &[u8]| (6..=10).contains(&s.len()) && s.iter().all(u8::is_ascii_digit);
        if self.path.split(|&b| b == b'/').any(is_code) {
            let masked = |s| if is_code(s) { MASK.as_bytes() } else { s };
            self.path = self.path.split(|&b| b == b'/').map(masked).collect::<Vec<_>>().join(&b'/');
        }
    }

    /// Some words count at the end of a path only.
    fn label_ends(&mut self) {
        let last = self.template.rsplit('/').find(|s| !s.is_empty()).unwrap_or("");
        if OWN_ACCOUNT.iter().any(|word| last.eq_ignore_ascii_case(word)) {
            self.labels.add(Labels::OWN_ACCOUNT);
        }
        if self.labels.any(Labels::MFA_IN_AUTH) && self.labels.any(Labels::AUTH.or(Labels::LOGIN)) {
            self.labels.add(Labels::MAYBE_MFA);
        }
        if short::holds(self.template.as_bytes(), b"device/auth", 6) {
            self.labels.add(Labels::OAUTH_CLIENT);
        }
    }
}

/// Whether a word is a value that somebody or something was given, and no name: a number, an id, an address, a date, or
/// what looks like a secret.
pub(crate) fn is_value(word: &[u8]) -> bool {
    Segment::of(word, false, &|_| false) != Segment::Literal
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Literal,
    Number,
    Uuid,
    Email,
    Date,
    /// An identifier of letters and digits.
    Token,
    Secret,
}

impl Segment {
    /// `known`: it was a literal before.
    fn of(segment: &[u8], known: bool, is_presented: &impl Fn(&[u8]) -> bool) -> Self {
        if segment.is_empty() {
            return Self::Literal;
        }
        if segment.len() >= SECRET_BYTES_MIN && is_presented(segment) {
            return Self::Secret;
        }
        if known {
            return Self::Literal;
        }
        if segment.len() >= SECRET_BYTES_MIN && holds_secret(segment) {
            return Self::Secret;
        }
        if segment.iter().all(u8::is_ascii_digit) {
            return Self::Number;
        }
        if shape::is_uuid(segment) {
            return Self::Uuid;
        }
        if is_date(segment) {
            return Self::Date;
        }
        if segment.contains(&b'@') && segment.first() != Some(&b'@') && segment.contains(&b'.') {
            return Self::Email;
        }
        if is_identifier(segment) { Self::Token } else { Self::Literal }
    }
}

/// Whether a segment is made by a machine or counts something: `C0012345`, `507f1f77`, `42.json`, `dQw4w9WgXcQ`.
/// `v1`, `2fa`, `oauth2`, `s3` and `es-419` are words.
fn is_identifier(segment: &[u8]) -> bool {
    let (len, digits) = (segment.len(), segment.iter().filter(|b| b.is_ascii_digit()).count());
    if len > LITERAL_BYTES_MAX {
        return true;
    }
    if digits == 0 {
        // Sixteen letters that are all hex digits are no word of any language.
        return is_padded(segment) || len >= 16 && segment.iter().all(u8::is_ascii_hexdigit);
    }
    if is_version(segment) || is_locale(segment) {
        return false;
    }
    let is_hex = len >= 8 && segment.iter().all(u8::is_ascii_hexdigit);
    let is_numbered = digits >= 3 && digits * 3 >= len;
    is_hex
        || is_numbered
        || len > 20 && digits >= 4
        || is_padded(segment)
        || is_mixed(segment)
        || begins_with_number(segment)
}

/// `v1`, `v2.1`, `v2beta1`, `v100`
fn is_version(segment: &[u8]) -> bool {
    let Some((b'v' | b'V', rest)) = segment.split_first() else { return false };
    let numbers = rest.split(|b| !b.is_ascii_digit());
    let words = rest.split(|b| b.is_ascii_digit() || *b == b'.').filter(|word| !word.is_empty());
    rest.first().is_some_and(u8::is_ascii_digit)
        && numbers.clone().all(|number| number.len() <= 3)
        && words.clone().all(|word| matches!(word, b"alpha" | b"beta" | b"rc" | b"p" | b"preview"))
}

/// `es-419`, `en_001`: a language and a region of UN M49. Those with letters alone are words anyway.
fn is_locale(segment: &[u8]) -> bool {
    matches!(segment, [a, b, b'-' | b'_', region @ ..]
        if a.is_ascii_lowercase() && b.is_ascii_lowercase() && matches!(region, b"419" | b"001" | b"150"))
}

/// Base64 with its padding.
fn is_padded(segment: &[u8]) -> bool {
    segment.len() >= 8
        && segment.len().is_multiple_of(4)
        && segment.ends_with(b"=")
        && segment.iter().all(|b| b.is_ascii_alphanumeric() || b"+/-_=".contains(b))
}

/// Letters of both cases and digits in a mixture that nobody would speak: short random ids. `iPhone15Pro` is none.
fn is_mixed(segment: &[u8]) -> bool {
    let kind = |b: &u8| match b {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let turns = segment.windows(2).filter(|pair| pair.first().map(kind) != pair.last().map(kind)).count();
    let has = |wanted: u8| segment.iter().any(|b| kind(b) == wanted);
    segment.len() >= 8 && has(1) && has(2) && turns * 2 > segment.len() && !has(3)
}

/// `42.json`, `17-spring-collection`: a number, and what it is called or written as.
fn begins_with_number(segment: &[u8]) -> bool {
    let end = segment.iter().position(|b| !b.is_ascii_digit()).unwrap_or(segment.len());
    let (number, rest) = segment.split_at_checked(end).unwrap_or((segment, &[]));
    match (number, rest.split_first()) {
        ([_, ..], Some((b'.', ending))) => ending.len() <= 5 && ending.iter().all(u8::is_ascii_alphabetic),
        // `2-step-verification` is a word.
        ([_, _, ..], Some((b'-', title))) => title.len() >= 3,
        _ => false,
    }
}

/// Whether a segment, or a piece of it between `=`, `:`, `,` and the like, looks like a secret.
fn holds_secret(segment: &[u8]) -> bool {
    shape::looks_secret(segment)
        || segment.len() > 24
            && segment
                .split(|b| {
                    matches!(
                        b,
                        b'=' | b':' | b',' | b'~' | b'(' | b')' | b'!' | b'"' | b' ' | b'/' | b'&' | b'|'
                    )
                })
                .any(|piece| piece.len() < segment.len() && shape::looks_secret(piece))
}

/// `2026-11-21`
fn is_date(segment: &[u8]) -> bool {
    segment.len() == 10
        && segment
            .iter()
            .enumerate()
            .all(|(i, b)| if matches!(i, 4 | 7) { *b == b'-' } else { b.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
    fn check(paths: &[&str], expected: Expect) {
        let mut lines = String::new();
        let mut route = Route::default();
        for path in paths {
            route.read(path.as_bytes(), |segment| segment == b"hunter2!");
            let line = format!("{} | {}", String::from_utf8_lossy(&route.path), route.template);
            lines += line.trim_end();
            lines.push('\n');
        }
        expected.assert_eq(&lines);
    }

    #[test]
    fn identifiers_become_places_and_words_stay() {
        check(
            &[
                "/v1/users/42",
                "/v1/users/alice%40example.com/orders/ord-20931",
                "/api/123e4567-e89b-12d3-a456-426614174000/items",
                "/o/507f1f77bcf86cd799439011",
                "/reports/2026-11-21",
                "/_allauth/app/v1/auth/2fa/authenticate",
                "/s3/v2beta/oauth2/x5t",
                "/v2.1/v100/v2beta1/en-US/es-419/zh-Hant-TW",
                "/orders/42.json/invoices/17-spring-collection/2-step-verification",
                "/watch/dQw4w9WgXcQ/iPhone15Pro/OAuth2Token/Base64Image",
                "/x/aGVsbG8gd29ybGQ=/deadbeefdeadbeef/feedback/cafe",
                "/reports/2.0/3d/win32",
                "/a/very-long-readable-title-of-a-page",
                "/",
                "*",
                "",
                "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s",
            ],
            expect![[r#"
                /v1/users/42 | /v1/users/{id}
                /v1/users/alice%40example.com/orders/ord-20931 | /v1/users/{email}/orders/{id}
                /api/123e4567-e89b-12d3-a456-426614174000/items | /api/{uuid}/items
                /o/507f1f77bcf86cd799439011 | /o/{id}
                /reports/2026-11-21 | /reports/{date}
                /_allauth/app/v1/auth/2fa/authenticate | /_allauth/app/v1/auth/2fa/authenticate
                /s3/v2beta/oauth2/x5t | /s3/v2beta/oauth2/x5t
                /v2.1/v100/v2beta1/en-US/es-419/zh-Hant-TW | /v2.1/v100/v2beta1/en-US/es-419/zh-Hant-TW
                /orders/42.json/invoices/17-spring-collection/2-step-verification | /orders/{id}/invoices/{id}/2-step-verification
                /watch/dQw4w9WgXcQ/iPhone15Pro/OAuth2Token/Base64Image | /watch/{id}/iPhone15Pro/OAuth2Token/Base64Image
                /x/aGVsbG8gd29ybGQ=/deadbeefdeadbeef/feedback/cafe | /x/{id}/{id}/feedback/cafe
                /reports/2.0/3d/win32 | /reports/2.0/3d/win32
                /a/very-long-readable-title-of-a-page | /a/very-long-readable-title-of-a-page
                / | /
                * | *
                 |
                /a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s | /a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/{rest}
            "#]],
        );
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        check(
            &[
                "/interaction/jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8-RbSjst",
                "/hook/sk_live_4eC39HqLyjWDarjtT1zdp7dc/x",
                "/hook/key=sk_live_4eC39HqLyjWDarjtT1zdp7dc",
                "/hook/sk%5Flive%5F4eC39HqLyjWDarjtT1zdp7dc",
                "/cart;jsessionid=AB12CD34EF56/pay",
                "/p/hunter2!/q",
                "/p/hunter3!/q",
            ],
            expect![[r"
                /interaction/{secret} | /interaction/{secret}
                /hook/{secret}/x | /hook/{secret}/x
                /hook/{secret} | /hook/{secret}
                /hook/{secret} | /hook/{secret}
                /cart;jsessionid={secret}/pay | /cart/pay
                /p/{secret}/q | /p/{secret}/q
                /p/hunter3!/q | /p/hunter3!/q
            "]],
        );
    }

    #[test]
    fn words_say_what_a_route_is_for() {
        let labels = |path: &str| {
            let mut route = Route::default();
            route.read(path.as_bytes(), |_| false);
            route.labels
        };
        assert!(labels("/auth/sign-in").any(Labels::LOGIN));
        assert!(labels("/api/two-factor/check").any(Labels::MFA));
        assert!(
            labels("/orders/7/verify").any(Labels::MAYBE_MFA) && !labels("/orders/7/verify").any(Labels::MFA)
        );
        assert!(
            labels("/api/v1/me").any(Labels::OWN_ACCOUNT) && !labels("/me/friends").any(Labels::OWN_ACCOUNT)
        );
        assert!(labels("/account/authenticators/recovery-codes").any(Labels::BACKUP));
        assert_eq!(labels("/api/v1/customers"), Labels::NONE);
    }
}
