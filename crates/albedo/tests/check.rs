//! `albedo check` and what is around it, as a shell sees them.

use std::path::Path;
use std::process::{Command, Output};

fn albedo(args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_albedo"))
        .args(args)
        .env_clear()
        .envs(env.iter().copied())
        .output()
        .expect("the program was built for this test")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/minimal.yaml");
    path.display().to_string()
}

#[test]
fn a_good_file_is_summed_up_with_exit_code_0() {
    let output = albedo(&["check", "--config", &example()], &[]);
    assert_eq!(output.status.code(), Some(0));
    let expected = format!(
        "{}: good\n  AS 64512, router id 10.0.0.1, cluster id 10.0.0.1\n  \
         listens on 10.0.0.1:179\n  \
         group nodes: client, 1 ranges, 1 peers, hold time 90 s\n",
        example()
    );
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn every_file_under_deploy_is_good() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let mut seen = 0;
    let entries = ["", "systemd"].map(|folder| std::fs::read_dir(deploy.join(folder)));
    for entry in entries.into_iter().flat_map(|entries| entries.expect("the folder is there")) {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let output = albedo(&["check", "--config", &path.display().to_string()], &[]);
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            seen += 1;
        }
    }
    assert!(seen >= 3, "minimal.yaml, loopback.yaml and systemd/albedo.yaml at least");
}

#[test]
fn every_fault_is_told_with_exit_code_1_by_check_and_by_run() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../albedo-config/tests/bad/everything-at-once.yaml")
        .display()
        .to_string();
    for command in ["check", "run"] {
        let output = albedo(&[command, "--config", &file], &[]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let told = text(&output.stderr);
        assert!(told.ends_with("12 faults\n"), "{command}: {told}");
        assert!(told.contains("everything-at-once.yaml:9:15: peerGroups[0].holdTime:"), "{told}");
        assert_eq!(text(&output.stdout), "", "{command}");
    }
}

#[test]
fn the_environment_names_the_file_and_its_faults_are_told() {
    let file = example();
    let good = albedo(&["check"], &[("ALBEDO_CONFIG", &file), ("ALBEDO_ROUTER_ID", "10.0.0.7")]);
    assert_eq!(good.status.code(), Some(0));
    assert!(text(&good.stdout).contains("router id 10.0.0.7"), "{}", text(&good.stdout));
    let bad = albedo(&["check"], &[("ALBEDO_CONFIG", &file), ("ALBEDO_SHARDS", "none")]);
    assert_eq!(bad.status.code(), Some(1));
    let expected = "environment: ALBEDO_SHARDS: found `none`, expected a number from 1 to 64\n\
                    1 fault\n";
    assert_eq!(text(&bad.stderr), expected);
}

#[test]
fn what_cannot_be_understood_has_exit_code_2() {
    for args in [&["check"][..], &["chek"], &["run", "--confg", "x"], &[]] {
        assert_eq!(albedo(args, &[]).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn version_and_completions_answer() {
    let version = albedo(&["--version"], &[]);
    assert_eq!(text(&version.stdout), format!("albedo {}\n", env!("CARGO_PKG_VERSION")));
    let script = albedo(&["completions", "bash"], &[]);
    assert_eq!(script.status.code(), Some(0));
    assert!(text(&script.stdout).contains("_albedo()"));
}

#[test]
fn u9_policies_are_summed_up_as_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policies.yaml");
    let text = "asNumber: 64512
routerId: 10.0.0.1
peerGroups:
  - name: nodes
    importPolicy:
      default: reject
      rules:
        - {prefixes: [10.0.0.0/8], action: accept}
        - {prefixes: [11.0.0.0/8], action: accept}
peers:
  - {address: 10.0.0.2, group: nodes}
  - {address: 10.0.0.3, group: nodes, exportPolicy: {rules: [{peer: external, action: reject}]}}
";
    std::fs::write(&file, text).unwrap();
    let output = albedo(&["check", "--config", file.to_str().unwrap()], &[]);
    let told = self::text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for line in [
        "  group nodes: import policy of 2 rules, 1 to be asked, then reject\n",
        "  peer 10.0.0.3: export policy of 1 rules, 1 to be asked, then accept\n",
    ] {
        assert!(told.contains(line), "{line}{told}");
    }
    assert!(!told.contains("peer 10.0.0.2"), "{told}");
}
