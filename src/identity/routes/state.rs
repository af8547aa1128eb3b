//! What was learned of routes, as bytes that outlive the process.
//! It is given the learned state and gives bytes, or the other way round; a checksum covers all of it.
//! It promises that a sensor that goes on from its bytes writes what it would have written without the pause.
//!
//! ```text
//! "HGRT" version:u8 hosts:u32 { name routes:u32 { proven:u8 route } places:u32 { place } } checksum:16
//! text = length:u16 bytes, all numbers big-endian, the checksum is the start of a BLAKE3 hash
//! ```

use super::host::Host;
use super::{Routes, RoutesConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MAGIC: &[u8] = b"HGRT";
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 16;

/// Why bytes give no routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoutesError {
    /// They are of another version, or of something else.
    #[error("learned routes of another version")]
    Version,
    /// They are cut or changed.
    #[error("learned routes are damaged")]
    Damaged,
}

impl Routes {
    /// Everything learned so far.
    pub fn save(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        count(&mut out, self.hosts.len());
        for (name, host) in &self.hosts {
            text(&mut out, name);
            count(&mut out, host.sizes().0);
            for (route, proven) in host.routes() {
                out.push(u8::from(proven));
                text(&mut out, route);
            }
            count(&mut out, host.slugs());
            host.slug_places().for_each(|place| text(&mut out, place));
        }
        let checksum = checksum(&out);
        out.extend_from_slice(&checksum);
        out
    }

    /// Goes on from saved bytes. Counters of what was beyond a limit begin anew. Smaller limits than before hold
    /// for what is new; nothing learned is taken back.
    pub fn restore(bytes: &[u8], config: RoutesConfig) -> Result<Self, RoutesError> {
        if bytes.get(..MAGIC.len()) != Some(MAGIC) || bytes.get(MAGIC.len()) != Some(&VERSION) {
            return Err(RoutesError::Version);
        }
        let end = bytes.len().checked_sub(CHECKSUM_BYTES).ok_or(RoutesError::Damaged)?;
        let (body, sum) = bytes.split_at_checked(end).ok_or(RoutesError::Damaged)?;
        if sum != checksum(body) {
            return Err(RoutesError::Damaged);
        }
        let mut routes = Self::new(config);
        let mut cursor = Cursor(body.get(MAGIC.len() + 1..).unwrap_or_default());
        routes.read(&mut cursor).filter(|()| cursor.0.is_empty()).ok_or(RoutesError::Damaged)?;
        Ok(routes)
    }

    fn read(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        for _ in 0..cursor.count()? {
            let name: Arc<str> = cursor.text()?.into();
            let mut listed = BTreeMap::new();
            for _ in 0..cursor.count()? {
                let proven = cursor.byte()? != 0;
                listed.insert(Arc::from(cursor.text()?), proven);
            }
            let mut places = BTreeSet::new();
            for _ in 0..cursor.count()? {
                places.insert(cursor.text()?.into());
            }
            let host = Host::from_parts(listed, places, self.config.words_per_place_max);
            self.unproven_hosts += usize::from(!host.is_proven());
            self.hosts.insert(name.clone(), host);
            self.remember(&name);
        }
        Some(())
    }
}

fn count(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

/// Hosts and routes are bounded far below 64 KiB.
fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut out = [0; CHECKSUM_BYTES];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut out);
    out
}

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn count(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a str> {
        let bytes = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        std::str::from_utf8(self.take(usize::from(bytes))?).ok()
    }
}
