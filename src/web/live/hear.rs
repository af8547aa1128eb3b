//! A request on its way to the door: its words, its form, and a thread that has the time to make a page.
//! It is given requests from the one thread that holds all connections, and gives answers.
//! It promises that a probe waits for no page, that at most `RENDERS_MAX` pages are made at once, and that a form which
//! does not come is not waited for; and that a page which cannot be made costs its visitor that page, nobody anything
//! else.

use super::super::door::{Door, RELOAD};
use super::super::site::{Asked, FORM_BYTES_MAX};
use super::{is_for_machines, plain};
use crate::fault::contain;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Pages that are made at once, whoever asks for more: each may hold pointers to every row.
const RENDERS_MAX: usize = 2;

/// What a request is heard with.
#[derive(Clone)]
struct Ear {
    door: Arc<Door>,
    renders: Arc<Semaphore>,
    form_within: Duration,
}

/// A router that takes everything to the door.
pub(super) fn router(door: Door, form_within: Duration) -> Router {
    let ear = Ear { door: Arc::new(door), renders: Arc::new(Semaphore::new(RENDERS_MAX)), form_within };
    Router::new().fallback(hear).with_state(ear)
}

async fn hear(State(ear): State<Ear>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let form = match head.method {
        Method::POST => timeout(ear.form_within, to_bytes(body, FORM_BYTES_MAX)).await,
        _ => Ok(Ok(Bytes::new())),
    };
    let Ok(form) = form else {
        let mut response = plain(StatusCode::REQUEST_TIMEOUT, "the form did not come\n");
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return response;
    };
    // A body that is too long for a form of ours is none.
    let form = form.unwrap_or_default();
    if is_for_machines(head.uri.path()) {
        return made(|| respond(&ear.door, &head, &form));
    }
    let permit = ear.renders.acquire_owned().await;
    let render = move || {
        // It ends with the rendering, not with a client who is gone before.
        let _permit = permit;
        made(|| respond(&ear.door, &head, &form))
    };
    tokio::task::spawn_blocking(render).await.unwrap_or_else(|_| not_made())
}

/// An answer, or that there is none.
fn made(answer: impl FnOnce() -> Response<Body>) -> Response<Body> {
    contain(answer).unwrap_or_else(|_| not_made())
}

fn not_made() -> Response<Body> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "this page could not be made\n")
}

fn respond(door: &Door, head: &Parts, form: &[u8]) -> Response<Body> {
    let word = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let (reload, wish) = RELOAD;
    let asked = Asked {
        method: head.method.as_str(),
        host: host(head),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        origin: word("origin"),
        fetch_site: word("sec-fetch-site"),
        fetch_mode: word("sec-fetch-mode"),
        fetch_dest: word("sec-fetch-dest"),
        authorization: word("authorization"),
        cookie: word("cookie"),
        is_reload: word(reload) == Some(wish),
        form: std::str::from_utf8(form).unwrap_or_default(),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    door.respond(&asked, now.as_secs())
}

/// The name that a request is for, where it says one and no other: between two, a program in front of this one may have
/// looked at either.
fn host(head: &Parts) -> Option<&str> {
    let mut fields = head.headers.get_all(header::HOST).iter();
    let host = fields.next()?.to_str().ok()?;
    let is_said_alone = fields.next().is_none();
    let authority = head.uri.authority().map_or(host, Authority::as_str);
    (is_said_alone && authority.eq_ignore_ascii_case(host)).then_some(host)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops where it fails")]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::sinks::delivery::Tell;
    use crate::sinks::record::samples;
    use crate::web::Shown;
    use crate::web::access::Access;
    use crate::web::live::Live;
    use crate::web::serve::{Limits, serve};
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};
    use std::time::Instant;

    /// Longer than anything here takes, on any machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// The pages of an empty run, on a thread of their own.
    fn served(form_within: Duration) -> (Arc<Live>, SocketAddr) {
        let ledger = Arc::new(Ledger::default());
        let shown = Shown {
            labels: samples::labels(),
            source: "a capture".to_owned(),
            ledger,
            survey: Arc::default(),
            state_dir: None,
        };
        let live = Arc::new(Live::new(None).showing(shown));
        let door = Door { live: Arc::clone(&live), access: Access::of_loopback() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = router(door, form_within);
        let nobody: Tell = Arc::new(|_: &str| ());
        std::thread::spawn(move || {
            runtime.block_on(serve(listener, None, router, Limits::default(), nobody));
        });
        (live, address)
    }

    fn ask(address: SocketAddr, request: &str) -> TcpStream {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(client, "{request} HTTP/1.1\r\nhost: localhost\r\n").unwrap();
        client
    }

    /// What comes until the far side ends the connection.
    fn all(mut client: TcpStream) -> String {
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[test]
    fn a_body_that_does_not_come_is_waited_for_where_it_is_a_form_and_not_for_long() {
        let (_live, address) = served(Duration::from_millis(300));
        let began = Instant::now();
        let mut form = ask(address, "POST /alerts/1/acknowledge");
        write!(form, "content-length: 10\r\n\r\n").unwrap();
        let mut page = ask(address, "GET /rules");
        write!(page, "content-length: 10\r\n\r\n").unwrap();
        let page = all(page);
        assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("</html>"), "{page}");
        let refused = all(form);
        assert!(refused.starts_with("HTTP/1.1 408") && refused.ends_with("did not come\n"), "{refused}");
        assert!(began.elapsed() >= Duration::from_millis(250) && began.elapsed() < PATIENCE / 2);
    }

    #[test]
    fn a_page_that_fails_costs_its_visitor_that_page() {
        let answer = made(|| {
            assert!(!crate::fault::is_contained(), "a fault, and it is contained");
            plain(StatusCode::OK, "made\n")
        });
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(made(|| plain(StatusCode::OK, "made\n")).status(), StatusCode::OK);
    }

    #[test]
    fn a_probe_waits_for_no_page() {
        let (live, address) = served(PATIENCE);
        // While the counters are being put, no page gets them.
        let pages: Vec<TcpStream> = live.with(|_| {
            let slow = |_| {
                let mut page = ask(address, "GET /rules");
                write!(page, "connection: close\r\n\r\n").unwrap();
                page
            };
            let pages = (0..2 * RENDERS_MAX).map(slow).collect();
            std::thread::sleep(Duration::from_millis(100));
            let mut probe = ask(address, "GET /health/live");
            write!(probe, "connection: close\r\n\r\n").unwrap();
            assert!(all(probe).ends_with("alive\n"));
            pages
        });
        for page in pages {
            assert!(all(page).starts_with("HTTP/1.1 200 OK"), "it came when the counters were there");
        }
    }
}
