//! Where in the nesting of a JSON text a value stands: the containers around it, and the list of records that is open.
//! It is told of elements and of containers that open and close, by whatever bracket.
//! It promises a step that does not depend on the depth, and no memory beyond `DEPTH_MAX` keys.

use super::{DEPTH_MAX, Summary};

/// The containers around a place.
pub(super) struct Nest<K> {
    /// How many.
    pub(super) depth: usize,
    /// The key of the innermost.
    pub(super) key: Option<K>,
    /// A bit for each, the lowest for the innermost: set for an array.
    arrays: u128,
    keys: [Option<K>; DEPTH_MAX],
    list: List,
    /// Values that stand in no container.
    roots: u32,
    summary: Summary,
}

/// The one array that can be counted at a time: it stands in no other array.
#[derive(Default)]
struct List {
    /// Containers open inside and including it; 0 while there is none.
    depth: usize,
    /// Elements begun.
    items: u32,
    /// An element is a container: these are records, not words.
    records: bool,
}

impl<K: Copy> Nest<K> {
    pub(super) fn new() -> Self {
        let (keys, list, summary) = ([None; DEPTH_MAX], List::default(), Summary::default());
        Self { depth: 0, key: None, arrays: 0, keys, list, roots: 0, summary }
    }

    /// Whether the innermost container is an array.
    pub(super) fn in_array(&self) -> bool {
        self.arrays & 1 == 1
    }

    /// Whether it is an object.
    pub(super) fn in_object(&self) -> bool {
        self.depth > 0 && !self.in_array()
    }

    /// A value begins.
    pub(super) fn element(&mut self, is_container: bool) {
        if self.depth == 0 {
            self.roots = self.roots.saturating_add(1);
        } else if self.depth == self.list.depth {
            self.list.items = self.list.items.saturating_add(1);
            self.list.records |= is_container;
        }
    }

    /// A value begins that is no container: its key if `key` is that of its member, the key around, and the depth.
    #[inline]
    pub(super) fn scalar(&mut self, key: Option<K>) -> (Option<K>, Option<K>, usize) {
        self.element(false);
        (self.under(key), self.key, self.depth)
    }

    /// What a value stands under; the elements of an array stand under its key.
    pub(super) fn under(&self, key: Option<K>) -> Option<K> {
        if self.in_array() { self.key } else { key }
    }

    /// A container opens; `false` when it would be one too many.
    pub(super) fn open(&mut self, is_array: bool, key: Option<K>) -> bool {
        let Some(slot) = self.keys.get_mut(self.depth) else {
            self.summary.beyond_limit = true;
            return false;
        };
        (*slot, self.key) = (key, key);
        self.depth += 1;
        self.arrays = self.arrays << 1 | u128::from(is_array);
        if is_array && self.list.depth == 0 {
            self.list = List { depth: self.depth, ..List::default() };
        }
        true
    }

    /// The innermost container closes, if there is one.
    pub(super) fn close(&mut self) {
        if self.depth == 0 {
            return;
        }
        if self.depth == self.list.depth {
            self.count(false);
        }
        self.depth -= 1;
        self.arrays >>= 1;
        self.key = self.depth.checked_sub(1).and_then(|at| *self.keys.get(at)?);
    }

    /// The text ends.
    pub(super) fn finish(mut self) -> Summary {
        if self.list.depth > 0 {
            self.count(true);
        }
        if self.roots > 1 {
            // JSON lines: each line is a record.
            (self.summary.items, self.summary.items_cut) = (Some(self.roots), false);
        }
        self.summary
    }

    /// Takes the list's length into account when it closes, or when the text ends inside it.
    fn count(&mut self, cut: bool) {
        let List { depth, items, records } = std::mem::take(&mut self.list);
        let is_list = records || depth == 1 || items == 0;
        if is_list && self.summary.items.is_none_or(|most| items > most) {
            (self.summary.items, self.summary.items_cut) = (Some(items), cut);
        }
    }
}
