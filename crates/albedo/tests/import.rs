//! `albedo import bird`: every configuration of `tests/bird` against ours beside it (`.yaml`) and
//! what was left out (`.txt`).
//!
//! The first line of each says which BIRD it is for; the black-box tests show that one takes it.
//! `ALBEDO_BLESS=1 cargo test -p albedo --test import` writes them anew; read the difference.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bird")
}

/// Runs it in the folder of the files, so that no name of a machine is in what it tells.
fn import(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_albedo"))
        .args(["import", "bird"])
        .args(arguments)
        .current_dir(folder())
        .output()
        .unwrap()
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap()
}

/// Whether the program itself takes a configuration.
fn check(config: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("albedo.yaml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_albedo"));
    command.args(["check", "--config"]).arg(&file).env_clear().output().unwrap()
}

fn same(found: &str, path: &Path) {
    if std::env::var_os("ALBEDO_BLESS").is_some() {
        fs::write(path, found).unwrap();
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, wanted, "{}", path.display());
}

#[test]
fn files_alone_are_birds() {
    let file = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.extension().is_some_and(|it| it == "conf")).min().unwrap();
    let name = file.file_name().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_albedo"));
    let alone = command.arg("import").arg(name).current_dir(folder()).output().unwrap();
    let named = import(&[name.to_str().unwrap()]);
    assert!(!alone.stdout.is_empty());
    assert_eq!((alone.stdout, alone.stderr), (named.stdout, named.stderr));
    let nothing = Command::new(env!("CARGO_BIN_EXE_albedo")).arg("import").output().unwrap();
    assert_eq!(nothing.status.code(), Some(2), "{}", text(nothing.stderr));
}

#[test]
fn imports_are_as_written_down() {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "conf")).collect();
    assert!(files.len() >= 10, "{files:?}");
    for path in files {
        let output = import(&[path.file_name().unwrap().to_str().unwrap()]);
        let (config, left_out) = (text(output.stdout), text(output.stderr));
        let code = if left_out.is_empty() { 0 } else { 3 };
        assert_eq!(output.status.code(), Some(code), "{}: {left_out}", path.display());
        same(&config, &path.with_extension("yaml"));
        same(&left_out, &path.with_extension("txt"));
        assert!(check(&config).status.success(), "{config}");
    }
}

#[test]
fn fifty_stanzas_are_one_group() {
    let output = import(&["fifty_stanzas.conf"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let checked = text(check(&text(output.stdout)).stdout);
    assert!(checked.contains("group clients: client, 0 ranges, 50 peers"), "{checked}");
}

#[test]
fn several_files_are_one_reflector() {
    let output = import(&["no_router_id.conf", "six.conf"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let config = text(output.stdout);
    assert!(config.contains("listen: [\"0.0.0.0:179\", \"[::]:179\"]"), "{config}");
    assert!(check(&config).status.success(), "{config}");
}

#[test]
fn passwords_go_into_files_and_nowhere_else() {
    let kept = tempfile::tempdir().unwrap();
    let keys = kept.path().join("keys");
    let arguments = ["passwords.conf", "--passwords", keys.to_str().unwrap()];
    let output = import(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let config = text(output.stdout);
    for (file, key) in [("bird-1.key", "node secret # 1"), ("bird-2.key", "mate secret")] {
        let file = keys.join(file);
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{key}\n"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(config.contains(&format!("passwordFile: {file:?}")), "{config}");
        assert!(!config.contains(key), "{config}");
    }
    assert!(check(&config).status.success(), "{config}");
    // Once more is no harm, and a file with something else stays as it is.
    assert_eq!(import(&arguments).status.code(), Some(0));
    fs::write(keys.join("bird-2.key"), "another\n").unwrap();
    let output = import(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(!text(output.stderr).contains("secret"));
    assert_eq!(fs::read_to_string(keys.join("bird-2.key")).unwrap(), "another\n");
    let without = import(&["passwords.conf"]);
    assert_eq!(without.status.code(), Some(3));
    assert!(!text(without.stdout).contains("secret") && !text(without.stderr).contains("secret"));
}

#[test]
fn what_is_no_configuration_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bird.conf");
    for (config, told) in [
        ("router id 1.2.3.4;\nprotocol bgp {\n", "bird.conf:2: a { without its }"),
        ("router id 1.2.3.4\n", "bird.conf:1: a statement without its end"),
        ("\n}\n", "bird.conf:2: a } without its {"),
        ("protocol bgp a { local as 1 }", "bird.conf:1: a statement without its ;"),
        ("/* never\nended", "bird.conf:1: a comment without an end"),
        ("log \"x\ny\";", "bird.conf:1: a text without its second quote"),
        ("include \"other.conf\";", "included from"),
        ("include \"bird.conf\";", "more than 32 files that include each other"),
        (&"a {".repeat(40), "more than 32 blocks in each other"),
    ] {
        fs::write(&file, config).unwrap();
        let output = import(&[file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{config}: {output:?}");
        let stderr = text(output.stderr);
        assert!(stderr.contains(told) && output.stdout.is_empty(), "{config}: {stderr}");
    }
    assert_eq!(import(&["nowhere.conf"]).status.code(), Some(1));
}
