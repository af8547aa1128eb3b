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
fn secrets_are_for_the_sensor_alone() {
    for path in PODS {
        let manifest = text(path);
        // To the group of the pod's files; 0400 would be root's, which the sensor is not.
        assert_eq!(values(&manifest, "defaultMode: "), ["0440"], "{path}");
        assert_eq!(values(&manifest, "fsGroup: "), values(&manifest, "runAsGroup: "), "{path}");
    }
    // Whoever shares a loopback with the sensor must not see what it knows.
    let folder = "/run/secrets/heelguard/";
    let config = text("deploy/k8s/sidecar/heelguard.toml");
    let token =
        values(&config, "token_file = ")[0].strip_prefix(folder).expect("a file of the Secret").to_owned();
    assert!(text(PODS[1]).contains("mountPath: /run/secrets/heelguard, readOnly: true"));
    for path in ["docs/containers.md", "deploy/k8s/sidecar/kustomization.yaml"] {
        assert!(text(path).contains(&format!("--from-file={token}")), "{path}: who makes {token}?");
    }
}

#[test]
fn the_example_is_set_up_in_an_order_that_works() {
    let steps = [
        "base/namespace.yaml",
        "kubectl label node",
        "install -d -o 65532",
        "fingerprint.key",
        "-n heelguard create secret",
        "kubectl apply -k",
    ];
    for path in ["docs/containers.md", "deploy/k8s/example/kustomization.yaml"] {
        let file = text(path);
        let mut rest = file.as_str();
        for step in steps {
            rest =
                rest.split_once(step).unwrap_or_else(|| panic!("{path}: {step} comes too early, or not")).1;
        }
    }
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
