//! Large state saved slice by slice, so that whoever saves can do other things in between.
//! A state is some tables one behind the other; a cursor says which comes next, and from which place on.
//! It promises that all slices together are what saving at once gives, where nothing changed in between.

/// How far a state was saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    table: usize,
    place: u32,
}

/// One slice, being filled.
#[derive(Debug)]
pub struct Slice<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` from which on the slice is full.
    full_at: usize,
    cursor: Cursor,
    /// Tables that had their turn in this slice.
    turns: usize,
}

impl<'a> Slice<'a> {
    /// Goes on from `cursor` and appends about `bytes` to `out`: no table stops in the middle of a key.
    pub fn new(out: &'a mut Vec<u8>, cursor: Cursor, bytes: usize) -> Self {
        let full_at = out.len().saturating_add(bytes.max(1));
        Self { out, full_at, cursor, turns: 0 }
    }

    /// The next table's turn. `save` is told from which place to go on, where to, and at which length to stop; it says
    /// from where it is to go on the next time, if there is more.
    pub fn table(&mut self, save: impl FnOnce(u32, &mut Vec<u8>, usize) -> Option<u32>) {
        let mine = self.turns;
        self.turns += 1;
        // It was saved by an earlier slice, or is for a later one.
        if mine != self.cursor.table || self.out.len() >= self.full_at {
            return;
        }
        self.cursor = match save(self.cursor.place, self.out, self.full_at) {
            Some(place) => Cursor { table: mine, place },
            None => Cursor { table: mine + 1, place: 0 },
        };
    }

    /// The turn of something small, saved at once.
    pub fn whole(&mut self, save: impl FnOnce(&mut Vec<u8>)) {
        self.table(|_, out, _| {
            save(out);
            None
        });
    }

    /// Where the next slice goes on; nothing when all tables are saved.
    pub fn rest(self) -> Option<Cursor> {
        (self.cursor.table < self.turns).then_some(self.cursor)
    }
}
