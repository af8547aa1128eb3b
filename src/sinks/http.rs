//! The one HTTP client of the sinks: requests from worker threads, which may block.
//! It is given a URL, headers and a body, and gives the answer, or one line about why there is none.
//! It promises an end in the time given, an answer of bounded size, checked certificates, and to follow no redirect.

use super::tls::TlsFiles;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Builder;
use hyper::{HeaderMap, Request, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::CertificateError as Certificate;
use std::error::Error as StdError;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::runtime::{self, Runtime};

/// What speaks to the network for this client and for others on hyper.
pub type Connector = HttpsConnector<HttpConnector>;

/// An answer's body is cut there: nothing we ask for is larger.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A far side that is there takes a connection in far less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Servers close idle connections after three seconds and more; a request should not meet a closing one.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(2);

const USER_AGENT: &str = concat!("heelguard/", env!("CARGO_PKG_VERSION"));

/// A client with connections of its own, for one thread.
pub struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    runtime: Blocking,
}

/// What came back, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, cut at [`ANSWER_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// Why there is no answer: one line that names host and port, never the path, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError(String);

impl fmt::Display for HttpError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StdError for HttpError {}

impl Answer {
    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the far side asked to be left alone, where `Retry-After` is a number of seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs)
    }
}

impl HttpClient {
    /// Reads the certificates; touches no network.
    pub fn new(files: &TlsFiles<'_>) -> Result<Self, String> {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(1)
            .build(connector(files)?);
        Ok(Self { client, runtime: Blocking::new(files.section)? })
    }

    /// Sends a body and waits for the whole answer.
    pub fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Answer, HttpError> {
        self.send(Request::post(url), headers, body.into(), timeout)
    }

    /// Asks what may be asked: a request that changes nothing at the far side (RFC 9110, section 9.3.7).
    pub fn options(&self, url: &str, timeout: Duration) -> Result<Answer, HttpError> {
        self.send(Request::options(url), &[], Bytes::new(), timeout)
    }

    fn send(
        &self,
        mut request: Builder,
        headers: &[(&str, &str)],
        body: Bytes,
        timeout: Duration,
    ) -> Result<Answer, HttpError> {
        let uri = request.uri_ref().ok_or_else(|| HttpError("the URL cannot be read".to_owned()))?;
        let peer = peer(uri);
        request = request.header(header::USER_AGENT, USER_AGENT);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| HttpError(format!("{peer}: the request cannot be made: {error}")))?;
        self.runtime.run(timeout, self.exchange(request)).map_err(|error| {
            let why = error.map_or_else(|| timed_out(timeout), |error| reason(error.as_ref()));
            HttpError(format!("{peer}: {why}"))
        })
    }

    /// Runs another task of this thread to its end, or for `timeout`: then the error is `None`.
    pub fn run<T, E>(
        &self,
        timeout: Duration,
        task: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Option<E>> {
        self.runtime.run(timeout, task)
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Box<dyn StdError + Send + Sync>> {
        let answer = self.client.request(request).await?;
        let status = answer.status().as_u16();
        let (head, body) = answer.into_parts();
        Ok(Answer { status, headers: head.headers, body: beginning(body).await? })
    }
}

/// Makes the connector for a sink; touches no network.
pub fn connector(files: &TlsFiles<'_>) -> Result<Connector, String> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(Duration::from_mins(1)));
    let tls = files.client_config()?;
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp))
}

/// Whether a request to `url` could be read by others on its way.
pub fn is_plain_to_others(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let here = host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    uri.scheme_str() == Some("http") && !here
}

/// Whether `url` is one we can send to; `setting` names it in the message.
pub fn check_url(setting: &str, url: &str) -> Result<(), String> {
    let wanted = || format!("{setting}: allowed is http://host[:port][/path] or https://host[:port][/path]");
    let uri: Uri = url.parse().map_err(|_| wanted())?;
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wanted());
    };
    if authority.as_str().contains('@') {
        return Err(format!(
            "{setting}: user and password do not belong into the URL; they have settings of their own"
        ));
    }
    if authority.host().is_empty() { Err(wanted()) } else { Ok(()) }
}

/// Host and port of a URL, for messages.
pub fn peer(uri: &Uri) -> String {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    format!("{}:{port}", uri.host().unwrap_or("?"))
}

/// What is wrong, said for the one who must mend it: the first cause in the chain that we know, or the innermost.
pub fn reason(error: &(dyn StdError + 'static)) -> String {
    let mut last = error.to_string();
    let mut name_unknown = false;
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(text) = cause.downcast_ref::<rustls::Error>().map(tls_reason) {
            return text;
        }
        let io = cause.downcast_ref::<std::io::Error>();
        if let Some(text) = io.and_then(|io| io_reason(io.kind())) {
            return text.to_owned();
        }
        last = cause.to_string();
        name_unknown |= last == "dns error";
        // An I/O error passes over what it wraps when it is asked for its source.
        let wrapped =
            io.and_then(std::io::Error::get_ref).map(|wrapped| wrapped as &(dyn StdError + 'static));
        next = wrapped.or_else(|| cause.source());
    }
    if name_unknown { format!("the host name is not known ({last})") } else { last }
}

/// What happened when nothing did, in time.
pub fn timed_out(timeout: Duration) -> String {
    format!("no whole answer within {} s", timeout.as_secs_f64())
}

/// A runtime for one thread that blocks. It is left behind, not waited for, when it is dropped: a name look-up that
/// hangs in the system must not hold a shutdown.
struct Blocking(Option<Runtime>);

impl Blocking {
    fn new(section: &str) -> Result<Self, String> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.map(|runtime| Self(Some(runtime))).map_err(|error| format!("{section}: {error}"))
    }

    /// Runs a task to its end, or for `timeout`: then the error is `None`.
    fn run<T, E>(&self, timeout: Duration, task: impl Future<Output = Result<T, E>>) -> Result<T, Option<E>> {
        let Some(runtime) = &self.0 else { return Err(None) };
        match runtime.block_on(async { tokio::time::timeout(timeout, task).await }) {
            Ok(outcome) => outcome.map_err(Some),
            Err(_) => Err(None),
        }
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The body up to the limit. What is beyond is not read, and the connection with it not used again.
async fn beginning(mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = ANSWER_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
        if bytes.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(bytes)
}

fn io_reason(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::ConnectionRefused => "connection refused: nothing listens there",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "connection reset by the far side",
        ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => "connection closed before the answer",
        ErrorKind::TimedOut => "no connection in time",
        ErrorKind::HostUnreachable => "no route to the host",
        ErrorKind::NetworkUnreachable => "no route to the network",
        _ => return None,
    })
}

fn tls_reason(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(fault) = error else {
        return match error {
            rustls::Error::InvalidMessage(_) => "the far side does not speak TLS; is it http://?".to_owned(),
            rustls::Error::AlertReceived(alert) => {
                format!("the far side refused the TLS handshake: {alert:?}")
            }
            other => format!("TLS: {other}"),
        };
    };
    match fault {
        Certificate::Expired | Certificate::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "its certificate is not valid yet; is the clock right?".to_owned()
        }
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "its certificate is for another host name".to_owned()
        }
        Certificate::UnknownIssuer => {
            "its certificate is signed by an authority that is not known here; set ca_file".to_owned()
        }
        other => format!("its certificate is not valid: {other}"),
    }
}

#[cfg(test)]
mod tests;
