//! The recording of the demo that the README shows: each line where and when it came.
//!
//! A text is hidden until its time and there afterwards, so who shows no movement shows all of it.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::repo::Repo;
use crate::run;

/// Where it is.
const FILE: &str = "docs/img/demo.svg";

/// What is typed.
const PROMPT: &str = "$ cargo run --release -- demo";

/// Octets that a README's picture may have.
const BYTES_MAX: usize = 200_000;

/// Pixels of a character and of a line, in a font of 14 pixels.
const ADVANCE: f64 = 8.43;
const LEADING: usize = 21;
const MARGIN: usize = 18;

/// Pixels of the bar on top.
const BAR: usize = 34;

/// Plays the demo and draws what it says.
///
/// # Errors
/// When it fails, or the file cannot be written.
pub(crate) fn run(repo: &Repo) -> Result<()> {
    let program = match env::var_os("ALBEDO_BIN") {
        Some(program) => PathBuf::from(program),
        None => {
            run::run(repo.cargo().args(["build", "--release", "-p", "albedo"]))?;
            repo.root().join("target/release/albedo")
        }
    };
    let lines = Mutex::new(Vec::new());
    let started = Instant::now();
    let mut command = Command::new(program);
    run::run_watched(command.current_dir(repo.root()).arg("demo"), |line| {
        let mut lines = lines.lock().expect("no panic while held");
        lines.push((started.elapsed(), line.to_owned()));
    })?;
    let lines = lines.into_inner().expect("no panic while held");
    let picture = draw(&lines);
    ensure!(picture.len() <= BYTES_MAX, "{} octets: at most {BYTES_MAX}", picture.len());
    let file = repo.root().join(FILE);
    fs::write(&file, picture).with_context(|| file.display().to_string())
}

fn draw(lines: &[(Duration, String)]) -> String {
    let widest = lines.iter().map(|(_, line)| line.chars().count()).max().unwrap_or(0);
    let columns = widest.max(PROMPT.len());
    let width = (columns as f64 * ADVANCE).ceil() as usize + 2 * MARGIN;
    let height = BAR + (lines.len() + 1) * LEADING + MARGIN;
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"A terminal in which the demo plays\">\n\
         <style>\n\
         text {{ font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; \
         fill: #d7dde5; white-space: pre }}\n\
         .ok {{ fill: #7ee2a8 }}\n.typed {{ fill: #8ab4f8 }}\n\
         @keyframes hidden {{ from, to {{ opacity: 0 }} }}\n\
         @media (prefers-reduced-motion: reduce) {{ text {{ animation: none !important }} }}\n\
         </style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#12161c\"/>\n\
         <circle cx=\"20\" cy=\"17\" r=\"6\" fill=\"#ff5f57\"/>\n\
         <circle cx=\"40\" cy=\"17\" r=\"6\" fill=\"#febc2e\"/>\n\
         <circle cx=\"60\" cy=\"17\" r=\"6\" fill=\"#28c840\"/>\n"
    );
    let mut text = |n: usize, at: Option<Duration>, class: &str, line: &str| {
        let y = BAR + (n + 1) * LEADING - 6;
        let style = at.map_or_else(String::new, |at| {
            format!(" style=\"animation: hidden {:.2}s\"", at.as_secs_f64())
        });
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let line = escaped(line);
        let _ = writeln!(out, "<text x=\"{MARGIN}\" y=\"{y}\"{class}{style}>{line}</text>");
    };
    text(0, None, "typed", PROMPT);
    for (n, (at, line)) in lines.iter().enumerate() {
        let class = if line.trim_start().starts_with("ok ") { "ok" } else { "" };
        text(n + 1, Some(*at), class, line);
    }
    out.push_str("</svg>\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
