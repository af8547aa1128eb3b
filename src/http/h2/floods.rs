//! Frames that cost a server much and a client little, counted by the second of packet time.
//! It is given one event at a time and says whether it is beyond what that second allows.
//! It promises a few bytes a connection, and that ordinary clients, which have bursts too, stay below.

use super::super::Config;
use heelguard_detectors::anomaly::Anomaly;
use heelguard_detectors::time::EventTime;

/// What floods are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A stream that its client gave up before it was answered.
    Reset,
    Settings,
    Ping,
    /// DATA, HEADERS or CONTINUATION that carries nothing and ends nothing.
    Empty,
    Priority,
    WindowUpdate,
}

const EVENTS: usize = 6;

/// WINDOW_UPDATE frames that one DATA frame of the other side may be answered with: one for the stream, one for the
/// connection, and as many again for those that give room back in small pieces.
const UPDATES_FOR_DATA: u32 = 4;

/// Events of the present second.
#[derive(Debug, Default)]
pub(super) struct Floods {
    second: u64,
    counts: [u32; EVENTS],
}

impl Floods {
    /// Counts an event; gives its class when it is one too many.
    pub(super) fn count(&mut self, event: Event, at: EventTime, config: &Config) -> Option<Anomaly> {
        self.turn(at);
        let (class, allowed) = match event {
            Event::Reset => (Anomaly::Http2RapidReset, config.http2_resets_per_s_max),
            Event::Settings => (Anomaly::Http2SettingsFlood, config.http2_settings_per_s_max),
            Event::Ping => (Anomaly::Http2PingFlood, config.http2_pings_per_s_max),
            Event::Empty => (Anomaly::Http2EmptyFrames, config.http2_empty_frames_per_s_max),
            Event::Priority => (Anomaly::Http2PriorityFlood, config.http2_priorities_per_s_max),
            Event::WindowUpdate => (Anomaly::Http2WindowFlood, config.http2_window_updates_per_s_max),
        };
        let count = self.counts.get_mut(event as usize)?;
        *count = count.saturating_add(1);
        (*count > allowed).then_some(class)
    }

    /// DATA was sent: its receiver gives room back.
    pub(super) fn data(&mut self) {
        let [.., updates] = &mut self.counts;
        *updates = updates.saturating_sub(UPDATES_FOR_DATA);
    }

    fn turn(&mut self, at: EventTime) {
        if at.as_secs() != self.second {
            *self = Self { second: at.as_secs(), counts: [0; EVENTS] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_allowance() {
        let config = Config { http2_resets_per_s_max: 2, ..Config::default() };
        let mut floods = Floods::default();
        let at = |millis: u64| EventTime::from_micros(millis * 1_000);
        let mut reset = |millis| floods.count(Event::Reset, at(millis), &config).is_some();
        assert_eq!([reset(0), reset(1), reset(999), reset(1_000)], [false, false, true, false]);
    }

    #[test]
    fn a_receiver_that_gives_room_back_is_no_flood() {
        let config = Config { http2_window_updates_per_s_max: 10, ..Config::default() };
        let mut floods = Floods::default();
        for _ in 0..1_000 {
            floods.data();
            for _ in 0..2 {
                assert_eq!(floods.count(Event::WindowUpdate, EventTime::ZERO, &config), None);
            }
        }
    }
}
