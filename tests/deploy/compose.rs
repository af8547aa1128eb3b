//! The composed demonstration: its services, what they may, and whether their ports and files are each other's.
//! It reads `deploy/compose.yaml` as text, one block a service.
//! It promises that no container is root or privileged, that nothing is published beyond loopback, and that images stay
//! what they were.

use super::tools::{COMPOSE_GO, DOCKER};
use super::{page_port, root, text, values};

const COMPOSE: &str = "deploy/compose.yaml";

/// Whether an image is named by tag and digest.
pub(super) fn is_pinned(image: &str) -> bool {
    let Some((name, digest)) = image.split_once("@sha256:") else { return false };
    name.contains(':') && digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Names and lines of the services.
fn services(file: &str) -> Vec<(&str, &str)> {
    let start = file.find("\nservices:\n").expect("services") + "\nservices:\n".len();
    let end = file[start..].find("\nvolumes:\n").expect("volumes behind them") + start;
    let mut found: Vec<(&str, usize)> = Vec::new();
    let mut at = start;
    for line in file[start..end].split_inclusive('\n') {
        let is_name =
            line.starts_with("  ") && !line[2..].starts_with([' ', '#']) && line.trim_end().ends_with(':');
        if is_name {
            found.push((line.trim().trim_end_matches(':'), at));
        }
        at += line.len();
    }
    let ends = found.iter().skip(1).map(|(_, at)| *at).chain([end]);
    found.iter().zip(ends).map(|((name, at), end)| (*name, &file[*at..end])).collect()
}

#[test]
fn every_container_is_somebody_without_rights() {
    let file = text(COMPOSE);
    let services = services(&file);
    assert!(services.len() >= 8, "only {} services: the check has gone blind", services.len());
    let common = &file[..file.find("\nservices:").unwrap()];
    assert!(common.contains("cap_drop: [ALL]") && common.contains("no-new-privileges:true"), "{common}");
    for (name, block) in services {
        assert!(block.contains("<<: *service"), "{name} does not begin with what all have");
        let user = values(block, "user: ");
        let (who, _) =
            user.first().and_then(|user| user.split_once(':')).unwrap_or_else(|| panic!("{name}: user"));
        assert!(who.parse::<u32>().is_ok_and(|who| who > 0), "{name} runs as {who}");
        for forbidden in ["privileged:", "pid:", "devices:", "network_mode: host", "docker.sock"] {
            assert!(!block.contains(forbidden), "{name}: {forbidden}");
        }
        let capabilities = values(block, "cap_add: ");
        if name == "sensor" {
            assert_eq!(capabilities, ["[NET_RAW]"]);
        } else {
            assert!(capabilities.is_empty() && !block.contains("security_opt"), "{name}: {capabilities:?}");
        }
        let image = values(block, "image: ");
        assert!(block.contains("build: ") || is_pinned(image[0]), "{name}: {image:?}");
    }
}

#[test]
fn nothing_is_published_beyond_this_machine() {
    for (name, block) in services(&text(COMPOSE)) {
        for ports in values(block, "ports: ") {
            assert!(ports.starts_with("[\"127.0.0.1:"), "{name}: {ports}");
        }
    }
}

#[test]
fn what_is_mounted_is_there() {
    let file = text(COMPOSE);
    let mounts: Vec<&str> = file
        .lines()
        .flat_map(|line| line.split(['"', ' ']))
        .filter(|word| word.starts_with("./") || word.starts_with("../"))
        .filter_map(|word| Some(word.split_once(':')?.0))
        .collect();
    assert!(mounts.len() > 8, "{mounts:?}");
    for path in mounts {
        assert!(root().join("deploy").join(path).exists(), "{path} is mounted, and not there");
    }
}

#[test]
fn ports_and_names_agree() {
    let file = text(COMPOSE);
    let port = page_port();
    let sensor = text("deploy/compose/heelguard.toml");
    let prometheus = text("deploy/prometheus/prometheus.yaml");
    let sources = text("deploy/grafana/datasources.yaml");
    assert!(file.contains("serve, \"8080\"") && file.contains("http://api:8080"), "where the API listens");
    assert!(sensor.contains("tcp port 8080"), "the sensor looks at the API's port");
    assert!(file.contains(&format!("127.0.0.1:{port}:9471")), "the page is published");
    assert!(file.contains(&format!("forward, \"9471\", \"127.0.0.1:{port}\"")), "and handed on");
    assert!(prometheus.contains(&format!("127.0.0.1:{port}")), "Prometheus reads the sensor's metrics");
    assert!(sources.contains("url: http://api:9090"), "Grafana finds Prometheus in the API's network");
    assert!(
        sensor.contains("http://clickhouse:8123") && sources.contains("host: clickhouse"),
        "one database"
    );
    for (user, path) in [("heelguard", "deploy/compose.yaml"), ("grafana", "deploy/clickhouse/reader.sql")] {
        assert!(text(path).contains(user), "{path} makes the user {user}");
    }
    for key in ["KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka:9092", "GF_PLUGINS_PREINSTALL_SYNC"] {
        assert!(file.contains(key), "{key}");
    }
    assert!(sensor.contains("brokers = \"kafka:9092\""), "where the broker says that it is");
}

#[test]
fn grafana_finds_boards_and_sources() {
    let file = text(COMPOSE);
    let home = values(&file, "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: ")[0];
    let board = home.strip_prefix("/etc/grafana/dashboards/").expect("one of the boards that are mounted");
    assert!(root().join("dashboards").join(board).exists(), "{board} is the first that people see");
    assert_eq!(values(&text("deploy/grafana/dashboards.yaml"), "path: "), ["/etc/grafana/dashboards"]);
    let sources = text("deploy/grafana/datasources.yaml");
    for name in ["HEELGUARD_CLICKHOUSE_UID: ", "HEELGUARD_PROMETHEUS_UID: "] {
        let uid = values(&file, name)[0];
        assert!(values(&sources, "uid: ").contains(&uid), "{uid} is no source of deploy/grafana");
    }
}

#[test]
fn alerting_rules_are_those_of_the_documentation() {
    let page = text("docs/metrics.md");
    let start = page.find("```yaml\n").expect("a block of rules") + "```yaml\n".len();
    let rules = page[start..].split("```").next().unwrap();
    let head = "# Alerting rules worth having, written from docs/metrics.md: UPDATE_EXPECT=1 cargo test --test deploy\n";
    let scraped = text("deploy/prometheus/prometheus.yaml");
    assert!(scraped.contains("job_name: heelguard\n"), "the job that the first rule asks for");
    for line in rules.lines().filter(|line| line.contains("alert: ")) {
        assert!(line.starts_with("  - alert: Heelguard"), "{line} may be another program's");
    }
    expect_test::expect_file!["../../deploy/prometheus/rules.yaml"].assert_eq(&format!("{head}{rules}"));
}

#[test]
fn docker_compose_understands_every_line() {
    // Without its plugin, docker answers that it does not know the word: then the library that the plugin is made of.
    match DOCKER.ask(&["compose", "version"]) {
        Some(version) if version.status.success() => {
            DOCKER.is_content_with(&["compose", "-f", COMPOSE, "config", "--quiet"]);
        }
        _ => COMPOSE_GO.is_content_with(&[COMPOSE]),
    }
}

#[test]
fn a_pin_is_a_tag_with_a_digest() {
    let digest = "0".repeat(64);
    assert!(is_pinned(&format!("python:3.13.7@sha256:{digest}")));
    for loose in
        ["python", "python:3.13.7", "python:latest", "python:3@sha256:0", &format!("python@sha256:{digest}")]
    {
        assert!(!is_pinned(loose), "{loose}");
    }
}
