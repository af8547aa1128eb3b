//! A sensor that was started by root and is nobody from then on.

use crate::figures::figure;
use crate::network::Network;
use crate::page;
use crate::sensor::{Place, Sensor};
use crate::traffic::exchanges;

/// `CAP_NET_RAW`, the one right that opening an interface again takes.
const NET_RAW: &str = "0000000000002000";

/// What a sensor takes from itself, as metrics tell it.
const LOCKS: [&str; 7] =
    ["user", "capabilities", "no_new_privs", "core_limit", "dumpable", "seccomp", "landlock"];

/// The metric's labels and values.
fn locks(sensor: &Sensor) -> Vec<(String, String)> {
    let (_, page) = page::ask(sensor.address, "GET", "/metrics", "");
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("heelguard_hardening{lock=\"")?.split_once("\"} "));
    rows.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

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
    let mut threads = 0;
    // Every thread, not the first alone.
    for task in std::fs::read_dir(format!("/proc/{}/task", sensor.id())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
        // Real, effective, saved, and that of files.
        assert_eq!(value("Uid:"), [uid; 4].map(|uid| uid.to_string()).join("\t"));
        assert_eq!(value("Gid:"), [gid; 4].map(|gid| gid.to_string()).join("\t"));
        for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
            assert_eq!(value(set), NET_RAW, "{status}");
        }
        for set in ["CapInh:", "CapAmb:"] {
            assert_eq!(value(set), "0000000000000000", "{status}");
        }
        assert_eq!((value("NoNewPrivs:"), value("Seccomp:")), ("1", "2"), "{status}");
        threads += 1;
    }
    assert!(threads > 5, "{threads} threads");
    let rights =
        format!("uid {uid}, CAP_NET_RAW alone, no_new_privs and seccomp in all of {threads} threads");
    figure("F12", "a running sensor", &rights, true);
    assert_eq!(locks(&sensor), LOCKS.map(|name| (name.to_owned(), "1".to_owned())));
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

#[test]
fn what_it_took_from_itself_is_told_and_what_is_off_too() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let sensor = place.start("one", &["-i", cable.near, "--set", "hardening.seccomp=off"]);
    let told = locks(&sensor);
    for (name, holds) in [("user", "0"), ("seccomp", "0"), ("landlock", "1"), ("dumpable", "1")] {
        assert!(told.contains(&(name.to_owned(), holds.to_owned())), "{name}: {told:?}");
    }
    let ended = sensor.end();
    let words = ["hardening: user: NOT, root", "capabilities: CAP_NET_RAW alone", "no_new_privs: on"];
    let others = ["seccomp: NOT, off in the configuration", "landlock: its own folders, version "];
    for words in words.iter().chain(&others) {
        assert!(ended.said.contains(words), "{words:?} is not in: {}", ended.said);
    }
}

#[test]
fn a_file_that_a_new_configuration_names_outside_its_folders_is_told_and_changes_nothing() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let (place, elsewhere) = (Place::new(), Place::new());
    let list = elsewhere.path("keys.txt");
    std::fs::write(&list, "# none\n").unwrap();
    let file = place.path("heelguard.toml");
    std::fs::write(&file, "").unwrap();
    let path = file.display().to_string();
    let mut sensor = place.start("one", &["-i", cable.near, "--config", &path]);
    std::fs::write(&file, format!("[identity]\ncompromised_keys = \"{}\"\n", list.display())).unwrap();
    sensor.signal(rustix::process::Signal::HUP);
    sensor.says("the configuration stays as it was: ", 1);
    let said = sensor.said();
    assert!(said.contains(&format!("{}: Permission denied; where this user may", list.display())), "{said}");
    assert!(said.contains("start this process anew"), "{said}");
    // In a folder that it knows, a new file can be named, and a configuration that was renamed into place is read.
    let near = place.path("keys.txt");
    std::fs::write(&near, "# none\n").unwrap();
    let new = place.path("new.toml");
    std::fs::write(&new, format!("[identity]\ncompromised_keys = \"{}\"\n", near.display())).unwrap();
    std::fs::rename(&new, &file).unwrap();
    sensor.signal(rustix::process::Signal::HUP);
    sensor.says("the configuration was read anew and is in force", 1);
    cable.send(&exchanges(0..5));
    let arrived = sensor.hears(&cable);
    sensor.end().has_read(arrived);
}

#[test]
fn a_key_log_that_is_replaced_is_read_under_every_lock() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let log = place.path("keys.log");
    let line = |number: u8| format!("CLIENT_RANDOM {number:064x} {}\n", "a5".repeat(48));
    std::fs::write(&log, line(1)).unwrap();
    let path = log.display().to_string();
    let mut sensor = place.start("one", &["-i", cable.near, "--keylog", &path]);
    let reads = |sensor: &mut Sensor, count: u64| {
        sensor.until(&format!("secret {count}"), |sensor| {
            // Counters are published while packets come.
            cable.send(&exchanges(0..1));
            (page::counter(sensor.address, "secrets_taken") >= count).then_some(())
        });
    };
    reads(&mut sensor, 1);
    let new = place.path("new.log");
    std::fs::write(&new, line(2)).unwrap();
    std::fs::rename(&new, &log).unwrap();
    reads(&mut sensor, 2);
    assert!(!sensor.said().contains("not permitted"), "{}", sensor.said());
    let arrived = sensor.hears(&cable);
    sensor.end().has_read(arrived);
}
