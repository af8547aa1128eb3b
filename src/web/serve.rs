//! Connections to the page and to what machines ask: HTTP/1 over a listener, the same for both.
//! It is given a listener that has its port and a router that answers, and serves until it is dropped.
//! It promises that nobody keeps others away: connections are counted, the oldest makes room for the newest, and a
//! handshake, a request head or the reading of an answer that does not come in time ends its connection; and what fails
//! on a connection ends that one.

use super::seal::Seal;
use crate::fault::contain_future;
use crate::sinks::delivery::Tell;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::VecDeque;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet, yield_now};
use tokio::time::{sleep_until, timeout};

/// How much strangers on this machine may take up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections open at once. A browser opens six, a scraper one; when all are taken, the oldest is closed: a
    /// client that only holds them must not keep a liveness probe waiting.
    pub(super) connections_max: usize,
    /// How long a connection may take to bring a handshake, or a request head, the first one or the next.
    pub(super) head_within: Duration,
    /// How long a connection goes on at least while its client asks and reads, and half of the time after which it is
    /// cut off.
    pub(super) answer_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            head_within: Duration::from_secs(5),
            answer_within: Duration::from_secs(30),
        }
    }
}

/// A request head and a body that nobody reads fit in there.
const BUFFER_BYTES_MAX: usize = 16 * 1024;

/// More headers than any browser sends.
const HEADERS_MAX: usize = 64;

/// The system has no descriptor for a connection: that passes, but not at once.
const PAUSE: Duration = Duration::from_millis(100);

/// A handshake goes to and fro: for so long nobody is pushed out of it by a crowd that comes behind, which waits.
const HANDSHAKE_WITHIN: Duration = Duration::from_millis(50);

/// A page that cannot be reached is told so often at the most.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// Answers every connection of a listener, for as long as it is polled; under TLS where there is a seal.
pub(super) async fn serve(
    listener: TcpListener,
    mut seal: Option<Seal>,
    router: Router,
    limits: Limits,
    tell: Tell,
) {
    let mut told: Option<Instant> = None;
    let mut connections = JoinSet::new();
    let mut open: VecDeque<(Instant, AbortHandle)> = VecDeque::with_capacity(limits.connections_max);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(why) => {
                if told.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    tell(&format!("the page takes no connections for now: {why}; all else goes on"));
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        open.retain(|(_, connection)| !connection.is_finished());
        if open.len() >= limits.connections_max
            && let Some((since, oldest)) = open.pop_front()
        {
            if seal.is_some() {
                sleep_until((since + HANDSHAKE_WITHIN).into()).await;
            }
            oldest.abort();
        }
        let router = router.clone();
        let connection = match seal.as_mut().map(|seal| seal.acceptor(Instant::now())) {
            None => connections.spawn(alone(converse(stream, router, limits))),
            Some(acceptor) => connections.spawn(alone(async move {
                // What goes wrong with a handshake concerns its client alone.
                if let Ok(Ok(stream)) = timeout(limits.head_within, acceptor.accept(stream)).await {
                    converse(stream, router, limits).await;
                }
            })),
        };
        open.push_back((Instant::now(), connection));
        // Who came with a request is heard before a crowd behind can push it out.
        yield_now().await;
    }
}

/// A connection whose failure is its own: a visitor must not be able to end the sensor.
async fn alone(connection: impl Future<Output = ()>) {
    // The fault was told, by its place.
    let _ = contain_future(connection).await;
}

/// One connection from its first request to its last. What goes wrong with it concerns its client alone.
async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    limits: Limits,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(BUFFER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    if timeout(limits.answer_within, connection.as_mut()).await.is_err() {
        // The answer that is on its way is the last one, and has as much time again.
        connection.as_mut().graceful_shutdown();
        let _ = timeout(limits.answer_within, connection).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;
    use crate::fault::is_contained;
    use axum::routing::get;
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream as Client};

    /// Longer than anything here takes, on any machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// More than both sides' buffers take.
    const LONG_BYTES: usize = 64 << 20;

    /// A server on a thread of its own, which says "yes" to everything, and a lot to who wants it.
    fn server(limits: Limits) -> SocketAddr {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(async || "yes");
        let router = router.route("/contained", get(async || is_contained().to_string()));
        let router = router.route("/long", get(async || vec![b'x'; LONG_BYTES]));
        let nobody: Tell = std::sync::Arc::new(|_: &str| ());
        std::thread::spawn(move || runtime.block_on(serve(listener, None, router, limits, nobody)));
        address
    }

    fn client(address: SocketAddr) -> Client {
        let client = Client::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    fn ask(client: &mut Client) -> String {
        client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = vec![0; 4096];
        let read = client.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    }

    /// Whether the far side ends the connection, by closing or resetting it.
    fn is_closed(client: &mut Client) -> bool {
        let mut rest = Vec::new();
        match client.read_to_end(&mut rest) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    #[test]
    fn a_head_that_does_not_come_ends_its_connection_and_no_other() {
        let address = server(Limits { head_within: Duration::from_millis(300), ..Limits::default() });
        let (mut silent, mut slow) = (client(address), client(address));
        slow.write_all(b"GET / HT").unwrap();
        let began = Instant::now();
        let mut usual = client(address);
        assert!(ask(&mut usual).starts_with("HTTP/1.1 200 OK"));
        assert!(ask(&mut usual).ends_with("yes"), "a second request on the same connection");
        assert!(is_closed(&mut slow) && is_closed(&mut silent));
        assert!(began.elapsed() >= Duration::from_millis(250), "not before its time");
        assert!(is_closed(&mut usual), "one that says nothing any more is idle, too");
    }

    #[test]
    fn a_fault_of_the_page_itself_ends_the_process() {
        let name = concat!(module_path!(), "::a_fault_of_the_page_itself_ends_the_process");
        crate::fault::ending::ends(name, "page", "without a name", || {
            // Nobody has room for so many.
            server(Limits { connections_max: usize::MAX, ..Limits::default() });
        });
        crate::fault::ending::ends(
            name,
            "a task, whose fault a runtime would keep",
            "without a name",
            || {
                std::thread::spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    let fails = async { panic!("{}", crate::fault::ending::WORDS) };
                    let _ = runtime.block_on(async { tokio::spawn(fails).await });
                });
            },
        );
    }

    #[test]
    fn a_fault_on_a_connection_would_end_that_one_and_not_the_sensor() {
        let mut client = client(server(Limits::default()));
        client.write_all(b"GET /contained HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("true"), "{answer}");
    }

    #[test]
    fn two_hundred_idle_clients_keep_nobody_away() {
        let limits = Limits { connections_max: 32, head_within: PATIENCE, answer_within: PATIENCE };
        let address = server(limits);
        let mut idle: Vec<Client> = (0..200).map(|_| client(address)).collect();
        let began = Instant::now();
        assert!(ask(&mut client(address)).ends_with("yes"));
        assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
        // The first made room for the last, which are still there.
        assert!(is_closed(&mut idle[0]));
        assert!(ask(&mut idle[199]).ends_with("yes"));
    }

    #[test]
    fn an_answer_that_nobody_reads_ends_its_connection() {
        let limits = Limits { answer_within: Duration::from_millis(200), ..Limits::default() };
        let mut client = client(server(limits));
        client.write_all(b"GET /long HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        std::thread::sleep(Duration::from_millis(1_500));
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 200 OK") && answer.len() < LONG_BYTES, "{}", answer.len());
    }

    #[test]
    fn a_connection_that_is_busy_ends_between_two_answers() {
        let limits = Limits { answer_within: Duration::from_millis(300), ..Limits::default() };
        let mut client = client(server(limits));
        let began = Instant::now();
        let mut answers = 0;
        loop {
            let mut answer = [0; 4096];
            let sent = client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
            match sent.and_then(|()| client.read(&mut answer)) {
                Ok(read) if read > 0 => assert!(answer[..read].ends_with(b"yes"), "whole"),
                _ => break,
            }
            answers += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(answers > 1 && began.elapsed() >= Duration::from_millis(250), "{answers}");
        assert!(began.elapsed() < PATIENCE / 2);
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let mut client = client(server(Limits::default()));
        client.write_all(b"GET / HTTP/1.1\r\nx: ").unwrap();
        // The far side may close while this is written; what it said is still there to be read.
        let _ = client.write_all(&vec![b'x'; 2 * BUFFER_BYTES_MAX]);
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains("yes"));
    }
}
