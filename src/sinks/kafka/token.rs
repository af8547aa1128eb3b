//! Tokens for OAUTHBEARER: from a file that somebody renews, or from an identity provider that knows us.
//! librdkafka asks for one when it starts, and again before the last one expires.
//! It promises that a message names the setting and never a token or secret.

use super::super::http::{self, HttpClient};
use super::super::secret;
use super::super::tls::TlsFiles;
use super::config::Config;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rdkafka::client::OAuthToken;
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// A token that does not say when it expires is asked for again after this time.
const LIFETIME_UNSAID: Duration = Duration::from_mins(5);

/// How long an identity provider is waited for; answers to records wait meanwhile.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Where tokens come from.
pub(super) enum TokenSource {
    /// None are needed.
    Nowhere,
    /// A file, read again each time.
    File { setting: String, file: PathBuf },
    /// Client credentials (RFC 6749 section 4.4).
    Provider(Box<Provider>),
}

/// An identity provider, and who we are there.
pub(super) struct Provider {
    setting: String,
    url: String,
    client: HttpClient,
    authorization: Zeroizing<String>,
    form: String,
}

/// The part of an answer that is read (RFC 6749 section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

impl TokenSource {
    /// Reads the secret for a provider; the token file may come later.
    pub(super) fn new(config: &Config, section: &str) -> Result<Self, String> {
        if !config.token_url.is_empty() {
            return Provider::new(config, section).map(Box::new).map(Self::Provider);
        }
        if config.token_file.as_os_str().is_empty() {
            return Ok(Self::Nowhere);
        }
        Ok(Self::File { setting: format!("{section}.token"), file: config.token_file.clone() })
    }

    /// A token that holds now.
    pub(super) fn token(&self) -> Result<OAuthToken, String> {
        match self {
            Self::Nowhere => Err("no token is configured".to_owned()),
            Self::File { setting, file } => {
                let token = secret::resolve(setting, "", file)?
                    .ok_or_else(|| format!("{setting}_file is not set"))?;
                described(&format!("{setting}_file"), token.trim(), None)
            }
            Self::Provider(provider) => provider.token(),
        }
    }
}

impl Provider {
    fn new(config: &Config, section: &str) -> Result<Self, String> {
        let setting = format!("{section}.client_secret");
        let secret = secret::resolve(&setting, &config.client_secret, &config.client_secret_file)?
            .ok_or_else(|| format!("{setting}_file: {section}.token_url needs a secret"))?;
        // Both are encoded as in a form before they are joined (RFC 6749 section 2.3.1).
        let pair = Zeroizing::new(format!("{}:{}", *encoded(&config.client_id), *encoded(&secret)));
        let authorization = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let mut form = "grant_type=client_credentials".to_owned();
        if !config.scope.is_empty() {
            form.push_str("&scope=");
            form.push_str(&encoded(&config.scope));
        }
        let nothing = Path::new("");
        let ca_file = &config.token_ca_file;
        let files = TlsFiles { section, ca_file, cert_file: nothing, key_file: nothing };
        let client = HttpClient::new(&files).map_err(|error| error.replace(".ca_file", ".token_ca_file"))?;
        let setting = format!("{section}.token_url");
        Ok(Self { setting, url: config.token_url.clone(), client, authorization, form })
    }

    fn token(&self) -> Result<OAuthToken, String> {
        let Self { setting, .. } = self;
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
        ];
        let answer = self.client.post(&self.url, &headers, self.form.clone(), ANSWER_TIME);
        let answer = answer.map_err(|error| format!("{setting}: {error}"))?;
        let body = Zeroizing::new(answer.body);
        match answer.status {
            200 => {
                let granted: Granted = serde_json::from_slice(&body)
                    .map_err(|_| format!("{setting}: the answer holds no token"))?;
                described(setting, &granted.access_token, granted.expires_in)
            }
            400 | 401 | 403 => Err(format!(
                "{setting}: the identity provider refuses client_id, client_secret or scope (status {})",
                answer.status
            )),
            status => Err(format!("{setting}: the identity provider answers with status {status}")),
        }
    }
}

/// Whether tokens can be asked for there, and our secret crosses no network in the clear.
pub(super) fn check_url(section: &str, url: &str) -> Result<(), String> {
    let setting = format!("{section}.token_url");
    http::check_url(&setting, url)?;
    if !http::is_plain_to_others(url) {
        return Ok(());
    }
    Err(format!(
        "{setting}: the client secret would cross the network in the clear; allowed is https://, and http:// to this \
         machine only (localhost, 127.0.0.0/8, ::1)"
    ))
}

/// The token with what it says about itself, or what was said with it.
fn described(setting: &str, token: &str, said_s: Option<u64>) -> Result<OAuthToken, String> {
    let claims = claims(token);
    let claim = |name: &str| claims.as_ref().and_then(|claims| claims.get(name));
    let now_ms = since_1970(SystemTime::now());
    let said = said_s.map_or(LIFETIME_UNSAID, Duration::from_secs);
    let lifetime_ms = match claim("exp").and_then(serde_json::Value::as_i64) {
        Some(end_s) => end_s.saturating_mul(1000),
        None => now_ms.saturating_add(i64::try_from(said.as_millis()).unwrap_or(i64::MAX)),
    };
    if lifetime_ms <= now_ms {
        return Err(format!("{setting}: the token has expired; renew it, or look at the clock"));
    }
    let principal_name = claim("sub").and_then(serde_json::Value::as_str).unwrap_or("heelguard").to_owned();
    Ok(OAuthToken { token: token.to_owned(), principal_name, lifetime_ms })
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

/// As in a form (`application/x-www-form-urlencoded`), with every odd byte as %XX.
fn encoded(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::new());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.", URL_SAFE_NO_PAD.encode(claims))
    }

    fn refused(token: Result<OAuthToken, String>) -> String {
        token.err().unwrap()
    }

    /// An identity provider for one request; gives what it was asked.
    fn provider(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let asked = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            let mut piece = [0; 4096];
            while !asked.contains("grant_type") {
                let bytes = stream.read(&mut piece).unwrap();
                asked.push_str(std::str::from_utf8(&piece[..bytes]).unwrap());
            }
            stream.write_all(answer.as_bytes()).unwrap();
            asked
        });
        (url, asked)
    }

    fn ask(answer: &'static str) -> (Result<OAuthToken, String>, String) {
        let (url, asked) = provider(answer);
        let config = Config {
            token_url: url,
            client_id: "sensor 1".to_owned(),
            client_secret: "s:cret".to_owned(),
            scope: "kafka write".to_owned(),
            ..Config::default()
        };
        let token = TokenSource::new(&config, "sinks.kafka").unwrap().token();
        (token, asked.join().unwrap())
    }

    #[test]
    fn a_token_says_whose_it_is_and_when_it_ends() {
        let token = described("x", &jwt(r#"{"sub":"alice","exp":4102444800}"#), Some(1)).unwrap();
        assert_eq!((token.principal_name.as_str(), token.lifetime_ms), ("alice", 4_102_444_800_000));
        let soon = since_1970(SystemTime::now()) + 299_000;
        for opaque in ["opaque", "a.b.c", ""] {
            let token = described("x", opaque, None).unwrap();
            assert!(token.principal_name == "heelguard" && token.lifetime_ms > soon, "{opaque}");
        }
        assert_eq!(
            refused(described("sinks.kafka.token_file", &jwt(r#"{"exp":1}"#), None)),
            "sinks.kafka.token_file: the token has expired; renew it, or look at the clock"
        );
    }

    #[test]
    fn a_file_is_read_again_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        let config = Config { token_file: token_file.clone(), ..Config::default() };
        let source = TokenSource::new(&config, "sinks.kafka").unwrap();
        assert!(refused(source.token()).starts_with("sinks.kafka.token_file /"));
        for name in ["one", "two"] {
            std::fs::write(&token_file, jwt(&format!(r#"{{"sub":"{name}"}}"#)) + "\n").unwrap();
            assert_eq!(source.token().unwrap().principal_name, name);
        }
    }

    #[test]
    fn a_secret_goes_over_tls_or_stays_on_this_machine() {
        for url in ["https://idp/token", "http://localhost:8080/t", "http://127.8.9.1/t", "http://[::1]:80/t"]
        {
            assert_eq!(check_url("sinks.kafka", url), Ok(()), "{url}");
        }
        for url in ["http://idp/token", "http://10.0.0.1/t", "http://localhost.example/t", "http://[::2]/t"] {
            let complaint = check_url("sinks.kafka", url).unwrap_err();
            assert!(
                complaint.starts_with("sinks.kafka.token_url: the client secret would cross"),
                "{complaint}"
            );
        }
    }

    #[test]
    fn client_credentials_are_changed_for_a_token() {
        let body = r#"{"access_token":"opaque","expires_in":60,"token_type":"Bearer"}"#;
        assert_eq!(body.len(), 63);
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 63\r\n\r\n\
                      {\"access_token\":\"opaque\",\"expires_in\":60,\"token_type\":\"Bearer\"}";
        let (token, asked) = ask(answer);
        let token = token.unwrap();
        assert_eq!(token.token, "opaque");
        assert!(token.lifetime_ms < since_1970(SystemTime::now()) + 61_000);
        let asked = asked.to_ascii_lowercase();
        assert!(asked.starts_with("post /token http/1.1\r\n"), "{asked}");
        let basic = STANDARD.encode("sensor%201:s%3Acret").to_ascii_lowercase();
        assert!(asked.contains(&format!("authorization: basic {basic}\r\n")), "{asked}");
        assert!(asked.ends_with("grant_type=client_credentials&scope=kafka%20write"), "{asked}");
    }

    #[test]
    fn a_provider_that_refuses_is_named_and_no_secret_is() {
        let (token, _) = ask("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(
            refused(token),
            "sinks.kafka.token_url: the identity provider refuses client_id, client_secret or scope (status 401)"
        );
        let (token, _) = ask("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        assert_eq!(refused(token), "sinks.kafka.token_url: the answer holds no token");
    }
}
