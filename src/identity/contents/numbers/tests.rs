//! Published examples, their neighbours with one digit changed, and how rarely random digits pass.

use super::*;
use proptest::prelude::*;

/// Cards that payment companies publish for tests.
const CARDS: [&str; 9] = [
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "6011111111111117",
    "3530111333300000",
    "6200000000000005",
];

const IBANS: [&str; 6] = [
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
];

#[test]
fn cards_are_known_in_one_piece_and_in_printed_groups() {
    for text in CARDS {
        assert_eq!(card(text.as_bytes()), Some(Writing::Plain), "{text}");
    }
    for text in ["4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005", "3056 930902 5904"] {
        assert_eq!(card(text.as_bytes()), Some(Writing::Grouped), "{text}");
    }
    for text in [
        "4111 1111-1111 1111",
        "41 111111 11111111",
        "4111 1111 1111 1111 ",
        "411111111111111",
        "4111 1111 1111 111a",
        "9111111111111111",
        "4444444444444444",
        "0000000000000000",
        "",
    ] {
        assert_eq!(card(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn accounts_are_known_in_one_piece_and_in_fours() {
    for text in IBANS {
        assert!(is_iban(text.as_bytes()), "{text}");
        let fours: Vec<&str> =
            text.as_bytes().chunks(4).map(|four| std::str::from_utf8(four).unwrap()).collect();
        assert!(is_iban(fours.join(" ").as_bytes()), "{fours:?}");
    }
    for text in [
        "DE8937040044053201300",
        "de89370400440532013000",
        "XX89370400440532013000",
        "DE89 370400440532013000",
        "DE89  3704 0044 0532 0130 00",
        "DE",
        "",
    ] {
        assert!(!is_iban(text.as_bytes()), "{text}");
    }
}

#[test]
fn what_states_give_to_people_is_known_by_its_check() {
    type Check = fn(&[u8]) -> bool;
    let of: [(Check, &[&str], &[&str]); 5] = [
        (
            is_spanish,
            &["12345678Z", "12345678-z", "X1234567L", "Y1234567X", "Z1234567R"],
            &["12345678A", "1234567Z", "W1234567L", "12345678", "Z", "", "1234 678Z"],
        ),
        (is_dutch, &["111222333", "123456782"], &["123456789", "000000000", "11122233", "111 222 333"]),
        (
            is_swedish,
            &["811228-9874", "8112289874", "198112289874", "19811228-9874", "670919+9530", "701063-2391"],
            &["811228-9875", "811328-9870", "811200-9876", "11228-9874", "", "-"],
        ),
        (
            is_american,
            &["078-05-1120", "219099999"],
            &["000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "123-456-789"],
        ),
        (
            is_italian,
            &["RSSMRA85T10A562S", "MRTMTT91D08F205J"],
            &["RSSMRA85T10A562T", "RSSMRA85F10A562S", "rssmra85t10a562s", ""],
        ),
    ];
    for (check, right, wrong) in of {
        for text in right {
            assert!(check(text.as_bytes()), "{text}");
        }
        for text in wrong {
            assert!(!check(text.as_bytes()), "{text}");
        }
    }
}

/// Numbers without a pattern.
fn numbers(digits: u32) -> impl Iterator<Item = String> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{:0width$}", state % 10_u64.pow(digits), width = digits as usize)
    })
    .take(100_000)
}

/// A tenth passes Luhn's sum; ranges and lengths leave a quarter of those at most. That is far too many for a number
/// that nobody calls a card, so such a one counts in printed groups only.
#[test]
fn few_random_digits_have_the_form_of_a_card() {
    for (digits, most) in [(13, 1_200), (14, 450), (15, 300), (16, 2_600), (17, 420), (18, 420), (19, 1_600)]
    {
        let passed = numbers(digits).filter(|text| card(text.as_bytes()).is_some()).count();
        assert!(passed <= most, "{digits} digits: {passed} of 100000");
    }
}

proptest! {
    #[test]
    fn one_wrong_digit_is_noticed(which in 0..CARDS.len() + IBANS.len(), at in 0..16usize, more in 1..10u8) {
        let text = CARDS.iter().chain(&IBANS).nth(which).unwrap();
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        prop_assume!(bytes[at].is_ascii_digit());
        bytes[at] = b'0' + (bytes[at] - b'0' + more) % 10;
        prop_assert!(card(&bytes).is_none() && !is_iban(&bytes), "{}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        for check in [is_iban, is_spanish, is_dutch, is_swedish, is_american, is_italian] {
            check(&bytes);
        }
        card(&bytes);
    }

    #[test]
    fn digits_and_letters_of_the_right_length_are_hardly_ever_an_account(tail in "[0-9]{18}") {
        // All remainders but one in 97 are wrong: of two numbers that differ by one, one at least.
        let [a, b] = [format!("DE12{tail}"), format!("DE13{tail}")];
        prop_assert!(!is_iban(a.as_bytes()) || !is_iban(b.as_bytes()));
    }
}
