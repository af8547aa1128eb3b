//! A look at the state of a sensor that may be running: files are replaced whole, so that one can be read at any time.
//! It is given the folder and the key that the state must have been made under.
//! It promises to take no lock, to write nothing, and to set nothing aside: that is the sensor's business.

use super::{Checkpoint, read_bounded};
use std::io::ErrorKind;
use std::path::Path;

/// The newest state that is whole; `None` where there is no file, and why where none can be used.
pub fn look(folder: &Path, key: [u8; 8]) -> Result<Option<Checkpoint>, String> {
    let mut refused = None;
    for path in ["checkpoint", "checkpoint.old"].map(|name| folder.join(name)) {
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("cannot read state {}: {error}", path.display())),
        };
        match Checkpoint::made_under(key, &bytes) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            // What is said of the newest file is what matters.
            Err(why) => _ = refused.get_or_insert(format!("state {} {why}", path.display())),
        }
    }
    refused.map_or(Ok(None), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::checkpoint::Store;

    const KEY: [u8; 8] = *b"key-one\n";

    #[test]
    fn a_state_in_use_is_read_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path(), KEY), Ok(None));
        assert_eq!(look(&folder.path().join("nowhere"), KEY), Ok(None));
        let store = Store::open(folder.path()).unwrap();
        let state = Checkpoint { key: KEY, ..Checkpoint::default() };
        for _ in 0..2 {
            store.begin(KEY).unwrap().finish(state.last).unwrap();
        }
        assert_eq!(look(folder.path(), KEY), Ok(Some(state.clone())));
        let present = folder.path().join("checkpoint");
        std::fs::write(&present, "half").unwrap();
        assert_eq!(look(folder.path(), KEY), Ok(Some(state)), "the one before it");
        let refused = look(folder.path(), *b"key-two\n").unwrap_err();
        assert!(refused.contains("checkpoint is damaged"), "{refused}");
        assert_eq!(std::fs::read(&present).unwrap(), b"half", "nothing is set aside");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "lock and two states");
    }
}
