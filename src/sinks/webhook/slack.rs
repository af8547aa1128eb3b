//! An alert as a message for people: Block Kit, as Slack and those compatible with it show it.
//! It is given an alert; text from traffic is cut to Slack's limits and escaped as Slack asks.
//! It promises that no name in traffic can mention a channel, hide a link or be one.

use super::cut;
use crate::sinks::escape::for_terminal;
use crate::sinks::form::json::Json;
use crate::sinks::form::native::{Alert, Endpoint};
use heelguard_detectors::alert::{Severity, Status};

/// Characters of a header.
const HEADER_MAX: usize = 150;
/// Characters of a section.
const SECTION_MAX: usize = 3000;
/// Characters of a field of a section.
const FIELD_MAX: usize = 2000;

/// Writes the message.
pub(super) fn message(alert: &Alert<'_>, json: &mut Json<'_>) {
    let title = format!("{} {} {}", sign(alert), &*alert.rule, &*alert.title);
    // What a notification shows, where blocks are not shown.
    json.put("text", escaped(&format!("{title}: {}", &*alert.message), SECTION_MAX));
    json.list("blocks", |blocks| {
        blocks.item_object(|block| {
            block.put("type", "header");
            block.object("text", |text| {
                text.put("type", "plain_text");
                text.put("text", escaped(&title, HEADER_MAX));
            });
        });
        blocks.item_object(|block| {
            block.put("type", "section");
            block.object("text", |text| mrkdwn(text, &escaped(&alert.message, SECTION_MAX)));
        });
        blocks.item_object(|block| {
            block.put("type", "section");
            block.list("fields", |list| fields(alert, list));
        });
        blocks.item_object(|block| {
            block.put("type", "section");
            let response = format!("*What to do:* {}", escaped(&alert.response, SECTION_MAX - 20));
            block.object("text", |text| mrkdwn(text, &response));
        });
        blocks.item_object(|block| {
            block.put("type", "context");
            let origin = format!("{} · {} · {} · {}", &*alert.tenant, &*alert.sensor, &*alert.id, alert.rev);
            block.list("elements", |list| {
                list.item_object(|text| mrkdwn(text, &escaped(&origin, FIELD_MAX)));
            });
        });
    });
}

fn sign(alert: &Alert<'_>) -> &'static str {
    match (alert.status, alert.severity) {
        (Status::Closed, _) => "⚪",
        (_, Severity::Critical | Severity::High) => "🔴",
        (_, Severity::Medium) => "🟠",
        (_, Severity::Low) => "🟡",
        (_, Severity::Info) => "🔵",
    }
}

/// At most ten; there are at most eight.
fn fields(alert: &Alert<'_>, list: &mut Json<'_>) {
    let mut field = |name: &str, value: &str| {
        let text = format!("*{name}*\n{}", escaped(value, FIELD_MAX - 40));
        list.item_object(|item| mrkdwn(item, &text));
    };
    field("State", alert.status.name());
    field("Severity", &format!("{} (confidence {})", alert.severity.name(), alert.confidence.name()));
    field("About", &format!("{}: {}", &*alert.subject.scope, &*alert.subject.value));
    field("Count", &alert.count.to_string());
    field("First seen", alert.first_seen.text());
    field("Last seen", alert.last_seen.text());
    if let Some(client) = &alert.client {
        let country = client.country.as_deref().map(|country| format!(" ({country})"));
        field("Client", &format!("{}{}", client.ip, country.unwrap_or_default()));
    }
    if let Some(endpoint) = &alert.endpoint {
        let Endpoint { method, host, route } = endpoint;
        field("Endpoint", &format!("{} {}{}", &**method, &**host, &**route));
    }
}

/// A text with Slack's own marks; `verbatim` keeps names from becoming links.
fn mrkdwn(text: &mut Json<'_>, marked: &str) {
    text.put("type", "mrkdwn");
    text.put("text", marked);
    text.put("verbatim", true);
}

/// `text` with Slack's three special characters escaped, and not longer than `chars_max` then.
fn escaped(text: &str, chars_max: usize) -> String {
    let text = for_terminal(text);
    let width = |c: char| match c {
        '&' => 5,
        '<' | '>' => 4,
        _ => 1,
    };
    let mut left = chars_max;
    let fitting = text.chars().take_while(|c| {
        let fits = left >= width(*c);
        left = left.saturating_sub(width(*c));
        fits
    });
    let fitting = fitting.count();
    // One character fewer, so that the mark of the cut fits too.
    let kept = if fitting < text.chars().count() { cut(&text, fitting.max(1)) } else { text };
    kept.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slack_would_obey_is_only_shown() {
        assert_eq!(
            escaped("<!channel> & <https://evil|ok>", 100),
            "&lt;!channel&gt; &amp; &lt;https://evil|ok&gt;"
        );
        assert_eq!(escaped("a\u{202e}b", 100), "a\\u{202e}b");
    }

    #[test]
    fn a_text_is_cut_between_characters_and_never_inside_an_escape() {
        assert_eq!(escaped("abcdef", 6), "abcdef");
        assert_eq!(escaped("abcdefg", 6), "abcde…");
        assert_eq!(escaped("山田山田", 3), "山田…");
        for limit in 1..60 {
            let text = escaped("<<<<<<<<<<&&&&&&", limit);
            assert!(text.chars().count() <= limit, "{limit}: {text}");
            let rest = text.replace("&lt;", "").replace("&amp;", "");
            assert!(rest == "…" || rest.is_empty(), "{limit}: {text}");
        }
    }
}
