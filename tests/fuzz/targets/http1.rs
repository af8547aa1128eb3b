//! HTTP/1 of any bytes: any cut between segments gives the same exchanges, and everything told is counted.

use super::input::{Input, turn};
use super::wire::{CLIENT, CLIENT_FIN, CLIENT_GAP, SERVER, SERVER_FIN, SERVER_GAP, check};
use heelguard::flow::Origin;
use heelguard::http::Config;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (choice, cut) = (input.byte(), input.byte());
    let mut config = Config::default();
    if choice & 2 > 0 {
        config = Config {
            head_bytes_max: 256,
            header_lines_max: 8,
            pipeline_max: 3,
            pipeline_bytes_max: 512,
            trailer_bytes_max: 32,
            chunk_line_bytes_max: 16,
            interim_responses_max: 2,
            request_body_prefix_bytes_max: 40,
            response_body_prefix_bytes_max: 40,
            ..config
        };
    }
    let origin = if choice & 1 == 0 { Origin::Handshake } else { Origin::Midstream };
    let found = check(&config, origin, &input.turns(), cut);
    for message in
        found.exchanges.iter().flat_map(|exchange| [&exchange.request, &exchange.response]).flatten()
    {
        assert!(
            message.head.len() <= config.head_bytes_max && message.headers.len() <= config.header_lines_max
        );
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let exchanges: [(&str, &str); 16] = [
        ("GET /a?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        ("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
        (
            "POST /b HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nT: u\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            "PUT /c HTTP/1.1\r\nContent-Length: 9\r\nContent-Length: 9\r\n\r\nGET / HTT",
            "HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n",
        ),
        ("\r\nGET /d HTTP/1.1\nA: b\n\n", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx"),
        (
            "GET /e HTTP/1.1\r\nAuthorization : x\r\nB: c\r\n\td\r\n\r\n",
            "HTTP/1.1  200\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "POST /f HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /in HTTP/1.1\r\n\r\n",
            "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "GET /g HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x01\x02",
        ),
        (
            "GET /h HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
            "HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        ),
        ("CONNECT a:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nbytes"),
        (
            "PROXY TCP4 203.0.113.7 10.0.0.5 40000 80\r\nGET /i HTTP/1.0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\nto the end",
        ),
        (
            "POST /j HTTP/1.1\r\nTransfer-Encoding: xchunked\r\nTransfer-Encoding : chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 204 N\r\nContent-Length: 3\r\n\r\n",
        ),
        (
            "POST /k HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: +3\r\n\r\nabc",
            "HTTP/1.1 417 N\r\nContent-Length: 0x0\r\n\r\n",
        ),
        ("GET http://a:b@c/l HTTP/1.1\r\nHost: d\0\r\n\x7f: \u{e9}\r\n\r\n", "http/1.1 20 ok\r\n\r\n"),
        (
            "POST /m HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n00000000000000000003\r\nabc\r\n-1\r\n",
        ),
        (
            "GET /n HTTP/9.9\r\nHost: a\r\n\r\nGET /o\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: multipart/byteranges; boundary=x\r\n\r\n--x--",
        ),
    ];
    let talk = |asked: &str, answered: &str| [turn(CLIENT, asked), turn(SERVER, answered)].concat();
    let mut seeds: Vec<Vec<u8>> =
        exchanges.iter().map(|(asked, answered)| [vec![0, 0], talk(asked, answered)].concat()).collect();
    let all: Vec<u8> = exchanges.iter().take(3).flat_map(|(asked, answered)| talk(asked, answered)).collect();
    seeds.push([&[2, 77], &all[..]].concat());
    // PROXY in its second form: IPv4, IPv6, a socket, none, and what is too short.
    let addresses: [(&[u8], usize); 6] = [
        (&[0x21, 0x11], 12),
        (&[0x21, 0x21], 36),
        (&[0x21, 0x31], 216),
        (&[0x20, 0], 0),
        (&[0x21, 0x11], 4),
        (&[0x31, 0x11], 12),
    ];
    for (kind, size) in addresses {
        let announced = (size as u16).to_be_bytes();
        let proxy =
            [&b"\r\n\r\n\0\r\nQUIT\n"[..], kind, &announced, &vec![9; size], b"GET / HTTP/1.1\r\n\r\n"];
        seeds.push(
            [vec![0, 0], turn(CLIENT, proxy.concat()), turn(SERVER, "HTTP/1.1 204 N\r\n\r\n")].concat(),
        );
    }
    seeds.push([&[1, 9], &all[..], &turn(CLIENT_FIN, ""), &turn(SERVER_FIN, "")].concat());
    seeds.push([&[0, 0], &turn(CLIENT_GAP, "12345")[..], &all, &turn(SERVER_GAP, "1"), &all].concat());
    seeds
}
