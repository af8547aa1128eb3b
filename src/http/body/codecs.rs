//! The decoders behind content codings, one call for one body.
//! It is given packed bytes, an output buffer and a cap, and appends plain bytes up to the cap.
//! It promises to give what there is of a body that was cut, and to reuse its decoders.

use super::Coding;
use flate2::{Decompress, FlushDecompress, Status};
use heelguard_detectors::anomaly::Anomaly;
use std::fmt;
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

/// log2 of the largest zstd window: 8 MiB, as browsers have it (RFC 9659).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Output is made room for in steps of this size: room is zeroed before it is written.
const ROOM_BYTES: usize = 16 << 10;

/// Gzip members and zstd frames of one body that are unpacked. Each costs a new start, however little is in it, and no
/// limit of output is ever met by those with nothing in them.
const PARTS_MAX: usize = 16;

/// Reusable decoders; each is made when its coding is first met.
#[derive(Default)]
pub(super) struct Codecs {
    inflate: Option<Decompress>,
    zstd: Option<DCtx<'static>>,
}

impl fmt::Debug for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codecs").finish_non_exhaustive()
    }
}

impl Codecs {
    /// Unpacks `input` behind what `output` holds, up to `cap` bytes in all.
    pub(super) fn decode(
        &mut self,
        coding: Coding,
        input: &[u8],
        output: &mut Vec<u8>,
        cap: usize,
    ) -> Option<Anomaly> {
        output.reserve_exact(cap.min(input.len().saturating_mul(8)).max(1_024));
        match coding {
            Coding::Gzip => self.gzip(input, output, cap),
            Coding::Deflate => self.deflate(input, output, cap),
            Coding::Brotli => brotli(input, output, cap),
            Coding::Zstd => self.zstd(input, output, cap),
        }
    }

    /// Gzip members, one after the other (RFC 1952 section 2.2).
    fn gzip(&mut self, input: &[u8], output: &mut Vec<u8>, cap: usize) -> Option<Anomaly> {
        let mut rest = input;
        let mut members = 0;
        while !rest.is_empty() {
            let body = match gzip_header(rest) {
                Header::Whole(_) if members == PARTS_MAX => return Some(Anomaly::BodyDecompressionLimit),
                Header::Whole(body) => body,
                // A header that was cut is the end of what there is; junk behind a member is ignored by clients.
                Header::Cut => return None,
                Header::Wrong => return (members == 0).then_some(Anomaly::BodyCodingError),
            };
            members += 1;
            match self.inflate(false, body, output, cap) {
                Ok(Some(used)) => rest = body.get(used + 8..).unwrap_or(&[]),
                Ok(None) => return None,
                Err(anomaly) => return Some(anomaly),
            }
        }
        None
    }

    /// What is called deflate is zlib (RFC 1950), and raw deflate from servers that took the name at its word.
    fn deflate(&mut self, input: &[u8], output: &mut Vec<u8>, cap: usize) -> Option<Anomaly> {
        let zlib = matches!(*input, [cmf, flg, ..]
            if cmf & 0x0f == 8 && (u16::from(cmf) << 8 | u16::from(flg)).is_multiple_of(31));
        self.inflate(zlib, input, output, cap).err()
    }

    /// Inflates one stream: `Some` bytes used when it ended, `None` when it was cut.
    fn inflate(
        &mut self,
        zlib: bool,
        input: &[u8],
        output: &mut Vec<u8>,
        cap: usize,
    ) -> Result<Option<usize>, Anomaly> {
        let inflate = self.inflate.get_or_insert_with(|| Decompress::new(zlib));
        inflate.reset(zlib);
        loop {
            let used = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
            let rest = input.get(used..).unwrap_or(&[]);
            let before = output.len();
            if before >= cap {
                return Err(Anomaly::BodyDecompressionLimit);
            }
            // One byte beyond the cap tells whether there is more.
            let room = (cap + 1 - before).min(ROOM_BYTES);
            output.resize(before + room, 0);
            let spare = output.get_mut(before..).unwrap_or(&mut []);
            let produced = inflate.total_out();
            let status = inflate.decompress(rest, spare, FlushDecompress::None);
            let written = usize::try_from(inflate.total_out() - produced).unwrap_or(room);
            output.truncate(before + written);
            let status = status.map_err(|_| Anomaly::BodyCodingError)?;
            let used_now = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
            let over = output.len() > cap;
            output.truncate(cap);
            match status {
                _ if over => return Err(Anomaly::BodyDecompressionLimit),
                Status::StreamEnd => return Ok(Some(used_now)),
                _ if used_now == used && output.len() == before => return Ok(None),
                _ => {}
            }
        }
    }

    fn zstd(&mut self, input: &[u8], output: &mut Vec<u8>, cap: usize) -> Option<Anomaly> {
        let context = self.zstd.get_or_insert_with(DCtx::create);
        // A reset of everything, and then the limit again: no body inherits what another one set.
        let ready = context
            .reset(ResetDirective::SessionAndParameters)
            .and_then(|_| context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)));
        if ready.is_err() {
            return Some(Anomaly::BodyCodingError);
        }
        let mut source = InBuffer::around(input);
        let mut frames = 0;
        loop {
            let before = output.len();
            if before >= cap {
                return Some(Anomaly::BodyDecompressionLimit);
            }
            // The window goes to the vector's spare room; no more of it than the cap allows.
            let room = (cap - before).min(ROOM_BYTES);
            output.resize(before + room, 0);
            let (progress, written) = {
                let spare = output.get_mut(before..).unwrap_or(&mut []);
                let mut sink = OutBuffer::around(spare);
                let progress = context.decompress_stream(&mut sink, &mut source);
                (progress, sink.pos())
            };
            output.truncate(before + written);
            match progress {
                Err(_) => return Some(Anomaly::BodyCodingError),
                // A frame ends.
                Ok(0) if source.pos() < input.len() => {
                    frames += 1;
                    if frames == PARTS_MAX {
                        return Some(Anomaly::BodyDecompressionLimit);
                    }
                }
                Ok(_) if written == 0 && source.pos() == input.len() => return None,
                Ok(_) if written < room && source.pos() == input.len() => return None,
                Ok(_) => {}
            }
        }
    }
}

fn brotli(input: &[u8], output: &mut Vec<u8>, cap: usize) -> Option<Anomaly> {
    let before = output.len();
    output.resize(cap.max(before), 0);
    let outcome = brotli_decompressor::brotli_decode(input, output.get_mut(before..).unwrap_or(&mut []));
    output.truncate(before + outcome.decoded_size);
    match outcome.result {
        brotli_decompressor::BrotliResult::ResultFailure => Some(Anomaly::BodyCodingError),
        brotli_decompressor::BrotliResult::NeedsMoreOutput => Some(Anomaly::BodyDecompressionLimit),
        _ => None,
    }
}

/// The start of a gzip member.
enum Header<'a> {
    Whole(&'a [u8]),
    Cut,
    Wrong,
}

/// Skips a member's header with its optional parts (RFC 1952 section 2.3).
fn gzip_header(bytes: &[u8]) -> Header<'_> {
    const CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    if !bytes.iter().zip([0x1f, 0x8b, 8]).all(|(&byte, magic)| byte == magic) {
        return Header::Wrong;
    }
    let skip = || -> Option<&[u8]> {
        let flags = *bytes.get(3)?;
        let mut rest = bytes.get(10..)?;
        if flags & EXTRA != 0 {
            let len = u16::from_le_bytes([*rest.first()?, *rest.get(1)?]);
            rest = rest.get(2 + usize::from(len)..)?;
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 {
                rest = rest.get(memchr::memchr(0, rest)? + 1..)?;
            }
        }
        if flags & CRC != 0 {
            rest = rest.get(2..)?;
        }
        Some(rest)
    };
    skip().map_or(Header::Cut, Header::Whole)
}
