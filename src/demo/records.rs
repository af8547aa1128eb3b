//! Records as APIs list them: customers, orders, invoices as JSON.
//! It is given a kind and a size or a count and writes a document.
//! It promises valid JSON whose one large array holds the records.

use super::random::Random;
use std::io::Write as _;

/// What a list is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Customers,
    Orders,
    Messages,
    Products,
}

pub(super) const FIRST_NAMES: &[&str] = &[
    "ada", "ben", "chloe", "dmitri", "elena", "farid", "gita", "hugo", "ines", "jonas", "kira", "liam",
    "mei", "noor", "omar", "priya", "quinn", "rosa", "sami", "tova", "uma", "viktor", "wen", "xenia", "yara",
    "zoe",
];
pub(super) const LAST_NAMES: &[&str] = &[
    "abbott",
    "brandt",
    "castro",
    "dubois",
    "eriksson",
    "fischer",
    "garcia",
    "hansen",
    "ivanova",
    "jansen",
    "keller",
    "lopez",
    "moreau",
    "novak",
    "okafor",
    "petit",
    "quist",
    "rossi",
    "silva",
    "tanaka",
    "ueda",
    "vos",
    "weber",
    "yilmaz",
    "zielinski",
];
const CITIES: &[&str] =
    &["Berlin", "Lyon", "Porto", "Oslo", "Kyoto", "Leeds", "Turin", "Gdansk", "Cork", "Pune"];
const STATES: &[&str] = &["active", "pending", "suspended", "shipped", "cancelled", "refunded"];
const CURRENCIES: &[&str] = &["EUR", "USD", "GBP"];
const GOODS: &[&str] = &["shoes", "laptop", "garden chair", "coffee", "monitor", "lamp", "jacket", "bicycle"];

/// A list of about `bytes` bytes; always at least one record.
pub(super) fn write_sized(out: &mut Vec<u8>, kind: Kind, bytes: u64, random: &mut Random) {
    let end = out.len() + bytes as usize;
    write_list(out, random, |out, random, count| {
        write_record(out, kind, random);
        out.len() + 180 > end || count > 100_000
    });
}

/// A page of `count` records; an empty one for 0.
pub(super) fn write_page(out: &mut Vec<u8>, kind: Kind, count: u64, random: &mut Random) {
    if count == 0 {
        out.extend_from_slice(b"{\"data\":[],\"total\":0}");
        return;
    }
    write_list(out, random, |out, random, written| {
        write_record(out, kind, random);
        written == count
    });
}

/// Writes records until `one_more` says that it was the last.
fn write_list(
    out: &mut Vec<u8>,
    random: &mut Random,
    mut one_more: impl FnMut(&mut Vec<u8>, &mut Random, u64) -> bool,
) {
    out.extend_from_slice(b"{\"data\":[");
    let mut written = 1;
    while !one_more(out, random, written) {
        out.push(b',');
        written += 1;
    }
    put(out, format_args!("],\"count\":{written},\"total\":{}}}", written + random.below(5_000)));
}

fn write_record(out: &mut Vec<u8>, kind: Kind, random: &mut Random) {
    let id = random.below(100_000_000);
    match kind {
        Kind::Customers => {
            let (first, last) = (random.pick(FIRST_NAMES), random.pick(LAST_NAMES));
            put(
                out,
                format_args!(
                    "{{\"id\":{id},\"uuid\":\"{}\",\"name\":\"{first} {last}\",\"contact\":\"{first}.{last}{}@mail.example\",\
                     \"status\":\"{}\",\"city\":\"{}\",\"verified\":{},\"created_at\":\"",
                    random.uuid(),
                    random.below(1_000),
                    random.pick(STATES),
                    random.pick(CITIES),
                    random.chance(700),
                ),
            );
        }
        Kind::Orders => put(
            out,
            format_args!(
                "{{\"id\":{id},\"customer\":{},\"status\":\"{}\",\"amount\":{}.{:02},\"currency\":\"{}\",\"lines\":{},\
                 \"created_at\":\"",
                random.below(1_000_000),
                random.pick(STATES),
                random.range(1, 9_999),
                random.below(100),
                random.pick(CURRENCIES),
                random.range(1, 12),
            ),
        ),
        Kind::Messages => put(
            out,
            format_args!(
                "{{\"id\":{id},\"subject\":\"{} {}\",\"unread\":{},\"created_at\":\"",
                random.pick(GOODS),
                random.pick(STATES),
                random.chance(300)
            ),
        ),
        Kind::Products => put(
            out,
            format_args!(
                "{{\"id\":{id},\"sku\":\"SKU-{:06}\",\"title\":\"{}\",\"price\":{}.{:02},\"stock\":{},\"updated_at\":\"",
                random.below(1_000_000),
                random.pick(GOODS),
                random.range(1, 900),
                random.below(100),
                random.below(400),
            ),
        ),
    }
    let (month, day) = (random.range(1, 10), random.range(1, 28));
    let (hour, minute, second) = (random.below(24), random.below(60), random.below(60));
    put(out, format_args!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z\"}}"));
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}
