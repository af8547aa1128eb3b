//! Every suite that is read, in every way it can be sealed.

use crate::openssl::{Bench, Turn};
use heelguard::tls::decrypt::GivenUp;

const TALK: &[Turn] = &[
    Turn::Client("alpha says who is there"),
    Turn::Server("beta answers at length"),
    Turn::Client("alpha says it again"),
    Turn::Server("beta is gone"),
];

/// At security level 0 OpenSSL still has the suites of yesterday.
const OLD: &str = "DEFAULT@SECLEVEL=0";

const TLS_1_2: &[&str] = &[
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-AES128-GCM-SHA256",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES256-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    "AES128-SHA256",
    "AES256-SHA256",
    "DHE-RSA-AES256-SHA256",
];

#[test]
fn tls_1_3() {
    let bench = Bench::new();
    let mut server = bench.server("-tls1_3");
    for suite in ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] {
        let heard = bench.connect(&mut server, &format!("-tls1_3 -ciphersuites {suite}"), TALK);
        heard.check(suite);
    }
    // Without the ChangeCipherSpec that pretends to be TLS 1.2, and with padding to whole blocks.
    for options in ["-no_middlebox", "-record_padding 512", "-groups P-256:X25519"] {
        bench.connect(&mut server, &format!("-tls1_3 {options}"), TALK).check(options);
    }
}

#[test]
fn tls_1_2() {
    let bench = Bench::new();
    let mut server = bench.server(&format!("-tls1_2 -cipher {OLD}"));
    for suite in TLS_1_2 {
        let heard = bench.connect(&mut server, &format!("-tls1_2 -cipher {suite}:@SECLEVEL=0"), TALK);
        heard.check(suite);
    }
}

#[test]
fn the_mac_inside_or_outside() {
    let bench = Bench::new();
    std::fs::write(
        bench.path("inside.cnf"),
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nOptions = -EncryptThenMac\n",
    )
    .unwrap();
    let mut server = bench.server(&format!("-tls1_2 -cipher {OLD}"));
    for suite in TLS_1_2.iter().filter(|suite| suite.contains("-SHA") && !suite.contains("GCM")) {
        let options = format!("-tls1_2 -cipher {suite}:@SECLEVEL=0");
        let outside = bench.connect(&mut server, &options, TALK);
        outside.check(suite);
        let inside = bench.connect_with(&mut server, &options, TALK, &[("OPENSSL_CONF", "inside.cnf")]);
        inside.check(suite);
        let extension = |heard: &crate::openssl::Heard| {
            heard.wire.iter().any(|(_, bytes)| {
                bytes.starts_with(&[22]) && bytes.windows(4).any(|four| four == [0, 22, 0, 0])
            })
        };
        assert!(extension(&outside) && !extension(&inside), "{suite}: the option was not taken");
    }
}

#[test]
fn what_is_not_read_is_said_to_be_so() {
    let bench = Bench::new();
    let mut server = bench.server("-cipher ALL:@SECLEVEL=0");
    for options in
        ["-tls1_2 -cipher ECDHE-RSA-CAMELLIA128-SHA256:@SECLEVEL=0", "-tls1_1 -cipher ALL:@SECLEVEL=0"]
    {
        let reader = bench.connect(&mut server, options, TALK).read_without(&[]);
        assert_eq!(reader.given_up(), Some(GivenUp::Unsupported), "{options}");
        assert!(reader.said.iter().all(Vec::is_empty), "{options}");
    }
}

#[test]
fn changed_bytes_are_never_content() {
    let bench = Bench::new();
    let mut server = bench.server(&format!("-tls1_2 -cipher {OLD}"));
    for suite in ["ECDHE-RSA-AES256-SHA384", "AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256"] {
        let mut heard = bench.connect(&mut server, &format!("-tls1_2 -cipher {suite}:@SECLEVEL=0"), TALK);
        let said = heard.client_said.clone();
        let sealed =
            |(side, bytes): &(_, Vec<u8>)| *side == heelguard::tls::decrypt::Side::Client && bytes[0] == 23;
        let last = heard.wire.iter().rposition(sealed).unwrap();
        // What closes the connection may have come in the same piece.
        let [_, _, _, high, low] = *heard.wire[last].1.first_chunk().unwrap();
        for at in 5..5 + usize::from(u16::from_be_bytes([high, low])) {
            heard.wire[last].1[at] ^= 0x10;
            let reader = heard.read_without(&[]);
            heard.wire[last].1[at] ^= 0x10;
            assert!(said.starts_with(&reader.said[0]), "{suite}: byte {at}");
            assert_eq!(reader.given_up(), Some(GivenUp::NotOpened), "{suite}: byte {at}");
        }
    }
}
