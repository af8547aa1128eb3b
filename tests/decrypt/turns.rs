//! What happens to keys while a connection lasts, and when another one takes it up.

use crate::openssl::{Bench, Turn};
use heelguard::tls::decrypt::{GivenUp, Side};

const BEFORE: Turn = Turn::Client("alpha speaks before");
const ANSWER: Turn = Turn::Server("beta answers before");

#[test]
fn keys_are_updated_in_both_directions() {
    let bench = Bench::new();
    for suite in ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] {
        let mut server = bench.server("-tls1_3");
        let turns = [
            BEFORE,
            ANSWER,
            // The client's alone.
            Turn::Order("k"),
            Turn::Client("alpha after one update"),
            Turn::Server("beta after one update"),
            // Both.
            Turn::Order("K"),
            Turn::Client("alpha after two updates"),
            Turn::Server("beta after two updates"),
            Turn::ServerOrder("K"),
            Turn::Server("beta after three updates"),
            Turn::Client("alpha after three updates"),
        ];
        bench.connect(&mut server, &format!("-tls1_3 -ciphersuites {suite}"), &turns).check(suite);
    }
}

#[test]
fn a_lost_key_update_is_found_again() {
    let bench = Bench::new();
    let mut server = bench.server("-tls1_3 -num_tickets 0");
    let turns =
        [BEFORE, Turn::Order("k"), Turn::Client("alpha after the update"), Turn::Client("alpha at the end")];
    let heard = bench.connect(&mut server, "-tls1_3", &turns);
    heard.check("whole");
    let records = heard.records(Side::Client, 23);
    let (update, last) = (records[records.len() - 4], records[records.len() - 1]);
    assert_eq!(heard.read_without(&[update]).said[0], heard.client_said);
    // What was said under the key before is lost alone, and the end is only the alert.
    let reader = heard.read_without(&[update - 1, last]);
    assert_eq!((reader.given_up(), reader.said[0].as_slice()), (None, &heard.client_said[20..]));
}

#[test]
fn tls_1_2_negotiates_anew() {
    let bench = Bench::new();
    for suite in ["ECDHE-RSA-AES128-GCM-SHA256", "AES256-SHA"] {
        let mut server = bench.server("-tls1_2 -client_renegotiation -cipher DEFAULT@SECLEVEL=0");
        let turns = [
            BEFORE,
            ANSWER,
            Turn::Order("R"),
            Turn::Client("alpha after the client's"),
            Turn::Server("beta after the client's"),
            Turn::ServerOrder("R"),
            Turn::Client("alpha after the server's"),
            Turn::Server("beta after the server's"),
        ];
        let heard = bench.connect(&mut server, &format!("-tls1_2 -cipher {suite}:@SECLEVEL=0"), &turns);
        assert!(heard.keylog.matches("CLIENT_RANDOM").count() > 1, "nothing was negotiated anew");
        heard.check(suite);
        // The second secret alone is missing: what comes before is read, and nothing behind it.
        let mut short = heard;
        let first = short.keylog.lines().find(|line| line.starts_with("CLIENT_RANDOM")).unwrap().to_owned();
        short.keylog = first;
        let reader = short.read_without(&[]);
        assert_eq!(reader.given_up(), Some(GivenUp::NoSecret));
        assert_eq!(reader.said[0], b"alpha speaks before\n");
    }
}

#[test]
fn a_session_is_taken_up_again() {
    let bench = Bench::new();
    for (options, server) in [
        ("-tls1_2", "-tls1_2"),
        ("-tls1_2", "-tls1_2 -no_ticket"),
        ("-tls1_3", "-tls1_3"),
        ("-tls1_3", "-tls1_3 -no_ticket"),
    ] {
        let mut server = bench.server(server);
        let first =
            bench.connect(&mut server, &format!("{options} -sess_out session.pem"), &[BEFORE, ANSWER]);
        first.check(options);
        let talk = [Turn::Client("alpha is back"), Turn::Server("beta knew it")];
        let second = bench.connect(&mut server, &format!("{options} -sess_in session.pem"), &talk);
        second.check(options);
        let bytes =
            |heard: &crate::openssl::Heard| heard.wire.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        assert!(bytes(&second) + 500 < bytes(&first), "{options}: no certificate is sent a second time");
    }
}

#[test]
fn early_data_taken_and_not_taken() {
    let bench = Bench::new();
    std::fs::write(bench.path("early.txt"), "alpha could not wait\n").unwrap();
    let mut server = bench.server("-tls1_3 -early_data -max_early_data 1000");
    bench.connect(&mut server, "-tls1_3 -sess_out session.pem", &[BEFORE, ANSWER]).check("first");
    let talk = [Turn::Client("alpha goes on"), Turn::Server("beta heard both")];
    let options = "-tls1_3 -sess_in session.pem -early_data early.txt";
    let mut taken = bench.connect(&mut server, options, &talk);
    assert!(taken.keylog.contains("CLIENT_EARLY_TRAFFIC_SECRET"));
    taken.client_said = b"alpha could not wait\nalpha goes on\n".to_vec();
    taken.check("taken");
    // A session is good for early data once: the server refuses the second time, and asks for no retry.
    let refused = bench.connect(&mut server, options, &talk);
    refused.check("refused");
    assert_eq!(refused.read_without(&[]).counters().early_refused, 1);
    // Another group than the client guessed: the server asks for another hello.
    drop(server);
    let mut server = bench.server("-tls1_3 -early_data -max_early_data 1000 -groups P-256");
    let first = bench.connect(&mut server, "-tls1_3 -groups X25519:P-256 -sess_out session.pem", &[BEFORE]);
    first.check("retried");
    let options = format!("{options} -groups X25519:P-256");
    let retried = bench.connect(&mut server, &options, &talk);
    retried.check("early data into a retry");
}
