//! What one side's SETTINGS say that matters to a reader of the other side (RFC 9113 section 6.5).
//! It is given a frame's payload and gives the settings that bound tables and frames.

/// The settings that are looked at, as far as a frame has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Bytes of the dynamic table that the other side may use.
    pub(super) table_bytes: Option<u32>,
    /// Bytes of the largest frame that the other side may send.
    pub(super) frame_bytes: Option<u32>,
}

impl Settings {
    /// Reads a payload; of a setting that is repeated the last one counts.
    pub(super) fn read(payload: &[u8]) -> Self {
        let mut settings = Self::default();
        for entry in payload.chunks_exact(6) {
            let &[high, low, a, b, c, d] = entry else { continue };
            let value = u32::from_be_bytes([a, b, c, d]);
            match u16::from_be_bytes([high, low]) {
                1 => settings.table_bytes = Some(value),
                5 => settings.frame_bytes = Some(value),
                _ => {}
            }
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_counts() {
        let payload = [0, 1, 0, 0, 16, 0, 0, 3, 0, 0, 0, 100, 0, 1, 0, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0xFF];
        let expected = Settings { table_bytes: Some(0), frame_bytes: Some(65_536) };
        assert_eq!(Settings::read(&payload), expected);
    }
}
