//! A sensor that was started by root and is nobody from then on.

use crate::network::Network;
use crate::sensor::Place;
use crate::traffic::exchanges;

/// `CAP_NET_RAW`, the one right that opening an interface again takes.
const NET_RAW: &str = "0000000000002000";

#[test]
fn it_is_nobody_with_one_right_and_hears_an_interface_that_is_made_again() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    std::fs::create_dir(place.path("state")).unwrap();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find_map(|line| line.strip_prefix("nobody:")).unwrap();
    let numbers: Vec<u32> = line.split(':').filter_map(|word| word.parse().ok()).collect();
    let (uid, gid) = (numbers[0], numbers[1]);
    for path in [place.path(""), place.path("state")] {
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
    }

    let mut sensor = place.start("one", &["-i", cable.near, "--shards", "2", "--user", "nobody"]);
    // Every thread, not the first alone.
    for task in std::fs::read_dir(format!("/proc/{}/task", sensor.id())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        // Real, effective, saved, and that of files.
        assert_eq!(value("Uid:"), [uid; 4].map(|uid| uid.to_string()).join("\t"));
        assert_eq!(value("Gid:"), [gid; 4].map(|gid| gid.to_string()).join("\t"));
        for set in ["CapEff:", "CapPrm:"] {
            assert_eq!(value(set), NET_RAW, "{status}");
        }
    }
    cable.send(&exchanges(0..20));
    let before = sensor.hears(&cable);
    cable.delete();
    sensor.says("mirror is down or gone", 1);
    let again = network.cable("mirror");
    sensor.says("mirror is back after", 1);
    again.send(&exchanges(20..40));
    let arrived = before + again.arrived();
    sensor.receives(again.near, arrived);
    let ended = sensor.end();
    ended.has_read(arrived);
    assert_eq!(ended.whole(), 40, "{}", ended.said);
}
