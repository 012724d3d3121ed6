//! `albedo debug bundle`: what a running reflector says of itself, in one file, without secrets.

mod system;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::admin_client::{AdminArgs, Ask};
use crate::cli;

/// What to gather.
#[derive(Debug, Args)]
pub(crate) struct DebugArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write what a running reflector says of itself into one file, to send to somebody.
    ///
    /// It holds its status, peers, metrics, health and configuration, and what the machine says of
    /// the process. Passwords are left out; addresses and names of nodes are in it. What could not
    /// be had is told in it and here.
    ///
    /// Exit code 0, or 1 where nothing could be had.
    Bundle(BundleArgs),
}

#[derive(Debug, Args)]
struct BundleArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// The file, which must not be there: a tar archive, compressed by gzip.
    #[arg(long, short, value_name = "FILE", default_value = "albedo-bundle.tar.gz")]
    output: PathBuf,
    /// The configuration, if it is not where the reflector says.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What is asked, and the file that its answer goes into.
const ASKED: [(&str, &str); 8] = [
    ("/api/v1/status", "status.json"),
    ("/api/v1/peers", "peers.json"),
    ("/api/v1/calico", "calico.json"),
    ("/api/v1/drain", "drain.json"),
    ("/metrics", "metrics.txt"),
    ("/livez?verbose", "livez.txt"),
    ("/readyz?verbose", "readyz.txt"),
    ("/startupz?verbose", "startupz.txt"),
];
/// Who has no Calico cluster has no status of one.
const OPTIONAL: &str = "/api/v1/calico";

/// Files of the bundle, and what is missing in it.
#[derive(Debug, Default)]
struct Bundle {
    files: Vec<(String, String)>,
    missing: Vec<String>,
}

pub(crate) fn run(args: &DebugArgs) -> Result<ExitCode> {
    let Command::Bundle(args) = &args.command;
    let bundle = gather(args);
    if bundle.files.is_empty() {
        bail!("there is nothing to write: {}", bundle.missing.join("; "));
    }
    write(&args.output, &bundle).with_context(|| args.output.display().to_string())?;
    for line in &bundle.missing {
        cli::complain(&format!("missing: {line}"));
    }
    let files = bundle.files.len() + 1;
    cli::answer(&format!("{}: {files} files, no passwords", args.output.display()));
    Ok(ExitCode::SUCCESS)
}

fn gather(args: &BundleArgs) -> Bundle {
    let mut bundle = Bundle::default();
    let mut status = serde_json::Value::Null;
    for (path, name) in ASKED {
        match Ask::get(path).text(&args.admin.target()) {
            Ok((code, _)) if code == "404" && path == OPTIONAL => {}
            // A health check that fails is what is wanted.
            Ok((code, text)) if code == "200" || code == "503" => {
                if path == "/api/v1/status" {
                    status = serde_json::from_str(&text).unwrap_or_default();
                }
                bundle.files.push((name.to_owned(), text));
            }
            Ok((code, text)) => bundle.missing.push(format!("{path}: {code} {}", text.trim_end())),
            Err(error) => {
                bundle.missing.push(format!("{path}: {error:#}"));
                // Who does not answer once is not asked seven times more.
                break;
            }
        }
    }
    if bundle.files.is_empty() {
        return bundle;
    }
    let said = status["configFile"].as_str().map(PathBuf::from);
    if let Some(file) = args.config.clone().or(said) {
        match config(&file) {
            Ok(text) => bundle.files.push(("config.yaml".to_owned(), text)),
            Err(error) => bundle.missing.push(format!("{}: {error:#}", file.display())),
        }
    }
    let process = status["processId"].as_u64();
    bundle.files.extend(system::files(process, &mut bundle.missing));
    bundle
}

fn config(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file)?;
    let name = file.display().to_string();
    albedo_config::without_secrets(&name, &text)
        .context("it is no YAML, so that secrets cannot be told from the rest")
}

/// Writes the archive, readable by its owner only, or leaves nothing behind.
fn write(path: &Path, bundle: &Bundle) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    archive(file, bundle).inspect_err(|_| {
        // It is not of use; that it cannot be removed either is no other fault.
        let _ = fs::remove_file(path);
    })
}

fn archive(file: File, bundle: &Bundle) -> Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    let mut add = |name: &str, text: &str| -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(crate::keeper::epoch_seconds());
        header.set_cksum();
        archive.append_data(&mut header, format!("albedo-bundle/{name}"), text.as_bytes())?;
        Ok(())
    };
    for (name, text) in &bundle.files {
        add(name, text)?;
    }
    let missing: String = bundle.missing.iter().map(|line| format!("{line}\n")).collect();
    add("missing.txt", &missing)?;
    archive.into_inner()?.finish()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests;
