//! A day of API traffic that never was, packet by packet, with known attacks in it.
//! It is given a seed and a size and gives packets in the order of time, and labels that say what is in them.
//! It promises the same packets for the same options, and memory for what is under way only.

mod carriage;
mod connection;
mod frame;
mod labels;
mod load;
mod machines;
mod message;
mod people;
mod places;
mod random;
mod records;
mod score;
mod script;
mod sign_in;
mod site;
mod stories;
mod timeline;
mod tokens;
mod week;
mod work;

pub use carriage::{Call, Carriage, Said};
pub use labels::Label;
pub use load::Load;
pub use score::{Score, Verdict, report, score};
pub use timeline::Totals;
pub use week::{HOLES, Happening, Week, WeekOptions, phone_networks};

use crate::capture::{LinkType, Offload, Packet};
use heelguard_detectors::time::EventTime;
use people::Person;
use random::Random;
use std::io::{self, Write};
use std::time::Duration;
use timeline::Timeline;
use work::{Visit, Worker};

/// LINKTYPE_ETHERNET.
const ETHERNET: LinkType = LinkType(1);

/// What the day is made of.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The same seed gives the same day.
    pub seed: u64,
    /// People of the crowd; each makes about a hundred transactions.
    pub users: usize,
    /// Midnight UTC of the day.
    pub start: EventTime,
}

impl Default for Options {
    /// 300 people on Monday, 9 November 2026.
    fn default() -> Self {
        Self { seed: 1, users: 300, start: EventTime::from_secs(1_794_182_400) }
    }
}

/// A day of traffic of an invented company: its people, its programs, and the stories that are labelled.
pub struct Day {
    timeline: Timeline,
    labels: Vec<Label>,
}

impl Day {
    /// Sets the stage; packets are made as they are asked for.
    pub fn new(options: Options) -> Self {
        let Options { seed, users, start } = options;
        let mut random = Random::new(seed);
        let mut timeline = Timeline::new(random.fork());
        let mut stage = stories::tell(start, random.fork());
        for (machine, at) in machines::all(start, start.after(Duration::from_hours(24)), &mut random) {
            timeline.enter(Box::new(machine), at);
        }
        let office = office(users, start, &mut random, &mut stage);
        for number in 0..users {
            let person = Person::any(number, &mut random);
            let (worker, at) = match office.get(number) {
                Some((address, visits)) => {
                    let person = Person { place: places::of("DE"), ..person.at(*address) };
                    Worker::with_visits(person, visits, start, random.fork())
                }
                None => Worker::new(person, start, random.fork()),
            };
            timeline.enter(Box::new(worker), at);
        }
        for exchange in stage.exchanges {
            timeline.add(exchange);
        }
        Self { timeline, labels: stage.labels }
    }

    /// The next packet, in the order of time.
    pub fn next_packet(&mut self) -> Option<Packet<'_>> {
        self.timeline.next_frame().map(packet)
    }

    /// What is in the day, known before its first packet.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// What was put on the wire so far.
    pub fn totals(&self) -> &Totals {
        self.timeline.totals()
    }

    /// Writes all packets that are left as a capture file.
    pub fn write_pcap(&mut self, out: &mut impl Write) -> io::Result<()> {
        write_pcap(&mut self.timeline, out)
    }
}

/// Where the people of the office sit: one address for all of them, and everyone comes at eight.
fn office(
    users: usize,
    day: EventTime,
    random: &mut Random,
    stage: &mut stories::Stage,
) -> Vec<(std::net::IpAddr, [Visit; 2])> {
    const DESKS_MAX: usize = 34;
    let address = places::of("DE").v4(random);
    let at = |secs: u64| day.after(Duration::from_secs(secs));
    stage.office_opens(address, (at(7 * 3_600), at(7 * 3_600 + 1_200)));
    (0..DESKS_MAX.min(users / 6))
        .map(|_| {
            let morning = Visit { at: at(7 * 3_600 + random.below(580)), tasks: random.range(6, 12) };
            let afternoon = Visit { at: at(12 * 3_600 + random.below(2_400)), tasks: random.range(6, 12) };
            (address, [morning, afternoon])
        })
        .collect()
}

fn packet((time, data): (EventTime, &[u8])) -> Packet<'_> {
    Packet { time, link: ETHERNET, data, original_len: data.len() as u32, offload: Offload::default() }
}

/// A capture file of the classic form with nanoseconds (magic 0xA1B23C4D), so that no time is rounded.
fn write_pcap(timeline: &mut Timeline, out: &mut impl Write) -> io::Result<()> {
    const SNAP_LENGTH: u32 = 262_144;
    out.write_all(&0xA1B2_3C4D_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0])?; // version 2.4
    out.write_all(&[0; 8])?; // time zone and accuracy, always zero
    out.write_all(&SNAP_LENGTH.to_le_bytes())?;
    out.write_all(&ETHERNET.0.to_le_bytes())?;
    while let Some((time, data)) = timeline.next_frame() {
        let (secs, nanos) = (time.as_secs() as u32, (time.as_nanos() % 1_000_000_000) as u32);
        let length = data.len() as u32;
        for field in [secs, nanos, length, length] {
            out.write_all(&field.to_le_bytes())?;
        }
        out.write_all(data)?;
    }
    Ok(())
}
