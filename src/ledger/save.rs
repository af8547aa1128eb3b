//! The ledger between two runs: its tables as parts of at most `ROWS_A_PART` rows, and one part about all of them.
//! It is given the name of a part and gives its bytes, or takes them back.
//! It promises that each part is a short pause, that bytes of one process mean the same to the next although its hashes
//! differ, and that a row which moved while parts were written is there once, or left out.

use super::credential::Credential;
use super::endpoint::Endpoint;
use super::principal::Principal;
use super::slots::{Kept, Slots};
use super::{Ledger, Tables, short};
use ahash::RandomState;
use heelguard_detectors::saved::{Damaged, Saved, saved};
use heelguard_detectors::time::EventTime;
use std::sync::Arc;

/// Rows of one part: of full rows some three megabytes, of usual ones a few hundred kilobytes.
const ROWS_A_PART: usize = 256;

/// The part about all tables.
const HEAD: &str = "ledger";
const ENDPOINTS: &str = "ledger.endpoints";
const PRINCIPALS: &str = "ledger.principals";
const KEYS: &str = "ledger.keys";
const TOKENS: &str = "ledger.tokens";

/// What is kept beside the rows.
struct Head {
    span: Option<(EventTime, EventTime)>,
    transactions: u64,
    /// Of each table, in the order of the names above: where room is sought next, and what was given up.
    hands: Vec<[u64; 4]>,
}

saved!(Head { span, transactions, hands });

/// A row of a table.
pub(super) trait Row: Clone + Saved {
    /// The hash of its name.
    fn key(&self, hashes: &RandomState) -> u64;

    /// Hashes anew what it remembers of other rows.
    fn rehash(&mut self, _: &RandomState) {}
}

impl Row for Endpoint {
    fn key(&self, hashes: &RandomState) -> u64 {
        endpoint_key(hashes, (&self.method, &self.host, &self.route))
    }
}

impl Row for Principal {
    fn key(&self, hashes: &RandomState) -> u64 {
        hashes.hash_one((self.kind, &*self.id))
    }

    fn rehash(&mut self, hashes: &RandomState) {
        self.routes.rename(|at| at.rehash(hashes));
    }
}

impl Row for Credential {
    fn key(&self, _: &RandomState) -> u64 {
        short(self.fingerprint)
    }

    fn rehash(&mut self, hashes: &RandomState) {
        self.routes.rename(|at| at.rehash(hashes));
    }
}

/// The hash of an endpoint's names.
pub(super) fn endpoint_key(hashes: &RandomState, names: (&str, &str, &str)) -> u64 {
    hashes.hash_one(names)
}

impl Ledger {
    /// The names of all parts, in the order in which they are to be taken back.
    pub fn parts(&self) -> Vec<String> {
        self.with(|tables| {
            let mut names = vec![HEAD.to_owned()];
            for (name, rows) in [
                (ENDPOINTS, tables.endpoints.len()),
                (PRINCIPALS, tables.principals.len()),
                (KEYS, tables.keys.len()),
                (TOKENS, tables.tokens.len()),
            ] {
                names.extend((0..rows.div_ceil(ROWS_A_PART)).map(|part| format!("{name}.{part}")));
            }
            names
        })
    }

    /// The bytes of a part; nothing where there is none of that name. Pointers are copied while the tables are held,
    /// bytes are made after.
    pub fn save(&self, part: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        if part == HEAD {
            self.with(|tables| tables.head()).save(&mut out);
            return Some(out);
        }
        let (table, number) = split(part)?;
        let from = number.checked_mul(ROWS_A_PART)?;
        match table {
            ENDPOINTS => self.with(|tables| tables.endpoints.kept(from, ROWS_A_PART)).save(&mut out),
            PRINCIPALS => self.with(|tables| tables.principals.kept(from, ROWS_A_PART)).save(&mut out),
            KEYS => self.with(|tables| tables.keys.kept(from, ROWS_A_PART)).save(&mut out),
            TOKENS => self.with(|tables| tables.tokens.kept(from, ROWS_A_PART)).save(&mut out),
            _ => return None,
        }
        Some(out)
    }

    /// Begins anew: nothing of what was taken back is believed.
    pub fn forget(&self) {
        self.with(|tables| *tables = Tables::default());
    }

    /// Takes a part back; one that is not known is passed over.
    pub fn load(&self, part: &str, mut from: &[u8]) -> Result<(), Damaged> {
        let from = &mut from;
        if part == HEAD {
            let head = Head::load(from)?;
            self.with(|tables| tables.begin_with(&head));
        } else {
            let table = split(part).map(|(table, _)| table);
            self.with(|tables| {
                let hashes = tables.hashes.clone();
                match table {
                    Some(ENDPOINTS) => take_back(&mut tables.endpoints, &hashes, from),
                    Some(PRINCIPALS) => take_back(&mut tables.principals, &hashes, from),
                    Some(KEYS) => take_back(&mut tables.keys, &hashes, from),
                    Some(TOKENS) => take_back(&mut tables.tokens, &hashes, from),
                    _ => {
                        *from = &[];
                        Ok(())
                    }
                }
            })?;
        }
        if from.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}

impl Tables {
    fn head(&self) -> Head {
        let hands =
            vec![self.endpoints.hands(), self.principals.hands(), self.keys.hands(), self.tokens.hands()];
        Head { span: self.span, transactions: self.transactions, hands }
    }

    fn begin_with(&mut self, head: &Head) {
        *self = Self::default();
        (self.span, self.transactions) = (head.span, head.transactions);
        let mut hands = head.hands.iter().copied();
        let mut next = || hands.next().unwrap_or_default();
        self.endpoints.set_hands(next());
        self.principals.set_hands(next());
        self.keys.set_hands(next());
        self.tokens.set_hands(next());
    }
}

/// `ledger.keys.3` as the table's name and the number.
fn split(part: &str) -> Option<(&str, usize)> {
    let (table, number) = part.rsplit_once('.')?;
    Some((table, number.parse().ok()?))
}

fn take_back<T: Row>(table: &mut Slots<T>, hashes: &RandomState, from: &mut &[u8]) -> Result<(), Damaged> {
    for mut kept in Vec::<Kept<T>>::load(from)? {
        let row = Arc::make_mut(&mut kept.thing);
        row.rehash(hashes);
        let key = row.key(hashes);
        table.put_back(key, kept);
    }
    Ok(())
}
