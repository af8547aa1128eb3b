//! Event time: nanoseconds since 1970 as the packets tell it.
//! It is given by the capture and never read from a clock, so a replay equals the live run.
//! It promises saturating arithmetic: hostile timestamps cannot overflow a window.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// A moment on the capture's timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(u64);

impl crate::saved::Saved for EventTime {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
    }

    fn load(from: &mut &[u8]) -> Result<Self, crate::saved::Damaged> {
        u64::load(from).map(Self)
    }

    fn shown(&self) -> crate::shown::Shown {
        let text = self.to_string();
        let to_the_second = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
        crate::shown::Shown::word(&format_args!("{to_the_second}Z"))
    }
}

impl EventTime {
    /// The first moment there is; also "nothing seen yet".
    pub const ZERO: Self = Self(0);
    /// Later than every packet.
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds since 1970-01-01T00:00:00Z.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From microseconds since 1970, saturating.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// As people write it, in UTC: `2026-11-21T10:03:00Z`; the letters may be missing.
    pub fn parse(text: &str) -> Option<Self> {
        let since = humantime::parse_rfc3339_weak(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_nanos()).ok().map(Self)
    }

    /// From whole seconds since 1970, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since 1970.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// The time passed since `earlier`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` after this one, saturating.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The moment `span` before this one, saturating.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// RFC 3339 in UTC with microseconds: `2026-11-21T10:03:00.120000Z`.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // humantime refuses years above 9999; u64 nanoseconds end in 2554.
        fmt::Display::fmt(&humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_nanos(self.0)), f)
    }
}
