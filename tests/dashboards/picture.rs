//! A sheet for each board with the data of its panels, drawn plainly: for looking at what a board tells without Grafana.
//! It is given the answers of the demonstration's day and leaves HTML files in the folder of `HEELGUARD_PICTURES`.
//! It promises the panels' sizes, titles, units and colors; not Grafana's looks.

use super::engine::Answer;
use super::source::{Column, Kind, Panel, Source, Step};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const ROWS: usize = 14;
const STYLE: &str = "body{font:13px sans-serif;background:#111217;color:#ccccdc;margin:12px}
.board{display:grid;grid-template-columns:repeat(24,1fr);grid-auto-rows:34px;grid-auto-flow:row;gap:8px}
.panel{background:#181b1f;border:1px solid #2c3235;padding:6px;overflow:hidden}
h2{font-size:13px;margin:0 0 4px}.big{font-size:30px;text-align:center;margin:8px}
table{border-collapse:collapse;width:100%;font-size:11px}td,th{padding:2px 6px;text-align:left;white-space:nowrap;
overflow:hidden;text-overflow:ellipsis;max-width:260px;border-bottom:1px solid #2c3235}svg{width:100%;height:75%}
.key{font-size:11px}.soft{color:#8e8e9e}.bar{background:#3274d9;height:9px;display:inline-block}";

/// Draws them all.
pub fn boards(folder: &Path, source: &Source, answers: &BTreeMap<String, Answer>) {
    std::fs::create_dir_all(folder).unwrap();
    for board in &source.boards {
        let mut html =
            format!("<!doctype html><meta charset=utf-8><title>{0}</title>", escaped(&board.title));
        write!(html, "<style>{STYLE}</style><h1>{}</h1><div class=board>", escaped(&board.title)).unwrap();
        for panel in &board.panels {
            let [width, height] = panel.size;
            write!(html, "<div class=panel style='grid-column:span {width};grid-row:span {height}'>")
                .unwrap();
            write!(html, "<h2>{}</h2>", escaped(&panel.title)).unwrap();
            html.push_str(&match answers.get(&format!("{}/{}", board.name, panel.title)) {
                Some(answer) => content(source, panel, answer),
                None => asked_of_prometheus(panel),
            });
            html.push_str("</div>");
        }
        std::fs::write(folder.join(format!("{}.html", board.name)), html + "</div>\n").unwrap();
    }
}

fn asked_of_prometheus(panel: &Panel) -> String {
    panel.promql.iter().fold(String::new(), |html, asked| {
        html + &format!("<p class='key soft'>{}: {}</p>", escaped(&asked.legend), escaped(&asked.expr))
    })
}

fn content(source: &Source, panel: &Panel, answer: &Answer) -> String {
    let (unit, steps) = (panel.unit.as_deref(), &panel.steps);
    match (panel.kind, answer.rows.first()) {
        (_, None) => "<p class=soft>No data</p>".to_owned(),
        (Kind::Stat | Kind::Words, Some(row)) => {
            let color = number(&row[0]).map_or("inherit", |value| step(steps, value));
            format!("<p class=big style='color:{color}'>{}</p>", shown(&row[0], unit, panel.decimals))
        }
        (Kind::Ranking | Kind::Pie, _) => {
            let most = answer.rows.iter().filter_map(|row| number(&row[1])).fold(1e-9, f64::max);
            answer.rows.iter().take(ROWS).fold(String::new(), |html, row| {
                let width = 50.0 * number(&row[1]).unwrap_or_default() / most;
                let words = [shown(&row[0], None, None), shown(&row[1], unit, panel.decimals)];
                html + &format!(
                    "<div class=key><i class=bar style='width:{width:.1}%'></i> {} {}</div>",
                    words[0], words[1]
                )
            })
        }
        (Kind::Bars | Kind::Lines, _) => lines(panel, answer),
        (Kind::Table, _) => table(source, panel, answer),
    }
}

/// Each number column, or each name of the legend's column, as a line over time.
fn lines(panel: &Panel, answer: &Answer) -> String {
    let mut places: Vec<&str> = answer.rows.iter().filter_map(|row| row[0].as_str()).collect();
    places.dedup();
    let legend = answer.columns.iter().position(|column| Some(&column.name) == panel.legend.as_ref());
    let mut series: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for row in &answer.rows {
        let at = places.iter().position(|time| Some(*time) == row[0].as_str()).unwrap();
        let numbers = (1..row.len()).filter(|index| Some(*index) != legend);
        for index in numbers {
            let name = legend.and_then(|legend| row[legend].as_str()).unwrap_or(&answer.columns[index].name);
            series.entry(name).or_default().push((at, number(&row[index]).unwrap_or_default()));
        }
    }
    let mut heights = vec![0.0_f64; places.len()];
    for &(at, value) in series.values().flatten() {
        heights[at] = if panel.kind == Kind::Bars { heights[at] + value } else { heights[at].max(value) };
    }
    let most = heights.iter().copied().fold(1e-9, f64::max);
    let mut html = "<svg viewBox='0 0 1000 300' preserveAspectRatio=none>".to_owned();
    let (mut keys, mut below) = (String::new(), vec![0.0; places.len()]);
    for (index, (name, points)) in series.iter().enumerate() {
        let own = format!("hsl({},60%,55%)", index * 67 % 360);
        let color = panel.colors.get(*name).unwrap_or(&own);
        for &(at, value) in points {
            let part = 1_000.0 / places.len() as f64;
            let (x, height) = (at as f64 * part, 290.0 * value / most);
            let y = 300.0 - height - below[at];
            if panel.kind == Kind::Bars {
                below[at] += height;
            }
            let width = 0.9 * part;
            let place = format!("x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{height:.1}'");
            write!(html, "<rect {place} fill='{color}' fill-opacity='.7'/>").unwrap();
        }
        write!(keys, "<span style='color:{color}'>■</span> {} ", escaped(name)).unwrap();
    }
    let ends = [places.first(), places.last()].map(|time| time.copied().unwrap_or_default());
    let top = shown(&Value::from(most), panel.unit.as_deref(), panel.decimals);
    html + &format!("</svg><div class=key>{} – {}, up to {top}: {keys}</div>", ends[0], ends[1])
}

fn table(source: &Source, panel: &Panel, answer: &Answer) -> String {
    let look = |name: &str| -> Column {
        let of_panel = panel.columns.get(name).or_else(|| source.common.columns.get(name));
        of_panel.cloned().unwrap_or_default()
    };
    let columns: Vec<(usize, &str, Column)> = answer
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| (index, column.name.as_str(), look(&column.name)))
        .filter(|(_, _, look)| !look.hidden)
        .collect();
    let mut html = "<table><tr>".to_owned();
    for (_, name, _) in &columns {
        write!(html, "<th>{}</th>", escaped(name)).unwrap();
    }
    for row in answer.rows.iter().take(ROWS) {
        html.push_str("<tr>");
        for (index, _, look) in &columns {
            let value = &row[*index];
            let by_text = value.as_str().and_then(|text| look.colors.get(text)).map(String::as_str);
            let by_step =
                number(value).filter(|_| !look.steps.is_empty()).map(|value| step(&look.steps, value));
            let color = by_text.or(by_step).unwrap_or("inherit");
            write!(
                html,
                "<td style='color:{color}'>{}</td>",
                shown(value, look.unit.as_deref(), look.decimals)
            )
            .unwrap();
        }
    }
    let more = answer.rows.len().saturating_sub(ROWS);
    html + &format!("</table><p class='key soft'>{more} more rows</p>")
}

fn step(steps: &[Step], value: f64) -> &str {
    let reached = steps.iter().rfind(|step| step.at.is_none_or(|at| value >= at));
    reached.map_or("inherit", |step| step.color.as_str())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A value as Grafana would write it, for the units that the boards use.
fn shown(value: &Value, unit: Option<&str>, decimals: Option<u32>) -> String {
    let places = decimals.map_or(2, |decimals| decimals as usize);
    let text = match (value, unit, number(value)) {
        (Value::Null, ..) => "–".to_owned(),
        (_, Some("percentunit"), Some(share)) => format!("{:.places$} %", share * 100.0),
        (_, Some("s"), Some(seconds)) => format!("{seconds:.places$} s"),
        (_, Some(unit), Some(number)) => format!("{number:.places$} {unit}"),
        (_, None, Some(number)) if decimals.is_some() => format!("{number:.places$}"),
        (Value::Number(number), None, _) => number.to_string(),
        (Value::String(text), ..) => text.clone(),
        (other, ..) => other.to_string(),
    };
    escaped(&text)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}
