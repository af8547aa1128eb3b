//! Header blocks as fields (RFC 7541 section 6).
//! It is given whole blocks of one direction and puts their fields into a `Fields`, in order.
//! It promises to follow the table even where fields are over the limit, and to say where it lost it.

use super::super::fields::{self, Fields};
use super::table::{Lookup, Table};
use super::{DEFAULT_CAPACITY, huffman, integer, static_table};

/// One direction's decoder.
#[derive(Debug)]
pub(in crate::http::h2) struct Decoder {
    table: Table,
    /// The largest table that the receiver ever allowed; `u32::MAX` when its settings may have been missed.
    allowed: u32,
    /// How much text, and how many lines, the last block had: the next one will be much like it.
    typical: [u16; 2],
}

/// Room for strings while they are read; one for all connections of a shard.
#[derive(Debug, Default)]
pub(in crate::http) struct Scratch {
    name: Vec<u8>,
    value: Vec<u8>,
}

/// A block that no peer can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unreadable;

impl Decoder {
    /// For a direction seen from its first byte.
    pub(in crate::http::h2) fn new() -> Self {
        Self { table: Table::new(), allowed: DEFAULT_CAPACITY, typical: [0; 2] }
    }

    /// Bytes that its table takes.
    pub(in crate::http::h2) fn table_bytes(&self) -> usize {
        self.table.bytes()
    }

    /// The receiver allows a table of this size.
    pub(in crate::http::h2) fn allow(&mut self, size: u32) {
        self.allowed = self.allowed.max(size);
    }

    /// Settings of the receiver may have been missed: any size may be allowed.
    pub(in crate::http::h2) fn allow_any(&mut self) {
        self.allowed = u32::MAX;
    }

    /// Blocks were lost, or never seen: nothing is known of the table.
    pub(in crate::http::h2) fn lose(&mut self) {
        self.table.lose(self.allowed as usize);
    }

    /// Reads a block. Where it makes no sense the rest of it is lost, and the table with it.
    pub(in crate::http::h2) fn decode(
        &mut self,
        block: &[u8],
        kept_max: usize,
        scratch: &mut Scratch,
        fields: &mut Fields,
    ) {
        fields.expect(block.len(), self.typical.map(usize::from));
        let mut rest = block;
        while !rest.is_empty() {
            if self.instruction(&mut rest, kept_max, scratch, fields).is_err() {
                fields.break_off();
                self.lose();
                return;
            }
        }
        self.typical = [fields.text.len() as u16, fields.lines.len() as u16];
    }

    fn instruction(
        &mut self,
        rest: &mut &[u8],
        kept_max: usize,
        scratch: &mut Scratch,
        fields: &mut Fields,
    ) -> Result<(), Unreadable> {
        let &first = rest.first().ok_or(Unreadable)?;
        match first {
            0x80.. => {
                let index = integer::read(rest, 7).ok_or(Unreadable)?;
                match self.entry(index)? {
                    Lookup::Known(name, value, is_sound) => fields.add(name, value, is_sound),
                    Lookup::Unknown | Lookup::Nothing => fields.add_unknown(),
                }
                Ok(())
            }
            0x40..0x80 => self.literal(rest, 6, Some(kept_max), scratch, fields),
            0x20..0x40 => {
                let size = integer::read(rest, 5).ok_or(Unreadable)?;
                // Only at the start of a block, and never above what the receiver allows (sections 4.2 and 6.3).
                if !fields.is_fresh() || size > self.allowed as usize {
                    return Err(Unreadable);
                }
                self.table.resize(size, kept_max);
                Ok(())
            }
            // Without indexing, or never indexed: the two differ for those who send it on.
            0..0x20 => self.literal(rest, 4, None, scratch, fields),
        }
    }

    /// A field in letters; its name may stand in a table. It is inserted where `insert` gives a bound.
    fn literal(
        &mut self,
        rest: &mut &[u8],
        bits: u32,
        insert: Option<usize>,
        scratch: &mut Scratch,
        fields: &mut Fields,
    ) -> Result<(), Unreadable> {
        let index = integer::read(rest, bits).ok_or(Unreadable)?;
        let spelled =
            if index == 0 { Some(string(rest, &mut scratch.name).ok_or(Unreadable)?) } else { None };
        let value = string(rest, &mut scratch.value).ok_or(Unreadable)?;
        if let Some(name) = spelled {
            let is_sound = fields::is_sound(name, value);
            fields.add(name, value, is_sound);
            if let Some(kept_max) = insert {
                self.table.insert(name, value, is_sound, kept_max);
            }
            return Ok(());
        }
        let mut is_sound = false;
        match self.entry(index)? {
            Lookup::Known(name, ..) => {
                is_sound = fields::is_sound(name, value);
                fields.add(name, value, is_sound);
            }
            Lookup::Unknown | Lookup::Nothing => fields.add_unknown(),
        }
        let Some(kept_max) = insert else { return Ok(()) };
        match (static_table::get(index), index.checked_sub(static_table::ENTRIES + 1)) {
            (Some((name, _)), _) => self.table.insert(name, value, is_sound, kept_max),
            (None, Some(age)) => self.table.insert_named_as(age, value, is_sound, kept_max),
            (None, None) => {}
        }
        Ok(())
    }

    /// What an index names; an error where it names nothing.
    fn entry(&self, index: usize) -> Result<Lookup<'_>, Unreadable> {
        if let Some((name, value)) = static_table::get(index) {
            return Ok(Lookup::Known(name, value, index != static_table::TRANSFER_ENCODING));
        }
        match index.checked_sub(static_table::ENTRIES + 1).map(|age| self.table.get(age)) {
            None | Some(Lookup::Nothing) => Err(Unreadable),
            Some(found) => Ok(found),
        }
    }
}

/// A string, plain or Huffman coded (section 5.2).
fn string<'s, 'b: 's>(rest: &mut &'b [u8], scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
    let coded = rest.first()? & 0x80 != 0;
    let length = integer::read(rest, 7)?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    if !coded {
        return Some(text);
    }
    scratch.clear();
    huffman::decode(text, scratch)?;
    Some(scratch)
}
