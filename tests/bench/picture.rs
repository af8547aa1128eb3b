//! The picture of the live part: what is delivered, what it takes and how much memory, over what is offered.
//! It is given the climbs of all listeners and gives the text of an SVG file.
//! It promises the points that were measured, joined in the order of rates, and no others.

use crate::live::{Climb, Step};
use crate::plot::{Curve, Panel, svg as draw};

/// Three panels over offered packets a second.
pub(crate) fn svg(climbs: &[Climb], made_on: &str) -> String {
    let panel = |title: &str, value: fn(&Step) -> f64| Panel {
        title: title.to_owned(),
        curves: climbs
            .iter()
            .map(|climb| Curve {
                name: climb.listener.name().to_owned(),
                points: climb.steps.iter().map(|step| (step.offered / 1e3, value(step))).collect(),
            })
            .collect(),
    };
    let panels = [
        panel("delivered, thousand packets/s", |step| step.delivered / 1e3),
        panel("CPU, % of a core", |step| step.cpu_percent),
        panel("resident memory at its peak, MiB", |step| step.resident_mib),
    ];
    let title = "Mixed API traffic over a virtual cable";
    draw(title, &made_on.replace('`', ""), "offered, thousand packets/s", &panels)
}
