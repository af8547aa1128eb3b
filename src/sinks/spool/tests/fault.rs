//! A writer that fails: what is raised from then on would be on no disk, and nobody would know.

use super::super::disk::DiskFile;
use super::super::*;
use super::plain::{LONG, alert, reading};
use std::io;

/// A disk that is fine until records are written.
#[derive(Default)]
struct Treacherous(MemoryDisk);

impl Disk for Treacherous {
    fn create(&self, folder: disk::Folder, name: &str) -> io::Result<Box<dyn DiskFile>> {
        assert_ne!(folder, disk::Folder::Lane(Lane::Alerts), "as it was told to");
        self.0.create(folder, name)
    }

    fn list(&self, folder: disk::Folder) -> io::Result<Vec<(String, u64)>> {
        self.0.list(folder)
    }

    fn open(&self, folder: disk::Folder, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.0.open(folder, name)
    }

    fn rename(&self, folder: disk::Folder, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(folder, from, to)
    }

    fn remove(&self, folder: disk::Folder, name: &str) -> io::Result<()> {
        self.0.remove(folder, name)
    }

    fn sync_folder(&self, folder: disk::Folder) -> io::Result<()> {
        self.0.sync_folder(folder)
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        self.0.free_bytes()
    }

    fn name(&self) -> String {
        self.0.name()
    }
}

#[test]
fn a_writer_that_fails_ends_the_process_for_nothing_would_be_on_disk_any_more() {
    let name = concat!(
        module_path!(),
        "::a_writer_that_fails_ends_the_process_for_nothing_would_be_on_disk_any_more"
    );
    crate::fault::ending::ends(name, "writer", "spool", || {
        let readings = [reading("kafka", Lane::Alerts)];
        let disk = Box::new(Treacherous::default());
        let committer = assemble(disk, &Config::default(), Full::Drop, &readings, &mut Vec::new()).unwrap();
        let spool = Spool::start(committer).unwrap();
        spool.append(&alert(1));
        spool.sync();
        std::thread::sleep(LONG);
    });
}
