//! The manifests: what the pods may, what they name, and what validators of their kind say.
//! It reads the files of `deploy/k8s` as text.
//! It promises one capability, no root, nothing that is named and not there.

use super::tools::{KUBECTL, KUBERNETES_VALIDATE};
use super::{files, page_port, root, text, values};

const PODS: [&str; 2] = ["deploy/k8s/base/daemonset.yaml", "deploy/k8s/sidecar/sensor.yaml"];

#[test]
fn pods_may_listen_and_nothing_else() {
    for path in PODS {
        let manifest = text(path);
        for wanted in [
            "runAsNonRoot: true",
            "runAsUser: 65532",
            "readOnlyRootFilesystem: true",
            "type: RuntimeDefault",
            "drop: [ALL]",
            "add: [NET_RAW]",
            "privileged: false",
            "memory: ",
        ] {
            assert!(manifest.contains(wanted), "{path}: {wanted}");
        }
        assert_eq!(values(&manifest, "add: ").len(), 1, "{path}");
        for forbidden in ["hostPID", "hostIPC", "NET_ADMIN", "SYS_ADMIN", "privileged: true"] {
            assert!(!manifest.contains(forbidden), "{path}: {forbidden}");
        }
    }
    assert!(text(PODS[0]).contains("automountServiceAccountToken: false"));
}

#[test]
fn versions_and_ports_are_those_of_the_program() {
    let image = format!("heelguard:{}", env!("CARGO_PKG_VERSION"));
    for path in PODS {
        assert_eq!(values(&text(path), "image: "), [image.as_str()], "{path}");
    }
    let port = format!("port: {}", page_port());
    let probes =
        text(PODS[0]).lines().filter(|line| line.contains("httpGet") && line.contains(&port)).count();
    assert_eq!(probes, 2, "liveness and readiness ask {port}");
}

#[test]
fn what_a_kustomization_names_is_there() {
    let mut named = 0;
    for path in files("deploy/k8s").iter().filter(|path| path.ends_with("kustomization.yaml")) {
        let folder = path.parent().unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let words = lines.flat_map(|line| line.split([' ', '[', ']', ',']));
        for file in
            words.filter(|name| name.ends_with(".yaml") || name.ends_with(".toml") || name.starts_with(".."))
        {
            assert!(folder.join(file).exists(), "{}: {file}", path.display());
            named += 1;
        }
    }
    assert!(named >= 8, "only {named} names: the check has gone blind");
}

#[test]
fn kubernetes_knows_every_field() {
    let base: Vec<String> = files("deploy/k8s/base")
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "yaml") && !path.ends_with("kustomization.yaml"))
        .map(|path| path.strip_prefix(root()).unwrap().display().to_string())
        .collect();
    let arguments: Vec<&str> = ["--strict"].into_iter().chain(base.iter().map(String::as_str)).collect();
    KUBERNETES_VALIDATE.is_content_with(&arguments);
}

#[test]
fn kustomize_puts_them_together() {
    for folder in ["deploy/k8s/base", "deploy/k8s/example"] {
        let Some(output) = KUBECTL.ask(&["kustomize", folder]) else { return };
        assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
        let built = std::env::temp_dir().join(format!("heelguard-{}.yaml", folder.replace('/', "-")));
        std::fs::write(&built, output.stdout).unwrap();
        KUBERNETES_VALIDATE.is_content_with(&["--strict", built.to_str().unwrap()]);
        std::fs::remove_file(built).unwrap();
    }
}
