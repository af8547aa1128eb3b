//! What is around every page: head, navigation, foot.
//! It is given a title, the place in the navigation, and the content.
//! It promises landmarks, a way past the navigation, and no script.

use super::ask::Pairs;
use super::html::Html;
use crate::sinks::record::Labels;

/// The style sheet; served as a file of its own, so that the policy allows no style in a page.
pub(super) use crate::markup::STYLE;

/// A page of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Alerts,
    Principals,
    Coverage,
    Keys,
    Endpoints,
    Openapi,
    Sensor,
    Detectors,
    Elsewhere,
}

const NAVIGATION: [(Place, &str, &str); 8] = [
    (Place::Alerts, "<a href=\"/\"", "Alerts"),
    (Place::Principals, "<a href=\"/principals\"", "Principals"),
    (Place::Coverage, "<a href=\"/coverage\"", "MFA coverage"),
    (Place::Keys, "<a href=\"/keys\"", "Keys and tokens"),
    (Place::Endpoints, "<a href=\"/endpoints\"", "Endpoints"),
    (Place::Openapi, "<a href=\"/openapi\"", "OpenAPI"),
    (Place::Sensor, "<a href=\"/sensor\"", "Sensor"),
    (Place::Detectors, "<a href=\"/rules\"", "Detectors"),
];

/// A page's content, and what is around it.
pub(super) struct Page {
    /// In a few words.
    pub(super) title: String,
    pub(super) place: Place,
    pub(super) content: Html,
    /// What was asked for, on a page that may be left open.
    watched: Option<Pairs>,
}

/// How often a page that is left open loads itself again, in seconds.
const EVERY_S: [u16; 2] = [10, 60];
/// The word in a page's address for that.
const EVERY: &str = "every";

impl Page {
    pub(super) fn new(place: Place, title: impl Into<String>, content: Html) -> Self {
        Self { title: title.into(), place, content, watched: None }
    }

    /// A page to leave open: it has links that make it load itself again.
    pub(super) fn watchable(self, asked: &Pairs) -> Self {
        Self { watched: Some(asked.clone()), ..self }
    }

    /// The whole document.
    pub(super) fn document(&self, labels: &Labels, source: &str) -> String {
        let mut html = self.head();
        html.raw("<a class=\"skip\" href=\"#content\">Skip to content</a>")
            .raw("<header><a class=\"brand\" href=\"/\">Heelguard</a><nav aria-label=\"Views\"><ul>");
        for (place, link, name) in NAVIGATION {
            html.raw("<li>").raw(link);
            html.raw(if place == self.place { " aria-current=\"page\">" } else { ">" });
            html.raw(name).raw("</a></li>");
        }
        html.raw("</ul></nav><p class=\"who\">")
            .wire(&labels.tenant)
            .raw(" / ")
            .wire(&labels.sensor)
            .raw("</p></header><main id=\"content\" tabindex=\"-1\">")
            .add(&self.content)
            .raw("</main><footer><p>")
            .text(source)
            .raw(" · times are UTC, of the packets");
        // What is elsewhere may be the answer to a form, whose address has no page of its own.
        if self.place != Place::Elsewhere {
            html.raw(" · <a href=\"\">Reload</a>");
        }
        self.offer_to_watch(&mut html);
        html.raw("</p></footer></body></html>\n");
        html.into_string()
    }

    /// The document for somebody who is not known: no word about whose sensor this is, or where.
    pub(super) fn bare(&self) -> String {
        let mut html = self.head();
        html.raw("<header><span class=\"brand\">Heelguard</span></header><main id=\"content\">");
        html.add(&self.content).raw("</main></body></html>\n");
        html.into_string()
    }

    /// Links to the same page that loads itself again, or no more.
    fn offer_to_watch(&self, html: &mut Html) {
        let Some(asked) = &self.watched else { return };
        let present = self.every_s();
        for seconds in EVERY_S.into_iter().filter(|seconds| Some(*seconds) != present) {
            html.raw(" · <a href=\"").text(asked.with(EVERY, &seconds.to_string()));
            html.raw("\">every ").text(seconds).raw(" s</a>");
        }
        if present.is_some() {
            // An empty address would be this very one.
            let once = asked.with(EVERY, "");
            html.raw(" · <a href=\"").text(if once.is_empty() { "?" } else { &once }).raw("\">no more</a>");
        }
    }

    fn every_s(&self) -> Option<u16> {
        let asked = self.watched.as_ref()?.get(EVERY);
        EVERY_S.into_iter().find(|seconds| asked == seconds.to_string())
    }

    fn head(&self) -> Html {
        let mut html = Html::new();
        html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
            .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            .raw("<meta name=\"color-scheme\" content=\"light dark\"><title>")
            .wire_title(&self.title)
            .raw(" · Heelguard</title><link rel=\"icon\" href=\"data:,\">")
            .raw("<link rel=\"stylesheet\" href=\"/style.css\">");
        if let Some(seconds) = self.every_s() {
            html.raw("<meta http-equiv=\"refresh\" content=\"").text(seconds).raw("\">");
        }
        html.raw("</head><body>");
        html
    }
}

impl Html {
    /// Adds words for a title, where there is no markup to set them apart with.
    fn wire_title(&mut self, words: &str) -> &mut Self {
        let end = words.char_indices().nth(80).map_or(words.len(), |(end, _)| end);
        self.text(words.get(..end).unwrap_or_default())
    }
}
