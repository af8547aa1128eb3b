//! Paths as route templates, and what a route is for by the words in it.
//! It is given a raw path and gives the path as it may be written down, its template, and labels.
//! It promises to depend on the path alone: every shard, every run and every sensor gives the same template.

use super::names::Names;
use super::shape;
use super::text::MASK;
use super::urlencoded;
use memchr::memmem;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Most bytes of a recorded path.
pub(crate) const PATH_BYTES_MAX: usize = 16 * 1024;
/// Most segments of a template; the rest is written `{rest}`.
const SEGMENTS_MAX: usize = 16;
/// A literal segment that is longer is an identifier.
const LITERAL_BYTES_MAX: usize = 48;

/// What a route is for. A route can be several things: `DELETE /session` ends what `GET /session` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(u32);

impl Labels {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const LOGIN: Self = Self(1);
    /// Words that only second factors use.
    pub(crate) const MFA: Self = Self(1 << 1);
    /// Words that second factors use too: `verify`, `challenge`.
    pub(crate) const MAYBE_MFA: Self = Self(1 << 2);
    pub(crate) const TOKEN: Self = Self(1 << 3);
    pub(crate) const LOGOUT: Self = Self(1 << 4);
    pub(crate) const SIGNUP: Self = Self(1 << 5);
    pub(crate) const KEY_ISSUE: Self = Self(1 << 6);
    /// Where factors are added and removed.
    pub(crate) const ENROLMENT: Self = Self(1 << 7);
    /// Sessions themselves: shown, made and ended here.
    pub(crate) const SESSION: Self = Self(1 << 8);
    pub(crate) const SENSITIVE: Self = Self(1 << 9);
    /// The last word is `me`, `session`, `userinfo`, `whoami`.
    pub(crate) const OWN_ACCOUNT: Self = Self(1 << 10);
    pub(crate) const BACKUP: Self = Self(1 << 11);
    pub(crate) const REAUTH: Self = Self(1 << 12);
    pub(crate) const OAUTH_CLIENT: Self = Self(1 << 13);
    /// Reading is sensitive too: exports.
    pub(crate) const EXPORT: Self = Self(1 << 14);
    /// Interaction pages of an authorization server; ids in the path are tickets.
    pub(crate) const INTERACTION: Self = Self(1 << 15);

    /// Collections of factors: `authenticators`, `factors`.
    pub(crate) const FACTORS: Self = Self(1 << 16);
    /// A factor is taken away.
    pub(crate) const REMOVAL: Self = Self(1 << 17);
    /// Words of push approvals.
    pub(crate) const PUSH: Self = Self(1 << 18);

    /// Words that are about second factors where the path is about authentication: `auth/code/confirm`.
    pub(crate) const MFA_IN_AUTH: Self = Self(1 << 19);
    /// Words of authentication in general.
    pub(crate) const AUTH: Self = Self(1 << 20);

    /// The labels an operator can give.
    pub(crate) const NAMES: [&'static str; 10] = [
        "login",
        "mfa",
        "token",
        "logout",
        "signup",
        "key_issue",
        "enrolment",
        "session",
        "sensitive",
        "none",
    ];

    /// The label of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "login" => Self::LOGIN,
            "mfa" => Self::MFA,
            "token" => Self::TOKEN,
            "logout" => Self::LOGOUT,
            "signup" => Self::SIGNUP,
            "key_issue" => Self::KEY_ISSUE,
            "enrolment" => Self(Self::ENROLMENT.0 | Self::MFA.0),
            "session" => Self::SESSION,
            "sensitive" => Self(Self::SENSITIVE.0 | Self::EXPORT.0),
            "none" => Self::NONE,
            _ => return None,
        })
    }

    /// Whether one of `other`'s labels is given.
    pub(crate) fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
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
    ("disable deactivate remove reset regenerate", Labels::REMOVAL),
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
    (
        "password passwords roles role permissions permission payment payments payout payouts transfer transfers \
         withdraw withdrawal withdrawals grants admin privileges iam impersonate",
        Labels::SENSITIVE,
    ),
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

/// Last words of paths that tell about the caller.
const OWN_ACCOUNT: &[&str] = &["me", "session", "userinfo", "whoami", "current-user", "currentuser", "self"];

/// A path, read.
#[derive(Default)]
pub(crate) struct Route {
    /// E-mail addresses are names that may not be written.
    pub(crate) hides_names: bool,
    /// The path as it may be written down.
    pub(crate) path: Vec<u8>,
    /// The template.
    pub(crate) template: String,
    pub(crate) labels: Labels,
    /// The segments that look like secrets, as ranges of the raw path.
    pub(crate) secrets: Vec<std::ops::Range<usize>>,
}

impl Route {
    /// Reads a raw path, without query. `presented` are values of credentials in the same request.
    pub(crate) fn read(&mut self, path: &[u8], is_presented: impl Fn(&[u8]) -> bool) {
        self.path.clear();
        self.template.clear();
        self.secrets.clear();
        self.labels = Labels::NONE;
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
            let (bare, parameters) = match memchr::memchr(b';', raw) {
                Some(semicolon) => raw.split_at_checked(semicolon).unwrap_or((raw, &[])),
                None => (raw, [].as_slice()),
            };
            let decoded = urlencoded::decode_path(bare);
            let kind = Segment::of(&decoded, &is_presented);
            if kind == Segment::Secret {
                self.path.extend_from_slice(MASK.as_bytes());
                self.secrets.push(start..start + bare.len());
            } else if kind == Segment::Email && self.hides_names {
                self.path.extend_from_slice(b"{email}");
            } else {
                self.path.extend_from_slice(bare);
            }
            self.parameters(parameters, start + bare.len(), &is_presented);
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

    /// Matrix parameters (`;version=2`, `;jsessionid=…`), each from its semicolon on. A session id is a secret by
    /// its name, any other value by its looks.
    fn parameters(&mut self, parameters: &[u8], mut at: usize, is_presented: &impl Fn(&[u8]) -> bool) {
        for parameter in parameters.split(|&b| b == b';').skip(1) {
            let value_at = memchr::memchr(b'=', parameter).map_or(0, |equals| equals + 1);
            let (name, value) = parameter.split_at_checked(value_at).unwrap_or((&[], parameter));
            let names_session = name.to_ascii_lowercase().windows(4).any(|w| w == b"sess" || w == b"sid=");
            let looks = Segment::of(&urlencoded::decode_path(value), is_presented) == Segment::Secret;
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
            Segment::Literal => {
                for letter in String::from_utf8_lossy(decoded).chars() {
                    self.template.push(if letter.is_control() { '?' } else { letter });
                }
                self.labels.add(labels_of(decoded));
            }
            Segment::Number | Segment::Token => self.template.push_str("{id}"),
            Segment::Uuid => self.template.push_str("{uuid}"),
            Segment::Email => self.template.push_str("{email}"),
            Segment::Date => self.template.push_str("{date}"),
            Segment::Secret => self.template.push_str(MASK),
        }
    }

    /// Where second factors are checked, a number in the path may be the code.
    fn mask_codes(&mut self) {
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
        if memmem::find(self.template.as_bytes(), b"device/auth").is_some() {
            self.labels.add(Labels::OAUTH_CLIENT);
        }
    }
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
    fn of(segment: &[u8], is_presented: &impl Fn(&[u8]) -> bool) -> Self {
        if segment.is_empty() {
            return Self::Literal;
        }
        if segment.len() >= 6 && (is_presented(segment) || holds_secret(segment)) {
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
        let digits = segment.iter().filter(|b| b.is_ascii_digit()).count();
        let is_hex = segment.len() >= 8 && digits > 0 && segment.iter().all(u8::is_ascii_hexdigit);
        // `v1`, `2fa`, `oauth2`, `s3` are words; `ord-20931`, `C0012345` are identifiers.
        let is_numbered = digits >= 3 && digits * 3 >= segment.len();
        if is_hex || is_numbered || segment.len() > LITERAL_BYTES_MAX || segment.len() > 20 && digits >= 4 {
            return Self::Token;
        }
        Self::Literal
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

/// The labels of one literal segment: of the segment as one word, and of each of its words.
fn labels_of(segment: &[u8]) -> Labels {
    let mut labels = Labels::NONE;
    let mut whole = [0u8; 32];
    let mut len = 0usize;
    for &byte in segment.iter().filter(|b| b.is_ascii_alphanumeric()) {
        let Some(slot) = whole.get_mut(len) else { return labels };
        *slot = byte.to_ascii_lowercase();
        len += 1;
    }
    let whole = whole.get(..len).unwrap_or(&[]);
    labels.add(labels_of_word(whole));
    if whole.len() != segment.len() {
        for word in segment.split(|b| !b.is_ascii_alphanumeric()).filter(|w| w.len() > 1) {
            labels.add(labels_of_word(word));
        }
    }
    labels
}

fn labels_of_word(word: &[u8]) -> Labels {
    WORD_LABELS.get(word).unwrap_or_default()
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
