//! The proxy itself, before a server that says everything back.

use super::proxy::{Proxy, any};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Starts the server on a free port. Its threads end with the test.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut back = client.try_clone().unwrap();
                let _ = std::io::copy(&mut &client, &mut back);
            });
        }
    });
    address.to_string()
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stream
}

/// What comes back for `word`: itself, nothing because of an end, or `None` for silence.
fn say(stream: &mut TcpStream, word: &[u8]) -> Option<Vec<u8>> {
    let mut back = vec![0; word.len()];
    match stream.write_all(word).and_then(|()| stream.read_exact(&mut back)) {
        Ok(()) => Some(back),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(_) => Some(Vec::new()),
    }
}

#[test]
fn up_and_down() {
    let proxy = Proxy::before(&echo());
    let mut stream = connect(&proxy);
    assert_eq!(say(&mut stream, b"one"), Some(b"one".to_vec()));
    proxy.down();
    assert_eq!(say(&mut stream, b"two"), Some(Vec::new()));
    assert_eq!(say(&mut connect(&proxy), b"three"), Some(Vec::new()));
    proxy.up();
    assert_eq!(say(&mut connect(&proxy), b"four"), Some(b"four".to_vec()));
}

#[test]
fn what_hangs_comes_later() {
    let proxy = Proxy::before(&echo());
    let mut stream = connect(&proxy);
    assert_eq!(say(&mut stream, b"one"), Some(b"one".to_vec()));
    proxy.hang();
    assert_eq!(say(&mut stream, b"two"), None);
    proxy.up();
    let mut late = [0; 3];
    stream.read_exact(&mut late).unwrap();
    assert_eq!(&late, b"two");
}

#[test]
fn slow_is_slow_and_whole() {
    let proxy = Proxy::before(&echo());
    proxy.slow(100_000);
    let (mut stream, start) = (connect(&proxy), Instant::now());
    let word = vec![7; 20_000];
    assert_eq!(say(&mut stream, &word), Some(word));
    assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
}

#[test]
fn a_swallowed_answer_ends_its_connection_and_no_other() {
    let proxy = Proxy::before(&echo());
    let mut other = connect(&proxy);
    assert_eq!(say(&mut other, b"zero"), Some(b"zero".to_vec()));
    proxy.swallow_answers(1, any);
    assert_eq!(say(&mut connect(&proxy), b"one"), Some(Vec::new()));
    assert_eq!(proxy.swallowed(), 1);
    assert_eq!(say(&mut other, b"two"), Some(b"two".to_vec()));
    assert_eq!(proxy.connections(), 2);
}
