//! Running other programs, and telling what is going on.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// Prints one line for the person who watches.
pub(crate) fn say(line: &str) {
    // A closed standard output must not turn a passed check into a failed one.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// The command line as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or("?").to_owned();
    command.get_args().fold(program, |mut line, arg| {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
        line
    })
}

/// Runs a command to its end with our own output streams.
///
/// # Errors
/// When it cannot be started or ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    say(&format!("$ {line}"));
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{line}: start"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}

/// Runs a command to its end, passing on every line it prints and handing each to `see` too.
///
/// # Errors
/// When it cannot be started or ends with anything but success.
pub(crate) fn run_watched(command: &mut Command, see: impl Fn(&str) + Send + Sync) -> Result<()> {
    let line = shown(command);
    say(&format!("$ {line}"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{line}: start"))?;
    let stdout = child.stdout.take().context("no standard output")?;
    let stderr = child.stderr.take().context("no standard error")?;
    thread::scope(|scope| {
        scope.spawn(|| pass_on(stdout, &see));
        scope.spawn(|| pass_on(stderr, &see));
    });
    let status = child.wait().with_context(|| format!("{line}: wait"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}

fn pass_on(stream: impl io::Read, see: &(impl Fn(&str) + Sync)) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    // Read as bytes: a test may print what is not UTF-8, and must not stall on a full pipe.
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        say(text);
        see(text);
        bytes.clear();
    }
}
