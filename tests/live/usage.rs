//! What is wrong at the start is said in a line that helps, and tells usage from trouble by the exit code.

use crate::network::Network;
use crate::sensor::{Place, refused};
use std::net::TcpListener;
use std::process::Command;

#[track_caller]
fn check((code, said): (i32, String), expected: i32, words: &[&str]) {
    assert_eq!(code, expected, "{said}");
    for words in words {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
}

#[test]
fn without_an_interface_it_names_those_that_there_are() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let words = ["none is named; use -i NAME or the configuration", "there are: ", "lo, mirror, mirror-far"];
    check(place.refused(&[]), 2, &words);
    let words = ["no interface mirorr, eth77", "there are: lo, mirror, mirror-far"];
    check(place.refused(&["-i", cable.near, "-i", "mirorr", "-i", "eth77"]), 2, &words);
    check(place.refused(&["-i", "mirorr", "--set", "capture.backend=libpcap"]), 2, &["mirorr"]);
    check(place.refused(&["-i", cable.near, "-i", cable.near]), 2, &["mirror is there twice"]);
}

#[test]
fn a_wrong_filter_is_told_in_libpcaps_words() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    for backend in ["af_packet", "libpcap"] {
        let backend = format!("capture.backend={backend}");
        let more = ["-i", cable.near, "--filter", "tcp prot 80", "--set", &backend];
        check(place.refused(&more), 2, &["capture.filter", "tcp prot 80", "syntax error"]);
    }
}

#[test]
fn without_rights_it_says_how_to_get_them() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    for backend in ["af_packet", "libpcap"] {
        let backend = format!("capture.backend={backend}");
        // Root without a single capability is nobody in particular.
        let mut command = Command::new("setpriv");
        command.args(["--inh-caps=-all", "--bounding-set=-all", env!("CARGO_BIN_EXE_heelguard")]);
        place.arguments(&mut command, "refused", &["-i", cable.near, "--set", &backend]);
        let words = ["mirror: ", "sudo setcap cap_net_raw=ep $(command -v heelguard)", "`--user NAME`"];
        check(refused(command), 77, &words);
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let Some(network) = Network::new() else { return };
    let cable = network.cable("mirror");
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = TcpListener::bind(taken).unwrap();
    let listen = format!("web.listen={taken}");
    check(place.refused(&["-i", cable.near, "--set", &listen]), 1, &["web.listen", &taken.to_string()]);
    drop(holder);
}
