//! Rules for the documents: the two set-up commands, and links that lead somewhere.

use super::{File, Finding, Tree};

/// The only set-up commands there are, in this order.
const SET_UP: &[&str] = &["cargo run --release -- demo", "cargo xtask test"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    match tree.get("README.md") {
        Some(readme) => set_up(readme, &mut findings),
        None => findings.push(Finding::new("README.md", 0, "set-up", "there is no README.md")),
    }
    for file in tree.files.iter().filter(|file| file.is_markdown()) {
        links(tree, file, &mut findings);
    }
    findings
}

/// The README's section on setting up has exactly the two commands in its code blocks.
fn set_up(readme: &File, findings: &mut Vec<Finding>) {
    let mut found = Vec::new();
    let mut inside = false;
    for (line, fenced) in lines(&readme.text) {
        if !fenced && line.starts_with('#') {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            inside = ["set up", "set-up", "setup"].iter().any(|word| title.contains(word));
        } else if inside && fenced {
            let command = line.trim().trim_start_matches("$ ");
            if !command.is_empty() && !command.starts_with('#') {
                found.push(command);
            }
        }
    }
    if found != SET_UP {
        let text = format!("the set-up section has the commands {found:?}: expected {SET_UP:?}");
        findings.push(Finding::new(&readme.path, 0, "set-up", text));
    }
}

fn links(tree: &Tree, file: &File, findings: &mut Vec<Finding>) {
    for (at, (line, fenced)) in lines(&file.text).enumerate() {
        if fenced {
            continue;
        }
        for target in targets(line) {
            if let Some(text) = fault(tree, file, target) {
                findings.push(Finding::new(&file.path, at + 1, "links", text));
            }
        }
    }
}

/// The lines of a Markdown text, each with whether it stands inside a fenced code block.
fn lines(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let mut inside = false;
    text.lines().map(move |line| {
        let fence = line.trim_start().starts_with("```");
        if fence {
            inside = !inside;
        }
        // The fence itself is neither text nor code.
        (if fence { "" } else { line }, inside && !fence)
    })
}

/// The targets of `[text](target)` in a line, outside `code`.
fn targets(line: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    for (at, part) in line.split('`').enumerate() {
        // Every second part stands between ticks; a link's text may hold ticks, so a part may
        // begin with the end of a link.
        if at % 2 == 1 {
            continue;
        }
        for (start, _) in part.match_indices("](") {
            let rest = &part[start + 2..];
            if let Some(end) = rest.find(')') {
                targets.push(rest[..end].split_whitespace().next().unwrap_or_default());
            }
        }
    }
    targets
}

fn fault(tree: &Tree, file: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let full = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path)? };
    if !tree.has(&full) {
        return Some(format!("the link {target} leads to no file of the repository"));
    }
    let markdown = tree.get(&full).filter(|file| file.is_markdown())?;
    if anchor.is_empty() || headings(&markdown.text).any(|heading| heading == anchor) {
        return None;
    }
    Some(format!("the link {target} leads to no heading of {full}"))
}

/// A relative path as seen from a file, without `.` and `..`.
fn resolve(from: &str, path: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let start = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                // Out of the repository: reported as a file that is not there.
                if parts.pop().is_none() {
                    return Some(format!("{from} -> {path}"));
                }
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document's headings, as the usual renderers make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    lines(text).filter(|(line, fenced)| !fenced && line.starts_with('#')).map(|(line, _)| {
        line.trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    })
}
