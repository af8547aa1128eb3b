//! What lines with credentials present, remembered: a client sends the same ones with nearly every request.
//! It is given the lines of a head that carry credentials, and presents what it presented when they were read before,
//! together with what was found out about each value.
//! It promises just what a reading would give, whatever was read before, and to hold no value: it keeps places within
//! lines, and tells lines by a hash under keys of its own.
//!
//! What a line presents is told by its bytes and by the lines around it alone, so all of them together are the key.
//! A recollection is tried when it is made: one that would not give the same again (a value that had to be decoded is
//! not within its line) is not kept, nor is one that would take much memory.

use super::{Found, Presented};
use crate::identity::clues::HandleKind;
use crate::identity::names::Names;
use crate::identity::secret::{Known, Places, Secret};
use crate::identity::tables::{Cookie, RequestHeader};
use heelguard_detectors::identity::{CredentialKind, Location};
use std::hash::Hash;

/// Sets of callers a worker remembers.
const SETS: usize = 2048;
/// Lines, credentials and hidden values of one that is remembered.
const LINES_MAX: usize = 32;
const FOUND_MAX: usize = 8;
const HIDDEN_MAX: usize = 64;

/// A header line that carries a credential.
pub(crate) struct Line<'a> {
    pub(crate) role: RequestHeader,
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// A worker's recollections.
pub(crate) struct Recall(Places<Saying>);

/// What some lines present.
struct Saying {
    found: Box<[Said]>,
    hidden: Box<[Place]>,
    repeated: bool,
}

/// A credential by its place.
struct Said {
    kind: CredentialKind,
    location: Location,
    name: Place,
    secret: Place,
    named: Option<&'static str>,
    carrier: &'static str,
    handle: Option<HandleKind>,
    listed: bool,
    known: Known,
}

/// Where a text stands: in which line, in its name or in its value, from where to where.
struct Place {
    line: u32,
    in_value: bool,
    from: u32,
    to: u32,
}

impl Recall {
    /// With nothing remembered yet.
    pub(crate) fn new() -> Self {
        Self(Places::new(SETS))
    }

    /// Presents what the lines of one head carry; `presented` is empty so far, and `know` finds out about a value.
    pub(crate) fn read<'a>(
        &mut self,
        presented: &mut Presented<'a>,
        lines: &[Line<'a>],
        cookies: &Names<Cookie>,
        mut know: impl FnMut(&Found<'_>) -> Known,
    ) {
        if !lines.iter().all(|line| lasts(line.role)) || lines.is_empty() {
            return presented.lines(lines, cookies);
        }
        let hash = self.0.hash(|hasher| lines.iter().for_each(|line| (line.name, line.value).hash(hasher)));
        if let Some(saying) = self.0.find(hash) {
            return saying.repeat(presented, lines);
        }
        presented.lines(lines, cookies);
        let is_large = lines.len() > LINES_MAX
            || presented.found.len() > FOUND_MAX
            || presented.hidden.len() > HIDDEN_MAX;
        if is_large {
            return;
        }
        if let Some(saying) = Saying::of(presented, lines, &mut know) {
            self.0.insert(hash, saying);
        }
    }
}

/// Whether a client sends the same line again: codes, proofs and signatures are new each time.
fn lasts(role: RequestHeader) -> bool {
    use RequestHeader::{Access, Authorization, Cookie, Key, Refresh, Session};
    matches!(role, Authorization | Cookie | Key | Session | Access | Refresh)
}

impl Saying {
    /// What these lines presented; `None` where that cannot be told by places.
    fn of<'a>(
        presented: &mut Presented<'a>,
        lines: &[Line<'a>],
        know: &mut impl FnMut(&Found<'_>) -> Known,
    ) -> Option<Self> {
        let place = |text: &[u8]| Place::of(text, lines);
        let said = presented.found.iter().map(|found| {
            Some(Said {
                kind: found.kind,
                location: found.location,
                name: place(found.name)?,
                secret: place(found.secret.bytes())?,
                named: found.named,
                carrier: found.carrier,
                handle: found.handle,
                listed: found.listed,
                known: know(found),
            })
        });
        let found: Box<[Said]> = said.collect::<Option<_>>()?;
        if !found.iter().all(|said| said.known.is_light()) {
            return None;
        }
        // What a hidden value means without its percent-encoding is hidden with it.
        let hidden = presented.hidden.iter().filter_map(|secret| place(secret.bytes())).collect();
        let saying = Self { found, hidden, repeated: presented.repeated };
        let mut again = Presented::default();
        saying.repeat(&mut again, lines);
        again.is_the_same_as(presented).then_some(saying)
    }

    fn repeat<'a>(&self, presented: &mut Presented<'a>, lines: &[Line<'a>]) {
        presented.repeated = self.repeated;
        presented.found.reserve_exact(self.found.len());
        presented.found.extend(self.found.iter().map(|said| Found {
            kind: said.kind,
            location: said.location,
            name: said.name.text(lines),
            secret: Secret::new(said.secret.text(lines)),
            named: said.named,
            carrier: said.carrier,
            handle: said.handle,
            listed: said.listed,
            known: Some(said.known.clone()),
        }));
        presented.hidden.reserve_exact(self.hidden.len());
        self.hidden.iter().for_each(|place| presented.hide(place.text(lines)));
    }
}

impl Place {
    /// Where a text stands that may be a piece of one of the lines.
    fn of(text: &[u8], lines: &[Line<'_>]) -> Option<Self> {
        let within = |whole: &[u8]| {
            let from = text.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
            let to = from.checked_add(text.len()).filter(|&to| to <= whole.len())?;
            Some((u32::try_from(from).ok()?, u32::try_from(to).ok()?))
        };
        lines.iter().zip(0..).find_map(|(line, number)| {
            let in_value = within(line.value).map(|range| (true, range));
            let (in_value, (from, to)) =
                in_value.or_else(|| within(line.name).map(|range| (false, range)))?;
            Some(Self { line: number, in_value, from, to })
        })
    }

    fn text<'a>(&self, lines: &[Line<'a>]) -> &'a [u8] {
        let line = lines.get(self.line as usize);
        let whole = line.map(|line| if self.in_value { line.value } else { line.name });
        whole.and_then(|whole| whole.get(self.from as usize..self.to as usize)).unwrap_or(&[])
    }
}

impl<'a> Presented<'a> {
    /// Takes lines that carry credentials, in their order.
    fn lines(&mut self, lines: &[Line<'a>], cookies: &Names<Cookie>) {
        for line in lines {
            match line.role {
                RequestHeader::Cookie => self.cookies(line.value, cookies),
                role => self.header(role, line.name, line.value),
            }
        }
    }

    /// Whether the same is presented, field by field, where nothing is but credentials and hidden values.
    fn is_the_same_as(&self, other: &Self) -> bool {
        let Self {
            found,
            hidden,
            too_many,
            user,
            basic,
            client,
            mfa_header,
            repeated,
            certificate_subject,
            certificate_believed,
            certificates,
        } = other;
        let nothing_else = !too_many
            && !certificate_believed
            && user.is_none()
            && basic.is_none()
            && client.is_none()
            && mfa_header.is_none()
            && certificate_subject.is_none()
            && certificates.are_absent();
        let is_same_secret = |(one, other): (&Secret<'_>, &Secret<'_>)| one.bytes() == other.bytes();
        nothing_else
            && self.repeated == *repeated
            && self.found.len() == found.len()
            && self.found.iter().zip(found).all(|(one, other)| one.is_the_same_as(other))
            && self.hidden.len() == hidden.len()
            && self.hidden.iter().zip(hidden).all(is_same_secret)
    }
}

impl Found<'_> {
    fn is_the_same_as(&self, other: &Self) -> bool {
        let Self { kind, location, name, secret, named, carrier, handle, listed, known: _ } = other;
        (self.kind, self.location, self.name) == (*kind, *location, *name)
            && self.secret.bytes() == secret.bytes()
            && (self.named, self.carrier, self.handle, self.listed) == (*named, *carrier, *handle, *listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::secret::{Keyring, Memory};
    use crate::identity::tables;
    use proptest::prelude::*;
    use std::sync::Arc;

    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";

    /// Lines as clients send them, and some that nobody should.
    const LINES: &[&str] = &[
        "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "authorization:  bearer   jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8 ",
        "Authorization: Basic YWxpY2U6aHVudGVyMg==",
        "Authorization: Digest username=\"alice\", response=\"6629fae49393a05397450978507c4ef1\"",
        "Authorization: Negotiate TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA=",
        "Authorization: Token token=\"9944b09199c62bcf9418ad846dd0e4bb\"",
        "Authorization: OAuth oauth_consumer_key=\"k%2Dy\", oauth_token=\"t%6Fken-of-somebody\"",
        "Authorization:",
        "X-API-Key: hk_live_e646eb8708dae7dee2b3087a30bb6864",
        "X-Api-Key: eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "X-Session-Token: anonymous",
        "X-Access-Token: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "X-Refresh-Token: 53b6f0a1e88d4c1c",
        "X-MFA-Token: 601947",
        "X-Client-Secret: 53b6f0a1e88d4c1c",
        "DPoP: eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiIxIn0.c2ln",
        "X-SSL-Client-Serial: 0a1b2c3d4e5f60718293",
        "Cookie: sessionid=RffgycXqM1RYok3f0UjVlvKy; csrftoken=01da4a5ea819bf72852a3cb05726235b; theme=dark",
        "Cookie: connect.sid=s%3A8fk2L0aQ.dGhpcyBpcyBhIHNpZ25hdHVyZQ; _ga=GA1.2.411906221.1794",
        "Cookie: \"quoted\"=\"1\"; access_token=\"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln\"; lang=en; x",
    ];

    fn line<'a>(text: &'a str, known: &Names<RequestHeader>) -> Line<'a> {
        let (name, value) = text.split_once(':').unwrap();
        let (name, value) = (name.as_bytes(), value.trim().as_bytes());
        Line { role: known.get(name).unwrap(), name, value }
    }

    /// All that is presented, with what is known of each value.
    fn told(presented: &Presented<'_>, mut know: impl FnMut(&Found<'_>) -> Known) -> String {
        let mut out = format!("{} {} ", presented.repeated, presented.too_many);
        for found in &presented.found {
            let known = found.known.clone().unwrap_or_else(|| know(found));
            out += &format!(
                "{} {:?} {} {} {:?} {} {:?} {} {} {:?}\n",
                found.kind,
                found.location,
                found.name.escape_ascii(),
                found.secret.bytes().escape_ascii(),
                found.named,
                found.carrier,
                found.handle,
                found.listed,
                known.class,
                (known.fingerprint, known.claims.map(|claims| claims.sub.clone()), known.beyond_limit),
            );
        }
        let hidden = presented.hidden.iter().map(|secret| secret.bytes().escape_ascii().to_string());
        let rest = (&presented.user, &presented.client, presented.basic.is_some(), presented.mfa_header);
        format!("{out}{:?} {rest:?}", hidden.collect::<Vec<_>>())
    }

    struct Desk {
        keys: Keyring,
        memory: Memory,
        recall: Recall,
        headers: Names<RequestHeader>,
        cookies: Names<Cookie>,
    }

    impl Desk {
        fn new() -> Self {
            Self {
                keys: Keyring::from_bytes(&[7; 32]).unwrap(),
                memory: Memory::new(Arc::default()),
                recall: Recall::new(),
                headers: tables::names(Vec::new(), tables::REQUEST_HEADERS),
                cookies: tables::names(Vec::new(), tables::COOKIES),
            }
        }

        /// What these lines present, by recollection or by reading; and whether it was by recollection.
        fn read(&mut self, texts: &[String], recalls: bool) -> (String, bool) {
            let lines: Vec<_> = texts.iter().map(|text| line(text, &self.headers)).collect();
            let mut presented = Presented::default();
            let (memory, keys) = (&mut self.memory, &self.keys);
            let know = |found: &Found<'_>| memory.know(&found.secret, keys, None);
            if recalls {
                self.recall.read(&mut presented, &lines, &self.cookies, know);
            } else {
                presented.lines(&lines, &self.cookies);
            }
            let recalled = presented.found.iter().any(|found| found.known.is_some());
            let (memory, keys) = (&mut self.memory, &self.keys);
            (told(&presented, |found| memory.know(&found.secret, keys, None)), recalled)
        }
    }

    fn some_lines() -> impl Strategy<Value = Vec<String>> {
        let line = (0..LINES.len(), prop::option::weighted(0.2, (0..200usize, any::<char>())));
        let changed = line.prop_map(|(number, change)| {
            let mut text = LINES[number].to_owned();
            // One letter of the value is another.
            let value_at = text.find(':').unwrap() + 1;
            if let Some((at, letter)) = change
                && let Some(old) = text.get(value_at..).and_then(|value| value.chars().nth(at))
                && old.is_ascii()
                && !letter.is_control()
            {
                text.replace_range(value_at + at..=value_at + at, &letter.to_string());
            }
            text
        });
        prop::collection::vec(changed, 0..4)
    }

    proptest! {
        #[test]
        fn what_is_recalled_is_what_would_be_read(heads in prop::collection::vec(some_lines(), 1..12), turns in 1..3usize) {
            let mut desk = Desk::new();
            for _ in 0..turns {
                for head in &heads {
                    prop_assert_eq!(desk.read(head, true).0, desk.read(head, false).0);
                }
            }
        }
    }

    #[test]
    fn a_client_that_says_the_same_again_is_not_read_again() {
        let mut desk = Desk::new();
        let mut twice = |lines: &[&str]| {
            let texts: Vec<String> = lines.iter().map(|&line| line.into()).collect();
            let first = desk.read(&texts, true);
            // The same bytes elsewhere in memory.
            let again = desk.read(&texts.clone(), true);
            assert_eq!(first.0, again.0);
            (first.1, again.1)
        };
        let cookie = "Cookie: connect.sid=s%3A8fk2L0aQ.dGhpcyBpcyBhIHNpZ25hdHVyZQ; theme=dark";
        let bearer = format!("Authorization: Bearer {JWT}");
        assert_eq!(twice(&[&bearer]), (false, true));
        assert_eq!(twice(&[&bearer, cookie]), (false, true));
        assert_eq!(twice(&[cookie, &bearer]), (false, true), "the order is told");
        assert_eq!(twice(&[&format!("{bearer}x")]), (false, true), "another token is read");
        // Who presents more than callers do is read each time.
        let cookies = |count: usize| {
            (0..count).map(|n| format!("session{n}=a1b2c3d4e5f60718{n}; ")).collect::<String>()
        };
        assert_eq!(twice(&[&format!("Cookie: {}", cookies(8))]), (false, true));
        assert_eq!(twice(&[&format!("Cookie: {}", cookies(9))]), (false, false));
        let lines = |count: usize| vec!["Cookie: theme=dark"; count - 1];
        assert_eq!(twice(&[&lines(32)[..], &[&bearer]].concat()), (false, true));
        assert_eq!(twice(&[&lines(33)[..], &[&bearer]].concat()), (false, false));
        // What is decoded, and what is new each time, is read each time.
        assert_eq!(twice(&["Authorization: Basic YWxpY2U6aHVudGVyMg=="]), (false, false));
        assert_eq!(twice(&[&bearer, "X-MFA-Token: 601947"]), (false, false));
    }
}
