//! A cluster from files.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use albedo_discovery::calico::parse::documents;
use albedo_discovery::calico::{Change, Cluster, OBJECTS_MAX};
use anyhow::{Context, Result, bail};

use crate::cli;

/// The largest file, in octets: what some ten thousand nodes with all their fields have.
const FILE_MAX: u64 = 256 * 1024 * 1024;

/// Reads all of them. Half a cluster would give a wrong plan, so a single fault is an error.
pub(super) fn cluster(paths: &[PathBuf]) -> Result<Cluster> {
    let mut cluster = Cluster::new();
    let mut faults = Vec::new();
    for path in paths {
        for path in &expanded(path)? {
            let text = read(path).with_context(|| path.display().to_string())?;
            for read in documents(&text, &path.display().to_string()).resources {
                match read {
                    Ok((resource, warnings)) => {
                        for warning in warnings {
                            cli::complain(&warning.to_string());
                        }
                        if cluster.apply(resource) == Change::Refused {
                            bail!("{}: more than {OBJECTS_MAX} resources", path.display());
                        }
                    }
                    Err(fault) => faults.push(fault.to_string()),
                }
            }
        }
    }
    if !faults.is_empty() {
        bail!("the cluster could not be read as a whole\n{}", faults.join("\n"));
    }
    if cluster.nodes().is_empty() {
        bail!("there is no Node in the files: calicoctl get nodes -o yaml prints them");
    }
    Ok(cluster)
}

/// A file as it is; of a directory what is in it, in order, without what is in others below.
fn expanded(path: &Path) -> Result<Vec<PathBuf>> {
    if path == Path::new("-") || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| path.display().to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.with_context(|| path.display().to_string())?.path();
        let extension = file.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let known = ["yaml", "yml", "json"].iter().any(|it| extension.eq_ignore_ascii_case(it));
        if known && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let limit = FILE_MAX + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_string(&mut text)?;
    } else {
        fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
    }
    if text.len() as u64 > FILE_MAX {
        bail!("a file of more than {} MiB", FILE_MAX >> 20);
    }
    Ok(text)
}
