//! Where the programs are that the scenarios start, and what they need of the machine.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The folder of the whole repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program of an unpacked Debian package, such as `("bird2", "usr/sbin/bird")`.
///
/// # Errors
/// When it has not been unpacked yet.
pub fn peer_program(package: &str, program: &str) -> Result<PathBuf> {
    let path = peer_folder(package).join(program);
    ensure!(path.is_file(), "{} is not there: run `cargo xtask install`", path.display());
    Ok(path)
}

/// Where a Debian package is unpacked.
#[must_use]
pub fn peer_folder(package: &str) -> PathBuf {
    let cache = env::var_os("ALBEDO_CACHE");
    let cache = cache.map_or_else(|| repository().join("cache"), PathBuf::from);
    cache.join("peers").join(package)
}

/// Where packages of npm are installed; `None` where they are not, which is told.
///
/// # Panics
/// When they are not there and skipping is not allowed (`CI=true`).
#[must_use]
pub fn npm_folder(packages: &[&str]) -> Option<PathBuf> {
    let cache = env::var_os("ALBEDO_CACHE");
    let cache = cache.map_or_else(|| repository().join("cache"), PathBuf::from);
    let folder = cache.join("npm");
    let is_there = |package: &&str| folder.join("node_modules").join(package).is_dir();
    if packages.iter().all(is_there) {
        return Some(folder);
    }
    let obstacle =
        format!("{packages:?} are not in {}: run `cargo xtask install`", folder.display());
    assert!(!must_run(), "{obstacle}");
    eprintln!("SKIPPED: {obstacle}");
    None
}

/// The program under test: `$ALBEDO_BIN`, or what was built beside this test.
///
/// # Errors
/// When there is none, with the command that builds it.
pub fn albedo() -> Result<PathBuf> {
    if let Some(path) = env::var_os("ALBEDO_BIN").map(PathBuf::from) {
        ensure!(path.is_file(), "ALBEDO_BIN={} is not there", path.display());
        return Ok(path);
    }
    // target/<profile>/deps/<this test>: the program lies two folders up, or in another profile.
    let test = env::current_exe().context("where this test is")?;
    let profile = test.ancestors().nth(2).context("this test lies in no target folder")?;
    let target = profile.parent().context("this test lies in no target folder")?;
    let folders = [profile.to_path_buf(), target.join("release"), target.join("debug")];
    folders
        .iter()
        .map(|folder| folder.join("albedo"))
        .find(|path| path.is_file())
        .with_context(|| format!("no albedo in {folders:?}: run `cargo build -p albedo`"))
}

/// A file of the recordings that lie beside the repository.
///
/// # Errors
/// When it is not there.
pub fn recording(name: &str) -> Result<PathBuf> {
    let path = repository().join("../shared/data").join(name);
    ensure!(path.is_file(), "the recording {} is not there", path.display());
    Ok(path)
}

/// Why scenarios cannot run here, if they cannot; some need more programs than all do.
#[must_use]
pub fn obstacle(more: &[(&str, &str)]) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces need root".to_owned());
    }
    let needed = [
        ("bird", "usr/sbin/bird"),
        ("bird2", "usr/sbin/bird"),
        ("frr", "usr/lib/frr/bgpd"),
        ("gobgpd", "usr/bin/gobgpd"),
    ];
    needed
        .iter()
        .chain(more)
        .find_map(|(package, program)| peer_program(package, program).err())
        .map(|error| error.to_string())
}

/// Whether a program that is installed in the ordinary way is there; if not, that is told.
///
/// # Panics
/// When it is not there and skipping is not allowed (`CI=true`).
#[must_use]
pub fn installed(program: &str) -> bool {
    let is_there = Path::new(program).is_file();
    if !is_there {
        assert!(!must_run(), "{program} is not there: run `cargo xtask install`");
        eprintln!("SKIPPED: {program} is not there: run `cargo xtask install`");
    }
    is_there
}

/// Whether a scenario that cannot run is a failure: in CI, or when `xtask test` promised to run
/// it.
#[must_use]
pub fn must_run() -> bool {
    let set = |name: &str| env::var(name).is_ok_and(|value| value == "true" || value == "1");
    set("CI") || set("ALBEDO_TESTS_REQUIRED")
}
