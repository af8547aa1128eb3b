//! Connections of OpenSSL's own client and server, over loopback, through a wire that is listened to.
//! Both ends say lines, each waited for by the other, so that the order on the wire is the order of the test.

use crate::reader::Reader;
use heelguard::tls::decrypt::{KeyStore, Side};
use heelguard_detectors::time::EventTime;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with a certificate, where connections are made.
pub struct Bench {
    folder: TempDir,
}

/// A connection that is over: its secrets, and its bytes in their order.
pub struct Heard {
    pub keylog: String,
    pub wire: Vec<(Side, Vec<u8>)>,
    pub client_said: Vec<u8>,
    pub server_said: Vec<u8>,
}

/// What happens in a connection, line by line.
pub enum Turn {
    /// The client says a line, and the server hears it.
    Client(&'static str),
    /// The server says a line, and the client hears it.
    Server(&'static str),
    /// The client gives an order to its own OpenSSL: K and k update keys, R negotiates anew.
    Order(&'static str),
    /// The server does.
    ServerOrder(&'static str),
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let words =
            "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost";
        let made = Command::new("openssl").args(words.split(' ')).current_dir(folder.path()).output();
        let made = made.expect("openssl, which deploy/setup.sh --tests installs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server that takes one connection after another.
    pub fn server(&self, options: &str) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let words = format!("s_server -accept 127.0.0.1:{port} -cert cert.pem -key key.pem {options}");
        let peer = Peer::start(self.folder.path(), &words, &[]);
        peer.hears("ACCEPT");
        Server { port, peer }
    }

    /// One connection of a client with these options, and what is said in it.
    pub fn connect(&self, server: &mut Server, options: &str, turns: &[Turn]) -> Heard {
        self.connect_with(server, options, turns, &[])
    }

    /// The same, with variables in the client's environment.
    pub fn connect_with(
        &self,
        server: &mut Server,
        options: &str,
        turns: &[Turn],
        variables: &[(&str, &str)],
    ) -> Heard {
        let tap = Tap::new(server.port);
        let log = self.path("keys.log");
        let _ = std::fs::remove_file(&log);
        let words = format!("s_client -connect 127.0.0.1:{} -keylogfile keys.log {options}", tap.port);
        let mut client = Peer::start(self.folder.path(), &words, variables);
        // Printed when a connection stands, by every version.
        client.hears("Verify return code");
        let mut heard =
            Heard { keylog: String::new(), wire: Vec::new(), client_said: vec![], server_said: vec![] };
        for turn in turns {
            match turn {
                Turn::Client(line) => {
                    client.says(line);
                    server.peer.hears(line);
                    heard.client_said.extend(format!("{line}\n").bytes());
                }
                Turn::Server(line) => {
                    server.peer.says(line);
                    client.hears(line);
                    heard.server_said.extend(format!("{line}\n").bytes());
                }
                Turn::Order(order) => client.orders(order),
                Turn::ServerOrder(order) => server.peer.orders(order),
            }
        }
        client.orders("Q");
        client.ends();
        heard.keylog = std::fs::read_to_string(&log).unwrap_or_default();
        heard.wire = tap.end();
        heard
    }
}

/// A running `s_server`.
pub struct Server {
    port: u16,
    pub peer: Peer,
}

/// A program that is talked to.
pub struct Peer {
    child: Child,
    stdin: ChildStdin,
    output: Arc<Mutex<Vec<u8>>>,
}

impl Peer {
    fn start(folder: &Path, words: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new("openssl");
        command.args(words.split_whitespace()).current_dir(folder).envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("openssl, which deploy/setup.sh --tests installs");
        let stdin = child.stdin.take().unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        let pipes: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for mut pipe in pipes {
            let output = Arc::clone(&output);
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    output.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            });
        }
        Self { child, stdin, output }
    }

    pub fn says(&mut self, line: &str) {
        self.stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        self.stdin.flush().unwrap();
    }

    /// An order is a letter of its own; what follows it is read as text, so it is given time to be read alone.
    fn orders(&mut self, order: &str) {
        self.says(order);
        std::thread::sleep(Duration::from_millis(150));
    }

    pub fn hears(&self, what: &str) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.text().contains(what) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{what:?} was not heard in:\n{}", self.text());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }

    fn ends(&mut self) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A wire between the two, for one connection: what comes in at one end goes out at the other, and is kept.
struct Tap {
    port: u16,
    pieces: mpsc::Receiver<(Side, Vec<u8>)>,
}

impl Tap {
    fn new(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, pieces) = mpsc::channel();
        std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let other = sender.clone();
            std::thread::spawn(move || pass(Side::Server, back.0, back.1, &other));
            pass(Side::Client, client, server, &sender);
        });
        Self { port, pieces }
    }

    /// Everything that passed, when both ends have hung up.
    fn end(self) -> Vec<(Side, Vec<u8>)> {
        self.pieces.into_iter().collect()
    }
}

fn pass(side: Side, mut from: TcpStream, mut to: TcpStream, sender: &mpsc::Sender<(Side, Vec<u8>)>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        // Kept before it is passed on: an answer to it is always behind it.
        let _ = sender.send((side, buffer[..count].to_vec()));
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

impl Heard {
    pub fn keys(&self) -> Arc<KeyStore> {
        let keys = Arc::new(KeyStore::new(100, false));
        keys.read_key_log(self.keylog.as_bytes(), EventTime::ZERO);
        keys
    }

    /// Read with the secrets that the client wrote down, some records lost.
    pub fn read_without(&self, lost: &[u64]) -> Reader {
        let mut reader = Reader::new(&self.keys());
        reader.lost = lost.to_vec();
        self.wire.iter().for_each(|(side, bytes)| reader.read(*side, bytes));
        reader
    }

    /// The numbers of this side's records of one type, as `read_without` counts them.
    pub fn records(&self, side: Side, kind: u8) -> Vec<u64> {
        let (mut counted, mut numbers) = (0, Vec::new());
        let mut bytes: [Vec<u8>; 2] = Default::default();
        for (from, piece) in &self.wire {
            let waiting = &mut bytes[from.index()];
            waiting.extend_from_slice(piece);
            while let Some(&[found, _, _, l0, l1]) = waiting.first_chunk() {
                let len = 5 + usize::from(u16::from_be_bytes([l0, l1]));
                if waiting.len() < len {
                    break;
                }
                waiting.drain(..len);
                counted += u64::from(found == 23);
                if *from == side && found == kind {
                    numbers.push(counted);
                }
            }
        }
        numbers
    }

    /// What comes out is what was said, and nothing else.
    #[track_caller]
    pub fn check(&self, what: &str) {
        let reader = self.read_without(&[]);
        assert_eq!(reader.given_up(), None, "{what}");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let [client, server] = &reader.said;
        assert_eq!(text(client), text(&self.client_said), "{what}: the client");
        assert_eq!(text(server), text(&self.server_said), "{what}: the server");
    }
}
