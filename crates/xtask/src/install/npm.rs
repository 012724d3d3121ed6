//! Packages of npm that judge the dashboards: Grafana's types, and the compiler that reads them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::run;

/// Name and version.
const PACKAGES: [(&str, &str); 2] = [("typescript", "5.9.3"), ("@grafana/schema", "13.2.3")];

/// Installs what is not there in this version; none of it runs anything of its own.
///
/// # Errors
/// When npm cannot get it.
pub(super) fn ensure(cache: &Path) -> Result<()> {
    let folder = cache.join("npm");
    if is_there(&folder) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
    npm.args(PACKAGES.map(|(name, version)| format!("{name}@{version}")));
    run::run(&mut npm)?;
    ensure!(is_there(&folder), "npm install left something else in {}", folder.display());
    Ok(())
}

fn is_there(folder: &Path) -> bool {
    PACKAGES.iter().all(|(name, version)| {
        let file = folder.join("node_modules").join(name).join("package.json");
        let version = format!("\"version\": \"{version}\"");
        fs::read_to_string(file).is_ok_and(|text| text.contains(&version))
    })
}
