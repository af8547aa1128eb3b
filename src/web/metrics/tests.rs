//! The page of metrics against a strict reader of its format, against its size, and against its documentation.

use super::*;
use expect_test::expect_file;
use std::collections::{BTreeMap, BTreeSet};

/// What `docs/metrics.md` says before the table.
const INTRODUCTION: &str = include_str!("introduction.md");

/// Rules worth having: family, expression, how long, what to do.
const ALERTING: &[(&str, &str, &str, &str)] = &[
    // What no metric of the sensor can tell: that there is none.
    (
        "HeelguardGone",
        "up{job=\"heelguard\"} == 0 or absent(up{job=\"heelguard\"})",
        "2m",
        "the sensor does not answer, or nobody asks it: `systemctl status heelguard`",
    ),
    (
        "HeelguardInterfaceDown",
        "heelguard_up == 0",
        "1m",
        "the interface is down or gone: `heelguard doctor`",
    ),
    (
        "HeelguardKernelDrops",
        "rate(heelguard_interface_dropped_packets_total[5m]) > 0.01 * rate(heelguard_interface_received_packets_total[5m])",
        "5m",
        "more shards, larger rings, or a filter that leaves out what nobody needs",
    ),
    (
        "HeelguardNoTraffic",
        "rate(heelguard_packets_read_total[5m]) == 0",
        "10m",
        "nothing comes: the mirror was switched off, or points elsewhere",
    ),
    (
        "HeelguardBytesMissing",
        "rate(heelguard_bytes_missing_total[5m]) > 0.01 * rate(heelguard_bytes_delivered_total[5m])",
        "10m",
        "bytes are lost: look for drops at the mirror port, then at the kernel's",
    ),
    (
        "HeelguardMirrorTrouble",
        "heelguard_mirror_trouble == 1",
        "10m",
        "the sensor's own log says what is wrong with the mirror, and what to do",
    ),
    (
        "HeelguardAlertsLate",
        "heelguard_stage_latency_seconds{stage=\"packet_to_alert\",quantile=\"0.99\"} > 5",
        "5m",
        "alerts come late: the stage with the largest latency is the one that lags",
    ),
    (
        "HeelguardQueueFull",
        "heelguard_queue_filled > 0.8 * (heelguard_queue_room > 0)",
        "5m",
        "the stage behind this queue is the slowest",
    ),
    (
        "HeelguardFlowsEvicted",
        "rate(heelguard_flows_evicted_total[5m]) > 1",
        "10m",
        "more connections than `limits.memory_mib` has room for",
    ),
    (
        "HeelguardHandlesEvicted",
        "rate(heelguard_evicted_handles_total[5m]) > 1",
        "10m",
        "more sessions and tokens than `limits.memory_mib` has room for: later uses have no person",
    ),
    (
        "HeelguardSinkDown",
        "heelguard_sink_up == 0",
        "10m",
        "the far side does not take records; `/health/ready` says why",
    ),
    (
        "HeelguardAlertsLost",
        "increase(heelguard_sink_records_total{lane=\"alerts\",outcome=\"lost\"}[1h]) > 0",
        "0m",
        "alerts were lost",
    ),
    (
        "HeelguardAlertsWait",
        "heelguard_sink_oldest_unsent_seconds{lane=\"alerts\"} > 300",
        "1m",
        "alerts wait for longer than five minutes",
    ),
    (
        "HeelguardMemory",
        "process_resident_memory_bytes > 2e9 and on(instance, job) heelguard_build_info",
        "10m",
        "more memory than the default limits need",
    ),
    (
        "HeelguardReloadFailed",
        "heelguard_config_last_reload_ok == 0",
        "0m",
        "the configuration that was read last cannot be used; the log names the key, the one before is in force",
    ),
    (
        "HeelguardRestarts",
        "changes(process_start_time_seconds[1h]) > 2 and on(instance, job) heelguard_build_info",
        "0m",
        "the sensor does not stay up; its log says why",
    ),
];

/// A family as it was read.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    meaning: String,
    /// Names and values of labels of each series, with the suffix of a summary's parts before them.
    series: BTreeSet<(String, Vec<(String, String)>)>,
}

/// Reads a page as strictly as the format's specification allows: each family once, HELP before TYPE before series.
fn read(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut present = String::new();
    assert!(page.ends_with('\n'), "the last line ends too");
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, meaning) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && meaning.len() > 3 && !meaning.contains('\\'), "{line}");
            let new = Family { meaning: meaning.to_owned(), ..Family::default() };
            assert!(families.insert(name.to_owned(), new).is_none(), "twice: {line}");
            name.clone_into(&mut present);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(name == present && ["counter", "gauge", "summary"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            let family = families.get_mut(name).unwrap();
            assert!(family.kind.is_empty() && family.series.is_empty(), "{line}");
            kind.clone_into(&mut family.kind);
        } else {
            let family = families.get_mut(&present).unwrap();
            let (name, labels) = series(line);
            let suffix = name.strip_prefix(present.as_str()).unwrap_or_else(|| panic!("a stranger: {line}"));
            let lawful =
                suffix.is_empty() || family.kind == "summary" && ["_sum", "_count"].contains(&suffix);
            assert!(lawful && !family.kind.is_empty(), "{line}");
            assert!(family.series.insert((suffix.to_owned(), labels)), "twice: {line}");
        }
    }
    families
}

/// Takes a series apart: name and labels. Its value must be a number.
fn series(line: &str) -> (String, Vec<(String, String)>) {
    let name_len = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap();
    let (name, mut rest) = line.split_at(name_len);
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            assert!(is_name(label) && !label.contains(':'), "{line}");
            let (mut value, mut chars) = (String::new(), after.char_indices());
            let end = loop {
                match chars.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => match chars.next().unwrap().1 {
                        'n' => value.push('\n'),
                        c @ ('\\' | '"') => value.push(c),
                        c => panic!("\\{c} is no escape: {line}"),
                    },
                    (_, c) => value.push(c),
                }
            };
            labels.push((label.to_owned(), value));
            rest = &after[end + 1..];
            match rest.split_at(1) {
                (",", more) => rest = more,
                ("}", more) => break rest = more,
                _ => panic!("{line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap();
    assert!(value.parse::<f64>().is_ok() && !value.contains(' '), "{line}");
    (name.to_owned(), labels)
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Everything that can be on the page, as often as it can be there.
fn fullest() -> String {
    let mut counters = Counters::default();
    counters.mfa_outcomes.add((0..200).map(|n| (&*format!("row_{n}").leak(), 1)));
    // The lane of sightings is that of one sink at most, and counted here with none.
    let lanes = ["alerts", "transactions", "reports"];
    let sinks = (0..8).flat_map(|n| lanes.map(|lane| status(&format!("sink-{n}"), lane)));
    let interface = |n| InterfaceRow { name: format!("eth{n}"), up: true, ..InterfaceRow::default() };
    let queue = |n: usize| QueueRow { name: format!("queue_{n}").leak(), filled: 1, room: 64 };
    let stages = ["capture", "shard", "merge", "analysis", "packet_to_alert"];
    let live = LiveRows {
        interfaces: (0..16).map(interface).collect(),
        // One for each shard and each kind, were they told apart.
        queues: (0..64).map(queue).collect(),
        latencies: stages.map(|stage| LatencyRow { stage, ..LatencyRow::default() }).to_vec(),
        troubles: vec![("one_way", true), ("copies", false)],
    };
    exposition(&Exhibit {
        counters: &counters,
        sinks: &sinks.collect::<Vec<_>>(),
        live: &live,
        locks: &[("seccomp", true), ("landlock", false)],
        readings: &Readings::default(),
        process: Some(Process::default()),
    })
}

fn status(sink: &str, lane: &'static str) -> Status {
    Status {
        sink: sink.to_owned(),
        lane,
        state: State::Up,
        counters: crate::metrics::SinkCounters::default(),
        waiting: 0,
        oldest_s: 0.0,
        retries: 0,
        refused: 0,
        corrupt: 0,
        lag_p50_s: 0.001,
        lag_p99_s: 86_400.0,
        trouble: None,
    }
}

#[test]
fn the_fullest_page_is_lawful_and_small() {
    let page = fullest();
    let series: usize = read(&page).values().map(|family| family.series.len()).sum();
    assert!((500..=2_000).contains(&series), "{series} series");
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
}

#[test]
fn an_empty_sensor_has_every_name_of_the_closed_lists() {
    let (counters, live, readings) = Default::default();
    let page = exposition(&Exhibit {
        counters: &counters,
        sinks: &[],
        live: &live,
        locks: &[],
        readings: &readings,
        process: None,
    });
    let families = read(&page);
    assert_eq!(families["heelguard_anomaly_total"].series.len(), Anomaly::ALL.len());
    assert_eq!(families["heelguard_packets_dropped_total"].series.len(), DropReason::ALL.len());
    assert_eq!(families["heelguard_packets_read_total"].series.len(), 1);
    assert!(families["heelguard_up"].series.is_empty());
}

#[test]
fn names_that_operators_choose_cannot_break_the_page() {
    let name = "a\"} 1\nb{c=\"\\";
    let interfaces = vec![InterfaceRow { name: name.to_owned(), ..InterfaceRow::default() }];
    let page = exposition(&Exhibit {
        counters: &Counters::default(),
        sinks: &[status(name, "alerts")],
        live: &LiveRows { interfaces, ..LiveRows::default() },
        locks: &[],
        readings: &Readings::default(),
        process: None,
    });
    let families = read(&page);
    let named = |family: &str| families[family].series.iter().next().map(|series| series.1[0].1.clone());
    assert_eq!(named("heelguard_up").as_deref(), Some(name));
    assert_eq!(named("heelguard_sink_up").as_deref(), Some(name));
}

#[test]
fn every_metric_has_its_line_in_the_manual_and_every_rule_its_metric() {
    let families = read(&fullest());
    let mut manual = INTRODUCTION.to_owned();
    manual.push_str("\n## Metrics\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n");
    for (name, family) in &families {
        let labels =
            family.series.iter().flat_map(|(_, labels)| labels.iter().map(|(name, _)| name.as_str()));
        let labels: BTreeSet<&str> = labels.collect();
        let labels = labels.into_iter().collect::<Vec<_>>().join(", ");
        let Family { kind, meaning, .. } = family;
        let _ = writeln!(manual, "| `{name}` | {kind} | {labels} | {meaning} |");
    }
    manual.push_str("\n## Rules worth having\n\n```yaml\ngroups:\n- name: heelguard\n  rules:\n");
    for (name, expression, wait, remedy) in ALERTING {
        let unknown: Vec<&str> = words(expression).filter(|word| !families.contains_key(*word)).collect();
        assert!(unknown.is_empty(), "{unknown:?} in {expression}");
        // Every program has families called `process_…`: those of others are not meant.
        assert!(!expression.contains("process_") || expression.ends_with("heelguard_build_info"), "{name}");
        let _ = write!(
            manual,
            "  - alert: {name}\n    expr: {expression}\n    for: {wait}\n    annotations:\n      summary: \"{remedy}\"\n"
        );
    }
    manual.push_str("```\n");
    expect_file!["../../../docs/metrics.md"].assert_eq(&manual);
}

/// The names of metrics in an expression.
fn words(expression: &str) -> impl Iterator<Item = &str> {
    let all = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    all.filter(|word| word.starts_with("heelguard_") || word.starts_with("process_"))
}
