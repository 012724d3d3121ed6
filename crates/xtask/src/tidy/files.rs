//! Rules for single source files: size, head, forbidden words, `unsafe`, machine paths.

use super::source::{code, code_without_tests};
use super::{File, Finding, Tree};

/// The most lines of a source file, and of a file of tests.
const LINES_MAX: usize = 600;
const TEST_LINES_MAX: usize = 900;

/// The most characters of a line of Rust.
const COLUMNS_MAX: usize = 100;

/// The only places where `unsafe` may stand: each wraps system calls that no safe
/// crate offers, or gives memory back.
/// A name that ends with `/` is a folder.
const UNSAFE_ALLOWED: &[&str] = &[
    "crates/albedo/src/memory.rs",
    "crates/albedo-session/src/sockopt.rs",
    "crates/albedo-session/src/sockopt/",
    "loadtest/src/md5.rs",
    "loadtest/src/poll.rs",
];

/// What a compiler wrote, and a test compares with what it writes.
const GENERATED: &[&str] =
    &["crates/albedo-grpc/src/generated/api.rs", "crates/albedo-grpc/src/generated/apipb.rs"];

/// Words that mark unfinished work; split so that this file does not break its own rule.
const UNFINISHED: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X"), concat!("to", "do!(")];

/// Folders that exist on one person's machine only.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/t", "mp/"),
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        if !GENERATED.contains(&file.path.as_str()) {
            size(file, &mut findings);
            head(file, &mut findings);
            columns(file, &mut findings);
        }
        unfinished(file, &mut findings);
        module_style(file, &mut findings);
        unsafe_code(file, &mut findings);
    }
    for file in &tree.files {
        machine_paths(file, &mut findings);
    }
    findings
}

fn size(file: &File, findings: &mut Vec<Finding>) {
    let lines = file.text.lines().count();
    let allowed = if file.is_test() { TEST_LINES_MAX } else { LINES_MAX };
    if lines > allowed {
        let text = format!("{lines} lines: at most {allowed} are allowed");
        findings.push(Finding::new(&file.path, 0, "size", text));
    }
}

fn head(file: &File, findings: &mut Vec<Finding>) {
    // `foo/tests.rs` is what its name says, of the file beside it.
    if file.path.ends_with("/tests.rs") {
        return;
    }
    let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if !first.starts_with("//! ") {
        let text = "the file does not open with `//!` and what it is for";
        findings.push(Finding::new(&file.path, 1, "head", text));
    }
}

fn columns(file: &File, findings: &mut Vec<Finding>) {
    for (at, line) in file.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            let text = format!("{columns} characters: at most {COLUMNS_MAX} are allowed");
            findings.push(Finding::new(&file.path, at + 1, "columns", text));
        }
    }
}

fn unfinished(file: &File, findings: &mut Vec<Finding>) {
    for (at, line) in file.text.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
            let text = format!("{word} marks unfinished work");
            findings.push(Finding::new(&file.path, at + 1, "unfinished", text));
        }
    }
}

fn module_style(file: &File, findings: &mut Vec<Finding>) {
    if file.path.ends_with("/mod.rs") {
        let text = "a module is `name.rs` beside its folder `name/`";
        findings.push(Finding::new(&file.path, 0, "module-style", text));
    }
}

fn unsafe_code(file: &File, findings: &mut Vec<Finding>) {
    let allowed = UNSAFE_ALLOWED.iter().any(|place| {
        if place.ends_with('/') { file.path.starts_with(place) } else { file.path == *place }
    });
    if allowed {
        return;
    }
    for (at, line) in code(&file.text).lines().enumerate() {
        if words(line).any(|word| word == "unsafe") {
            let text = format!("`unsafe` is allowed only in {}", UNSAFE_ALLOWED.join(", "));
            findings.push(Finding::new(&file.path, at + 1, "unsafe", text));
        }
    }
}

/// No path of one machine, and of the folder beside the checkout only where tests read data.
fn machine_paths(file: &File, findings: &mut Vec<Finding>) {
    let beside = concat!("../sha", "red");
    let reads_data = file.is_test() || !file.is_rust();
    for (at, line) in file.text.lines().enumerate() {
        for path in MACHINE_PATHS.iter().filter(|path| names_path(line, path)) {
            let text = format!("{path} is a path of one machine");
            findings.push(Finding::new(&file.path, at + 1, "machine-path", text));
        }
        if !reads_data && line.contains(beside) {
            let text = format!("{beside} may be named by tests only");
            findings.push(Finding::new(&file.path, at + 1, "machine-path", text));
        }
    }
}

/// Whether `path` stands in the line as the begin of an absolute path, not inside a longer one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back().unwrap_or(' ');
        !(before.is_alphanumeric() || "._-}~/*".contains(before))
    })
}

/// The identifiers and keywords of a line of code.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The lines of a file's code outside tests, with their numbers.
pub(crate) fn product_lines(file: &File) -> Vec<(usize, String)> {
    code_without_tests(&file.text)
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.to_owned()))
        .collect()
}
