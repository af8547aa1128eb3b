//! Values of records as ClickHouse's columns hold them.
//! It is given the strings of the native JSON while a record is read, and gives bytes of fixed width.
//! It promises that a value out of range is refused with what was wanted, and never written as something else.

use crate::sinks::record::moment::micros;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// A string, borrowed from the record where it holds no escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A string or nothing; nothing is written as the empty string.
pub(super) trait OrEmpty {
    /// The text.
    fn or_empty(&self) -> &str;
}

impl OrEmpty for Option<Text<'_>> {
    fn or_empty(&self) -> &str {
        self.as_deref().unwrap_or_default()
    }
}

/// A time, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Micros(pub(super) i64);

impl Micros {
    pub(super) fn cell(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }
}

/// A UUID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Id(pub(super) u128);

impl Id {
    /// Two halves, the higher first, each with its low byte first.
    pub(super) fn cell(self) -> [u8; 16] {
        self.0.rotate_left(64).to_le_bytes()
    }
}

/// An address; IPv4 as `::ffff:a.b.c.d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ip(pub(super) [u8; 16]);

impl From<IpAddr> for Ip {
    fn from(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Seen)
    }
}

/// Reads a value from a string, without keeping the string.
macro_rules! read_from_text {
    ($type:ident, $wanted:literal, $read:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Seen;
                impl Visitor<'_> for Seen {
                    type Value = $type;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str($wanted)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        let read: fn(&str) -> Option<$type> = $read;
                        read(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
                    }
                }
                deserializer.deserialize_str(Seen)
            }
        }
    };
}

read_from_text!(Micros, "a time like 2026-11-21T10:03:00.120000Z", |text| micros(text.as_bytes())
    .map(Micros));
read_from_text!(Id, "a UUID", |text| uuid(text.as_bytes()).map(Id));
read_from_text!(Ip, "an IP address", |text| text.parse::<IpAddr>().ok().map(Ip::from));

fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut value = 0u128;
    for (place, byte) in text.iter().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        value = value << 4 | u128::from(char::from(*byte).to_digit(16)?);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heelguard_detectors::time::EventTime;
    use serde_json::from_str;

    #[test]
    fn times_are_read_as_they_are_written() {
        let times =
            [0, 951_782_400_000_000, 1_795_255_380_120_000, 4_102_444_799_999_999, 68_169_600_000_001];
        for time in times {
            let written = format!("\"{}\"", EventTime::from_micros(time));
            assert_eq!(from_str::<Micros>(&written).unwrap(), Micros(time.cast_signed()), "{written}");
        }
        for wrong in ["", "2026-11-21", "2026-13-21T10:03:00.120000Z", "2026-11-21T10:03:00.12000xZ"] {
            let error = from_str::<Micros>(&format!("\"{wrong}\"")).unwrap_err().to_string();
            assert!(error.contains("expected a time like"), "{error}");
        }
    }

    #[test]
    fn uuids_have_the_servers_byte_order() {
        let id: Id = from_str("\"00112233-4455-6677-8899-aabbccddeeff\"").unwrap();
        let wanted = "7766554433221100ffeeddccbbaa9988";
        let cell: String = id.cell().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(cell, wanted);
        for wrong in ["00112233-4455-6677-8899-aabbccddeef", "0011223344556677-8899-aabb-ccdd-eeff-"] {
            assert!(from_str::<Id>(&format!("\"{wrong}\"")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_of_both_families() {
        let v4: Ip = from_str("\"203.0.113.7\"").unwrap();
        assert_eq!(v4.0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7]);
        let v6: Ip = from_str("\"2001:db8::1\"").unwrap();
        assert_eq!((v6.0[0], v6.0[15]), (0x20, 1));
        assert!(from_str::<Ip>("\"localhost\"").is_err());
    }

    #[test]
    fn texts_are_borrowed_but_for_escapes() {
        assert!(matches!(from_str::<Text<'_>>("\"plain\"").unwrap().0, Cow::Borrowed("plain")));
        let escaped: Text<'_> = from_str(r#""a\u0000b\n""#).unwrap();
        assert_eq!(&*escaped, "a\0b\n");
        let lists: Vec<Option<Text<'_>>> = from_str(r#"["a",null]"#).unwrap();
        assert!(matches!(lists[0].as_ref().unwrap().0, Cow::Borrowed("a")));
        assert_eq!((lists[1].or_empty(), lists[0].or_empty()), ("", "a"));
    }
}
