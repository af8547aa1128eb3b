//! The whole sensor on a capture of any bytes: one shard and three tell the same, and every account balances.

use super::place::file;
use crate::support::conversation::pcap;
use crate::support::sensor::run as replay;

pub fn run(data: &[u8]) {
    let path = file(0, data);
    // `replay` looks at the accounts.
    let [one, three] = [1, 3].map(|shards| replay(&[&path], shards));
    let (Ok(one), Ok(three)) = (&one, &three) else {
        assert!(one.is_err() && three.is_err(), "a capture is one for any number of shards");
        return;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&one.transactions), text(&three.transactions));
    assert_eq!(text(&one.alerts), text(&three.alerts));
    assert_eq!(text(&one.connections), text(&three.connections));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut login = String::from("@open a 203.0.113.7:51000 -> 10.0.0.5:8080 at 2026-11-21T10:00:00Z\n");
    for n in 0..3 {
        login += &format!(
            "@a> +1s\nPOST /login HTTP/1.1\nHost: api.example.com\nContent-Type: application/json\n\n\
             {{\"username\":\"ann\",\"password\":\"wrong{n}\"}}\n@a< +20ms\nHTTP/1.1 401 Unauthorized\n\n"
        );
    }
    let session = "@open b 203.0.113.8:51000 -> 10.0.0.5:8080 at 2026-11-21T10:00:01Z\n@b> +1s\nPOST /mfa/verify HTTP/1.1\nHost: api.example.com\nCookie: session=abcdef\nContent-Type: application/json\n\n{\"code\":\"123456\"}\n@b< +1s\nHTTP/1.1 200 OK\nSet-Cookie: session=xyz\n\n@b> +1s\nGET /me HTTP/1.1\nHost: api.example.com\nCookie: session=xyz\n\n@b< +1s\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"email\":\"ann@example.com\"}\n@close b +1s\n";
    vec![pcap(&login), pcap(session), pcap(&(login.clone() + "@close a +1s\n" + session))]
}
