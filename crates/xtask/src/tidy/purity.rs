//! Tier 0 is pure: no clock, no threads, no input or output, checked rather than promised.
//!
//! The crate roots say `no_std`, so the compiler keeps the environment out; this rule keeps
//! anybody from letting it in again outside tests.

use super::edges::{Package, TIER_0};
use super::files::{product_lines, words};
use super::source::code;
use super::{Finding, Tree};

/// What the root file of a tier 0 crate must say.
const ROOT_ATTRIBUTES: &[&str] = &["#![no_std]", "#![forbid(unsafe_code)]"];

pub(crate) fn check(tree: &Tree, packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in TIER_0 {
        let Some(package) = packages.iter().find(|package| package.name == *name) else {
            let text = format!("the tier 0 crate {name} is not in the workspace");
            findings.push(Finding::new("Cargo.toml", 0, "purity", text));
            continue;
        };
        root(tree, package, &mut findings);
        let source = format!("{}/src/", package.folder);
        for file in tree.rust().filter(|file| file.path.starts_with(&source) && !file.is_test()) {
            for (line, code) in product_lines(file) {
                if words(&code).any(|word| word == "std") {
                    let text = format!("{name} is tier 0 and names std outside tests");
                    findings.push(Finding::new(&file.path, line, "purity", text));
                }
            }
        }
    }
    findings
}

fn root(tree: &Tree, package: &Package, findings: &mut Vec<Finding>) {
    let path = format!("{}/src/lib.rs", package.folder);
    let Some(file) = tree.get(&path) else {
        let text = format!("{} is tier 0 and has no such file", package.name);
        findings.push(Finding::new(&path, 0, "purity", text));
        return;
    };
    let code = code(&file.text);
    for attribute in ROOT_ATTRIBUTES {
        if !code.lines().any(|line| line.trim() == *attribute) {
            let text = format!("{} is tier 0 and does not say {attribute}", package.name);
            findings.push(Finding::new(&path, 0, "purity", text));
        }
    }
}
