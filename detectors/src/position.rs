//! Where in a list a request asks to go on: the page or record by its number, or a cursor.
//! The sensor's `identity` layer reads it from parameters; rules compare one with the next.
//! It promises that a position is never written anywhere: a cursor is a mark that this process alone understands.

/// Where in a list a request asks to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The page, or the first record, by its number.
    Number(u64),
    /// A keyed mark of what the answer before gave to go on with.
    Cursor(u64),
}
