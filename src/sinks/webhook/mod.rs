//! Alerts by HTTP: one request each, to a program of your own, to Slack or to PagerDuty.
//! It is given batches of alerts; what the filters leave out counts as delivered.
//! It promises that a repeated request carries the same `Idempotency-Key` and body, and that an alert is given up
//! only when the far side says that this alert will never do, when it takes others and ten times not this one, or when
//! a try after `give_up_after_h` fails, too.
//!
//! # Signature
//!
//! With a `secret`, requests are signed as the Standard Webhooks specification has it, so that its libraries verify
//! them. By hand: the key is what follows `whsec_`, decoded from Base64 (a secret without this prefix is the key as it
//! is). The signed text is `webhook-id`, a full stop, `webhook-timestamp`, a full stop, and the body as received.
//! HMAC-SHA256 of it, in Base64, must equal what follows `v1,` in `webhook-signature`; the time (seconds since 1970)
//! should not be older than five minutes:
//!
//! ```sh
//! key=$(printf %s "${secret#whsec_}" | base64 -d | xxd -p -c 256)
//! printf %s "$id.$timestamp.$body" | openssl dgst -sha256 -mac HMAC -macopt hexkey:"$key" -binary | base64
//! ```
//!
//! # Answers
//!
//! 2xx is delivered. 413 and 422 say that this alert will never do, and put it into the dead-letter file; so does 400,
//! once this far side has taken an alert: before, a 400 may be about a setting, as PagerDuty's about a wrong routing
//! key. Everything else is trouble, and is tried again.
//!
//! Trouble with the far side holds the batch: no connection, no whole answer in time, 408, 429, 503 with
//! `Retry-After`, and what a wrong setting brings: 401, 403, 404, 405, 407, 410, and 3xx, which is not followed. Any
//! other answer (as 500) may be about the one alert: the batch's others are sent, and this one is tried again. When it
//! was answered so ten times while others were taken, it goes into the dead-letter file.
//!
//! An answer is quoted in messages only where the request holds no secret: the URL is a host without path and query,
//! and there are no `headers` and no `routing_key`.

mod config;
mod filter;
mod pagerduty;
mod sender;
mod signature;
mod slack;

pub use config::{Body, Config};
pub use sender::open;

/// Cuts a text to `chars_max` characters, the last of which then says so.
fn cut(text: &str, chars_max: usize) -> std::borrow::Cow<'_, str> {
    if text.chars().nth(chars_max).is_none() {
        return text.into();
    }
    text.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect::<String>().into()
}

#[cfg(test)]
mod tests;
