//! What a credential is, told from its value alone: known prefix, length, alphabet, checksum.
//! It is given one isolated value, never a block of text, and gives a class name from a closed list.
//! It promises that the class does not depend on where the value was carried, because the fingerprint covers it.

/// Classes of values without a telling prefix.
pub(crate) const OPAQUE: &str = "opaque";
pub(crate) const JWT: &str = "jwt";
pub(crate) const JWE: &str = "jwe";

/// The letters a value may have behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alphabet {
    Hex,
    Base62,
    Base32Upper,
    /// Letters, digits, `_`, `-`, `.`, `=`, `+`, `/`.
    Token,
}

/// A kind of key that says what it is.
struct Pattern {
    prefix: &'static str,
    class: &'static str,
    /// Fewest and most letters behind the prefix.
    rest: (usize, usize),
    alphabet: Alphabet,
}

const fn p(prefix: &'static str, class: &'static str, rest: (usize, usize), alphabet: Alphabet) -> Pattern {
    Pattern { prefix, class, rest, alphabet }
}

use Alphabet::{Base32Upper, Base62, Hex, Token};

/// Sorted by nothing but kindred; a value is compared with those that share its first letter.
const PATTERNS: &[Pattern] = &[
    p("ghp_", "github_pat", (36, 36), Base62),
    p("gho_", "github_oauth", (36, 36), Base62),
    p("ghu_", "github_app_user", (36, 36), Base62),
    p("ghs_", "github_app", (36, 36), Base62),
    p("ghr_", "github_refresh", (36, 36), Base62),
    p("github_pat_", "github_pat", (82, 82), Token),
    p("glpat-", "gitlab_pat", (20, 320), Token),
    p("gldt-", "gitlab_deploy", (20, 64), Token),
    p("glrt-", "gitlab_runner", (20, 64), Token),
    p("glsa_", "grafana_service", (41, 41), Token),
    p("glc_", "grafana_cloud", (32, 400), Token),
    p("AKIA", "aws_access_key", (16, 16), Base32Upper),
    p("ASIA", "aws_access_key", (16, 16), Base32Upper),
    p("ABIA", "aws_access_key", (16, 16), Base32Upper),
    p("ACCA", "aws_access_key", (16, 16), Base32Upper),
    p("ABSK", "aws_bedrock_key", (109, 269), Token),
    p("AIza", "google_api_key", (35, 35), Token),
    p("ya29.", "google_oauth", (20, 2048), Token),
    p("xoxb-", "slack_token", (20, 250), Token),
    p("xoxp-", "slack_token", (20, 250), Token),
    p("xoxa-", "slack_token", (20, 250), Token),
    p("xoxr-", "slack_token", (20, 250), Token),
    p("xapp-", "slack_token", (20, 250), Token),
    p("sk_live_", "stripe_live", (10, 250), Base62),
    p("rk_live_", "stripe_live", (10, 250), Base62),
    p("sk_prod_", "stripe_live", (10, 250), Base62),
    p("sk_test_", "stripe_test", (10, 250), Base62),
    p("rk_test_", "stripe_test", (10, 250), Base62),
    p("sk-proj-", "openai_key", (40, 250), Token),
    p("sk-svcacct-", "openai_key", (40, 250), Token),
    p("sk-admin-", "openai_key", (40, 250), Token),
    p("sk-ant-", "anthropic_key", (80, 140), Token),
    p("SK", "twilio_key", (32, 32), Hex),
    p("SG.", "sendgrid_key", (66, 66), Token),
    p("npm_", "npm_token", (36, 36), Base62),
    p("pypi-AgEIcHlwaS5vcmc", "pypi_token", (50, 1000), Token),
    p("dop_v1_", "digitalocean_token", (64, 64), Hex),
    p("doo_v1_", "digitalocean_token", (64, 64), Hex),
    p("dor_v1_", "digitalocean_token", (64, 64), Hex),
    p("hf_", "huggingface_token", (34, 34), Base62),
    p("PMAK-", "postman_key", (24, 64), Token),
    p("dapi", "databricks_token", (32, 34), Token),
    p("lin_api_", "linear_key", (40, 40), Base62),
    p("shpat_", "shopify_token", (32, 32), Hex),
    p("shpca_", "shopify_token", (32, 32), Hex),
    p("shppa_", "shopify_token", (32, 32), Hex),
    p("shpss_", "shopify_token", (32, 32), Hex),
    p("hvs.", "vault_token", (24, 120), Token),
    p("hvb.", "vault_token", (138, 300), Token),
    p("sntryu_", "sentry_token", (64, 64), Hex),
    p("pscale_tkn_", "planetscale_token", (32, 64), Token),
    p("pscale_oauth_", "planetscale_token", (32, 64), Token),
    p("pscale_pw_", "planetscale_token", (32, 64), Token),
    p("rubygems_", "rubygems_key", (48, 48), Hex),
    p("pul-", "pulumi_token", (40, 40), Hex),
    p("ntn_", "notion_token", (46, 46), Base62),
    p("pplx-", "perplexity_key", (48, 48), Base62),
    p("HRKU-AA", "heroku_key", (58, 58), Token),
];

/// The shortest value that any pattern takes.
const KNOWN_MIN: usize = 18;

/// First letters of the prefixes, as a bitmap over ASCII.
const FIRST_LETTERS: u128 = {
    let (mut set, mut i) = (0u128, 0);
    while i < PATTERNS.len() {
        set |= 1 << (PATTERNS[i].prefix.as_bytes()[0] & 0x7F);
        i += 1;
    }
    set
};

/// The class of a value that says what it is: a static key with a known prefix.
pub(crate) fn known_key(value: &[u8]) -> Option<&'static str> {
    let &first = value.first()?;
    if value.len() < KNOWN_MIN || first >= 0x80 || FIRST_LETTERS & (1 << first) == 0 {
        return None;
    }
    let pattern = PATTERNS.iter().filter(|p| p.prefix.as_bytes().first() == Some(&first)).find(|p| {
        value.strip_prefix(p.prefix.as_bytes()).is_some_and(|rest| {
            (p.rest.0..=p.rest.1).contains(&rest.len()) && rest.iter().all(|&b| p.alphabet.has(b))
        })
    })?;
    if pattern.alphabet == Base62 && pattern.rest == (36, 36) && !crc_base62_matches(value) {
        return Some("github_style_bad_checksum");
    }
    Some(pattern.class)
}

/// The class of any value.
pub(crate) fn class(value: &[u8]) -> &'static str {
    if let Some(class) = known_key(value) {
        return class;
    }
    if value.starts_with(b"ey") {
        match memchr::memchr_iter(b'.', value).count() {
            _ if !is_token_text(value) => {}
            2 => return JWT,
            1 if value.len() > 20 => return JWT,
            4 => return JWE,
            _ => {}
        }
    }
    if [b"v1.".as_slice(), b"v2.", b"v3.", b"v4."].iter().any(|v| value.starts_with(v))
        && value.get(3..).is_some_and(|r| r.starts_with(b"local.") || r.starts_with(b"public."))
    {
        return "paseto";
    }
    if is_uuid(value) {
        return "uuid";
    }
    if value.len() >= 16 && value.iter().all(u8::is_ascii_hexdigit) {
        return "hex";
    }
    OPAQUE
}

/// Whether the class is a static key, by its prefix.
pub(crate) fn is_static_key(class: &str) -> bool {
    !matches!(class, JWT | JWE | OPAQUE | "paseto" | "uuid" | "hex" | "google_oauth")
}

/// Whether a piece of a path or a name should not be written down: long, and mixed as only random text is.
pub(crate) fn looks_secret(value: &[u8]) -> bool {
    if value.len() < KNOWN_MIN || is_uuid(value) {
        return false;
    }
    if known_key(value).is_some() || matches!(class(value), JWT | JWE | "paseto") {
        return true;
    }
    if !is_token_text(value) {
        return false;
    }
    if value.iter().all(u8::is_ascii_hexdigit) {
        return value.len() >= 32;
    }
    // Words joined by dashes have few digits and one case; random text of 20 letters has both mixed.
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let upper = value.iter().filter(|b| b.is_ascii_uppercase()).count();
    let lower = value.iter().filter(|b| b.is_ascii_lowercase()).count();
    let separators = value.len() - digits - upper - lower;
    let turns = value.windows(2).filter(|w| turns(w.first(), w.last())).count();
    let mixed = digits > 0 && upper + lower > 0 || upper > 1 && lower > 1;
    value.len() >= 20 && mixed && turns * 6 > value.len() && separators * 4 < value.len()
}

/// Bytes of `Token`, for values as long as a JWT: one table read each, no branch.
const TOKEN_BYTES: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0u8);
    while byte < 0x80 {
        table[byte as usize] = Token.has(byte);
        byte += 1;
    }
    table
};

fn is_token_text(value: &[u8]) -> bool {
    value.iter().fold(true, |so_far, &b| so_far & TOKEN_BYTES[usize::from(b)])
}

/// Eight, four, four, four and twelve hex digits.
pub(crate) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

impl Alphabet {
    const fn has(self, b: u8) -> bool {
        match self {
            Hex => b.is_ascii_hexdigit(),
            Base62 => b.is_ascii_alphanumeric(),
            Base32Upper => b.is_ascii_uppercase() || matches!(b, b'2'..=b'7'),
            Token => b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'=' | b'+' | b'/'),
        }
    }
}

/// Whether the kind of letter changes inside a word: where it does so often, the text is random.
fn turns(left: Option<&u8>, right: Option<&u8>) -> bool {
    let kind = |b: Option<&u8>| match b {
        Some(b) if b.is_ascii_digit() => Some(0),
        Some(b) if b.is_ascii_uppercase() => Some(1),
        Some(b) if b.is_ascii_lowercase() => Some(2),
        _ => None,
    };
    kind(left).zip(kind(right)).is_some_and(|(l, r)| l != r)
}

/// GitHub and npm tokens: the last six letters are the CRC-32 of the thirty before, in base 62.
fn crc_base62_matches(token: &[u8]) -> bool {
    let Some((head, check)) = token.len().checked_sub(6).and_then(|at| token.split_at_checked(at)) else {
        return false;
    };
    let Some(random) = head.iter().rposition(|&b| b == b'_').and_then(|at| head.get(at + 1..)) else {
        return false;
    };
    let value = check.iter().try_fold(0u64, |sum, &b| {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            b'A'..=b'Z' => b - b'A' + 10,
            b'a'..=b'z' => b - b'a' + 36,
            _ => return None,
        };
        Some(sum * 62 + u64::from(digit))
    });
    value == Some(u64::from(crc32(random)))
}

/// CRC-32 (IEEE 802.3), bit by bit: thirty bytes on a match only.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &b| {
        (0..8).fold(crc ^ u32::from(b), |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    #[expect(clippy::needless_pass_by_value, reason = "an expectation is written where it is checked")]
    fn check(values: &[&str], expected: Expect) {
        let lines: Vec<String> = values
            .iter()
            .map(|v| {
                format!(
                    "{} {}{}\n",
                    v,
                    class(v.as_bytes()),
                    if looks_secret(v.as_bytes()) { " secret" } else { "" }
                )
            })
            .collect();
        expected.assert_eq(&lines.concat());
    }

    /// A token of GitHub's make with the right checksum.
    fn github(random: &str) -> String {
        let mut value = u64::from(crc32(random.as_bytes()));
        let mut tail = [b'0'; 6];
        for slot in tail.iter_mut().rev() {
            *slot = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(value % 62) as usize];
            value /= 62;
        }
        format!("ghp_{random}{}", String::from_utf8_lossy(&tail))
    }

    #[test]
    fn keys_are_known_by_prefix_length_alphabet_and_checksum() {
        let good = github("abcdefghijklmnopqrstuvwxyz0123");
        assert_eq!(class(good.as_bytes()), "github_pat");
        assert_eq!(class(good.replace("xyz", "xyZ").as_bytes()), "github_style_bad_checksum");
        assert_eq!(class(&good.as_bytes()[..39]), "opaque");
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        check(
            &[
                "AKIAIOSFODNN7EXAMPLE",
                "AKIAIOSFODNN7EXAMPL1",
                "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
                "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
                "sk_life_4eC39HqLyjWDarjtT1zdp7dc",
                "SKiing-is-fun-in-the-winter-time-yes",
            ],
            expect![[r"
                AKIAIOSFODNN7EXAMPLE aws_access_key secret
                AKIAIOSFODNN7EXAMPL1 opaque
                sk_live_4eC39HqLyjWDarjtT1zdp7dc stripe_live secret
                sk_test_4eC39HqLyjWDarjtT1zdp7dc stripe_test secret
                sk_life_4eC39HqLyjWDarjtT1zdp7dc opaque secret
                SKiing-is-fun-in-the-winter-time-yes opaque
            "]],
        );
    }

    #[test]
    fn values_without_a_prefix_are_known_by_form() {
        check(
            &[
                "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
                "eyJhbGciOiJSU0EifQ.a.b.c.d",
                "123e4567-e89b-12d3-a456-426614174000",
                "5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2",
                "507f1f77bcf86cd799439011",
                "jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8-RbSjst",
                "tnbb4188906e52l9fo856k8e1irfcnzd",
                "recovery-codes-of-the-account",
                "customers",
                "",
            ],
            expect![[r"
                eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln jwt secret
                eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. jwt secret
                eyJhbGciOiJSU0EifQ.a.b.c.d jwe secret
                123e4567-e89b-12d3-a456-426614174000 uuid
                5357442683a5ad1695b3b8a7aa0a6e69ae5d7ec2 hex secret
                507f1f77bcf86cd799439011 hex
                jgWTwRuNtwSFF6YsXfAu9EjODAKPH8qPnAq8-RbSjst opaque secret
                tnbb4188906e52l9fo856k8e1irfcnzd opaque secret
                recovery-codes-of-the-account opaque
                customers opaque
                 opaque
            "]],
        );
    }
}
