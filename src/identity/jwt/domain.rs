//! Whether two hosts belong to one owner, as far as their names tell.
//! It is given two hosts and compares them label by label.
//! It promises no list of every suffix: names under a few large providers of subdomains have an owner each.

/// Domains under which everybody can have a name; their subdomains are strangers to each other.
const MANY_OWNERS: &[&str] = &[
    "amazonaws.com",
    "auth0.com",
    "azurewebsites.net",
    "cloudfront.net",
    "firebaseapp.com",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "netlify.app",
    "ngrok.io",
    "okta.com",
    "oktapreview.com",
    "onelogin.com",
    "pages.dev",
    "vercel.app",
    "web.app",
    "windows.net",
    "workers.dev",
];

/// Whether both are one host, or of one domain that somebody registered.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (without_port(one), without_port(other));
    if one.is_empty() || other.is_empty() {
        return false;
    }
    let is_address = |host: &str| host.ends_with(|c: char| c.is_ascii_digit() || c == ']');
    let domain = registered(one);
    one == other
        || !is_address(one)
            && !is_address(other)
            && domain == registered(other)
            && domain.contains('.')
            && !MANY_OWNERS.contains(&domain)
}

/// What countries call the kinds of names under their own.
const KINDS: &[&str] =
    &["ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ltd", "mil", "ne", "net", "or", "org", "plc"];

/// The last two labels; three where the last two are a country's own suffix (`co.uk`, `com.au`).
fn registered(host: &str) -> &str {
    let mut dots = host.rmatch_indices('.').map(|(place, _)| place);
    let last = dots.next();
    let (Some(last), Some(second)) = (last, dots.next()) else { return host };
    let kind = host.get(second + 1..last).unwrap_or_default();
    let is_suffix = host.len() - last == ".uk".len() && KINDS.contains(&kind);
    let cut = if is_suffix { dots.next() } else { Some(second) };
    cut.and_then(|cut| host.get(cut + 1..)).unwrap_or(host)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_owner_and_of_two() {
        for (one, other) in [
            ("idp.example.com", "idp.example.com"),
            ("idp.example.com", "keys.example.com"),
            ("example.com", "keys.eu.example.com:8443"),
            ("idp.acme.co.uk", "keys.acme.co.uk"),
            ("idp.ibm.de", "keys.ibm.de"),
            ("localhost:8080", "localhost"),
            ("10.0.0.5:8080", "10.0.0.5"),
            ("acme.eu.auth0.com", "acme.eu.auth0.com"),
        ] {
            assert!(is_same(one, other) && is_same(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("idp.example.com", "evil.example"),
            ("example.com", "example.com.evil.example"),
            ("idp.acme.co.uk", "evil.co.uk"),
            ("10.0.0.5", "11.0.0.5"),
            ("[2001:db8::5]", "[2001:db8::6]"),
            ("acme.eu.auth0.com", "evil.eu.auth0.com"),
            ("acme", "evil"),
            ("", ""),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }
}
