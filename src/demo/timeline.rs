//! The timeline: many conversations at once, their frames in the order of time.
//! It is given actors that say what they do next, and gives frames one by one.
//! It promises memory for what is under way only, however long the traffic is.

use super::carriage::{Call, Carriage};
use super::connection::{Connection, Side, us};
use super::message::{Answer, Request, Writer};
use super::random::Random;
use heelguard_detectors::time::EventTime;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};

/// A server closes a connection that was silent for so long.
const IDLE_US: u64 = 65_000_000;

/// Someone who acts.
pub(super) trait Actor {
    /// Adds what is done from `now` on, and says when to ask again.
    fn act(&mut self, now: EventTime, out: &mut Vec<Exchange>) -> Option<EventTime>;
}

/// Connections that may carry each other's requests: those of one client's one program to one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub client: IpAddr,
    pub server: SocketAddr,
    pub id: u32,
}

/// What becomes of the connection afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Then {
    /// It waits for the next request.
    #[default]
    Keep,
    /// It waits, and the next request comes so soon that it carries the acknowledgement.
    KeepBrisk,
    /// The client closes it.
    Close,
    /// The exchange behind it, of the same lane and moment, goes out together with it.
    Together,
}

/// One request and its answer, at a time, on a lane.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub at: EventTime,
    pub lane: Lane,
    /// There and back between client and server.
    pub rtt_us: u64,
    pub request: Request,
    pub answer: Answer,
    pub then: Then,
}

/// What was put on the wire: the truth that a sensor is measured against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames.
    pub packets: u64,
    /// Bytes of frames.
    pub bytes: u64,
    /// TCP connections.
    pub connections: u64,
    /// Requests, each with its answer.
    pub transactions: u64,
    /// Transactions by status, in the order of status.
    pub by_status: BTreeMap<u16, u64>,
}

/// Something that will happen; `serial` breaks ties, so that the order is certain.
#[derive(Debug)]
struct Event {
    at: EventTime,
    serial: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    /// An actor wants to be asked.
    Act(usize),
    /// An exchange starts.
    Start(Box<Exchange>),
    /// A connection sends its next frame; there is one such event while it has frames.
    Send(usize),
    /// A connection may have been silent too long; void when its place was given to another since.
    Rest { slot: usize, tenant: u32 },
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.serial) == (other.at, other.serial)
    }
}
impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

/// A place for a connection; places are used again.
#[derive(Debug)]
struct Slot {
    lane: Lane,
    connection: Connection,
    /// Counts the connections that were here.
    tenant: u32,
}

/// The timeline.
pub(super) struct Timeline {
    events: BinaryHeap<Reverse<Event>>,
    serial: u64,
    actors: Vec<Box<dyn Actor + Send>>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Open connections without work, the last used one last.
    idle: BTreeMap<Lane, Vec<usize>>,
    next_port: u16,
    random: Random,
    writer: Writer,
    carriage: Option<Box<dyn Carriage>>,
    /// Calls that go out together, the first `gathered` of them; and the connection, once there is a first.
    calls: Vec<Call>,
    gathered: usize,
    gathered_on: Option<Found>,
    planned: Vec<Exchange>,
    frame: Vec<u8>,
    totals: Totals,
    content_bytes: u64,
}

/// The place of a connection for an exchange, and whether it is a new one.
#[derive(Clone, Copy, Debug)]
struct Found {
    slot: usize,
    is_new: bool,
}

impl Timeline {
    pub(super) fn new(random: Random) -> Self {
        Self {
            events: BinaryHeap::new(),
            serial: 0,
            actors: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
            idle: BTreeMap::new(),
            next_port: 1_024,
            random,
            writer: Writer::default(),
            carriage: None,
            calls: Vec::new(),
            gathered: 0,
            gathered_on: None,
            planned: Vec::new(),
            frame: Vec::with_capacity(1_514),
            totals: Totals::default(),
            content_bytes: 0,
        }
    }

    /// Calls travel like this, and no longer as HTTP/1 in the clear.
    pub(super) fn carry_by(&mut self, carriage: Box<dyn Carriage>) {
        self.carriage = Some(carriage);
    }

    /// Lets an actor act from `at` on.
    pub(super) fn enter(&mut self, actor: Box<dyn Actor + Send>, at: EventTime) {
        self.actors.push(actor);
        self.schedule(at, What::Act(self.actors.len() - 1));
    }

    /// Lets an exchange happen.
    pub(super) fn add(&mut self, exchange: Exchange) {
        self.schedule(exchange.at, What::Start(Box::new(exchange)));
    }

    /// The next frame and its time; `None` when all has been said.
    pub(super) fn next_frame(&mut self) -> Option<(EventTime, &[u8])> {
        loop {
            let Reverse(event) = self.events.pop()?;
            match event.what {
                What::Act(actor) => self.act(actor, event.at),
                What::Start(exchange) => self.start(&exchange),
                What::Rest { slot, tenant } => self.rest(slot, tenant, event.at),
                What::Send(slot) => {
                    if let Some(at) = self.send(slot) {
                        self.totals.packets += 1;
                        self.totals.bytes += self.frame.len() as u64;
                        return Some((at, &self.frame));
                    }
                }
            }
        }
    }

    /// What was put on the wire so far (transactions count when they begin).
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Bytes of all messages so far, as HTTP/1 writes them.
    pub(super) fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    fn schedule(&mut self, at: EventTime, what: What) {
        self.serial += 1;
        self.events.push(Reverse(Event { at, serial: self.serial, what }));
    }

    fn act(&mut self, actor: usize, now: EventTime) {
        let mut planned = std::mem::take(&mut self.planned);
        let again = self.actors.get_mut(actor).and_then(|actor| actor.act(now, &mut planned));
        for exchange in planned.drain(..) {
            self.add(exchange);
        }
        self.planned = planned;
        if let Some(at) = again {
            self.schedule(at, What::Act(actor));
        }
    }

    fn start(&mut self, exchange: &Exchange) {
        let found = self.gathered_on.take().unwrap_or_else(|| self.connection_for(exchange));
        self.gather(exchange, found);
        if exchange.then == Then::Together {
            self.gathered_on = Some(found);
            return;
        }
        let Found { slot, is_new } = found;
        let Some(Slot { connection, .. }) = self.slots.get_mut(slot) else { return };
        let calls = self.calls.get(..std::mem::take(&mut self.gathered)).unwrap_or_default();
        match &mut self.carriage {
            Some(carriage) => carriage.carry(slot, is_new, calls, &mut connection.said),
            None => connection.said.calls(calls),
        }
        let (now, service) = (exchange.at, us(exchange.answer.service_us));
        connection.exchange(now, service, exchange.then == Then::KeepBrisk, &mut self.random);
        if exchange.then == Then::Close {
            // Some programs just drop the connection.
            let reset = self.random.chance(30);
            connection.close(now, Side::Client, reset);
        }
        if let Some(at) = connection.next_at() {
            self.schedule(at, What::Send(slot));
        }
    }

    /// Writes an exchange's messages behind those that go out with it.
    fn gather(&mut self, exchange: &Exchange, found: Found) {
        let Some(Slot { connection, .. }) = self.slots.get(found.slot) else { return };
        let (request, answer) = (&exchange.request, &exchange.answer);
        let answered = connection.answered_at(exchange.at, us(answer.service_us));
        if self.gathered == self.calls.len() {
            self.calls.push(Call::default());
        }
        let Some(call) = self.calls.get_mut(self.gathered) else { return };
        self.gathered += 1;
        let to_head = request.method == "HEAD";
        self.writer.request(&mut call.request, request, &mut self.random);
        self.writer.response(&mut call.response, answer, to_head, answered, &mut self.random);
        self.content_bytes += (call.request.len() + call.response.len()) as u64;
        self.totals.transactions += 1;
        *self.totals.by_status.entry(answer.status).or_default() += 1;
    }

    /// An idle connection of the lane, or a new one.
    fn connection_for(&mut self, exchange: &Exchange) -> Found {
        if let Some(waiting) = self.idle.get_mut(&exchange.lane) {
            let slot = waiting.pop();
            if waiting.is_empty() {
                self.idle.remove(&exchange.lane);
            }
            if let Some(slot) = slot {
                return Found { slot, is_new: false };
            }
        }
        self.totals.connections += 1;
        // Ports go round through all of them, so that no pair of endpoints is used again soon.
        self.next_port = if self.next_port == u16::MAX { 1_025 } else { self.next_port + 1 };
        let client = SocketAddr::new(exchange.lane.client, self.next_port);
        let mut server = exchange.lane.server;
        if let Some(carriage) = &self.carriage {
            server.set_port(carriage.port());
        }
        let connection = Connection::new(client, server, exchange.rtt_us, &mut self.random);
        let slot = self.place(exchange.lane, connection);
        let tenant = self.slots.get(slot).map_or(0, |place| place.tenant);
        self.schedule(exchange.at.after(us(IDLE_US)), What::Rest { slot, tenant });
        Found { slot, is_new: true }
    }

    fn place(&mut self, lane: Lane, connection: Connection) -> usize {
        let free = self.free.pop();
        if let Some((slot, place)) = free.and_then(|slot| Some((slot, self.slots.get_mut(slot)?))) {
            *place = Slot { lane, connection, tenant: place.tenant.wrapping_add(1) };
            return slot;
        }
        self.slots.push(Slot { lane, connection, tenant: 0 });
        self.slots.len() - 1
    }

    /// Sends the connection's next frame into `self.frame`.
    fn send(&mut self, slot: usize) -> Option<EventTime> {
        let place = self.slots.get_mut(slot)?;
        let sent = place.connection.emit(&mut self.frame);
        if let Some(at) = place.connection.next_at() {
            self.schedule(at, What::Send(slot));
        } else if place.connection.ended() {
            self.free.push(slot);
        } else {
            self.idle.entry(place.lane).or_default().push(slot);
        }
        sent
    }

    /// Closes a connection that nobody has used for long, or looks again later.
    fn rest(&mut self, slot: usize, tenant: u32, now: EventTime) {
        let Some(place) = self.slots.get_mut(slot) else { return };
        if place.tenant != tenant || place.connection.ended() {
            return;
        }
        let silent_until = place.connection.last_at().after(us(IDLE_US));
        if place.connection.next_at().is_some() || silent_until > now {
            self.schedule(silent_until.max(now.after(us(1_000_000))), What::Rest { slot, tenant });
            return;
        }
        let lane = place.lane;
        place.connection.close(now, Side::Server, false);
        if let Some(waiting) = self.idle.get_mut(&lane) {
            waiting.retain(|&other| other != slot);
            if waiting.is_empty() {
                self.idle.remove(&lane);
            }
        }
        self.schedule(now, What::Send(slot));
    }
}
