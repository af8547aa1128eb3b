//! HTTP/1.1 messages: what a call and its answer look like as bytes.
//! It is given calls as data (`Request`, `Answer`) and writes them when their time comes.
//! It promises the framing and coding it was asked for, and dates that agree with packet time.

use super::random::Random;
use super::records::{self, Kind};
use flate2::Compression;
use flate2::write::GzEncoder;
use heelguard_detectors::time::EventTime;
use std::io::Write as _;
use std::sync::Arc;

/// What a client sends. Header lines are whole, each with its line end.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub method: &'static str,
    pub target: String,
    pub host: &'static str,
    /// The device's own lines, and those of the proxy in front.
    pub caller: Arc<str>,
    /// The lines that carry credentials.
    pub proof: String,
    pub body: Content,
}

/// What the server answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub status: u16,
    /// From the request's last byte to the response's first.
    pub service_us: u64,
    /// Lines beyond the usual ones.
    pub lines: String,
    pub body: Content,
    pub form: Form,
}

/// A body.
#[derive(Clone, Debug, Default)]
pub(super) enum Content {
    #[default]
    Empty,
    Json(String),
    /// `application/x-www-form-urlencoded`.
    Form(String),
    /// A list of about so many bytes.
    Sized(Kind, u64),
    /// A page of so many records.
    Page(Kind, u64),
    /// A file of so many bytes that nothing can be read in.
    File(u64),
}

impl Content {
    fn media_type(&self) -> &'static str {
        match self {
            Self::Form(_) => "application/x-www-form-urlencoded",
            Self::File(_) => "application/octet-stream",
            _ => "application/json",
        }
    }

    fn write(&self, out: &mut Vec<u8>, random: &mut Random) {
        match self {
            Self::Empty => {}
            Self::Json(text) | Self::Form(text) => out.extend_from_slice(text.as_bytes()),
            Self::Sized(kind, bytes) => records::write_sized(out, *kind, *bytes, random),
            Self::Page(kind, count) => records::write_page(out, *kind, *count, random),
            Self::File(bytes) => {
                let end = out.len() + *bytes as usize;
                while out.len() < end {
                    out.extend_from_slice(&random.next().to_le_bytes());
                }
                out.truncate(end);
            }
        }
    }
}

/// How a response's body is framed and coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    #[default]
    Sized,
    Chunked,
    GzipSized,
    GzipChunked,
}

impl Form {
    /// The mix that API servers show: a third chunked, 22 % gzip.
    pub(super) fn any(random: &mut Random) -> Self {
        match random.below(100) {
            0..10 => Self::GzipSized,
            10..22 => Self::GzipChunked,
            22..43 => Self::Chunked,
            _ => Self::Sized,
        }
    }

    fn gzip(self) -> bool {
        matches!(self, Self::GzipSized | Self::GzipChunked)
    }

    fn chunked(self) -> bool {
        matches!(self, Self::Chunked | Self::GzipChunked)
    }
}

/// Writes messages; holds the buffers that bodies pass through.
#[derive(Debug, Default)]
pub(super) struct Writer {
    plain: Vec<u8>,
    coded: Vec<u8>,
}

impl Writer {
    pub(super) fn request(&mut self, out: &mut Vec<u8>, request: &Request, random: &mut Random) {
        out.clear();
        for part in [request.method, " ", &request.target, " HTTP/1.1\r\nHost: ", request.host, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(request.caller.as_bytes());
        out.extend_from_slice(request.proof.as_bytes());
        if !matches!(request.body, Content::Empty) {
            self.plain.clear();
            request.body.write(&mut self.plain, random);
            let (media_type, length) = (request.body.media_type(), self.plain.len());
            put(out, format_args!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n"));
        }
        let bodiless = matches!(request.body, Content::Empty);
        if bodiless && request.method == "POST" {
            out.extend_from_slice(b"Content-Length: 0\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if !bodiless {
            out.extend_from_slice(&self.plain);
        }
    }

    /// `to_head` answers carry no body, whatever their length line says (RFC 9110, section 9.3.2).
    pub(super) fn response(
        &mut self,
        out: &mut Vec<u8>,
        answer: &Answer,
        to_head: bool,
        at: EventTime,
        random: &mut Random,
    ) {
        out.clear();
        let status = answer.status;
        put(out, format_args!("HTTP/1.1 {status} {}\r\nServer: nginx\r\n", reason(status)));
        put(out, format_args!("Date: {}\r\n", HttpDate(at)));
        out.extend_from_slice(answer.lines.as_bytes());
        if status == 204 || status == 304 {
            out.extend_from_slice(b"\r\n");
            return;
        }
        self.plain.clear();
        answer.body.write(&mut self.plain, random);
        let form = if matches!(answer.body, Content::Empty) { Form::Sized } else { answer.form };
        let body = if form.gzip() { gzip(&self.plain, &mut self.coded) } else { &self.plain };
        if !matches!(answer.body, Content::Empty) {
            put(out, format_args!("Content-Type: {}\r\n", answer.body.media_type()));
        }
        if form.gzip() {
            out.extend_from_slice(b"Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
        }
        if form.chunked() {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        } else {
            put(out, format_args!("Content-Length: {}\r\n\r\n", body.len()));
        }
        match (to_head, form.chunked()) {
            (true, _) => {}
            (false, true) => write_chunks(out, body, random),
            (false, false) => out.extend_from_slice(body),
        }
    }
}

/// Chunks as a server's output buffers make them: many of 8 KB, or a few uneven ones.
fn write_chunks(out: &mut Vec<u8>, mut body: &[u8], random: &mut Random) {
    let chunk_max = random.pick(&[700, 4_096, 8_192, 16_384usize]);
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(body.len().min(chunk_max));
        put(out, format_args!("{:x}\r\n", chunk.len()));
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
        body = rest;
    }
    out.extend_from_slice(b"0\r\n\r\n");
}

/// Writing to memory does not fail; should it, the plain bytes would be sent as they are.
fn gzip<'a>(plain: &'a [u8], coded: &'a mut Vec<u8>) -> &'a [u8] {
    coded.clear();
    let mut encoder = GzEncoder::new(coded, Compression::new(4));
    match encoder.write_all(plain).and_then(|()| encoder.finish()) {
        Ok(coded) => coded,
        Err(_) => plain,
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        422 => "Unprocessable Entity",
        423 => "Locked",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}

/// A moment as `Date` headers show it (RFC 9110, section 5.6.7): `Mon, 09 Nov 2026 08:00:00 GMT`.
struct HttpDate(EventTime);

impl std::fmt::Display for HttpDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let secs = self.0.as_secs();
        let days = secs / 86_400;
        // The proleptic Gregorian calendar in eras of 400 years that begin on 1 March.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12;
        let year = era * 400 + year_of_era + u64::from(month < 2);
        let (hour, minute, second) = (secs / 3_600 % 24, secs / 60 % 60, secs % 60);
        let weekday = DAYS[(days % 7) as usize];
        let month = MONTHS[month as usize];
        write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let date = |secs| HttpDate(EventTime::from_secs(secs)).to_string();
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(1_709_210_096), "Thu, 29 Feb 2024 12:34:56 GMT");
        assert_eq!(date(1_794_182_400), "Mon, 09 Nov 2026 00:00:00 GMT");
    }
}
