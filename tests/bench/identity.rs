//! `cargo bench --bench identity`: what it costs to tell who called, from a parsed exchange to an attributed transaction.
//! It reads the captures of the replay bench (a tenth of them with `--quick`) in this process, times each extraction,
//! attribution and entry in the ledger alone, and prints quantiles beside the time to hash the same exchange's bytes
//! once, and how long it takes to save who is who.
//! It promises ratios within one run; the bare times are of this machine, at this hour.

#[allow(dead_code, reason = "only the captures are needed, not the traffic of many identities")]
mod captures;

use captures::Kind;
use heelguard::capture::replay::Timeline;
use heelguard::config;
use heelguard::decode::Decoder;
use heelguard::flow::FlowTable;
use heelguard::http::{Exchange, HttpHandler, HttpShared, Message};
use heelguard::identity::geo::Geo;
use heelguard::identity::secret::Keyring;
use heelguard::identity::{Extractor, Lineage, Settings};
use heelguard::ledger::Ledger;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(made) = captures::make_as_asked(&arguments) {
        return ended(made);
    }
    let quick = arguments.iter().any(|argument| argument == "--quick");
    // Who calls does not depend on how the bytes were sealed.
    let mut kinds = Kind::ALL.iter().filter(|kind| !kind.is_sealed());
    ended(kinds.try_for_each(|&kind| bench(kind, quick)))
}

fn ended(how: Result<(), String>) -> ExitCode {
    let Err(problem) = how else { return ExitCode::SUCCESS };
    say(&format!("bench: {problem}"));
    ExitCode::FAILURE
}

/// Progress and problems; the table alone goes to standard output.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Nanoseconds of one part of the work, an entry a transaction.
#[derive(Default)]
struct Timings(Vec<u64>);

impl Timings {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = black_box(work());
        self.0.push(start.elapsed().as_nanos() as u64);
        result
    }

    fn row(&mut self, name: &str) -> String {
        self.0.sort_unstable();
        let at = |share: usize| self.0.get(self.0.len() * share / 1000).copied().unwrap_or(0);
        let mean = self.0.iter().sum::<u64>() / (self.0.len() as u64).max(1);
        format!("{name:<28} {:>8} {:>8} {:>8} {:>8}\n", at(500), at(900), at(990), mean)
    }
}

fn bench(kind: Kind, quick: bool) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let capture = captures::ready(&folder, kind, quick)?;
    let raw = config::load(None, &[]).map_err(|error| error.to_string())?;
    let keyring = Keyring::ephemeral()?;
    let settings = Settings::build(&raw.network, &raw.identity, &raw.privacy, keyring, Geo::builtin())?;
    let options = raw.options(Arc::new(settings), 1);

    let mut timeline =
        Timeline::open(std::slice::from_ref(&capture.path)).map_err(|error| error.to_string())?;
    let mut decoder = Decoder::new(options.decode.clone());
    let mut flows: FlowTable<HttpHandler> = FlowTable::new(options.flow.clone());
    let mut http = HttpShared::new(options.http.clone());
    let mut extractor = Extractor::new(options.identity.clone());
    let mut lineage = Lineage::new(&options.lineage);
    let ledger = Ledger::default();
    let [mut extraction, mut attribution, mut writing_down, mut hashing] =
        [(); 4].map(|()| Timings::default());
    while let Some(packet) = timeline.next().map_err(|error| error.to_string())? {
        let Some(segment) = decoder.decode(packet) else { continue };
        flows.push(&segment, &mut http);
        for exchange in http.exchanges.drain(..) {
            hashing.time(|| hash(&exchange));
            let sighting = extraction.time(|| extractor.extract(exchange));
            let transaction = attribution.time(|| lineage.attribute(sighting));
            writing_down.time(|| ledger.observe(&transaction));
        }
    }
    let truth = capture.truth;
    if extraction.0.len() as u64 != truth.transactions {
        return Err(format!("{} of {} transactions were found", extraction.0.len(), truth.transactions));
    }
    let began = Instant::now();
    let saved = lineage.save().len();
    let (pause, kib) = (began.elapsed().as_micros() as f64 / 1e3, saved / 1024);
    let table = format!(
        "{}: {} transactions on {} connections, {} packets of {} bytes\n\
         {:<28} {:>8} {:>8} {:>8} {:>8}\n{}{}{}{}\
         who is who saved: {kib} KiB in {pause:.1} ms\n",
        capture.kind.name(),
        truth.transactions,
        truth.connections,
        truth.packets,
        truth.bytes,
        "nanoseconds a transaction",
        "median",
        "p90",
        "p99",
        "mean",
        extraction.row("extraction"),
        attribution.row("attribution"),
        writing_down.row("writing down in the ledger"),
        hashing.row("BLAKE3 over the same bytes"),
    );
    std::io::stdout().write_all(table.as_bytes()).map_err(|error| error.to_string())
}

/// A yardstick: one pass over everything extraction may look at.
fn hash(exchange: &Exchange) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for message in exchange.request.iter().chain(&exchange.response) {
        add(&mut hasher, message);
    }
    *hasher.finalize().as_bytes()
}

fn add(hasher: &mut blake3::Hasher, message: &Message) {
    for (name, value) in message.header_lines() {
        hasher.update(name).update(value);
    }
    hasher.update(&message.body.prefix);
}
