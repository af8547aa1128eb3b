//! The claims of a token that may say whose it is, and where in a path they stand.
//! It is given the members of a payload, then the paths that the token is used with.
//! It promises that names and places leave it, and no value: those are compared here and never shown.

use super::claims::kept;
use crate::identity::json::{Member, Value};
use crate::identity::urlencoded;
use heelguard_detectors::few::Few;
use heelguard_detectors::token::InPath;
use std::fmt;
use std::sync::Arc;

/// Claims of one token that are compared.
const CLAIMS_MAX: usize = 16;
/// Most bytes of a claim's name and value.
const NAME_BYTES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 128;
/// Segments of a path that are compared.
const SEGMENTS_MAX: usize = 16;
/// Objects around a claim, itself at the top: `"org": {"id": 7}`.
const DEPTHS: std::ops::RangeInclusive<usize> = 1..=2;

/// Claims that say when, by whom and what for, never whose.
const OTHERS: &[&[u8]] = &[
    b"iss",
    b"aud",
    b"exp",
    b"nbf",
    b"iat",
    b"auth_time",
    b"jti",
    b"nonce",
    b"at_hash",
    b"c_hash",
    b"s_hash",
    b"acr",
    b"amr",
    b"scope",
    b"scp",
    b"typ",
    b"token_use",
    b"token_type",
    b"ver",
    b"jkt",
    b"kid",
];

/// Names that are shown, and values that are not, in the same order.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Identities {
    names: Option<Arc<[Arc<str>]>>,
    values: Vec<Box<[u8]>>,
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identities").field(&self.names).finish()
    }
}

/// What a walk over a payload gathers.
#[derive(Default)]
pub(super) struct Gathered(Vec<(Arc<str>, Box<[u8]>)>);

impl Gathered {
    /// Takes a text or number under a name.
    pub(super) fn take<K>(&mut self, member: &Member<'_, K>) {
        let usable = DEPTHS.contains(&member.depth) && (1..=NAME_BYTES_MAX).contains(&member.name.len());
        if !usable || self.0.len() >= CLAIMS_MAX || OTHERS.contains(&member.name) {
            return;
        }
        let value = match member.value {
            Value::Text(text) if text.raw.len() <= VALUE_BYTES_MAX => text.decoded(),
            Value::Number(number) if number.len() <= VALUE_BYTES_MAX => number.into(),
            _ => return,
        };
        if !value.is_empty() {
            self.0.push((kept(member.name), value.into()));
        }
    }

    pub(super) fn done(self) -> Identities {
        if self.0.is_empty() {
            return Identities::default();
        }
        let (names, values): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        Identities { names: Some(names.into()), values }
    }
}

impl Identities {
    /// The names, shared by all uses of the token.
    pub(super) fn names(&self) -> Option<Arc<[Arc<str>]>> {
        self.names.clone()
    }

    /// Bytes that whoever made the token chose.
    pub(super) fn bytes(&self) -> usize {
        let names = self.names.iter().flat_map(|names| names.iter()).map(|name| name.len());
        names.chain(self.values.iter().map(|value| value.len())).sum()
    }

    /// Which claims stand in a path, and where.
    pub(super) fn in_path(&self, path: &[u8]) -> Few<InPath> {
        let mut found = Few::default();
        if self.values.is_empty() {
            return found;
        }
        for (segment, raw) in (0..).zip(path.split(|&b| b == b'/').take(SEGMENTS_MAX)) {
            if raw.is_empty() {
                continue;
            }
            let value = urlencoded::decode_path(raw);
            for (claim, own) in (0..).zip(&self.values) {
                if **own == *value {
                    found.push(InPath { claim, segment });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::json;
    use crate::identity::names::Names;

    fn of(payload: &str) -> Identities {
        let mut gathered = Gathered::default();
        json::walk(payload.as_bytes(), &Names::<()>::new::<&str>([]), |member| gathered.take(&member));
        gathered.done()
    }

    fn found(payload: &str, path: &str) -> Vec<String> {
        let identities = of(payload);
        let names = identities.names().unwrap_or_default();
        let place = |one: &InPath| format!("{} {}", names[usize::from(one.claim)], one.segment);
        identities.in_path(path.as_bytes()).iter().map(place).collect()
    }

    const TOKEN: &str = r#"{"iss":"x","exp":7,"sub":"42","tenant":7,"org":{"id":"a b"},"roles":["42"]}"#;

    #[test]
    fn a_claim_stands_where_it_equals_a_whole_segment() {
        assert_eq!(found(TOKEN, "/tenants/7/users/42"), ["tenant 2", "sub 4"]);
        assert_eq!(found(TOKEN, "/orgs/a%20b"), ["id 2"]);
        for path in ["/users/421", "/users/4", "/x", "", "/"] {
            assert_eq!(found(TOKEN, path), [""; 0], "{path}");
        }
    }

    #[test]
    fn nothing_is_allocated_for_no_place_or_one() {
        let identities = of(TOKEN);
        assert!(matches!(identities.in_path(b"/orders/1"), Few::One(None)));
        assert!(matches!(identities.in_path(b"/users/42"), Few::One(Some(_))));
        assert!(matches!(Identities::default().in_path(b"/users/42"), Few::One(None)));
        let (names, again) = (identities.names().unwrap(), identities.names().unwrap());
        assert!(Arc::ptr_eq(&names, &again), "the names are shared");
    }

    #[test]
    fn names_are_told_and_values_are_not() {
        let identities = of(TOKEN);
        assert_eq!(
            identities.names().unwrap().iter().map(|name| &**name).collect::<Vec<_>>(),
            ["sub", "tenant", "id"]
        );
        assert!(!format!("{identities:?}").contains("42"));
        assert_eq!(of(r#"{"iss":"x","exp":7}"#), Identities::default());
    }
}
