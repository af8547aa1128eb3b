//! Tokens for OAUTHBEARER: from a file that somebody renews.
//! librdkafka asks for one when it starts, and again before the last one expires.
//! It promises that a message names the setting and never the token.

use super::config::Config;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rdkafka::client::OAuthToken;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A token that does not say when it expires is read again after this time.
const LIFETIME_UNSAID: Duration = Duration::from_secs(300);

/// Where tokens come from.
#[derive(Clone)]
pub(super) enum TokenSource {
    /// None are needed.
    Nowhere,
    /// A file, read again each time.
    File { setting: String, file: PathBuf },
}

impl TokenSource {
    pub(super) fn new(config: &Config, section: &str) -> Self {
        if config.token_file.as_os_str().is_empty() {
            Self::Nowhere
        } else {
            Self::File { setting: format!("{section}.token"), file: config.token_file.clone() }
        }
    }

    /// A token that holds now.
    pub(super) fn token(&self) -> Result<OAuthToken, String> {
        match self {
            Self::Nowhere => Err("no token is configured".to_owned()),
            Self::File { setting, file } => {
                let token = super::super::secret::resolve(setting, "", file)?
                    .ok_or_else(|| format!("{setting}_file is not set"))?;
                described(token.trim())
            }
        }
    }
}

/// The token with what it says about itself.
fn described(token: &str) -> Result<OAuthToken, String> {
    let claims = claims(token);
    let claim = |name: &str| claims.as_ref().and_then(|claims| claims.get(name));
    let lifetime_ms = match claim("exp").and_then(serde_json::Value::as_i64) {
        Some(seconds) => seconds.saturating_mul(1000),
        None => since_1970(SystemTime::now() + LIFETIME_UNSAID),
    };
    let principal_name = claim("sub").and_then(|subject| subject.as_str()).unwrap_or("heelguard");
    Ok(OAuthToken { token: token.to_owned(), principal_name: principal_name.to_owned(), lifetime_ms })
}

/// The middle of a JWT.
fn claims(token: &str) -> Option<serde_json::Value> {
    let middle = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&middle).ok()
}

fn since_1970(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
