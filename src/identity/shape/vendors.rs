//! Keys that say whose they are: the vendor's prefix, then a length and an alphabet that the vendor documents.
//! It is given one value, or a text with a key somewhere in it: one automaton knows all prefixes, and is asked where two
//! letters could begin one.
//! It promises that a prefix alone is not enough, so that `SKiing` is no key of Twilio's.
//! Sources: the vendors' own pages on secret scanning, and the rules of gitleaks, read as facts.

use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};
use std::ops::Range;
use std::sync::LazyLock;

/// The letters a value may have behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alphabet {
    Hex,
    Base62,
    Base32Upper,
    /// Upper-case letters and digits.
    Upper,
    /// Letters, digits, `_`, `-`, `.`, `=`, `+`, `/`.
    Token,
}

use Alphabet::{Base32Upper, Base62, Hex, Token, Upper};

/// A kind of key that says what it is: prefixes, class, fewest and most letters behind the prefix, alphabet.
type Vendor = (&'static str, &'static str, (usize, usize), Alphabet);

/// Prefixes are separated by blanks; of two that begin a value the longer counts.
const VENDORS: &[Vendor] = &[
    // Where code lives.
    ("ghp_", "github_pat", (36, 36), Base62),
    ("gho_", "github_oauth", (36, 36), Base62),
    ("ghu_", "github_app_user", (36, 36), Base62),
    ("ghs_", "github_app", (36, 36), Base62),
    ("ghr_", "github_refresh", (36, 36), Base62),
    ("github_pat_", "github_pat", (82, 82), Token),
    ("glpat-", "gitlab_pat", (20, 320), Token),
    ("gldt-", "gitlab_deploy", (20, 64), Token),
    ("glrt-", "gitlab_runner", (20, 64), Token),
    ("gloas- glptt- glft- glimt- glagent- glcbt- glsoat- glffct-", "gitlab_token", (20, 80), Token),
    ("ATBB", "bitbucket_password", (32, 32), Token),
    ("npm_", "npm_token", (36, 36), Base62),
    ("pypi-AgEIcHlwaS5vcmc pypi-AgENdGVzdC5weXBpLm9yZ", "pypi_token", (50, 1000), Token),
    ("rubygems_", "rubygems_key", (48, 48), Hex),
    ("CLOJARS_", "clojars_token", (60, 60), Base62),
    ("dckr_pat_", "docker_token", (27, 27), Token),
    ("dckr_oat_", "docker_token", (32, 32), Token),
    ("sgp_", "sourcegraph_token", (40, 57), Token),
    // Clouds and what runs there.
    ("AKIA ASIA ABIA ACCA", "aws_access_key", (16, 16), Base32Upper),
    ("ABSK", "aws_bedrock_key", (109, 269), Token),
    ("AIza", "google_api_key", (35, 35), Token),
    ("ya29.", "google_oauth", (20, 2048), Token),
    ("GOCSPX-", "google_client_secret", (28, 28), Token),
    ("dop_v1_ doo_v1_ dor_v1_", "digitalocean_token", (64, 64), Hex),
    ("HRKU-AA", "heroku_key", (58, 58), Token),
    ("fo1_", "fly_token", (43, 43), Token),
    ("fm1r_ fm1a_ fm2_", "fly_token", (100, 2048), Token),
    ("sbp_", "supabase_token", (40, 40), Hex),
    ("sb_secret_", "supabase_key", (31, 40), Token),
    ("v1.0-", "cloudflare_origin_key", (171, 171), Token),
    ("tskey-", "tailscale_key", (20, 80), Token),
    ("nfp_", "netlify_token", (36, 36), Base62),
    ("rnd_", "render_key", (28, 32), Base62),
    ("pscale_tkn_ pscale_oauth_ pscale_pw_", "planetscale_token", (32, 64), Token),
    ("dapi", "databricks_token", (32, 34), Token),
    ("pul-", "pulumi_token", (40, 40), Hex),
    ("dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", "doppler_token", (40, 64), Token),
    ("hvs.", "vault_token", (24, 120), Token),
    ("hvb.", "vault_token", (138, 300), Token),
    ("ops_eyJ", "onepassword_token", (240, 4096), Token),
    // What is watched, and who is told.
    ("glsa_", "grafana_service", (41, 41), Token),
    ("glc_", "grafana_cloud", (32, 400), Token),
    ("NRAK-", "newrelic_key", (27, 27), Upper),
    ("NRII- NRIQ-", "newrelic_key", (32, 32), Token),
    ("sntryu_", "sentry_token", (64, 64), Hex),
    ("sntrys_eyJ", "sentry_token", (60, 400), Token),
    ("dt0c01. dt0s16.", "dynatrace_token", (89, 89), Token),
    ("phx_", "posthog_key", (43, 48), Base62),
    ("phc_", "posthog_project_key", (43, 48), Base62),
    (
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe.xoxp- xoxe.xoxb- xapp- xwfp-",
        "slack_token",
        (20, 250),
        Token,
    ),
    ("SK", "twilio_key", (32, 32), Hex),
    ("SG.", "sendgrid_key", (66, 66), Token),
    ("key-", "mailgun_key", (32, 32), Hex),
    ("xkeysib-", "brevo_key", (64, 96), Token),
    ("re_", "resend_key", (30, 40), Token),
    // Money and shops.
    ("sk_live_ rk_live_ sk_prod_ rk_prod_", "stripe_live", (10, 250), Base62),
    ("sk_test_ rk_test_", "stripe_test", (10, 250), Base62),
    ("whsec_", "webhook_secret", (32, 80), Token),
    ("sq0atp-", "square_token", (22, 22), Token),
    ("sq0csp-", "square_secret", (43, 43), Token),
    ("shpat_ shpca_ shppa_ shpss_", "shopify_token", (32, 32), Hex),
    ("rzp_live_ rzp_test_", "razorpay_key", (14, 14), Base62),
    ("FLWSECK-", "flutterwave_key", (32, 40), Token),
    ("access-production- access-sandbox-", "plaid_token", (36, 36), Token),
    ("shippo_live_ shippo_test_", "shippo_token", (40, 40), Hex),
    // Models.
    ("sk-proj- sk-svcacct- sk-admin-", "openai_key", (40, 250), Token),
    ("sk-ant-", "anthropic_key", (80, 140), Token),
    ("sk-or-v1-", "openrouter_key", (64, 64), Hex),
    ("xai-", "xai_key", (80, 80), Base62),
    ("gsk_", "groq_key", (52, 52), Base62),
    ("hf_", "huggingface_token", (34, 34), Base62),
    ("r8_", "replicate_token", (37, 37), Base62),
    ("pplx-", "perplexity_key", (48, 48), Base62),
    ("nvapi-", "nvidia_key", (60, 70), Token),
    ("lsv2_pt_ lsv2_sk_", "langsmith_key", (43, 43), Token),
    ("pcsk_", "pinecone_key", (60, 80), Token),
    // Where people work together.
    ("ATATT3 ATCTT3 ATSTT3", "atlassian_token", (180, 220), Token),
    ("PMAK-", "postman_key", (24, 64), Token),
    ("lin_api_ lin_oauth_", "linear_key", (40, 64), Base62),
    ("ntn_", "notion_token", (46, 46), Base62),
    ("secret_", "notion_token", (43, 43), Base62),
    ("figd_ figo_ figu_", "figma_token", (40, 60), Token),
    ("CFPAT-", "contentful_token", (43, 43), Token),
    ("pat-na1- pat-na2- pat-eu1-", "hubspot_token", (36, 36), Token),
    ("pat", "airtable_token", (79, 79), Token),
    ("sk.eyJ", "mapbox_token", (60, 120), Token),
    ("AKCp", "artifactory_key", (69, 69), Base62),
    ("cmVmdGtuOj", "artifactory_token", (54, 54), Base62),
    // People's own.
    ("AGE-SECRET-KEY-1", "age_private_key", (58, 58), Upper),
];

/// A prefix with what belongs to it.
struct Prefix {
    len: usize,
    class: &'static str,
    rest: (usize, usize),
    alphabet: Alphabet,
}

/// All prefixes in one automaton.
struct Prefixes {
    automaton: AhoCorasick,
    known: Vec<Prefix>,
}

static PREFIXES: LazyLock<Option<Prefixes>> = LazyLock::new(|| {
    let each = || VENDORS.iter().flat_map(|vendor| vendor.0.split(' ').map(move |prefix| (prefix, vendor)));
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .start_kind(StartKind::Anchored)
        .build(each().map(|(prefix, _)| prefix));
    let known = each().map(|(prefix, &(_, class, rest, alphabet))| Prefix {
        len: prefix.len(),
        class,
        rest,
        alphabet,
    });
    Some(Prefixes { automaton: automaton.ok()?, known: known.collect() })
});

/// The shortest value that any vendor gives out.
pub(super) const KEY_BYTES_MIN: usize = 18;
/// The longest prefix.
const PREFIX_BYTES_MAX: usize = 32;
/// A shorter prefix inside a text says nothing unless a word begins there.
const TELLING_PREFIX_BYTES: usize = 4;

/// The two letters that prefixes begin with: by the first, a bitmap over ASCII of the second. Most values that are no
/// key are told by it.
static FIRST_LETTERS: [[u8; 16]; 128] = {
    let (mut seconds, mut i) = ([[0u8; 16]; 128], 0);
    while i < VENDORS.len() {
        let (prefixes, mut at, mut begins) = (VENDORS[i].0.as_bytes(), 0, true);
        while at + 1 < prefixes.len() {
            if begins {
                let second = prefixes[at + 1] & 0x7F;
                seconds[(prefixes[at] & 0x7F) as usize][second as usize / 8] |= 1 << (second % 8);
            }
            begins = prefixes[at] == b' ';
            at += 1;
        }
        i += 1;
    }
    seconds
};

/// Whether a prefix begins with the letters that a value begins with.
fn begins_like_a_prefix(value: &[u8]) -> bool {
    let [first, second, ..] = *value else { return false };
    let seconds =
        FIRST_LETTERS.get(usize::from(first)).and_then(|seconds| seconds.get(usize::from(second / 8)));
    seconds.is_some_and(|seconds| seconds >> (second % 8) & 1 == 1)
}

/// The class of a value that is one vendor's key from its first byte to its last.
#[inline]
pub(super) fn key(value: &[u8]) -> Option<&'static str> {
    if begins_like_a_prefix(value) { key_by_prefix(value) } else { None }
}

fn key_by_prefix(value: &[u8]) -> Option<&'static str> {
    let prefixes = PREFIXES.as_ref()?;
    let head = Input::new(value.get(..PREFIX_BYTES_MAX.min(value.len()))?).anchored(Anchored::Yes);
    let begun = prefixes.automaton.try_find(head).ok()??;
    let prefix = prefixes.known.get(begun.pattern().as_usize())?;
    let rest = value.get(prefix.len..)?;
    let fits = (prefix.rest.0..=prefix.rest.1).contains(&rest.len());
    (fits && rest.iter().all(|&b| prefix.alphabet.has(b))).then(|| checked(prefix, value))
}

/// The first key that stands in a text, wherever it begins: its bytes, as far as its alphabet goes.
pub(super) fn key_within(text: &[u8]) -> Option<Range<usize>> {
    let prefixes = PREFIXES.as_ref()?;
    let mut at = 0usize;
    for run in text.split(|&b| !is_token_byte(b)) {
        // Most words are too short to be a key, and cost no more than this look.
        if run.len() >= KEY_BYTES_MIN
            && let Some(found) = key_in_run(prefixes, run)
        {
            return Some(at + found.start..at + found.end);
        }
        at += run.len() + 1;
    }
    None
}

fn key_in_run(prefixes: &Prefixes, run: &[u8]) -> Option<Range<usize>> {
    let mut at = 0;
    while let Some(text) = run.get(at..).filter(|text| text.len() >= 2) {
        let begun = begins_like_a_prefix(text)
            .then(|| prefixes.automaton.try_find(Input::new(text).anchored(Anchored::Yes)));
        let Some(begun) = begun.and_then(Result::ok).flatten() else {
            at += 1;
            continue;
        };
        let prefix = prefixes.known.get(begun.pattern().as_usize())?;
        let before = at.checked_sub(1).and_then(|at| run.get(at));
        let inside = before.is_some_and(u8::is_ascii_alphanumeric);
        let rest = text.get(begun.end()..)?;
        let len = rest.iter().take_while(|&&b| prefix.alphabet.has(b)).count();
        let tells = prefix.len >= TELLING_PREFIX_BYTES;
        if len >= prefix.rest.0 && (tells || len <= prefix.rest.1 && !inside) {
            return Some(at..at + begun.end() + len);
        }
        at += begun.end();
    }
    None
}

/// GitHub and npm put a checksum into their keys: what fails it is no key of theirs.
fn checked(prefix: &Prefix, value: &[u8]) -> &'static str {
    let has_checksum =
        prefix.alphabet == Base62 && prefix.rest == (36, 36) && prefix.class != "netlify_token";
    if has_checksum && !crc_base62_matches(value) { "github_style_bad_checksum" } else { prefix.class }
}

/// The class of a value whose vendor's mark is not at its beginning. Every test looks at fixed places.
pub(super) fn marked_inside(value: &[u8]) -> Option<&'static str> {
    let at = |range: Range<usize>, mark: &[u8]| value.get(range) == Some(mark);
    let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let azure = || value.iter().all(|b| word(b) || matches!(b, b'~' | b'.'));
    match value.len() {
        37..=40 if at(4..6, b"Q~") && value.get(3).is_some_and(u8::is_ascii_digit) && azure() => {
            Some("azure_client_secret")
        }
        84 if at(76..80, b"AZDO") && value.iter().all(u8::is_ascii_alphanumeric) => Some("azure_devops_pat"),
        80..=100 if at(14..23, b".atlasv1.") => Some("terraform_token"),
        36 | 37 if at(32..35, b"-us") && value.iter().take(32).all(u8::is_ascii_hexdigit) => {
            Some("mailchimp_key")
        }
        _ if value.first().is_some_and(u8::is_ascii_digit) => telegram(value),
        _ => None,
    }
}

/// A bot's number of 5 to 16 digits, a colon, and 35 letters that begin with `A`.
fn telegram(value: &[u8]) -> Option<&'static str> {
    let (number, rest) = value.split_at_checked(value.len().checked_sub(36)?)?;
    let fits = rest.starts_with(b":A")
        && (5..=16).contains(&number.len())
        && number.iter().all(u8::is_ascii_digit)
        && rest.iter().skip(1).all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    fits.then_some("telegram_bot_token")
}

impl Alphabet {
    const fn has(self, b: u8) -> bool {
        match self {
            Hex => b.is_ascii_hexdigit(),
            Base62 => b.is_ascii_alphanumeric(),
            Base32Upper => b.is_ascii_uppercase() || matches!(b, b'2'..=b'7'),
            Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
            Token => is_token_byte(b),
        }
    }
}

/// What tokens are written with.
pub(super) const fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'=' | b'+' | b'/')
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
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &b| {
        (0..8).fold(crc ^ u32::from(b), |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 })
    })
}

#[cfg(test)]
mod tests;
