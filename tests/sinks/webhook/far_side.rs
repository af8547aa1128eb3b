//! A small HTTP server that answers as it is told, one connection a request, and keeps what it was sent.
//! A test gives its answers in order; when they are used up, it hangs up.
//! It promises to be gone with the test: nobody waits for it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::sleep;
use std::time::Duration;

use crate::certificate::Tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a server says to one request.
pub struct Answer {
    bytes: Vec<u8>,
    wait: Duration,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self::raw(
            format!("HTTP/1.1 {status} Some Words\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .as_bytes(),
        )
    }

    pub fn raw(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), wait: Duration::ZERO }
    }

    pub fn silence(wait: Duration) -> Self {
        Self { bytes: Vec::new(), wait }
    }

    pub fn with(self, name: &str, value: &str) -> Self {
        let text = String::from_utf8(self.bytes).unwrap();
        let (line, rest) = text.split_once("\r\n").unwrap();
        Self::raw(format!("{line}\r\n{name}: {value}\r\n{rest}").as_bytes())
    }

    pub fn body(self, body: &str) -> Self {
        let text = String::from_utf8(self.bytes).unwrap();
        let length = format!("Content-Length: {}\r\n", body.len());
        Self::raw((text.replace("Content-Length: 0\r\n", &length) + body).as_bytes())
    }
}

/// A request as it came.
pub struct Seen {
    /// Its first line.
    pub line: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name}"), |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }
}

pub struct FarSide {
    address: SocketAddr,
    scheme: &'static str,
    seen: Receiver<Seen>,
}

impl FarSide {
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::listen(answers, None)
    }

    pub fn start_tls(answers: impl IntoIterator<Item = Answer>, tls: &Tls) -> Self {
        let chain = CertificateDer::pem_file_iter(&tls.certificate).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&tls.key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Self::listen(answers, Some(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
    }

    fn listen(answers: impl IntoIterator<Item = Answer>, tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = channel();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let tls = tls.map(Arc::new);
        let mut answers = answers.into_iter().collect::<Vec<_>>().into_iter();
        std::thread::spawn(move || {
            // A connection without a request, as when a certificate is not trusted, uses up no answer.
            while answers.len() > 0 {
                let Ok((stream, _)) = listener.accept() else { return };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                match &tls {
                    None => serve(stream, &mut answers, &sender),
                    Some(config) => {
                        let session = ServerConnection::new(config.clone()).unwrap();
                        serve(StreamOwned::new(session, stream), &mut answers, &sender);
                    }
                }
            }
        });
        Self { address, scheme, seen }
    }

    pub fn url(&self) -> String {
        format!("{}://{}/hook/secret-path", self.scheme, self.address)
    }

    /// A URL that holds no secret.
    pub fn root(&self) -> String {
        format!("{}://{}/", self.scheme, self.address)
    }

    pub fn peer(&self) -> String {
        self.address.to_string()
    }

    /// What has come so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.try_iter().collect()
    }
}

/// Takes one request, notes it before it is answered, and answers.
fn serve(mut stream: impl Read + Write, answers: &mut impl Iterator<Item = Answer>, sender: &Sender<Seen>) {
    let Some(request) = read(&mut stream) else { return };
    let Some(answer) = answers.next() else { return };
    let _ = sender.send(request);
    sleep(answer.wait);
    let _ = stream.write_all(&answer.bytes);
    let _ = stream.flush();
}

fn read(stream: &mut impl Read) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(request) = parse(&bytes) {
            return Some(request);
        }
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}

/// The request, if it is whole.
fn parse(bytes: &[u8]) -> Option<Seen> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    (body.len() >= length).then(|| Seen { line, headers, body: body.to_owned() })
}
