//! A file for parsers that read files: one a thread, written anew for each input.

use std::cell::RefCell;
use std::path::PathBuf;
use tempfile::NamedTempFile;

thread_local! {
    static FILES: RefCell<Vec<NamedTempFile>> = const { RefCell::new(Vec::new()) };
}

/// Where the bytes stand now; the `n`th such file of this thread.
pub fn file(n: usize, bytes: &[u8]) -> PathBuf {
    FILES.with_borrow_mut(|files| {
        while files.len() <= n {
            // Memory, where there is a file system of it: a thousand inputs a second need no disk.
            let folder =
                ["/dev/shm", "/tmp"].into_iter().find(|folder| std::path::Path::new(folder).is_dir());
            files.push(NamedTempFile::new_in(folder.unwrap_or(".")).expect("a file"));
        }
        let path = files[n].path().to_path_buf();
        std::fs::write(&path, bytes).expect("written");
        path
    })
}
