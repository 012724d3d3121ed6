//! Where things are: the root of the repository, its files, what cargo knows of it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The checkout that this program was built from.
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    /// The repository this program belongs to.
    pub(crate) fn here() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.ancestors().nth(2).unwrap_or(manifest);
        Self { root: root.to_path_buf() }
    }

    /// The root folder, absolute.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where unpacked peers are kept between runs: `$ALBEDO_CACHE`, or `cache/` in the checkout.
    pub(crate) fn cache(&self) -> PathBuf {
        env::var_os("ALBEDO_CACHE").map_or_else(|| self.root.join("cache"), PathBuf::from)
    }

    /// A command of the cargo that runs us, started in the root.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        command
    }

    /// The paths of all files that git tracks or would track, relative to the root.
    ///
    /// # Errors
    /// Without git, or outside a checkout.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output()
            .context("git could not be started")?;
        ensure!(output.status.success(), "git ls-files: {}", output.status);
        let text = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let mut files: Vec<String> = text
            .split('\0')
            .filter(|name| !name.is_empty() && self.root.join(name).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// What `cargo metadata` says of the workspace's own packages.
    ///
    /// # Errors
    /// When cargo fails, or prints what is no JSON.
    pub(crate) fn metadata(&self) -> Result<Value> {
        let output = self
            .cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cargo metadata could not be started")?;
        ensure!(
            output.status.success(),
            "cargo metadata: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")
    }
}

/// Whether this run must leave nothing out.
pub(crate) fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
