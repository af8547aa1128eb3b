//! Alerts by HTTP: one request each, to a program of your own, to Slack or to PagerDuty.
//! It is given batches of alerts; what the filters leave out counts as delivered.
//! It promises that a repeated request carries the same `Idempotency-Key` and body, and that an alert is given up
//! only after `give_up_after_h`, or when the far side says that this alert will never do.
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
//! 2xx is delivered. What says that this alert will never do (400, 413, 422 and other 4xx) puts it into the
//! dead-letter file. Everything else is trouble, and is tried again: no connection, no whole answer in time, 5xx, 408,
//! 425 and 429, but also what a wrong setting brings: 401, 403, 404, 405, 407, 410, and 3xx, which is not followed.

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
