//! Broken configurations, one a line: what is wrong, what the file says, and words that must be in the answer.
//! A place stands as `:LINE:COLUMN:` and is that of the key or the byte; where a file cannot be read there is none.
//! Whoever makes them in a folder promises nothing about it afterwards: it may hold pipes and links.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// One of them.
pub struct Broken {
    pub name: &'static str,
    pub content: Content,
    /// What is said of it: its place and key first.
    pub words: &'static [&'static str],
}

/// How it comes to be.
pub enum Content {
    Text(&'static str),
    Bytes(&'static [u8]),
    Made(fn(&Path)),
}

use Content::{Bytes, Made, Text};

impl Broken {
    /// Puts it where a configuration is looked for. What was there is gone.
    pub fn put(&self, path: &Path) {
        clear(path);
        match self.content {
            Text(text) => fs::write(path, text).unwrap(),
            Bytes(bytes) => fs::write(path, bytes).unwrap(),
            Made(make) => make(path),
        }
    }
}

/// Takes away what stands at a path, whatever it is.
pub fn clear(path: &Path) {
    let Ok(there) = fs::symlink_metadata(path) else { return };
    if there.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}

const fn broken(name: &'static str, content: Content, words: &'static [&'static str]) -> Broken {
    Broken { name, content, words }
}

/// All of them.
pub const BROKEN: &[Broken] = &[
    // What is no TOML.
    broken("a key without a value", Text("[sensor]\nname\n"), &[":2:"]),
    broken("a value without a key", Text("= 5\n"), &[":1:1:"]),
    broken("nothing behind the equals sign", Text("[limits]\nflows_max =\n"), &[":2:"]),
    broken("a word without quotes", Text("[sensor]\nname = sensor-1\n"), &[":2:8:"]),
    broken("quotes that do not end", Text("[sensor]\nname = \"sensor\n"), &[":2:"]),
    broken("a head that does not end", Text("[sensor\nname = \"a\"\n"), &[":1:"]),
    broken("a list that does not end", Text("[capture]\ninterfaces = [\"eth0\"\n"), &[":2:"]),
    broken("a table in one line that does not end", Text("web = { listen = \"a\"\n"), &[":1:"]),
    broken("an escape that does not exist", Text("[sensor]\nname = \"\\q\"\n"), &[":2:"]),
    broken("a number with two points", Text("[limits]\nflows_max = 1.2.3\n"), &[":2:"]),
    broken("a number beyond 64 bits", Text("[limits]\nflows_max = 99999999999999999999\n"), &[":2:"]),
    broken("two keys in one line", Text("[limits]\nflows_max = 1 half_open_max = 2\n"), &[":2:"]),
    broken("YAML", Text("sensor:\n  name: a\n"), &[":1:"]),
    broken("JSON", Text("{\"sensor\": {\"name\": \"a\"}}\n"), &[":1:1:"]),
    broken("a NUL", Bytes(b"[sensor]\nname = \"a\0b\"\n"), &[":2:"]),
    broken("a file of NULs", Bytes(&[0; 512]), &[":1:"]),
    broken("Latin-1", Bytes(b"[sensor]\nname = \"M\xfcnchen\"\n"), &[":2:10:", "UTF-8"]),
    broken("UTF-16", Bytes(b"\xff\xfe[\0w\0e\0b\0]\0"), &[":1:1:", "UTF-8"]),
    broken("half of a written file", Text("[limits]\nflows_max = 7\n[detectors.mfa_fai"), &[":3:"]),
    // What stands twice.
    broken("a key twice", Text("[sensor]\nname = \"a\"\nname = \"b\"\n"), &[":3:1:"]),
    broken("a section twice", Text("[web]\nlisten = \"a\"\n[web]\n"), &[":3:"]),
    broken("a key and a section of one name", Text("sensor = 1\n[sensor]\nname = \"a\"\n"), &[":2:"]),
    broken(
        "a dotted key that is a value already",
        Text("web.listen = \"a\"\nweb.listen.port = 5\n"),
        &[":2:"],
    ),
    // What nobody knows.
    broken("an unknown key at the top", Text("colour = 1\n"), &[":1:1:", "colour"]),
    broken("an unknown section", Text("[sensors]\n"), &[":1:", "sensors", "did you mean `sensor`"]),
    broken(
        "an unknown key in a section",
        Text("[limits]\nflow_max = 1\n"),
        &[":2:1:", "limits.flow_max", "flows_max"],
    ),
    broken(
        "an unknown key two sections deep",
        Text("[identity.jwt]\nkey = []\n"),
        &[":2:1:", "identity.jwt.key", "did you mean `keys`"],
    ),
    broken(
        "an unknown rule",
        Text("[detectors.mfa_burst]\nfailures = 3\n"),
        &[":2:1:", "detectors.mfa_burst"],
    ),
    broken(
        "an unknown key of a rule",
        Text("[detectors.mfa_failure_burst]\nfailurs = 3\n"),
        &[":2:1:", "did you mean `failures`"],
    ),
    broken(
        "an unknown key in an entry of a list",
        Text("[[openapi.specs]]\nfiles = \"a\"\n"),
        &[":1:", "openapi.specs"],
    ),
    broken(
        "an unknown kind of sink",
        Text("[sinks.splunk]\ntype = \"splunk\"\n"),
        &[":2:1:", "sinks.splunk"],
    ),
    // Wrong types.
    broken(
        "text where a number belongs",
        Text("[limits]\nflows_max = \"x\"\n"),
        &[":2:1:", "limits.flows_max"],
    ),
    broken("a number where text belongs", Text("[sensor]\nname = 5\n"), &[":2:1:", "sensor.name"]),
    broken(
        "a fraction where a whole belongs",
        Text("[limits]\nflows_max = 1.5\n"),
        &[":2:1:", "limits.flows_max"],
    ),
    broken(
        "a word where yes or no belongs",
        Text("[scale]\nforward = \"yes\"\n"),
        &[":2:1:", "scale.forward"],
    ),
    broken(
        "one where several belong",
        Text("[capture]\ninterfaces = \"eth0\"\n"),
        &[":2:1:", "capture.interfaces"],
    ),
    broken("a value where a section belongs", Text("network = 5\n"), &[":1:1:", "network"]),
    broken("a list where a section belongs", Text("[[network]]\ninternal = []\n"), &[":1:", "network"]),
    broken(
        "a section where a value belongs",
        Text("[limits.flows_max]\na = 1\n"),
        &[":2:1:", "limits.flows_max"],
    ),
    // Values that are not allowed.
    broken(
        "none where some must be",
        Text("[limits]\nflows_max = 0\n"),
        &[":2:1:", "limits.flows_max", "1 or more"],
    ),
    broken("less than none", Text("[limits]\nflows_max = -1\n"), &[":2:1:", "limits.flows_max"]),
    broken(
        "more than a hundred per cent",
        Text("[spool]\nalerts_reserve_pct = 101\n"),
        &[":2:1:", "spool.alerts_reserve_pct"],
    ),
    broken(
        "a threshold of less than none",
        Text("[detectors.mfa_failure_burst]\nfailures = -1\n"),
        &[":2:1:", "mfa_failure_burst.failures"],
    ),
    broken(
        "a way to capture that does not exist",
        Text("[capture]\nbackend = \"dpdk\"\n"),
        &[":2:1:", "capture.backend", "af_packet"],
    ),
    broken(
        "a network of 99 bits",
        Text("[network]\ninternal = [\"10.0.0.0/99\"]\n"),
        &[":2:1:", "network.internal", "10.0.0.0/99"],
    ),
    broken(
        "a certificate without its key",
        Text("[web]\ncert_file = \"a.pem\"\n"),
        &[":2:1:", "web.cert_file", "web.key_file"],
    ),
    broken(
        "a way to write names that does not exist",
        Text("[privacy]\nprincipals = \"maybe\"\n"),
        &[":2:1:", "privacy.principals", "hashed"],
    ),
    broken(
        "a preset that does not exist",
        Text("[identity]\npresets = [\"keyclok\"]\n"),
        &[":2:1:", "did you mean `keycloak`"],
    ),
    broken(
        "a pattern of a route that is none",
        Text("[[identity.routes]]\npath = \"a{\"\nrole = \"login\"\n"),
        &[":1:", "identity.routes"],
    ),
    broken(
        "a rule to suppress that does not exist",
        Text("[[suppress]]\nrule = \"MFA-99\"\nreason = \"x\"\n"),
        &[":1:", "MFA-99"],
    ),
    broken(
        "a far side that is no address",
        Text("[sinks.clickhouse]\nurl = \"ftp://x\"\n"),
        &[":2:1:", "sinks.clickhouse.url"],
    ),
    broken(
        "a far side in clear text",
        Text("[sinks.webhook]\nurl = \"http://example.com/\"\n"),
        &[":2:1:", "allow_plain"],
    ),
    broken(
        "a key file that is not there",
        Text("[identity]\ncompromised_keys = \"nothere\"\n"),
        &["nothere"],
    ),
    broken("a preset file that is a folder", Text("[identity]\npreset_files = [\"/\"]\n"), &["/"]),
    broken("a list that never ends", Text("[network]\naddress_classes = [\"/dev/zero\"]\n"), &["/dev/zero"]),
    // What is no file to be read.
    broken("no file", Made(|_| ()), &["No such file"]),
    broken("a folder", Made(|path| fs::create_dir(path).unwrap()), &["directory"]),
    broken("a pipe that nobody writes to", Made(pipe), &["pipe"]),
    broken("a file without end", Made(|path| symlink("/dev/zero", path).unwrap()), &["a device"]),
    broken("a link to itself", Made(|path| symlink(path, path).unwrap()), &["symbolic links"]),
    broken(
        "100 MB of nothing",
        Made(|path| File::create(path).unwrap().set_len(100 << 20).unwrap()),
        &["more than"],
    ),
    broken("100 MB of words", Made(words), &["more than"]),
    broken(
        "lists ten thousand deep",
        Made(|path| fs::write(path, deep("a = ", "[", 10_000)).unwrap()),
        &[":1:"],
    ),
    broken(
        "tables ten thousand deep",
        Made(|path| fs::write(path, deep("", "a={", 10_000)).unwrap()),
        &[":1:"],
    ),
    broken(
        "a key of ten thousand words",
        Made(|path| fs::write(path, format!("{}a = 1\n", "a.".repeat(10_000))).unwrap()),
        &[":1:"],
    ),
    broken(
        "a head of ten thousand words",
        Made(|path| fs::write(path, format!("[{}a]\nb = 1\n", "a.".repeat(10_000))).unwrap()),
        &[":1:"],
    ),
    broken("a hundred thousand keys", Made(|path| fs::write(path, many()).unwrap()), &[":1:1:", "k0"]),
];

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn words(path: &Path) {
    fs::write(path, "# nothing but words\n".repeat((100 << 20) / 20)).unwrap();
}

fn deep(before: &str, each: &str, times: usize) -> String {
    format!("{before}{}\n", each.repeat(times))
}

fn many() -> String {
    (0..60_000).map(|number| format!("k{number} = 1\n")).collect()
}
