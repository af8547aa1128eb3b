//! The people of the invented company, and the programs they use.
//! It is given a source of chance and gives people: name, home, device, second factor.
//! It promises that one person has one device and one home all day, unless a story says otherwise.

use super::places::{self, Place};
use super::random::Random;
use super::records::{FIRST_NAMES, LAST_NAMES};
use super::site::Visitor;

/// Which front end a person uses; each has its own way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum App {
    /// A browser: session cookie.
    Web,
    /// A phone: access token (JWT) and refresh token.
    Mobile,
    /// A desktop program: opaque token in `X-Session-Token`.
    Desktop,
}

/// A person with an account.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub email: String,
    /// The account's id, `sub` in tokens.
    pub id: String,
    pub password: String,
    pub app: App,
    /// Whether a second factor is enrolled.
    pub mfa: bool,
    /// What the server offers as second factors, a JSON list.
    pub factors: &'static str,
    pub place: &'static Place,
    pub visitor: Visitor,
}

impl Person {
    /// A person of the crowd; `number` keeps e-mail addresses apart.
    pub(super) fn any(number: usize, random: &mut Random) -> Self {
        let place = of_the_crowd(random);
        let app = match random.below(100) {
            0..50 => App::Web,
            50..85 => App::Mobile,
            _ => App::Desktop,
        };
        let name = format!("{}.{}{number}", random.pick(FIRST_NAMES), random.pick(LAST_NAMES));
        let mfa = random.chance(700);
        Self::new(&name, app, mfa, place, random)
    }

    pub(super) fn new(name: &str, app: App, mfa: bool, place: &'static Place, random: &mut Random) -> Self {
        let device = device(app, place, random);
        Self {
            email: format!("{name}@acme.example"),
            id: random.uuid(),
            password: random.token(14),
            app,
            mfa,
            factors: r#"["totp","backup_code"]"#,
            place,
            visitor: Visitor::proxied(place.address(random), &device),
        }
    }

    /// The same account on another device in another place: a traveller, or a thief.
    pub(super) fn from(&self, app: App, country: &str, random: &mut Random) -> Self {
        let place = places::of(country);
        let device = device(app, place, random);
        Self { app, place, visitor: Visitor::proxied(place.v4(random), &device), ..self.clone() }
    }

    /// The same person and device on another network of the same country.
    pub(super) fn roaming(&self, random: &mut Random) -> Self {
        self.at(self.place.v4(random))
    }

    /// The same person and device behind another address.
    pub(super) fn at(&self, address: std::net::IpAddr) -> Self {
        let device_lines = self.visitor.lines.splitn(3, "\r\n").nth(2).unwrap_or_default();
        Self { visitor: Visitor::proxied(address, device_lines), ..self.clone() }
    }
}

/// Where people are: most of them in Europe, nobody in the last four places of the list.
fn of_the_crowd(random: &mut Random) -> &'static Place {
    let weights = [34u64, 12, 8, 10, 9, 6, 5, 8, 4, 4];
    let mut at = random.below(weights.iter().sum());
    for (place, weight) in places::PLACES.iter().zip(weights) {
        if at < weight {
            return place;
        }
        at -= weight;
    }
    places::of("DE")
}

/// The header lines of one device.
pub(super) fn device(app: App, place: &Place, random: &mut Random) -> String {
    let language = match place.country {
        "DE" => "de-DE,de;q=0.9,en;q=0.7",
        "FR" => "fr-FR,fr;q=0.9,en;q=0.6",
        "NL" => "nl-NL,nl;q=0.9,en;q=0.8",
        "PL" => "pl-PL,pl;q=0.9,en;q=0.7",
        "ES" => "es-ES,es;q=0.9",
        "SE" => "sv-SE,sv;q=0.9,en;q=0.8",
        "JP" => "ja,en-US;q=0.8",
        "BR" => "pt-BR,pt;q=0.9",
        "RO" => "ro-RO,ro;q=0.9",
        "VN" => "vi-VN,vi;q=0.9",
        _ => "en-US,en;q=0.9",
    };
    match app {
        App::Web => {
            let (agent, platform) = random.pick(BROWSERS);
            let hint = if platform.is_empty() {
                String::new()
            } else {
                format!("Sec-CH-UA-Platform: \"{platform}\"\r\n")
            };
            format!(
                "User-Agent: {agent}\r\n{hint}Accept: application/json, text/plain, */*\r\n\
                 Accept-Language: {language}\r\nAccept-Encoding: gzip, deflate, br\r\n\
                 Origin: https://app.acme.example\r\nReferer: https://app.acme.example/\r\n"
            )
        }
        App::Mobile => format!(
            "User-Agent: {}\r\nAccept: application/json\r\nAccept-Language: {language}\r\n\
             Accept-Encoding: gzip\r\nX-App-Version: 7.{}.{}\r\n",
            random.pick(PHONES),
            random.below(4),
            random.below(9)
        ),
        App::Desktop => format!(
            "Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: AcmeDesk/4.{} ({})\r\n",
            random.below(6),
            random.pick(&["Windows NT 10.0", "macOS 15.1", "Linux x86_64"])
        ),
    }
}

const BROWSERS: &[(&str, &str)] = &[
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
        "Windows",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
        "Windows",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
        "",
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", ""),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
        "macOS",
    ),
];

const PHONES: &[&str] = &[
    "AcmeGo/7.2 (iPhone; iOS 18.1; Scale/3.00)",
    "AcmeGo/7.2 (Android 15; Pixel 9)",
    "AcmeGo/7.1 (Android 14; SM-S921B)",
    "okhttp/4.12.0",
    "Dart/3.5 (dart:io)",
];
