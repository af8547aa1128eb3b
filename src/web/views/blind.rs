//! Why the list of alerts may be calm though the traffic is not: what keeps the sensor from seeing or telling.
//! It is given the moment: interfaces, sinks, accounts, troubles of the mirror, and the last request.
//! It promises a reason in words for each, and no word where all is well.

use super::Sight;
use super::parts::{lasted, share};
use crate::sinks::status::State;
use crate::web::Moment;
use crate::web::html::{Html, grouped};
use heelguard_detectors::time::EventTime;
use std::time::SystemTime;

/// A live run in which nothing came for so long may have lost its mirror.
const QUIET_S: u64 = 60;
/// Less than one packet in so many is no blindness.
const DROPPED_ONE_IN: u64 = 10_000;

/// What is wrong, each as a piece of a page; empty where nothing is.
pub(super) fn reasons(sight: &Sight<'_>) -> Vec<Html> {
    let Moment { counters, rows, sinks, .. } = sight.moment;
    let mut reasons = Vec::new();
    let mut say = |write: &dyn Fn(&mut Html)| {
        let mut html = Html::new();
        write(&mut html);
        reasons.push(html);
    };
    for row in rows.interfaces.iter().filter(|row| !row.up) {
        say(&|html| {
            html.raw("Interface ").wire(&row.name).raw(" is down: nothing comes from there.");
        });
    }
    if let Some(seconds) = quiet(sight, wall()) {
        say(&|html| {
            html.raw("No request was seen for ").text(lasted(seconds)).raw(".");
        });
    }
    let dropped = counters.live.kernel_dropped + counters.live.lost;
    if dropped > 0 && dropped.saturating_mul(DROPPED_ONE_IN) >= counters.live.received {
        say(&|html| {
            html.raw("The kernel dropped ").text(grouped(dropped)).raw(" packets (");
            html.text(share(dropped, counters.live.received)).raw(").");
        });
    }
    for (name, _) in rows.troubles.iter().filter(|(_, is_on)| *is_on) {
        say(&|html| {
            html.raw("The mirror: ").text(name.replace('_', " ")).raw(".");
        });
    }
    for sink in sinks.iter().filter(|sink| sink.state == State::Down) {
        say(&|html| {
            html.raw("Sink ").wire(&sink.sink).raw(" (").text(sink.lane).raw(") is down: ");
            html.text(grouped(sink.waiting)).raw(" records wait, ");
            html.text(grouped(sink.counters.lost)).raw(" are lost.");
        });
    }
    if let Some(account) = sight.moment.imbalance() {
        say(&|html| {
            html.raw("The accounts do not add up: ").text(&account).raw(".");
        });
    }
    reasons
}

/// The reasons above a page's content.
pub(super) fn banner(html: &mut Html, reasons: &[Html]) {
    if reasons.is_empty() {
        return;
    }
    html.raw("<div class=\"blind\" role=\"alert\"><p><b>The sensor may not see or tell everything.</b> ");
    html.raw("Calm below may mean nothing.</p><ul>");
    for reason in reasons {
        html.raw("<li>").add(reason).raw("</li>");
    }
    html.raw("</ul><p><a href=\"/sensor\">What to do: the sensor</a></p></div>");
}

/// For how many seconds a live run has seen no request, if that is long. What never saw one is told elsewhere.
fn quiet(sight: &Sight<'_>, now: EventTime) -> Option<u64> {
    let is_live = !sight.moment.is_over && !sight.moment.rows.interfaces.is_empty();
    let (_, last) = sight.ledger.overview().span.filter(|_| is_live)?;
    Some(now.since(last).as_secs()).filter(|seconds| *seconds > QUIET_S)
}

fn wall() -> EventTime {
    EventTime::ZERO.after(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::metrics::InterfaceRow;
    use crate::openapi::Survey;
    use crate::sinks::record::samples;
    use crate::web::ask::Pairs;
    use crate::web::notes::Notes;
    use std::time::Duration;

    #[test]
    fn silence_is_told_in_a_live_run_after_a_minute() {
        let ledger = Ledger::default();
        let transaction =
            heelguard_detectors::transaction::Transaction { repeat_of: None, ..samples::transaction() };
        ledger.observe(&transaction);
        let (notes, asked) = (Notes::default(), Pairs::default());
        let mut moment = Moment::default();
        let after = |moment: &Moment, seconds| {
            let sight = Sight {
                ledger: &ledger,
                survey: &Survey::default(),
                notes: &notes,
                moment,
                asked: &asked,
                source: "",
            };
            quiet(&sight, transaction.end.after(Duration::from_secs(seconds)))
        };
        assert_eq!(after(&moment, 600), None, "no interface: a file");
        moment.rows.interfaces.push(InterfaceRow { up: true, ..InterfaceRow::default() });
        assert_eq!((after(&moment, 60), after(&moment, 61)), (None, Some(61)));
        moment.is_over = true;
        assert_eq!(after(&moment, 600), None, "a run that is over");
    }
}
