//! A block of ClickHouse's Native format: rows turned into columns.
//! It is given cells row by row, in the order of the table's columns, and gives the bytes of an insert.
//! It promises that any string goes through as it is: nothing is quoted, so nothing can break out.
//!
//! Native and not RowBinary: the server took 24 µs to read a row of ours as RowBinary and 1 to 2 as Native. Columns of
//! `LowCardinality(T)` are sent as `T`; the server makes the dictionary.
//! <https://clickhouse.com/docs/interfaces/formats/Native>

use super::super::ddl::Column;

/// Rows in the making.
pub(in super::super) struct Block {
    columns: Vec<Cells>,
    rows: u64,
}

/// The cells of one column so far.
struct Cells {
    name: &'static str,
    /// Without `LowCardinality`.
    type_name: String,
    /// What comes before the values: which are null, or where each row's list ends.
    lead: Vec<u8>,
    /// Items of all lists so far.
    items: u64,
    /// The values; of a list of tuples, one buffer for each member.
    parts: Vec<Vec<u8>>,
}

impl Block {
    /// An empty block for these columns.
    pub(in super::super) fn new(columns: &[Column]) -> Self {
        let columns = columns.iter().map(|column| Cells {
            name: column.name,
            type_name: wire_type(column.type_name),
            lead: Vec::new(),
            items: 0,
            parts: vec![Vec::new(); members(column.type_name)],
        });
        Self { columns: columns.collect(), rows: 0 }
    }

    /// Begins a row: every column gets one cell, in order.
    pub(super) fn row(&mut self) -> Row<'_> {
        self.rows += 1;
        Row { columns: self.columns.iter_mut() }
    }

    /// Whether it has no row.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The block as it is sent.
    pub(in super::super) fn into_bytes(self) -> Vec<u8> {
        let size = self.columns.iter().map(Cells::size).sum();
        let mut bytes = Vec::with_capacity(size);
        push_varint(&mut bytes, self.columns.len() as u64);
        push_varint(&mut bytes, self.rows);
        for column in self.columns {
            push_text(&mut bytes, column.name);
            push_text(&mut bytes, &column.type_name);
            bytes.extend_from_slice(&column.lead);
            for part in column.parts {
                bytes.extend_from_slice(&part);
            }
        }
        bytes
    }
}

impl Cells {
    fn size(&self) -> usize {
        let parts: usize = self.parts.iter().map(Vec::len).sum();
        self.name.len() + self.type_name.len() + self.lead.len() + parts + 16
    }
}

/// One row in the making.
pub(super) struct Row<'a> {
    columns: std::slice::IterMut<'a, Cells>,
}

impl Row<'_> {
    /// A cell of type `String`.
    pub(super) fn text(&mut self, text: &str) {
        if let Some(values) = self.columns.next().and_then(|cells| cells.parts.first_mut()) {
            push_text(values, text);
        }
    }

    /// A cell of fixed width.
    pub(super) fn fixed<const N: usize>(&mut self, value: [u8; N]) {
        if let Some(values) = self.columns.next().and_then(|cells| cells.parts.first_mut()) {
            values.extend_from_slice(&value);
        }
    }

    /// A cell of fixed width, or null.
    pub(super) fn maybe<const N: usize>(&mut self, value: Option<[u8; N]>) {
        let Some(cells) = self.columns.next() else { return };
        cells.lead.push(u8::from(value.is_none()));
        if let Some(values) = cells.parts.first_mut() {
            values.extend_from_slice(&value.unwrap_or([0; N]));
        }
    }

    /// A cell of type `Bool`.
    pub(super) fn flag(&mut self, flag: bool) {
        self.fixed([u8::from(flag)]);
    }

    /// A list, or the entries of a map: `push` adds an item to the values, one buffer for each member of it.
    pub(super) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut push: impl FnMut(T, &mut [Vec<u8>]),
    ) {
        let Some(cells) = self.columns.next() else { return };
        for item in items {
            push(item, &mut cells.parts);
            cells.items += 1;
        }
        cells.lead.extend_from_slice(&cells.items.to_le_bytes());
    }

    /// A list of tuples of strings.
    pub(super) fn texts<'t, const N: usize>(&mut self, items: impl IntoIterator<Item = [&'t str; N]>) {
        self.list(items, |item, parts| {
            for (text, values) in item.into_iter().zip(parts) {
                push_text(values, text);
            }
        });
    }
}

/// Appends a string: its length, then its bytes.
pub(super) fn push_text(bytes: &mut Vec<u8>, text: &str) {
    push_varint(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// Appends a number in base 128, low digits first.
fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// The type without its dictionaries.
fn wire_type(type_name: &str) -> String {
    let mut wire = String::new();
    let mut rest = type_name;
    while let Some((before, after)) = rest.split_once("LowCardinality(") {
        let (inner, after) = after.split_once(')').unwrap_or((after, ""));
        wire.push_str(before);
        wire.push_str(inner);
        rest = after;
    }
    wire.push_str(rest);
    wire
}

/// How many buffers the values of a type need.
fn members(type_name: &str) -> usize {
    let inner = |head: &str| type_name.strip_prefix(head).and_then(|rest| rest.strip_suffix(')'));
    match inner("Map(").or_else(|| inner("Array(Tuple(").and_then(|rest| rest.strip_suffix(')'))) {
        None => 1,
        Some(members) => {
            let mut depth = 0i32;
            let commas = members.bytes().filter(|byte| {
                depth += i32::from(*byte == b'(') - i32::from(*byte == b')');
                *byte == b',' && depth == 0
            });
            1 + commas.count()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &'static str, type_name: &'static str) -> Column {
        Column { name, type_name }
    }

    #[test]
    fn dictionaries_are_left_to_the_server() {
        let named =
            "Array(Tuple(kind LowCardinality(String), time DateTime64(6, 'UTC'), by LowCardinality(String)))";
        assert_eq!(wire_type(named), "Array(Tuple(kind String, time DateTime64(6, 'UTC'), by String))");
        assert_eq!(wire_type("Map(LowCardinality(String), Float64)"), "Map(String, Float64)");
        assert_eq!(wire_type("Nullable(UInt32)"), "Nullable(UInt32)");
        assert_eq!([members(named), members("Map(String, UInt64)"), members("UUID")], [3, 2, 1]);
        assert_eq!(
            [members("Array(UInt16)"), members("Array(Tuple(a DateTime64(6, 'UTC'), b String))")],
            [1, 2]
        );
    }

    #[test]
    fn rows_become_columns() {
        let mut block = Block::new(&[
            column("name", "LowCardinality(String)"),
            column("size", "Nullable(UInt16)"),
            column("tags", "Array(Tuple(a String, b LowCardinality(String)))"),
        ]);
        for (name, size, tags) in [("a", None, vec![["x", "y"]]), ("", Some(7u16), vec![])] {
            let mut row = block.row();
            row.text(name);
            row.maybe(size.map(u16::to_le_bytes));
            row.texts(tags);
        }
        let wanted = [
            b"\x03\x02\x04name\x06String\x01a\x00".as_slice(),
            b"\x04size\x10Nullable(UInt16)\x01\x00\x00\x00\x07\x00",
            b"\x04tags\x20Array(Tuple(a String, b String))\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01x\x01y",
        ];
        assert_eq!(block.into_bytes(), wanted.concat());
    }

    #[test]
    fn long_texts_and_any_bytes_go_through() {
        let text = format!("'); DROP TABLE x; --\0\t\\N\n{}", "ü".repeat(100));
        let mut bytes = Vec::new();
        push_text(&mut bytes, &text);
        assert_eq!(bytes[..2], [text.len() as u8 | 0x80, 1]);
        assert_eq!(&bytes[2..], text.as_bytes());
    }
}
