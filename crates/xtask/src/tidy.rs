//! `cargo xtask tidy`: the rules of this repository that no other tool checks.
//!
//! Each rule is a function from the tree to findings, so a rule is tested with a tree of a few
//! lines that breaks it.

mod docs;
mod edges;
mod files;
mod purity;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::repo::Repo;
use crate::run::say;

/// One file of the repository, as text.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// Whether the file holds nothing but tests: `tests.rs`, or anything below a `tests/`.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "tests.rs" || self.path.starts_with("tests/") || self.path.contains("/tests/")
    }
}

/// All text files of the repository.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
}

impl Tree {
    fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is such a file, or a folder with files in it.
    fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// From 1; 0 is the file as a whole.
    line: usize,
    rule: &'static str,
    text: String,
}

impl Finding {
    fn new(path: &str, line: usize, rule: &'static str, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {} [{}]", self.path, self.text, self.rule),
            line => write!(f, "{}:{line}: {} [{}]", self.path, self.text, self.rule),
        }
    }
}

/// Checks every rule and prints what breaks one.
///
/// # Errors
/// When anything does.
pub(crate) fn run(repo: &Repo) -> Result<()> {
    let tree = read(repo)?;
    let packages = edges::packages(&repo.metadata()?)?;
    let mut findings = files::check(&tree);
    findings.extend(purity::check(&tree, &packages));
    findings.extend(edges::check(&packages));
    findings.extend(docs::check(&tree));
    for finding in &findings {
        say(&finding.to_string());
    }
    if findings.is_empty() {
        say(&format!("tidy: {} files, nothing to say", tree.files.len()));
        return Ok(());
    }
    bail!("tidy: {} findings", findings.len())
}

fn read(repo: &Repo) -> Result<Tree> {
    let mut files = Vec::new();
    for path in repo.files()? {
        let bytes = fs::read(repo.root().join(&path)).with_context(|| path.clone())?;
        // What is not UTF-8 is data; it counts as a file that a link may name, without text.
        let text = String::from_utf8(bytes).unwrap_or_default();
        files.push(File { path, text });
    }
    Ok(Tree { files })
}
