//! Each rule with a tree that breaks it and one that does not.

use serde_json::json;

use super::edges::{self, Package};
use super::source::{code, code_without_tests};
use super::{File, Finding, Tree, docs, files, purity};

fn tree(files: &[(&str, &str)]) -> Tree {
    let files = files
        .iter()
        .map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() })
        .collect();
    Tree { files }
}

fn rules(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.rule).collect()
}

#[track_caller]
fn check_file(path: &str, text: &str, expected: &[&str]) {
    let findings = files::check(&tree(&[(path, text)]));
    assert_eq!(rules(&findings), expected, "{findings:?}");
}

#[test]
fn clean_file_has_no_finding() {
    check_file("crates/a/src/b.rs", "//! What it is.\nfn f() {}\n", &[]);
}

#[test]
fn file_beyond_the_size_is_found_and_tests_may_be_longer() {
    let long = format!("//! What it is.\n{}", "fn f() {}\n".repeat(600));
    check_file("crates/a/src/b.rs", &long, &["size"]);
    check_file("crates/a/src/b/tests.rs", &long, &[]);
    let longer = format!("//! What it is.\n{}", "fn f() {}\n".repeat(900));
    check_file("crates/a/src/b/tests.rs", &longer, &["size"]);
}

#[test]
fn file_without_head_is_found() {
    check_file("crates/a/src/b.rs", "fn f() {}\n", &["head"]);
    check_file("crates/a/src/b.rs", "", &["head"]);
    check_file("crates/a/src/b/tests.rs", "fn f() {}\n", &[]);
}

#[test]
fn line_beyond_the_width_is_found() {
    let text = format!("//! What it is.\n// {}\n", "x".repeat(98));
    check_file("crates/a/src/b.rs", &text, &["columns"]);
    let text = format!("//! What it is.\n// {}\n", "ü".repeat(97));
    check_file("crates/a/src/b.rs", &text, &[]);
}

#[test]
fn unfinished_work_is_found() {
    let text = format!("//! What it is.\n// {}\n", concat!("FIX", "ME: later"));
    check_file("crates/a/src/b.rs", &text, &["unfinished"]);
    let text = format!("//! What it is.\nfn f() {{ {}) }}\n", concat!("to", "do!("));
    check_file("crates/a/src/b.rs", &text, &["unfinished"]);
}

#[test]
fn mod_rs_is_found() {
    check_file("crates/a/src/b/mod.rs", "//! What it is.\n", &["module-style"]);
}

#[test]
fn unsafe_is_found_outside_its_modules_only() {
    let text = "//! What it is.\nfn f() { unsafe { g() } }\n";
    check_file("crates/a/src/b.rs", text, &["unsafe"]);
    check_file("crates/albedo-session/src/sockopt.rs", text, &[]);
    check_file("crates/albedo-session/src/sockopt/md5.rs", text, &[]);
    let words = "//! Not unsafe.\n// unsafe\nconst A: &str = \"unsafe\"; #![forbid(unsafe_code)]\n";
    check_file("crates/a/src/b.rs", words, &[]);
}

#[test]
fn path_of_one_machine_is_found() {
    let text = format!("//! What it is.\n// see {}x\n", concat!("/ho", "me/me/"));
    check_file("crates/a/src/b.rs", &text, &["machine-path"]);
    check_file("docs/a.md", &format!("in {}x\n", concat!("/t", "mp/")), &["machine-path"]);
    check_file("docs/a.md", "at https://example.org/home/page\n", &[]);
}

#[test]
fn data_beside_the_checkout_is_for_tests() {
    let text = format!("//! What it is.\nconst A: &str = \"{}/data\";\n", concat!("../sha", "red"));
    check_file("crates/a/src/b.rs", &text, &["machine-path"]);
    check_file("tests/src/b.rs", &text, &[]);
}

#[test]
fn code_is_told_from_comments_and_texts() {
    let source = "a /* b /* c */ d */ \"e\\\"f\" r#\"g\"h\"# 'i' '\\'' j<'k> // l\nm";
    let words: Vec<String> = files::words(&code(source)).map(str::to_owned).collect();
    assert_eq!(words, ["a", "j", "k", "m"]);
    assert_eq!(code(source).lines().count(), 2);
    assert_eq!(files::words(&code("let b = b'x'; let c = ('a', 'é', c);")).count(), 5 + 1);
}

#[test]
fn test_items_are_left_out_and_lines_stay() {
    let source = "a\n#[cfg(test)]\nextern crate std;\nb\n#[cfg(test)]\nmod t {\n{}\n}\nc\n";
    let code = code_without_tests(source);
    let words: Vec<&str> = files::words(&code).collect();
    assert_eq!(words, ["a", "b", "c"]);
    assert_eq!(code.lines().nth(8), Some("c"));
}

/// A workspace with the tier 0 crates and what else is asked for.
fn packages(more: &[(&str, serde_json::Value)]) -> Vec<Package> {
    let mut packages = vec![];
    for name in ["albedo-types", "albedo-wire", "albedo-fsm", "albedo-rib"] {
        if !more.iter().any(|(other, _)| *other == name) {
            packages.push(package(name, &json!([])));
        }
    }
    packages.extend(more.iter().map(|(name, dependencies)| package(name, dependencies)));
    let metadata = json!({ "workspace_root": "/r", "packages": packages });
    edges::packages(&metadata).expect("metadata of the right shape")
}

fn package(name: &str, dependencies: &serde_json::Value) -> serde_json::Value {
    let manifest = format!("/r/crates/{name}/Cargo.toml");
    json!({ "name": name, "manifest_path": manifest, "dependencies": dependencies })
}

fn dependency(name: &str) -> serde_json::Value {
    json!({ "name": name, "kind": null, "uses_default_features": false })
}

#[track_caller]
fn check_edges(name: &str, dependencies: serde_json::Value, expected: usize) {
    let findings = edges::check(&packages(&[(name, dependencies)]));
    assert_eq!(findings.len(), expected, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.path == format!("crates/{name}/Cargo.toml")));
}

#[test]
fn edge_upwards_is_found() {
    check_edges("albedo-fsm", json!([dependency("albedo-wire")]), 0);
    check_edges("albedo-wire", json!([dependency("albedo-rib")]), 1);
    let mut dev = dependency("albedo-rib");
    dev["kind"] = json!("dev");
    check_edges("albedo-wire", json!([dev]), 1);
}

#[test]
fn crate_without_a_row_is_found() {
    check_edges("albedo-new", json!([]), 1);
}

#[test]
fn fenced_crate_is_found_outside_its_users() {
    check_edges("albedo-session", json!([dependency("tokio")]), 0);
    check_edges("albedo-engine", json!([dependency("tokio")]), 1);
    check_edges(
        "albedo-engine",
        json!([dependency("dashmap"), dependency("crossbeam-channel")]),
        0,
    );
    check_edges("albedo-api", json!([dependency("dashmap"), dependency("crossbeam-channel")]), 2);
}

#[test]
fn tier_0_with_an_impure_dependency_is_found() {
    check_edges("albedo-wire", json!([dependency("thiserror"), dependency("smallvec")]), 0);
    check_edges("albedo-wire", json!([dependency("serde")]), 1);
    let mut with_defaults = dependency("thiserror");
    with_defaults["uses_default_features"] = json!(true);
    check_edges("albedo-wire", json!([with_defaults]), 1);
    let mut dev = dependency("proptest");
    dev["kind"] = json!("dev");
    check_edges("albedo-wire", json!([dev]), 0);
}

const PURE_ROOT: &str =
    "//! A.\n#![no_std]\n#![forbid(unsafe_code)]\n#[cfg(test)]\nextern crate std;\n";

fn pure_tree<'a>(wire: &'a str, more: &[(&'a str, &'a str)]) -> Tree {
    let mut files = vec![("crates/albedo-wire/src/lib.rs", wire)];
    for root in ["albedo-types", "albedo-fsm", "albedo-rib"] {
        files.push((
            match root {
                "albedo-types" => "crates/albedo-types/src/lib.rs",
                "albedo-fsm" => "crates/albedo-fsm/src/lib.rs",
                _ => "crates/albedo-rib/src/lib.rs",
            },
            PURE_ROOT,
        ));
    }
    files.extend(more);
    tree(&files)
}

#[track_caller]
fn check_purity(wire: &str, more: &[(&str, &str)], expected: usize) {
    let findings = purity::check(&pure_tree(wire, more), &packages(&[]));
    assert_eq!(findings.len(), expected, "{findings:?}");
}

#[test]
fn pure_crate_has_no_finding() {
    let tests = ("crates/albedo-wire/src/a/tests.rs", "//! T.\nuse std::vec::Vec;\n");
    check_purity(PURE_ROOT, &[tests], 0);
}

#[test]
fn tier_0_root_without_its_attributes_is_found() {
    check_purity("//! A.\n#![no_std]\n", &[], 1);
    check_purity("//! A.\n// #![no_std] #![forbid(unsafe_code)]\n", &[], 2);
}

#[test]
fn tier_0_naming_std_outside_tests_is_found() {
    check_purity(PURE_ROOT, &[("crates/albedo-wire/src/a.rs", "//! A.\nextern crate std;\n")], 1);
    check_purity(PURE_ROOT, &[("crates/albedo-wire/src/a.rs", "//! A std.\nuse core::fmt;\n")], 0);
}

#[test]
fn tier_0_crate_that_is_gone_is_found() {
    let mut packages = packages(&[]);
    packages.retain(|package| package.name != "albedo-rib");
    let findings = purity::check(&pure_tree(PURE_ROOT, &[]), &packages);
    assert_eq!(rules(&findings), ["purity"], "{findings:?}");
}

const README: &str =
    "# A\n\n## Set-up\n\n```sh\ncargo run --release -- demo\ncargo xtask test\n```\n\n## More\n";

#[track_caller]
fn check_docs(files: &[(&str, &str)], expected: &[&str]) {
    let findings = docs::check(&tree(files));
    assert_eq!(rules(&findings), expected, "{findings:?}");
}

#[test]
fn readme_with_other_set_up_commands_is_found() {
    check_docs(&[("README.md", README)], &[]);
    check_docs(&[("README.md", &README.replace("cargo xtask test", "make test"))], &["set-up"]);
    check_docs(&[("README.md", &README.replace("## More", "## Setup\n```\nls\n```"))], &["set-up"]);
    check_docs(&[], &["set-up"]);
}

#[test]
fn link_that_leads_nowhere_is_found() {
    let good = "[a](../README.md#set-up) [b](https://example.org/x) [c](.) `[d](e)` [`f`](g.md)\n";
    check_docs(&[("README.md", README), ("docs/a.md", good), ("docs/g.md", "# G\n")], &[]);
    check_docs(&[("README.md", README), ("docs/a.md", "[a](gone.md)\n")], &["links"]);
    check_docs(&[("README.md", README), ("docs/a.md", "[a](../README.md#gone)\n")], &["links"]);
    check_docs(&[("README.md", README), ("docs/a.md", "[a](../../out.md)\n")], &["links"]);
    check_docs(&[("README.md", README), ("docs/a.md", "```\n[a](gone.md)\n```\n")], &[]);
}
