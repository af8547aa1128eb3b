//! Where in a list a request asks to go on: the page or record by its number, or a cursor.
//! The sensor's `identity` layer reads it from parameters; rules compare one with the next.
//! It promises that no record has a position: a cursor is a mark under the deployment's key.

use crate::saved::{Damaged, Saved};

/// Where in a list a request asks to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The page, or the first record, by its number.
    Number(u64),
    /// A keyed mark of what the answer before gave to go on with.
    Cursor(u64),
}

impl Saved for Position {
    fn save(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Number(number) => (0_u8, number).save(out),
            Self::Cursor(mark) => (1_u8, mark).save(out),
        }
    }

    fn load(from: &mut &[u8]) -> Result<Self, Damaged> {
        let (which, number): (u8, u64) = Saved::load(from)?;
        match which {
            0 => Ok(Self::Number(number)),
            1 => Ok(Self::Cursor(number)),
            _ => Err(Damaged),
        }
    }
}
