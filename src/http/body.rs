//! Bodies: which are kept for identity, and how a kept one is unpacked.
//! It is given a message with a body prefix still in its content coding and gives the plain bytes, or as many as there are.
//! It promises that a bomb costs no more than the output limit, and no decoder per flow: the caller owns one.

mod codecs;

use super::{Body, Message, grpc};
use codecs::Codecs;
use heelguard_detectors::anomaly::Anomaly;

/// What unpacking one body may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Bytes of output.
    pub output_bytes_max: usize,
    /// Output bytes for one input byte, once there are more than `ratio_free_bytes`.
    pub ratio_max: usize,
    /// Output that no ratio limits.
    pub ratio_free_bytes: usize,
    /// Codings applied to one body.
    pub codings_max: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        // Lists of an API unpack to ten or twenty times their size.
        Self { output_bytes_max: 256 << 10, ratio_max: 50, ratio_free_bytes: 16 << 10, codings_max: 2 }
    }
}

/// A body without its content codings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The plain bytes; those before the fault or limit if there is an anomaly. Nothing when the coding is unknown.
    pub bytes: &'a [u8],
    /// `body.decompression_limit` or `body.coding_error`.
    pub anomaly: Option<Anomaly>,
}

/// Unpacks bodies; keeps its decoders and buffers from one to the next.
#[derive(Debug, Default)]
pub struct BodyDecoder {
    limits: DecodeLimits,
    codecs: Codecs,
    output: Vec<u8>,
    between: Vec<u8>,
}

/// One content coding (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Body {
    /// Whether the end is missing of what is kept: it went beyond the limit, or was not seen.
    pub(crate) fn is_cut(&self) -> bool {
        !self.complete || self.bytes > self.prefix.len() as u64
    }
}

impl BodyDecoder {
    /// With the given limits.
    pub fn new(limits: DecodeLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The kept part of a message's body, unpacked. A body without coding is not copied.
    pub fn decode<'a>(&'a mut self, message: &'a Message) -> Decoded<'a> {
        let mut codings = Vec::new();
        for value in message.header_lines().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"))
        {
            for name in value.1.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
            {
                match Coding::named(name) {
                    Named::Plain => {}
                    Named::Coding(coding) if codings.len() < self.limits.codings_max => codings.push(coding),
                    Named::Coding(_) => return faulty(Anomaly::BodyDecompressionLimit),
                    Named::Unknown => return faulty(Anomaly::BodyCodingError),
                }
            }
        }
        if codings.is_empty() {
            return Decoded { bytes: &message.body.prefix, anomaly: None };
        }
        self.unpack(&codings, &message.body.prefix)
    }

    /// A gRPC body with its first messages as they were before they were packed (`grpc-encoding` says how), each behind
    /// its prefix; what comes after `messages_max` of them, and gRPC-Web's trailers, are left out. A body of which
    /// nothing is packed is not copied; a message that nobody here can unpack stays as it is.
    pub(crate) fn decode_messages<'a>(
        &'a mut self,
        message: &Message,
        body: &'a [u8],
        messages_max: usize,
    ) -> Decoded<'a> {
        let first = || grpc::messages(body).filter(|framed| !framed.trailers).take(messages_max);
        if !first().any(|framed| framed.packed) {
            return Decoded { bytes: body, anomaly: None };
        }
        let coding = match message.header("grpc-encoding").map(|name| Coding::named(name.trim_ascii())) {
            Some(Named::Coding(coding)) => Some(coding),
            // Not told, unknown, or packed with nothing, which is a contradiction.
            Some(Named::Plain | Named::Unknown) | None => None,
        };
        let cap = self.limits.cap(body.len());
        let mut anomaly = None;
        self.output.clear();
        for framed in first() {
            let stays = framed.packed && coding.is_none();
            let start = self.output.len();
            self.output.extend_from_slice(&grpc::prefix(stays, 0));
            let begin = self.output.len();
            let fault = if let Some(coding) = coding.filter(|_| framed.packed) {
                self.codecs.decode(coding, framed.bytes, &mut self.output, cap)
            } else {
                self.output.extend_from_slice(framed.bytes);
                stays.then_some(Anomaly::BodyCodingError)
            };
            anomaly = anomaly.or(fault);
            let prefix = grpc::prefix(stays, self.output.len() - begin);
            if let Some(room) = self.output.get_mut(start..begin) {
                room.copy_from_slice(&prefix);
            }
        }
        Decoded { bytes: &self.output, anomaly }
    }

    /// Takes the codings off, the last one applied first.
    fn unpack(&mut self, codings: &[Coding], packed: &[u8]) -> Decoded<'_> {
        let mut anomaly = None;
        let mut first = true;
        for &coding in codings.iter().rev() {
            std::mem::swap(&mut self.output, &mut self.between);
            let input = if first { packed } else { &self.between };
            first = false;
            self.output.clear();
            let cap = self.limits.cap(input.len());
            let fault = self.codecs.decode(coding, input, &mut self.output, cap);
            anomaly = anomaly.or(fault);
        }
        Decoded { bytes: &self.output, anomaly }
    }
}

impl DecodeLimits {
    /// How much output `input` bytes may give.
    fn cap(&self, input: usize) -> usize {
        self.output_bytes_max.min(self.ratio_free_bytes.max(input.saturating_mul(self.ratio_max)))
    }
}

enum Named {
    Plain,
    Coding(Coding),
    Unknown,
}

impl Coding {
    fn named(name: &[u8]) -> Named {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("identity") {
            Named::Plain
        } else if is("gzip") || is("x-gzip") {
            Named::Coding(Self::Gzip)
        } else if is("deflate") {
            Named::Coding(Self::Deflate)
        } else if is("br") {
            Named::Coding(Self::Brotli)
        } else if is("zstd") {
            Named::Coding(Self::Zstd)
        } else {
            Named::Unknown
        }
    }
}

fn faulty<'a>(anomaly: Anomaly) -> Decoded<'a> {
    Decoded { bytes: &[], anomaly: Some(anomaly) }
}

/// Bytes kept of a page: its form stands near its beginning, and pages are long.
const PAGE_BYTES_MAX: usize = 16 << 10;

/// Bytes kept of a request's body of another type than those that are read: the client writes the type, and servers
/// that take JSON alone do not look at it.
const OTHER_BYTES_MAX: usize = 4 << 10;

/// How many bytes of a request's body are kept: those of the types that identity reads, up to `max`.
pub(super) fn request_prefix(content_type: Option<&[u8]>, max: usize) -> usize {
    if is_request_data(content_type) {
        max
    } else if content_type.is_some_and(is_lines) {
        0
    } else {
        max.min(OTHER_BYTES_MAX)
    }
}

/// Whether a request's body is of a type that identity reads.
pub(crate) fn is_request_data(content_type: Option<&[u8]>) -> bool {
    let is_multipart = |value| is_one_of(essence(value), &[b"multipart/form-data"]);
    content_type.is_some_and(is_multipart) || is_data(content_type)
}

/// Records, one a line: they begin as JSON does, and log nobody in.
fn is_lines(content_type: &[u8]) -> bool {
    const TYPES: &[&[u8]] =
        &[b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/json-seq"];
    is_one_of(essence(content_type), TYPES)
}

/// Whether a body begins as JSON does.
pub(crate) fn is_json(body: &[u8]) -> bool {
    matches!(without_mark(body).iter().find(|b| !b.is_ascii_whitespace()), Some(b'{' | b'['))
}

/// A body without the byte order mark that some programs write before text.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// How many bytes of an answer's body are kept. A page is read where it answers a form (`to_form`):
/// the form that comes back says that it was refused.
pub(super) fn response_prefix(content_type: Option<&[u8]>, to_form: bool, max: usize) -> usize {
    if is_data(content_type) {
        max
    } else if to_form && content_type.is_some_and(is_page) {
        max.min(PAGE_BYTES_MAX)
    } else {
        0
    }
}

/// Whether a content type is that of a page.
pub(crate) fn is_page(content_type: &[u8]) -> bool {
    is_one_of(essence(content_type), &[b"text/html", b"application/xhtml+xml"])
}

/// JSON, forms, plain text, GraphQL, gRPC, and those that do not say.
fn is_data(content_type: Option<&[u8]>) -> bool {
    const TYPES: &[&[u8]] = &[
        b"",
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"text/plain",
        b"application/graphql",
        b"text/json",
    ];
    let Some(essence) = content_type.map(essence) else { return true };
    if super::grpc::is_grpc(essence) {
        return true;
    }
    let suffix = essence.len().checked_sub(5).and_then(|at| essence.get(at..));
    is_one_of(essence, TYPES) || suffix.is_some_and(|end| end.eq_ignore_ascii_case(b"+json"))
}

/// `type/subtype`, without parameters.
fn essence(content_type: &[u8]) -> &[u8] {
    content_type.split(|&b| b == b';').next().unwrap_or(content_type).trim_ascii()
}

fn is_one_of(essence: &[u8], types: &[&[u8]]) -> bool {
    types.iter().any(|known| essence.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests;
