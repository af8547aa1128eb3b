//! The far side of a webhook: alerts one by one, and what its answers mean.
//! It is given batches, remembers which alerts of one are pending, and tries only these when it comes again.
//! It promises that no message holds the URL's path, a key or a header's value, and that an alert which the far side
//! never takes holds up no other of its batch.

use super::config::{Body, Config, TIMEOUT_MAX_S, check_header_value};
use super::filter::Filter;
use super::signature::Signer;
use super::{cut, pagerduty, slack};
use crate::fault::contain;
use crate::sinks::clock::now_ms;
use crate::sinks::destination::{Delivered, Destination, Limits, Refused, Trouble};
use crate::sinks::escape::for_terminal;
use crate::sinks::form::json::Json;
use crate::sinks::form::native::Alert;
use crate::sinks::form::{Form, FormError};
use crate::sinks::http::{Answer, HttpClient};
use crate::sinks::record::Labels;
use crate::sinks::secret::resolve;
use crate::sinks::spool::{Batch, Lane, Record};
use hyper::Uri;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// A far side may ask to be left alone for so long.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);

/// Characters of an answer that are shown.
const ANSWER_CHARS_MAX: usize = 200;

/// An alert that was answered with trouble so often, while others were taken, will never do.
const ANSWERS_MAX: u32 = 10;

/// The beginning of 2020: what was raised before was raised by a clock that was not set.
const CLOCK_SET_MS: u64 = 1_577_836_800_000;

/// Characters of an integration key.
const ROUTING_KEY_CHARS: usize = 32;

/// Opens a webhook: reads secrets and certificates, touches no network.
pub fn open(
    config: &Config,
    name: &str,
    labels: &Labels,
    _lane: Lane,
) -> Result<Box<dyn Destination>, String> {
    config.check(name)?;
    let section = format!("sinks.{name}");
    let secret = |key: &str, written: &str, file: &Path| resolve(&format!("{section}.{key}"), written, file);
    let url =
        secret("url", &config.url, &config.url_file)?.ok_or_else(|| format!("{section}.url is empty"))?;
    config.check_target(&section, &url)?;
    let signer = secret("secret", &config.secret, &config.secret_file)?;
    let signer = signer.map(|key| Signer::new(&format!("{section}.secret"), &key)).transpose()?;
    let routing_key = secret("routing_key", &config.routing_key, &config.routing_key_file)?;
    let headers = config.headers.iter().map(|(header, value)| {
        let key = format!("headers.{header}");
        let value = secret(&key, value, Path::new(""))?.unwrap_or_default();
        check_header_value(&format!("{section}.{key}"), &value)?;
        Ok((header.clone(), value))
    });
    Ok(Box::new(Webhook {
        client: HttpClient::new(&config.tls(&section))?,
        quotes: config.headers.is_empty() && routing_key.is_none() && is_bare(&url),
        url,
        headers: headers.collect::<Result<_, String>>()?,
        signer,
        content: content(config, &section, routing_key)?,
        filter: Filter::new(config, &section)?,
        timeout: Duration::from_secs(config.timeout_s),
        give_up_after_h: config.give_up_after_h,
        section,
        labels: labels.clone(),
        has_taken: false,
        progress: Progress::default(),
    }))
}

struct Webhook {
    client: HttpClient,
    /// Whether answers may be shown: a far side that was told nothing secret can repeat nothing secret.
    quotes: bool,
    url: Zeroizing<String>,
    headers: Vec<(String, Zeroizing<String>)>,
    signer: Option<Signer>,
    content: Content,
    filter: Filter,
    timeout: Duration,
    give_up_after_h: u64,
    section: String,
    labels: Labels,
    /// Whether the far side took an alert since it was opened: then its settings are right.
    has_taken: bool,
    progress: Progress,
}

/// What a request carries.
enum Content {
    Record(Form),
    Slack,
    PagerDuty { routing_key: Zeroizing<String> },
}

/// How far a batch has come.
#[derive(Default)]
struct Progress {
    batch: String,
    /// Records that need something still, in order.
    pending: Vec<Pending>,
    refused: Vec<Refused>,
}

/// A record that is to be sent.
struct Pending {
    /// Its place in the batch.
    index: usize,
    /// How often it was answered with trouble: the first time, and then while others were taken.
    answers: u32,
    /// Whether another record was taken since the first time.
    others_taken: bool,
}

/// A request for one alert.
struct Request {
    /// The same for every try of this state of the episode, and for no other.
    id: String,
    body: Vec<u8>,
}

/// What an answer means.
enum Verdict {
    /// The filters leave it out.
    LeftOut,
    Delivered,
    /// This alert will never do.
    Refused(String),
    /// Trouble with this alert; others may be taken.
    Answered {
        status: u16,
        trouble: Trouble,
    },
    /// Trouble with the far side: others would meet it, too.
    Down(Trouble),
}

impl Destination for Webhook {
    /// As many alerts as half a minute has room for when each takes all its time.
    fn limits(&self) -> Limits {
        let records_max = usize::try_from(TIMEOUT_MAX_S / self.timeout.as_secs().max(1)).unwrap_or(1).max(1);
        Limits { records_max, bytes_max: 1 << 20, linger: Duration::ZERO, fixed: false }
    }

    /// There is nothing to ask a webhook but to take an alert.
    fn prepare(&mut self) -> Result<(), Trouble> {
        Ok(())
    }

    /// Any answer to a question that asks for nothing shows that somebody is there, with a certificate that is right.
    fn look(&mut self) -> Result<(), Trouble> {
        let answer = self.client.options(&self.url, self.timeout);
        answer.map(drop).map_err(|error| Trouble::new(format!("{}.url: {error}", self.section)))
    }

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, Trouble> {
        let name = batch.name();
        if self.progress.batch != name {
            self.progress = Progress::new(name, batch.len());
        }
        let mut first_trouble: Option<Trouble> = None;
        let mut place = 0;
        while let Some(record) = self.progress.pending.get(place).and_then(|next| batch.get(next.index)) {
            // Asked before the try: what is given up was tried when it was too old already.
            let is_over = is_over(record.raised_ms, now_ms(), self.give_up_after_h);
            let (status, trouble) = match self.attempt(&record) {
                Verdict::LeftOut => {
                    self.progress.settle(place);
                    continue;
                }
                Verdict::Delivered => {
                    self.has_taken = true;
                    self.progress.take(place);
                    continue;
                }
                Verdict::Refused(reason) => {
                    self.progress.refuse(place, reason);
                    continue;
                }
                Verdict::Answered { status, trouble } => (Some(status), trouble),
                Verdict::Down(trouble) => (None, trouble),
            };
            if is_over {
                let hours = self.give_up_after_h;
                let reason = format!("not delivered within {hours} h: {}", trouble.message);
                self.progress.refuse(place, reason);
            } else if let Some(status) = status {
                if self.progress.answered_enough(place) {
                    let message = &trouble.message;
                    let reason = format!("answered {status} ten times while others were taken: {message}");
                    self.progress.refuse(place, reason);
                    continue;
                }
                place += 1;
            }
            if status.is_none() {
                return Err(trouble);
            }
            first_trouble = first_trouble.or(Some(trouble));
        }
        // Even when nothing is pending any more: whoever gave alerts up waits before the next batch.
        if let Some(trouble) = first_trouble {
            return Err(trouble);
        }
        Ok(Delivered { refused: std::mem::take(&mut self.progress).refused() })
    }
}

impl Progress {
    fn new(batch: String, records: usize) -> Self {
        let pending = (0..records).map(|index| Pending { index, answers: 0, others_taken: false });
        Self { batch, pending: pending.collect(), refused: Vec::new() }
    }

    /// The record at `place` of those pending needs nothing more.
    fn settle(&mut self, place: usize) {
        self.pending.remove(place);
    }

    fn take(&mut self, place: usize) {
        self.settle(place);
        for pending in &mut self.pending {
            pending.others_taken |= pending.answers > 0;
        }
    }

    fn refuse(&mut self, place: usize, reason: String) {
        let Pending { index, .. } = self.pending.remove(place);
        self.refused.push(Refused { index, reason });
    }

    /// Counts an answer that was trouble; whether there were enough. While nobody is taken, it is not the record.
    fn answered_enough(&mut self, place: usize) -> bool {
        let Some(pending) = self.pending.get_mut(place) else { return false };
        if pending.answers == 0 || pending.others_taken {
            pending.answers += 1;
        }
        pending.answers >= ANSWERS_MAX
    }

    /// What was refused, in the batch's order.
    fn refused(mut self) -> Vec<Refused> {
        self.refused.sort_by_key(|refused| refused.index);
        self.refused
    }
}

impl Webhook {
    fn attempt(&self, record: &Record<'_>) -> Verdict {
        match contain(|| self.request(record)).unwrap_or_else(|_| Err(FormError::Fault.to_string())) {
            Err(reason) => Verdict::Refused(reason),
            Ok(None) => Verdict::LeftOut,
            Ok(Some(request)) => self.send(request),
        }
    }

    /// The request for a record; `None` for what the filters leave out.
    fn request(&self, record: &Record<'_>) -> Result<Option<Request>, String> {
        #[cfg(test)]
        crate::fault::poison::fail_at(record.body);
        let no_alert = |error: serde_json::Error| format!("the record is no alert: {error}");
        let alert = Alert::parse(record.body).map_err(no_alert)?;
        if !self.filter.takes(&alert) {
            return Ok(None);
        }
        let mut body = Vec::with_capacity(record.body.len() + 512);
        match &self.content {
            Content::Record(form) => form
                .write(record.kind, record.body, &self.labels, &mut body)
                .map_err(|error| error.to_string())?,
            Content::Slack => {
                let mut json = Json::begin(&mut body);
                slack::message(&alert, &mut json);
                json.end().map_err(no_alert)?;
            }
            Content::PagerDuty { routing_key } => {
                let native = serde_json::from_slice(record.body).map_err(no_alert)?;
                let mut json = Json::begin(&mut body);
                pagerduty::event(&alert, native, routing_key, &mut json);
                json.end().map_err(no_alert)?;
            }
        }
        // A full stop would make the signed text ambiguous; ids have none.
        Ok(Some(Request { id: format!("{}-{}", &*alert.id, alert.rev), body }))
    }

    fn send(&self, request: Request) -> Verdict {
        let timestamp = now_ms().div_euclid(1000).to_string();
        let signature =
            self.signer.as_ref().map(|signer| signer.sign(&request.id, &timestamp, &request.body));
        let mut headers = vec![
            ("content-type", "application/json"),
            ("idempotency-key", &*request.id),
            ("webhook-id", &request.id),
            ("webhook-timestamp", &timestamp),
        ];
        headers.extend(signature.as_deref().map(|signature| ("webhook-signature", signature)));
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        match self.client.post(&self.url, &headers, request.body, self.timeout) {
            Ok(answer) => self.verdict(&answer),
            Err(error) => Verdict::Down(Trouble::new(format!("{}.url {error}", self.section))),
        }
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        let Answer { status, .. } = *answer;
        let section = &self.section;
        let said = self.said(&answer.body);
        let advice = match status {
            200..=299 => return Verdict::Delivered,
            300..=399 => format!("redirects are not followed; set {section}.url to the new address"),
            // PagerDuty's word for a wrong routing key, too.
            400 if !self.has_taken => {
                format!("it has taken nothing yet: look at {section}.url, its secrets and {section}.headers")
            }
            400 | 413 | 422 => return Verdict::Refused(format!("answered {status}{said}")),
            401 | 403 | 407 => format!("look at {section}.url, its secrets and {section}.headers"),
            404 | 405 | 410 => format!("look at {section}.url"),
            _ => "it is tried again".to_owned(),
        };
        let trouble = Trouble {
            message: format!("{section}.url answered {status}{said}; {advice}"),
            retry_after: answer.retry_after().map(|wait| wait.min(RETRY_AFTER_MAX)),
        };
        if is_about_all(answer) { Verdict::Down(trouble) } else { Verdict::Answered { status, trouble } }
    }

    /// The beginning of an answer, where it can repeat nothing secret.
    fn said(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        if !self.quotes || text.trim().is_empty() {
            return String::new();
        }
        format!(" ({})", for_terminal(&cut(text.trim(), ANSWER_CHARS_MAX)))
    }
}

/// Whether an answer is about the far side and its settings, not about the alert it was given.
fn is_about_all(answer: &Answer) -> bool {
    match answer.status {
        300..=399 | 401 | 403 | 404 | 405 | 407 | 408 | 410 | 429 => true,
        503 => answer.header("retry-after").is_some(),
        _ => false,
    }
}

/// Whether a URL is a host and no more: paths, queries and users may be secrets.
fn is_bare(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    matches!(uri.path(), "" | "/") && uri.query().is_none() && !has_user
}

/// Whether an alert has been tried for long enough. One whose time cannot be right is tried on.
fn is_over(raised_ms: u64, now_ms: u64, hours: u64) -> bool {
    raised_ms >= CLOCK_SET_MS && now_ms.saturating_sub(raised_ms) > hours.saturating_mul(3_600_000)
}

fn content(
    config: &Config,
    section: &str,
    routing_key: Option<Zeroizing<String>>,
) -> Result<Content, String> {
    Ok(match config.body {
        Body::Generic => Content::Record(config.form),
        Body::Slack => Content::Slack,
        Body::Pagerduty => {
            let routing_key = routing_key.unwrap_or_default();
            let chars = routing_key.chars().count();
            if chars != ROUTING_KEY_CHARS {
                return Err(format!(
                    "{section}.routing_key: an integration key has {ROUTING_KEY_CHARS} characters, this one {chars}"
                ));
            }
            Content::PagerDuty { routing_key }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::spool::Kind;

    #[test]
    fn an_alert_is_over_only_by_a_clock_that_was_set() {
        let now = CLOCK_SET_MS + 100 * 3_600_000;
        let hours_ago = |hours: u64| now - hours * 3_600_000;
        assert!(is_over(hours_ago(73), now, 72));
        assert!(!is_over(hours_ago(72), now, 72));
        for wrong in [0, CLOCK_SET_MS - 1, now + 1, u64::MAX] {
            assert!(!is_over(wrong, now, 72), "{wrong}");
        }
    }

    #[test]
    fn a_host_alone_is_no_secret() {
        for url in ["https://hooks.example.com", "https://hooks.example.com/", "http://127.0.0.1:8080/"] {
            assert!(is_bare(url), "{url}");
        }
        for tail in ["hooks.example.com/x", "hooks.example.com/?key=x", "me:x@hooks.example.com/"] {
            assert!(!is_bare(&format!("https://{tail}")), "{tail}");
        }
    }

    #[test]
    fn an_alert_at_which_this_program_fails_is_refused_before_anything_is_sent() {
        let config = Config { url: "http://127.0.0.1:9/".to_owned(), ..Config::default() };
        let labels = crate::sinks::record::samples::labels();
        let mut webhook = open(&config, "webhook", &labels, Lane::Alerts).unwrap();
        let mut batch = Batch::new(1, Lane::Alerts, 0);
        let body = crate::fault::poison::POISON;
        batch.push(0, &Record { kind: Kind::Alert, raised_ms: 1, id: 1, key: 1, body });
        let [refused] = &*webhook.deliver(&batch).unwrap().refused else { panic!("one") };
        assert!(refused.reason.contains("a fault of this program"), "{refused:?}");
    }
}
