//! The memory as bytes, and back: versioned, with its length in front and a checksum behind.
//! It holds names and fingerprints alone, in the order of eviction, so that equal memories give equal bytes.
//! It promises that a restored memory answers as the saved one would, and that whatever else is read is an error that
//! says what is wrong.
//!
//! ```text
//! "HGLINEAG" · version u32 · key id 8 bytes · length u64 · content · BLAKE3 of all before, 32 bytes
//! ```
//! Numbers are little endian.

mod tables;
mod wire;

use super::{Lineage, LineageConfig};
use std::io::{self, Read};
use wire::{Reader, Writer};

const MAGIC: &[u8; 8] = b"HGLINEAG";
/// To be counted up with every change of the content, the order of a vocabulary's names included.
const VERSION: u32 = 1;
/// Magic, version, key id, length.
const HEAD_BYTES: usize = 28;
const CHECKSUM_BYTES: usize = 32;
/// No memory within sane limits is larger.
const CONTENT_BYTES_MAX: u64 = 8 << 30;

/// Why a memory cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The input cannot be read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// It is something else.
    #[error("it is no memory of who is who")]
    NotLineage,
    /// A later version wrote it.
    #[error("it is of version {found}; this program knows versions up to {VERSION}")]
    Newer {
        /// The version it says.
        found: u32,
    },
    /// Its fingerprints were made under another key: nothing in it would ever be met again.
    #[error("it was saved under another key than privacy.key_file holds")]
    OtherKey,
    /// It ends too early.
    #[error("it is cut off")]
    Truncated,
    /// Its checksum is wrong, or its parts do not fit together.
    #[error("it is damaged: {0}")]
    Corrupt(&'static str),
}

impl Lineage {
    /// The memory.
    pub fn save(&self) -> Vec<u8> {
        let mut content = Writer::behind(HEAD_BYTES);
        tables::save(self, &mut content);
        let mut bytes = content.into_bytes();
        let length = (bytes.len() - HEAD_BYTES) as u64;
        let head = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &self.key, &length.to_le_bytes()].concat();
        bytes.splice(..HEAD_BYTES, head);
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        bytes
    }

    /// Reads a memory back, within the limits of `config`; beyond them what would be given up first is left out.
    pub fn restore(config: &LineageConfig, input: &mut impl Read) -> Result<Self, RestoreError> {
        let head = read(input, HEAD_BYTES as u64)?;
        let mut fields = Reader::new(&head);
        if fields.array::<8>()? != *MAGIC {
            return Err(RestoreError::NotLineage);
        }
        let version = fields.u32()?;
        if version > VERSION {
            return Err(RestoreError::Newer { found: version });
        }
        let (key, length) = (fields.array::<8>()?, fields.u64()?);
        if version == 0 || length > CONTENT_BYTES_MAX {
            return Err(RestoreError::Corrupt("its head makes no sense"));
        }
        let content = read(input, length)?;
        let said = read(input, CHECKSUM_BYTES as u64)?;
        if checksum(&head, &content).as_bytes().as_slice() != said {
            return Err(RestoreError::Corrupt("the checksum is wrong"));
        }
        if key != config.key {
            return Err(RestoreError::OtherKey);
        }
        let mut lineage = Self::new(config);
        let mut content = Reader::new(&content);
        tables::restore(&mut lineage, &mut content)?;
        content.end()?;
        Ok(lineage)
    }
}

fn checksum(head: &[u8], content: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(head).update(content).finalize()
}

/// Exactly that many bytes. Room is made for what comes, not for what is announced.
fn read(input: &mut impl Read, length: u64) -> Result<Vec<u8>, RestoreError> {
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(RestoreError::Truncated) } else { Ok(bytes) }
}
