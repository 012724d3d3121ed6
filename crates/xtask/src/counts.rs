//! `cargo xtask counts`: instructions of the data path's workloads, against what was recorded.
//!
//! Time on a shared machine says little about a change of a few in a hundred; instructions do.
//! Each workload (`benches/src/work.rs`) runs once under callgrind, which counts within one
//! function of it.
//!
//! What would make the count differ between machines is held still: hash seeds and inputs are
//! constants, the allocator is the one that is linked in, the program has no environment but what
//! is set here, and the C library is told to copy memory as any x86-64 can.
//! What cannot be held still, compiler above all, stands beside the numbers and is shown where
//! it differs.

mod compare;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::repo::Repo;
use crate::run::{run as run_command, say};
use compare::{Counts, Record, Setting};

/// Where the recorded numbers are, relative to the root.
const FILE: &str = "benches/counts.json";
/// The cargo profile of what is counted.
const PROFILE: &str = "counts";
/// The function that is counted, in `benches/src/bin/counts.rs`.
const MEASURED: &str = "*measured_step*";
/// Features of processors that the C library's memory functions would make use of, and sizes of
/// caches: callgrind passes both on from the machine it runs on.
const GLIBC_TUNABLES: &str = concat!(
    "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-BMI1,-BMI2,-LZCNT,-MOVBE",
    ",-SSSE3,-SSE4_1,-SSE4_2",
    ":glibc.cpu.x86_data_cache_size=0x8000",
    ":glibc.cpu.x86_shared_cache_size=0x100000",
    ":glibc.cpu.x86_non_temporal_threshold=0xc0000",
    ":glibc.cpu.x86_rep_movsb_threshold=0x800",
    ":glibc.cpu.x86_rep_stosb_threshold=0x800",
);
/// The machines whose numbers are recorded.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Why counts cannot be taken here; `None` if they can.
pub(crate) fn obstacle() -> Option<String> {
    let here = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    if !cfg!(target_os = "linux") || here != TARGET {
        return Some(format!("they are recorded for {TARGET} only"));
    }
    let valgrind = valgrind_version();
    valgrind
        .is_none()
        .then(|| "valgrind is not installed (Debian: apt-get install valgrind)".into())
}

/// Where valgrind is: what it runs gets no search path.
fn valgrind() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join("valgrind"));
    programs.find(|program| program.is_file()).context("valgrind is in no folder of PATH")
}

fn valgrind_version() -> Option<String> {
    let output = Command::new(valgrind().ok()?).arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Counts all workloads, and compares them with the recorded numbers or, with `record`, writes
/// those anew.
///
/// # Errors
/// When they cannot be counted, when one is worse than recorded by more than the tolerance, and
/// when the workloads are not the recorded ones.
pub(crate) fn run(repo: &Repo, record: bool) -> Result<()> {
    if let Some(obstacle) = obstacle() {
        bail!("instructions cannot be counted: {obstacle}");
    }
    let now = Record { setting: setting(repo)?, counts: count(repo)? };
    let path = repo.root().join(FILE);
    let before = read(&path)?;
    if record {
        fs::write(&path, now.to_json()?).with_context(|| format!("{}", path.display()))?;
    }
    let Some(before) = before else {
        ensure!(record, "{FILE} is not there: `cargo xtask counts --record` writes it");
        say(&format!("xtask: counts: {FILE} written"));
        return Ok(());
    };
    let report = compare::compare(&before, &now);
    for line in &report.lines {
        say(line);
    }
    if record {
        say(&format!("xtask: counts: {FILE} written"));
        return Ok(());
    }
    if report.failures.is_empty() {
        return Ok(());
    }
    bail!("{}", report.failures.join("; "))
}

fn read(path: &Path) -> Result<Option<Record>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    Record::from_json(&text).with_context(|| format!("{}", path.display())).map(Some)
}

/// What the numbers depend on beside the code.
fn setting(repo: &Repo) -> Result<Setting> {
    let version = |program: &str, argument: &str| -> Result<String> {
        let output = Command::new(program)
            .arg(argument)
            .current_dir(repo.root())
            .output()
            .with_context(|| format!("{program} {argument}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    };
    Ok(Setting {
        rustc: version("rustc", "--version")?,
        target: TARGET.to_owned(),
        features: "x86-64 without extensions, in the C library too".to_owned(),
        allocator: format!("mimalloc {}, nothing given back", locked(repo, "mimalloc")?),
        libc: version("getconf", "GNU_LIBC_VERSION")?,
        valgrind: valgrind_version().unwrap_or_default(),
    })
}

/// The version of a package in Cargo.lock.
fn locked(repo: &Repo, package: &str) -> Result<String> {
    let path = repo.root().join("Cargo.lock");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let name = format!("name = \"{package}\"");
    let mut lines = text.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next().and_then(|line| line.strip_prefix("version = "));
    let version = version.with_context(|| format!("Cargo.lock names no {package}"))?;
    Ok(version.trim_matches('"').to_owned())
}

/// Builds the program and counts every workload it has.
fn count(repo: &Repo) -> Result<Counts> {
    let program = build(repo)?;
    let list = Command::new(&program).arg("--list").output().context("counts --list")?;
    ensure!(list.status.success(), "counts --list: {}", list.status);
    let list = String::from_utf8(list.stdout).context("counts --list is not UTF-8")?;
    let names: Vec<&str> = list.lines().collect();
    let folder = program.with_file_name("callgrind");
    fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from).min(names.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let counted = count_one(&program, &folder, name);
                    if let Ok(mut done) = done.lock() {
                        done.push(counted.map(|count| ((*name).to_owned(), count)));
                    }
                }
            });
        }
    });
    let done = done.into_inner().ok().context("a thread panicked")?;
    let counts = done.into_iter().collect::<Result<Counts>>()?;
    ensure!(counts.len() == names.len(), "{} of {} were counted", counts.len(), names.len());
    Ok(counts)
}

/// Builds the program without what only the side-by-side runs need; where it is.
fn build(repo: &Repo) -> Result<PathBuf> {
    let mut command = repo.cargo();
    command.args(["build", "--profile", PROFILE, "--locked", "--package", "albedo-benches"]);
    command.args(["--no-default-features", "--bin", "counts"]);
    // One's own flags would change what is counted.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
        command.env_remove(name);
    }
    run_command(&mut command)?;
    let metadata = repo.metadata()?;
    let target = metadata["target_directory"].as_str().context("cargo metadata names no target")?;
    Ok(Path::new(target).join(PROFILE).join("counts"))
}

fn count_one(program: &Path, folder: &Path, name: &str) -> Result<u64> {
    let file = folder.join(name.replace('/', "-"));
    // Path and environment lie on the program's stack, and how that is aligned decides a little of
    // how its memory is copied.
    let own = program.parent().context("a program lies in a folder")?;
    let output = Command::new(valgrind()?)
        .current_dir(own)
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={MEASURED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg("./counts")
        .arg(name)
        .env_clear()
        .env("GLIBC_TUNABLES", GLIBC_TUNABLES)
        // When memory is given back to the system is a matter of time, which no count is.
        .env("MIMALLOC_PURGE_DELAY", "-1")
        .stdin(Stdio::null())
        .output()
        .context("valgrind could not be started")?;
    ensure!(
        output.status.success(),
        "valgrind {name}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let text = fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let count = compare::total(&text).with_context(|| format!("{}", file.display()))?;
    ensure!(count > 0, "{name}: nothing was counted: the program has no function {MEASURED}");
    Ok(count)
}
