//! Text from traffic, made safe to look at: a terminal must not obey what an attacker sent.
//! It is given strings and escapes control characters (C0, DEL, C1) and characters that reorder or hide text.
//! It promises that JSON keeps its meaning: only the spelling of such characters changes, to `\u…`.

use serde::Serialize;
use serde_json::ser::Formatter;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Whether a character could move the cursor, change colours, or make text read differently than it is: by turning it,
/// or by showing nothing where something is.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
}

/// Whether a character stands over or under the one before it. Piled up, such marks cover the lines around them.
pub fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// `text` with unsafe characters as `\u{1b}`; borrowed when there are none.
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            // Writing to a String cannot fail.
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Appends `record` as one line of compact JSON that is safe to print on a terminal.
pub fn write_json_line(line: &mut Vec<u8>, record: &impl Serialize) -> serde_json::Result<()> {
    write_json(line, record)?;
    line.push(b'\n');
    Ok(())
}

/// Appends `value` as compact JSON that is safe to print on a terminal.
pub fn write_json(out: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, TerminalSafe))
}

/// Compact JSON with the characters spelled out that JSON itself would let through.
struct TerminalSafe;

impl Formatter for TerminalSafe {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // serde_json has dealt with C0; what is left in ASCII is DEL.
        if fragment.bytes().all(|byte| byte < 0x7f) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut units = [0; 2];
        for c in fragment.chars() {
            if is_unsafe(c) {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            } else {
                writer.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sees_escapes_and_not_their_effect() {
        assert_eq!(
            for_terminal("a\x1b[31mb\u{9b}2J\u{202e}c\n\x7f"),
            "a\\u{1b}[31mb\\u{9b}2J\\u{202e}c\\u{a}\\u{7f}"
        );
    }

    #[test]
    fn letters_that_show_nothing_are_spelled_out() {
        let hidden = "\u{ad}\u{34f}\u{115f}\u{1160}\u{180e}\u{2060}\u{206f}\u{2800}\u{3164}\u{feff}\u{ffa0}\
                      \u{fff9}\u{fffb}\u{e0000}\u{e01ef}";
        let spelled: String = hidden.chars().map(|c| format!("\\u{{{:x}}}", u32::from(c))).collect();
        assert_eq!(for_terminal(hidden), spelled);
    }

    #[test]
    fn ordinary_text_in_any_script_stays_as_it_is() {
        for text in
            ["alice@example.com", "søren", "山田", "👩 naïve", "Nguye\u{302}\u{303}n", "❤\u{fe0f}", ""]
        {
            assert!(matches!(for_terminal(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn json_changes_its_spelling_but_not_its_meaning() {
        let text = "a\u{85}\u{202e}\u{e0041}\x7f\x1b é\"\\\n";
        let mut line = Vec::new();
        write_json_line(&mut line, &text).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert_eq!(line, "\"a\\u0085\\u202e\\udb40\\udc41\\u007f\\u001b é\\\"\\\\\\n\"\n");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
