//! Numbers that prove themselves: payment cards, bank accounts, and what states give to people.
//! It is given one value and says whether its form and its check digits are right.
//! It promises to take no number by its length alone; what a tenth of all numbers would pass is asked for by name only
//! (`classes`).

/// Digits of the longest card.
const CARD_DIGITS_MAX: usize = 19;

/// How a card's number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// In the groups that are printed on cards of its length: nothing else is written so.
    Grouped,
    /// In one piece, as other numbers are.
    Plain,
}

/// The way a card's number is written, if it is one: an issuer's range, the issuer's length, and a check digit by Luhn
/// (ISO/IEC 7812-1).
pub(super) fn card(text: &[u8]) -> Option<Writing> {
    if !(13..=CARD_DIGITS_MAX + 4).contains(&text.len()) || !text.last()?.is_ascii_digit() {
        return None;
    }
    let (writing, digits) = if text.iter().all(u8::is_ascii_digit) {
        (Writing::Plain, Digits::of(text)?)
    } else {
        let separator = *text.get(4).filter(|byte| matches!(byte, b' ' | b'-'))?;
        let mut groups = [0; 5];
        for (place, group) in text.split(|&byte| byte == separator).enumerate() {
            *groups.get_mut(place)? = group.len();
        }
        let is_printed = matches!(groups, [4, 4, 4, 4, 0 | 3] | [4, 6, 4 | 5, 0, 0]);
        if !is_printed || !text.iter().all(|&byte| byte.is_ascii_digit() || byte == separator) {
            return None;
        }
        (Writing::Grouped, Digits::of(text)?)
    };
    let is_one_digit = digits.list().windows(2).all(|pair| pair.first() == pair.last());
    (is_issued(&digits) && !is_one_digit && luhn(digits.list())).then_some(writing)
}

/// Ranges of issuers that are in use, each with the lengths of its numbers.
fn is_issued(digits: &Digits) -> bool {
    let first_four = digits.list().iter().take(4).fold(0, |number, &digit| number * 10 + u32::from(digit));
    match (first_four, digits.list().len()) {
        // Visa.
        (4000..=4999, 13 | 16 | 19)
        // Mastercard.
        | (5100..=5599 | 2221..=2720, 16)
        // American Express.
        | (3400..=3499 | 3700..=3799, 15)
        // Diners Club.
        | (3000..=3059 | 3600..=3699 | 3800..=3999, 14)
        // Discover, JCB, UnionPay.
        | (6011 | 6440..=6599 | 3528..=3589 | 6200..=6299, 16..=CARD_DIGITS_MAX) => true,
        _ => false,
    }
}

/// Luhn's sum: every second digit from the right, the last not among them, counts twice.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit @ 0..=4) => digit * 2,
            (_, digit) => digit * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Lengths of bank account numbers by country (SWIFT's registry of ISO 13616).
const IBAN_LENGTHS: &[(usize, &[u8])] = &[
    (15, b"NO"),
    (16, b"BE"),
    (18, b"DKFIFOGLNLSD"),
    (19, b"MKSI"),
    (20, b"ATBAEEKZLTLUMNXK"),
    (21, b"CHHRLILV"),
    (22, b"BGBHCRDEGBGEIEMERSVA"),
    (23, b"AEGIILIQOMSOTL"),
    (24, b"ADCZESMDPKROSASESKTNVG"),
    (25, b"LYPTST"),
    (26, b"ISTR"),
    (27, b"BIDJFRGRITMCMRSM"),
    (28, b"ALAZBYCYDOGTHULBNIPLSV"),
    (29, b"BREGPSQAUA"),
    (30, b"JOKWMUYE"),
    (31, b"MTSC"),
    (32, b"LC"),
    (33, b"RU"),
];

/// Whether a text is a bank account's number: a country's letters and length, and a remainder of one by 97. It may be
/// written in fours.
pub(super) fn is_iban(text: &[u8]) -> bool {
    let [a @ b'A'..=b'Z', b @ b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9', ..] = text else { return false };
    let is_grouped = text.get(4) == Some(&b' ');
    let length = if is_grouped { text.len() - text.len() / 5 } else { text.len() };
    let of_length = IBAN_LENGTHS.iter().find(|(known, _)| *known == length);
    if !of_length.is_some_and(|(_, countries)| countries.chunks(2).any(|country| country == [*a, *b])) {
        return false;
    }
    // The first four stand behind the others; a letter counts as two digits, from 10 on.
    let (head, tail) = text.split_at(4);
    let mut rest = 0_u32;
    for (place, &byte) in tail.iter().chain(head).enumerate() {
        rest = match byte {
            b'0'..=b'9' => rest * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => rest * 100 + u32::from(byte - b'A') + 10,
            b' ' if is_grouped && place % 5 == 0 => rest,
            _ => return false,
        } % 97;
    }
    rest == 1
}

/// Spain's DNI and NIE: eight digits, of a foreigner `X`, `Y` or `Z` and seven, and a letter that checks them.
pub(super) fn is_spanish(text: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let (body, letter) = match text {
        [body @ .., b'-', letter] | [body @ .., letter] => (body, letter.to_ascii_uppercase()),
        [] => return false,
    };
    let first = match body.first().map(u8::to_ascii_uppercase) {
        Some(foreign @ b'X'..=b'Z') => foreign - b'X',
        Some(digit @ b'0'..=b'9') => digit - b'0',
        _ => return false,
    };
    let rest = body.get(1..).unwrap_or(&[]);
    if body.len() != 8 || !rest.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number =
        rest.iter().fold(usize::from(first), |number, digit| number * 10 + usize::from(digit - b'0'));
    LETTERS.get(number % LETTERS.len()) == Some(&letter)
}

/// The Netherlands' burgerservicenummer: nine digits that pass the test of eleven.
pub(super) fn is_dutch(text: &[u8]) -> bool {
    let Some(digits) = Digits::of(text).filter(|digits| text.len() == 9 && digits.list().len() == 9) else {
        return false;
    };
    let weights = [9, 8, 7, 6, 5, 4, 3, 2, -1];
    let sum: i32 = digits.list().iter().zip(weights).map(|(&digit, weight)| i32::from(digit) * weight).sum();
    sum != 0 && sum % 11 == 0
}

/// Sweden's personnummer: a day of birth, four digits, and Luhn's sum over ten of them. Who has none yet is given one
/// whose day is sixty more.
pub(super) fn is_swedish(text: &[u8]) -> bool {
    let (day, serial) = match text {
        [day @ .., b'-' | b'+', a, b, c, d] | [day @ .., a, b, c, d] => (day, [*a, *b, *c, *d]),
        _ => return false,
    };
    let day = if day.len() == 8 { day.get(2..).unwrap_or(&[]) } else { day };
    let whole: Vec<u8> = day.iter().copied().chain(serial).collect();
    let Some(digits) = Digits::of(&whole).filter(|digits| whole.len() == 10 && digits.list().len() == 10)
    else {
        return false;
    };
    let [_, _, m, n, d, e, ..] = *digits.list() else { return false };
    let (month, day) = (m * 10 + n, d * 10 + e);
    (1..=12).contains(&month) && matches!(day, 1..=31 | 61..=91) && luhn(digits.list())
}

/// The USA's social security number, of the areas, groups and serials that are given out.
pub(super) fn is_american(text: &[u8]) -> bool {
    let is_written = match text.len() {
        9 => text.iter().all(u8::is_ascii_digit),
        11 => text.iter().enumerate().all(|(place, byte)| match place {
            3 | 6 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        }),
        _ => false,
    };
    let Some(digits) = Digits::of(text).filter(|_| is_written) else { return false };
    let part = |from: usize, to: usize| digits.list().get(from..to).unwrap_or(&[]);
    let is_area = !matches!(part(0, 3), [0, 0, 0] | [6, 6, 6] | [9, ..]);
    is_area && [part(3, 5), part(5, 9)].iter().all(|part| part.iter().any(|&digit| digit != 0))
}

/// Italy's codice fiscale: six letters of the name, year, month and day of birth, the place, and a letter that checks
/// all of it.
pub(super) fn is_italian(text: &[u8]) -> bool {
    // What a letter or digit counts as in an odd place.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let is_written = text.len() == 16
        && text.iter().enumerate().all(|(place, byte)| match place {
            6 | 7 | 9 | 10 | 12..=14 => byte.is_ascii_digit(),
            8 => b"ABCDEHLMPRST".contains(byte),
            _ => byte.is_ascii_uppercase(),
        });
    let Some((check, body)) = text.split_last().filter(|_| is_written) else { return false };
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(place, &byte)| {
            let value = if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
            match place % 2 {
                0 => ODD.get(usize::from(value)).copied().unwrap_or(0),
                _ => u32::from(value),
            }
        })
        .sum();
    u32::from(check - b'A') == sum % 26
}

/// Digits without what stands between them.
struct Digits {
    digits: [u8; CARD_DIGITS_MAX],
    used: usize,
}

impl Digits {
    /// Of a text with no more digits than a card has.
    fn of(text: &[u8]) -> Option<Self> {
        let (mut digits, mut used) = ([0; CARD_DIGITS_MAX], 0);
        for byte in text.iter().filter(|byte| byte.is_ascii_digit()) {
            *digits.get_mut(used)? = byte - b'0';
            used += 1;
        }
        Some(Self { digits, used })
    }

    fn list(&self) -> &[u8] {
        self.digits.get(..self.used).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests;
