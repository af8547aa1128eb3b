//! What a service manager is told, in the order in which it happens.

use crate::network::Network;
use crate::sensor::Place;
use crate::traffic::exchanges;
use rustix::process::Signal;
use std::cell::RefCell;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// What came to the socket so far.
pub struct Manager {
    socket: UnixDatagram,
    told: RefCell<Vec<String>>,
}

impl Manager {
    /// One that listens at this path.
    pub fn at(path: &Path) -> Self {
        let manager = Self { socket: UnixDatagram::bind(path).unwrap(), told: RefCell::default() };
        manager.socket.set_nonblocking(true).unwrap();
        manager
    }

    pub fn told(&self) -> Vec<String> {
        let mut buffer = [0; 1_024];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let words = String::from_utf8(buffer[..length].to_vec()).unwrap();
                    self.told.borrow_mut().extend(words.lines().map(str::to_owned));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.told.borrow().clone()
    }

    pub fn times(&self, wanted: &str) -> usize {
        self.told().iter().filter(|line| *line == wanted).count()
    }
}

#[test]
fn a_manager_is_told_of_start_reload_end_and_that_it_lives() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let path = place.path("notify");
    let manager = Manager::at(&path);
    let mut command = place.command("one", &["-i", cable.near, "--shards", "2"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "1500000");
    let mut sensor = place.start_command("one", command);

    sensor.until("ready", |_| (manager.times("READY=1") == 1).then_some(()));
    assert!(manager.told().contains(&"STATUS=listening on mirror".to_owned()), "{:?}", manager.told());
    // Ready means that nothing is missed from here on.
    cable.send(&exchanges(0..20));
    sensor.until("signs of life", |_| (manager.times("WATCHDOG=1") >= 3).then_some(()));
    sensor.signal(Signal::HUP);
    sensor.until("ready again", |_| (manager.times("READY=1") == 2).then_some(()));
    let arrived = sensor.hears(&cable);
    let ended = sensor.end();
    ended.has_read(arrived);

    let told = manager.told();
    let moments: Vec<_> = told
        .iter()
        .filter(|line| ["READY=1", "RELOADING=1", "STOPPING=1"].contains(&line.as_str()))
        .map(String::as_str)
        .collect();
    assert_eq!(moments, ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
    let reloading = told.iter().position(|line| line == "RELOADING=1").unwrap();
    assert!(told[reloading + 1].starts_with("MONOTONIC_USEC="), "{told:?}");
}
