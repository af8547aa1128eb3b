//! The part on a live interface: the highest rate of each listener without a drop, as a table.
//! It is given a folder, climbs with every listener that is there, and gives its steps.
//! It promises that all listeners hear the same traffic from the same sender, one after the other.

use crate::live::{Climb, Climber, Listener, Round, Sender, Step, Wire};
use crate::table::digits;
use crate::{peers, say};
use std::path::Path;
use std::time::Duration;

/// Bytes of one round of mixed traffic.
const ROUND_BYTES: u64 = 60_000_000;

/// All climbs, and what the traffic was.
pub(crate) struct Rates {
    pub climbs: Vec<Climb>,
    mean_bytes: f64,
    transactions_per_packet: f64,
    absent: Vec<&'static str>,
}

/// Climbs with every listener; takes root.
pub(crate) fn measure(folder: &Path, is_quick: bool) -> Result<Rates, String> {
    say("making a round of mixed traffic");
    let round = Round::of_mixed(ROUND_BYTES);
    let wire = Wire::stretch()?;
    let mut sender = Sender::new(&wire, &round)?;
    let time = Duration::from_secs(if is_quick { 2 } else { 8 });
    let climber = Climber { wire: &wire, round: &round, folder, time };
    let all = [Listener::Tcpdump, Listener::Heelguard { shards: 1 }, Listener::Suricata];
    let is_there = |listener: &Listener| match listener {
        Listener::Heelguard { .. } => true,
        other => peers::on_path(other.name()).is_some(),
    };
    let (present, absent): (Vec<_>, Vec<_>) = all.into_iter().partition(is_there);
    let mut climbs = Vec::new();
    for listener in present {
        climbs.push(climber.climb(&mut sender, listener)?);
    }
    Ok(Rates {
        climbs,
        mean_bytes: round.mean_bytes(),
        transactions_per_packet: round.transactions as f64 / round.packets() as f64,
        absent: absent.into_iter().map(Listener::name).collect(),
    })
}

/// The table: rates as parts of what `tcpdump -w /dev/null` takes, and the CPU at the highest rate and at half of it.
pub(crate) fn markdown(rates: &Rates) -> String {
    let mut text = "\
| listener | highest rate without a drop, packets/s | Mbit/s | transactions/s | x tcpdump | CPU at it | at half | \
peak MiB |
|---|---:|---:|---:|---:|---:|---:|---:|
"
    .to_owned();
    let of = |listener: &str| rates.climbs.iter().find(|climb| climb.listener.name() == listener);
    let tcpdump = of("tcpdump").and_then(Climb::highest).map(|step| step.offered);
    for climb in &rates.climbs {
        let name = climb.listener.name();
        let Some(highest) = climb.highest() else {
            text += &format!("| {name} | none | | | | | | |\n");
            continue;
        };
        // Who took all that there was may take more.
        let at_least =
            if climb.steps.iter().any(|step| step.is_taken && step.is_sender_slow) { "≥ " } else { "" };
        text += &format!(
            "| {name} | {at_least}{:.0} | {:.0} | {:.0} | {} | {:.0} % | {} | {:.0} |\n",
            highest.offered,
            highest.offered * rates.mean_bytes * 8.0 / 1e6,
            highest.offered * rates.transactions_per_packet,
            tcpdump.map_or_else(|| "–".to_owned(), |tcpdump| digits(highest.offered / tcpdump)),
            highest.cpu_percent,
            climb.half().map_or_else(|| "–".to_owned(), |half: &Step| format!("{:.0} %", half.cpu_percent)),
            highest.resident_mib,
        );
    }
    if !rates.absent.is_empty() {
        text += &format!("\nNot installed, and so not compared: {}.\n", rates.absent.join(", "));
    }
    text
}
