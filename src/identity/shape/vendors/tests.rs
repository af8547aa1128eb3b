//! Keys are put together here, so that none stands in the text for a scanner to find.

use super::*;
use crate::identity::shape::{OPAQUE, class};

/// Letters as a key has them, `n` of those that the alphabet has.
fn letters(alphabet: Alphabet, n: usize) -> String {
    let all = "4eC39HqLyjWDarjtT1zdp7dcA0b5F6G2K8m";
    all.chars().cycle().filter(|&c| alphabet.has(c as u8)).take(n).collect()
}

/// A token of GitHub's make with the right checksum.
fn github(prefix: &str, random: &str) -> String {
    let mut value = u64::from(crc32(random.as_bytes()));
    let mut tail = [b'0'; 6];
    for slot in tail.iter_mut().rev() {
        *slot = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(value % 62) as usize];
        value /= 62;
    }
    format!("{prefix}{random}{}", String::from_utf8_lossy(&tail))
}

#[test]
fn each_vendors_key_is_known_and_one_letter_less_is_not() {
    for &(prefixes, expected, (fewest, most), alphabet) in VENDORS {
        for prefix in prefixes.split(' ') {
            let good = format!("{prefix}{}", letters(alphabet, fewest));
            let told = class(good.as_bytes());
            assert!([expected, "github_style_bad_checksum"].contains(&told), "{good} is {told}");
            assert!(good.len() >= KEY_BYTES_MIN, "{good}");
            assert_eq!(key_within(format!("x/{good}?").as_bytes()), Some(2..2 + good.len()), "{good}");
            let short = good.get(..good.len() - 1).unwrap();
            assert_ne!(class(short.as_bytes()), expected, "{short}");
            let long = format!("{prefix}{}", letters(alphabet, most + 1));
            assert_ne!(class(long.as_bytes()), expected, "{long}");
            let other = format!("{prefix}{}!", letters(alphabet, fewest - 1));
            assert_eq!(class(other.as_bytes()), OPAQUE, "{other}");
        }
    }
}

#[test]
fn checksums_tell_a_key_from_its_like() {
    for (prefix, expected) in [("ghp_", "github_pat"), ("gho_", "github_oauth"), ("npm_", "npm_token")] {
        let good = github(prefix, "abcdefghijklmnopqrstuvwxyz0123");
        assert_eq!(class(good.as_bytes()), expected);
        assert_eq!(class(good.replace("xyz", "xyZ").as_bytes()), "github_style_bad_checksum");
    }
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

#[test]
fn marks_inside_a_value_are_known_at_their_place() {
    let word = |n| letters(Base62, n);
    for (value, expected) in [
        (format!("{}8Q~{}", word(3), word(34)), "azure_client_secret"),
        (format!("{}xQ~{}", word(3), word(34)), OPAQUE),
        (format!("{}AZDO{}", word(76), word(4)), "azure_devops_pat"),
        (format!("{}.atlasv1.{}", word(14), word(64)), "terraform_token"),
        (format!("{}-us21", letters(Hex, 32)), "mailchimp_key"),
        (format!("{}-de21", letters(Hex, 32)), OPAQUE),
        (format!("123456789:AA{}", word(33)), "telegram_bot_token"),
        (format!("123456789:BA{}", word(33)), OPAQUE),
        ("2026-11-21T10:AA".to_owned(), OPAQUE),
    ] {
        assert_eq!(class(value.as_bytes()), expected, "{value}");
    }
}

#[test]
fn a_key_is_found_inside_a_text_and_a_word_that_begins_like_one_is_not() {
    let stripe = format!("sk_live_{}", letters(Base62, 24));
    let text = format!("my-{stripe}.");
    assert_eq!(key_within(text.as_bytes()), Some(3..3 + stripe.len()));
    for innocent in [
        "SKiing-is-fun-in-the-winter-time-yes",
        "patient-records-of-the-year-2026",
        "key-performance-indicators-2026-11",
        "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        "secret_santa_for_the_whole_department_2026",
        "re_invent-2026-las-vegas",
    ] {
        assert_eq!(key_within(innocent.as_bytes()), None, "{innocent}");
    }
    // In the middle of a hash, two letters mean nothing.
    let hash = format!("aSK{}", letters(Hex, 32));
    assert_eq!(key_within(hash.as_bytes()), None);
}

/// The automaton says what a comparison with every prefix in turn says.
#[test]
fn one_pass_finds_what_a_loop_over_all_prefixes_finds() {
    let by_loop = |value: &str| {
        let each = VENDORS.iter().flat_map(|v| v.0.split(' ').map(move |prefix| (prefix, v)));
        let fits = |(prefix, vendor): &(&str, &Vendor)| {
            value.strip_prefix(prefix).is_some_and(|rest| {
                (vendor.2.0..=vendor.2.1).contains(&rest.len()) && rest.bytes().all(|b| vendor.3.has(b))
            })
        };
        each.filter(fits).map(|(_, vendor)| vendor.1).collect::<Vec<_>>()
    };
    for &(prefixes, _, (fewest, _), alphabet) in VENDORS {
        for prefix in prefixes.split(' ') {
            for len in [fewest.saturating_sub(1), fewest, fewest + 1] {
                let value = format!("{prefix}{}", letters(alphabet, len));
                let (one, all) = (key(value.as_bytes()), by_loop(&value));
                let same = one.map_or(all.is_empty(), |class| {
                    all.contains(&class) || class == "github_style_bad_checksum"
                });
                assert!(same, "{value}: {one:?}, {all:?}");
            }
        }
    }
}
