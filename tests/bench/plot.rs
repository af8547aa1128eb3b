//! A picture of several programs over one load: three panels, one below the other, as SVG.
//! It is given curves and gives the text of a file, with axes, units and a legend.
//! It promises to be read on light and dark pages, and without colours: each program has a mark of its own.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const PANEL_HEIGHT: f64 = 190.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 64.0;
const BETWEEN: f64 = 58.0;
const FOOT: f64 = 20.0;

/// One program's points, in the order of the load.
pub(crate) struct Curve {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// One quantity over the load.
pub(crate) struct Panel {
    /// With its unit: `CPU, % of a core`.
    pub title: String,
    pub curves: Vec<Curve>,
}

/// The picture; all panels have the same load below them, and a note stands at the foot.
pub(crate) fn svg(title: &str, note: &str, load: &str, panels: &[Panel]) -> String {
    let height = TOP + panels.len() as f64 * (PANEL_HEIGHT + BETWEEN) + FOOT;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"{0}\">\n<title>{0}</title>\n{STYLE}<rect class=\"page\" width=\"{WIDTH}\" \
         height=\"{height}\"/>\n<text class=\"head\" x=\"{LEFT}\" y=\"24\">{0}</text>\n",
        escaped(title)
    );
    legend(&mut text, panels);
    let right = ticks(most(panels.iter().flat_map(|panel| &panel.curves), |point| point.0));
    for (number, panel) in panels.iter().enumerate() {
        let bottom = TOP + number as f64 * (PANEL_HEIGHT + BETWEEN) + PANEL_HEIGHT;
        draw(&mut text, panel, &right, bottom);
        label(&mut text, "middle", f64::midpoint(LEFT, WIDTH - RIGHT), bottom + 36.0, load);
    }
    label(&mut text, "start", LEFT, height - 10.0, note);
    text + "</svg>\n"
}

const STYLE: &str = "\
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600; font-size: 15px }
.page { fill: #ffffff }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
.c0 { stroke: #0072b2 } .c1 { stroke: #c24e00 } .c2 { stroke: #00805c } .c3 { stroke: #8250df }
.mark { fill: #ffffff; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .page, .mark { fill: #0d1117 }
  .grid { stroke: #30363d }
  .c0 { stroke: #56b4e9 } .c1 { stroke: #f0883e } .c2 { stroke: #3fb98f } .c3 { stroke: #bc8cff }
}
</style>
";

/// Names with their marks, above the first panel; the first panel has all of them.
fn legend(text: &mut String, panels: &[Panel]) {
    let mut left = LEFT;
    for (number, curve) in panels.iter().flat_map(|panel| &panel.curves).enumerate() {
        if panels.iter().flat_map(|panel| &panel.curves).take(number).any(|other| other.name == curve.name) {
            continue;
        }
        let class = class(panels, &curve.name);
        // Writing to a string does not fail, here and below.
        let _ = writeln!(text, "<path class=\"line {class}\" d=\"M{left} 44h28\"/>");
        mark(text, &class, left + 14.0, 44.0);
        label(text, "start", left + 36.0, 48.0, &curve.name);
        left += 60.0 + 8.0 * curve.name.chars().count() as f64;
    }
}

fn draw(text: &mut String, panel: &Panel, right: &[f64], bottom: f64) {
    let up = ticks(most(&panel.curves, |point| point.1));
    let (x_end, y_end) = (last(right), last(&up));
    let x = |value: f64| LEFT + value / x_end * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| bottom - value / y_end * (PANEL_HEIGHT - 24.0);
    label(text, "start", LEFT, y(y_end) - 10.0, &panel.title);
    for tick in &up {
        let at = y(*tick);
        let _ = writeln!(text, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{}\"/>", WIDTH - RIGHT);
        label(text, "end", LEFT - 8.0, at + 4.0, &number(*tick));
    }
    for tick in right {
        let at = x(*tick);
        let _ = writeln!(text, "<path class=\"grid\" d=\"M{at:.1} {bottom}v5\"/>");
        label(text, "middle", at, bottom + 18.0, &number(*tick));
    }
    for (at, curve) in panel.curves.iter().enumerate() {
        let class = format!("c{}", at % 4);
        let mut path = String::new();
        for (nth, point) in curve.points.iter().enumerate() {
            let step = if nth == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{step}{:.1} {:.1}", x(point.0), y(point.1));
        }
        let _ = writeln!(text, "<path class=\"line {class}\" d=\"{path}\"/>");
        for point in &curve.points {
            mark(text, &class, x(point.0), y(point.1));
        }
    }
}

/// The class of a program: that of its place in the first panel that shows it.
fn class(panels: &[Panel], name: &str) -> String {
    let place = panels.iter().find_map(|panel| panel.curves.iter().position(|curve| curve.name == name));
    format!("c{}", place.unwrap_or(0) % 4)
}

/// A circle, a square, a triangle or a diamond.
fn mark(text: &mut String, class: &str, x: f64, y: f64) {
    let shape = match class {
        "c0" => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
        "c1" => "m-4 -4h8v8h-8z",
        "c2" => "m0 -5l5 9h-10z",
        _ => "m0 -5l5 5l-5 5l-5 -5z",
    };
    let _ = writeln!(text, "<path class=\"mark {class}\" d=\"M{x:.1} {y:.1}{shape}\"/>");
}

fn label(text: &mut String, anchor: &str, x: f64, y: f64, words: &str) {
    let words = escaped(words);
    let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn most<'a>(curves: impl IntoIterator<Item = &'a Curve>, part: fn(&(f64, f64)) -> f64) -> f64 {
    curves.into_iter().flat_map(|curve| &curve.points).map(part).fold(0.0, f64::max)
}

/// From zero to at least `most`, three to ten steps of 1, 2 or 5 times a power of ten.
pub(crate) fn ticks(most: f64) -> Vec<f64> {
    let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
    let power = 10f64.powf((most / 4.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    let step = step.into_iter().rev().find(|step| most / step >= 3.0).unwrap_or(power);
    let behind = |tick: &f64| *tick < most + step * 0.999;
    (0..=10u32).map(|nth| f64::from(nth) * step).take_while(behind).collect()
}

fn last(ticks: &[f64]) -> f64 {
    ticks.last().copied().unwrap_or(1.0)
}

/// A tick's value without needless digits.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
