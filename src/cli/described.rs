//! Descriptions of APIs on the command line: read at the start and with every new configuration.
//! It is given raw values and gives what traffic is compared with, and the names of keys that identity looks for.
//! It promises that a file which cannot be used is told, and that a sensor starts without it.

use super::{Failure, print, warn};
use crate::config::Raw;
use crate::identity::config::{DeclaredKeys, Identity};
use crate::openapi::{Book, Learner};
use heelguard_detectors::identity::Location;
use std::path::Path;
use std::sync::Arc;

/// What came of the files.
#[derive(Default)]
pub(super) struct Described {
    /// Nothing where no file is named.
    pub(super) book: Option<Arc<Book>>,
    pub(super) warnings: Vec<String>,
    pub(super) unusable: Vec<String>,
}

/// Reads the files that the configuration names.
pub(super) fn read(raw: &Raw) -> Described {
    let Some(reading) = Book::read(&raw.openapi) else { return Described::default() };
    let told = |lines: Vec<String>| lines.into_iter().map(|line| format!("openapi.specs: {line}")).collect();
    Described {
        book: Some(Arc::new(reading.book)),
        warnings: told(reading.warnings),
        unusable: told(reading.unusable),
    }
}

/// Reads them, and tells what cannot be used of them.
pub(super) fn read_or_warn(raw: &mut Raw) -> Option<Arc<Book>> {
    let Described { book, warnings, unusable } = read(raw);
    unusable.iter().chain(&warnings).for_each(|line| warn(line));
    raw.identity = with_keys(&raw.identity, book.as_deref());
    book
}

/// The names of declared keys beside the others.
pub(super) fn with_keys(identity: &Identity, book: Option<&Book>) -> Identity {
    let mut keys = DeclaredKeys::default();
    for (place, name) in book.into_iter().flat_map(Book::keys) {
        let names = match place {
            Location::Header => &mut keys.headers,
            Location::Cookie => &mut keys.cookies,
            _ => &mut keys.fields,
        };
        names.push(name.to_ascii_lowercase());
    }
    Identity { declared_keys: keys, ..identity.clone() }
}

/// Writes what was learned.
pub(super) fn write(learner: &Learner, path: &Path) -> Result<(), Failure> {
    if learner.left_out() > 0 {
        warn(&format!("{} transactions have no place in the learned description", learner.left_out()));
    }
    if path.as_os_str() == "-" {
        return print(&learner.text());
    }
    let cannot = |error| Failure::running(format!("cannot write {}: {error}", path.display()));
    learner.write(path).map_err(cannot)
}
