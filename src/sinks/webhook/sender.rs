//! The far side of a webhook: alerts one by one, and what its answers mean.
//! It is given batches, remembers how much of one has arrived, and goes on there when it comes again.
//! It promises that no message holds the URL's path, a key or a header's value.

use super::config::{Body, Config, TIMEOUT_MAX_S, check_header_value};
use super::filter::Filter;
use super::signature::Signer;
use super::{cut, pagerduty, slack};
use crate::sinks::destination::{Delivered, Destination, Limits, Refused, Trouble};
use crate::sinks::escape::for_terminal;
use crate::sinks::form::Form;
use crate::sinks::form::json::Json;
use crate::sinks::form::native::Alert;
use crate::sinks::http::{Answer, HttpClient};
use crate::sinks::record::Labels;
use crate::sinks::secret::resolve;
use crate::sinks::spool::{Batch, Lane, Record};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// A far side may ask to be left alone for so long.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);

/// Characters of an answer that are shown.
const ANSWER_CHARS_MAX: usize = 200;

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
        url,
        headers: headers.collect::<Result<_, String>>()?,
        signer,
        content: content(config, &section, routing_key)?,
        filter: Filter::new(config, &section)?,
        timeout: Duration::from_secs(config.timeout_s),
        give_up_after_h: config.give_up_after_h,
        section,
        labels: labels.clone(),
        progress: Progress::default(),
    }))
}

struct Webhook {
    client: HttpClient,
    url: Zeroizing<String>,
    headers: Vec<(String, Zeroizing<String>)>,
    signer: Option<Signer>,
    content: Content,
    filter: Filter,
    timeout: Duration,
    give_up_after_h: u64,
    section: String,
    labels: Labels,
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
    /// Records that need nothing more, from the first on.
    settled: usize,
    refused: Vec<Refused>,
}

/// A request for one alert.
struct Request {
    /// The same for every try of this state of the episode, and for no other.
    id: String,
    body: Vec<u8>,
}

/// What an answer means.
enum Verdict {
    Delivered,
    /// This alert will never do.
    Refused(String),
    Trouble(Trouble),
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

    fn deliver(&mut self, batch: &Batch) -> Result<Delivered, Trouble> {
        let name = batch.name();
        if self.progress.batch != name {
            self.progress = Progress { batch: name, ..Progress::default() };
        }
        // After the first trouble nobody else of this batch is sent: the far side has enough of its own.
        let mut trouble: Option<Trouble> = None;
        while let Some(record) = batch.get(self.progress.settled) {
            let verdict = match self.request(&record) {
                Err(reason) => Verdict::Refused(reason),
                Ok(None) => Verdict::Delivered,
                Ok(Some(request)) => match &trouble {
                    Some(trouble) => Verdict::Trouble(trouble.clone()),
                    None => self.send(request),
                },
            };
            match verdict {
                Verdict::Delivered => {}
                Verdict::Refused(reason) => self.progress.refuse(reason),
                Verdict::Trouble(found) if self.is_over(record.raised_ms) => {
                    let hours = self.give_up_after_h;
                    self.progress.refuse(format!("not delivered within {hours} h: {}", found.message));
                    trouble = Some(found);
                }
                Verdict::Trouble(found) => return Err(found),
            }
            self.progress.settled += 1;
        }
        Ok(Delivered { refused: std::mem::take(&mut self.progress).refused })
    }
}

impl Progress {
    fn refuse(&mut self, reason: String) {
        self.refused.push(Refused { index: self.settled, reason });
    }
}

impl Webhook {
    /// The request for a record; `None` for what the filters leave out.
    fn request(&self, record: &Record<'_>) -> Result<Option<Request>, String> {
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
            Err(error) => Verdict::Trouble(Trouble::new(format!("{}.url {error}", self.section))),
        }
    }

    fn verdict(&self, answer: &Answer) -> Verdict {
        let Answer { status, .. } = *answer;
        let section = &self.section;
        let said = self.said(&answer.body);
        let advice = match status {
            200..=299 => return Verdict::Delivered,
            300..=399 => format!("redirects are not followed; set {section}.url to the new address"),
            401 | 403 | 407 => format!("look at {section}.url, its secrets and {section}.headers"),
            404 | 405 | 410 => format!("look at {section}.url"),
            408 | 425 | 429 => "it is tried again".to_owned(),
            400..=499 => return Verdict::Refused(format!("answered {status}{said}")),
            _ => "it is tried again".to_owned(),
        };
        Verdict::Trouble(Trouble {
            message: format!("{section}.url answered {status}{said}; {advice}"),
            retry_after: answer.retry_after().map(|wait| wait.min(RETRY_AFTER_MAX)),
        })
    }

    /// The beginning of an answer, unless it repeats what is secret.
    fn said(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let key = match &self.content {
            Content::PagerDuty { routing_key } => Some(routing_key.as_str()),
            Content::Record(_) | Content::Slack => None,
        };
        let mut secrets = self.headers.iter().map(|(_, value)| value.as_str()).chain(key);
        let path = self.url.splitn(4, '/').nth(3).filter(|path| path.len() > 1);
        if text.trim().is_empty()
            || path.is_some_and(|path| text.contains(path))
            || secrets.any(|secret| !secret.is_empty() && text.contains(secret))
        {
            return String::new();
        }
        format!(" ({})", for_terminal(&cut(text.trim(), ANSWER_CHARS_MAX)))
    }

    /// Whether an alert has been tried for long enough. One that is new to us is tried at least once.
    fn is_over(&self, raised_ms: u64) -> bool {
        now_ms().saturating_sub(raised_ms) > self.give_up_after_h.saturating_mul(3_600_000)
    }
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

/// The machine's clock: signatures and waiting are about today, not about traffic.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
