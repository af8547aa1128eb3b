//! Protobuf messages read without their schema (the Protocol Buffers encoding, "Message Structure").
//! It is given a message's bytes and gives its fields by number: numbers, and texts with where they stand.
//! It promises bounded work for any bytes; what is text and what is a message within is told by its look.
//!
//! A length-delimited field is a text when all of it is printable UTF-8, else a message if it parses as one. A short
//! message may look like a text: that is taken for one, and a text with control characters for no text.

/// Fields of one message, those within it included.
const FIELDS_MAX: usize = 256;
/// Messages within messages.
const DEPTH_MAX: usize = 4;

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'m> {
    /// Its number in its message.
    pub(crate) number: u32,
    /// 0 for those of the outermost message.
    pub(crate) depth: usize,
    pub(crate) value: Value<'m>,
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'m> {
    /// A varint: a number, a flag, or one of a list.
    Number(u64),
    Text(&'m [u8]),
    /// Bytes that are neither text nor a message, and numbers of fixed size.
    Bytes(&'m [u8]),
}

/// The fields of a message in their order; `None` when the bytes are no message, or more than is read.
pub(crate) fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    read(message, 0, &mut fields)?;
    Some(fields)
}

fn read<'m>(message: &'m [u8], depth: usize, fields: &mut Vec<Field<'m>>) -> Option<()> {
    let mut rest = message;
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let number = u32::try_from(key >> 3).ok().filter(|number| (1..1 << 29).contains(number))?;
        if fields.len() >= FIELDS_MAX {
            return None;
        }
        let value = match key & 7 {
            0 => Value::Number(varint(&mut rest)?),
            1 => Value::Bytes(take(8, &mut rest)?),
            5 => Value::Bytes(take(4, &mut rest)?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let bytes = take(length, &mut rest)?;
                if !is_text(bytes) && depth < DEPTH_MAX {
                    let before = fields.len();
                    if read(bytes, depth + 1, fields).is_some() {
                        continue;
                    }
                    fields.truncate(before);
                }
                if is_text(bytes) { Value::Text(bytes) } else { Value::Bytes(bytes) }
            }
            // Groups are of the past.
            _ => return None,
        };
        fields.push(Field { number, depth, value });
    }
    Some(())
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for at in 0..10 {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7F).checked_shl(7 * at).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'m>(length: usize, rest: &mut &'m [u8]) -> Option<&'m [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(message: &[u8]) -> String {
        let Some(fields) = fields(message) else { return "no message".to_owned() };
        let words = fields.iter().map(|field| match field.value {
            Value::Number(number) => format!("{}:{}={number}", field.depth, field.number),
            Value::Text(text) => {
                format!("{}:{}={:?}", field.depth, field.number, String::from_utf8_lossy(text))
            }
            Value::Bytes(bytes) => format!("{}:{}={} bytes", field.depth, field.number, bytes.len()),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn messages_are_read_by_number() {
        assert_eq!(told(b"\x0a\x03ana\x12\x06secret\x18\x01"), r#"0:1="ana" 0:2="secret" 0:3=1"#);
        assert_eq!(told(b"\x0a\x07\x08\x96\x01\x12\x02hi"), r#"1:1=150 1:2="hi""#);
        assert_eq!(told(b"\x0a\x02\xff\xfe\x0d\x00\x00\x80\x3f"), "0:1=2 bytes 0:1=4 bytes");
        assert_eq!(told(b""), "");
    }

    #[test]
    fn what_is_no_message_is_told() {
        for bytes in [b"\x0a\x7fshort".as_slice(), b"\x00\x01", b"{\"a\": 1}", b"\x0b\x0c", &[0xFF; 11]] {
            assert_eq!(told(bytes), "no message", "{}", bytes.escape_ascii());
        }
        assert_eq!(told(&b"\x08\x01".repeat(FIELDS_MAX + 1)), "no message");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let read = fields(&bytes);
            prop_assert!(read.is_none_or(|fields| fields.len() <= FIELDS_MAX));
        }
    }
}
