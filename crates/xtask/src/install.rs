//! The real peers: BIRD 1.6, BIRD 2, FRR, GoBGP and OpenBGPD from Debian's packages, and etcd.
//!
//! Some of these packages exclude each other, and none of them should start a service here, so
//! they are downloaded and unpacked into a cache folder instead of being installed.
//! Only the shared libraries they need, and tools such as `ip`, `valgrind`, `npm` and `chromium`,
//! are installed.

#[cfg(test)]
mod tests;

mod npm;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::repo::Repo;
use crate::run::{self, say};

/// A package that is unpacked, and the programs in it that the tests start.
struct Unpacked {
    package: &'static str,
    programs: &'static [&'static str],
}

const UNPACKED: &[Unpacked] = &[
    Unpacked {
        package: "bird",
        programs: &["usr/sbin/bird", "usr/sbin/birdc", "usr/sbin/bird6", "usr/sbin/birdc6"],
    },
    Unpacked { package: "bird2", programs: &["usr/sbin/bird", "usr/sbin/birdc"] },
    Unpacked { package: "frr", programs: &["usr/lib/frr/bgpd", "usr/bin/vtysh"] },
    Unpacked { package: "gobgpd", programs: &["usr/bin/gobgpd", "usr/bin/gobgp"] },
    // Only raced against.
    Unpacked { package: "openbgpd", programs: &["usr/sbin/bgpd"] },
    // No peer: it reads what is said on BIRD's control socket.
    Unpacked {
        package: "prometheus-bird-exporter",
        programs: &["usr/bin/prometheus-bird-exporter"],
    },
    // No peers: what a datastore of Calico is tested with.
    Unpacked { package: "etcd-server", programs: &["usr/bin/etcd"] },
    Unpacked { package: "etcd-client", programs: &["usr/bin/etcdctl"] },
    // No peer: it scrapes, and its promtool judges metrics and rules.
    Unpacked { package: "prometheus", programs: &["usr/bin/promtool", "usr/bin/prometheus"] },
];

/// What is installed in the ordinary way, and a file by which it is known to be there.
/// A file name without a folder is looked for in Debian's library folder of this machine.
const INSTALLED: &[(&str, &str)] = &[
    ("iproute2", "/sbin/ip"),
    ("libreadline8", "libreadline.so.8"),
    ("libtinfo6", "libtinfo.so.6"),
    ("libssh-gcrypt-4", "libssh-gcrypt.so.4"),
    ("libc-ares2", "libcares.so.2"),
    ("libcap2", "libcap.so.2"),
    ("libjson-c5", "libjson-c.so.5"),
    ("libpam0g", "libpam.so.0"),
    ("libyang2", "libyang.so.2"),
    // No peer either: it makes the keys of a datastore's tokens.
    ("openssl", "/usr/bin/openssl"),
    // Nor this: it counts instructions.
    ("valgrind", "/bin/valgrind"),
    // Nor these: they read the dashboards with Grafana's types.
    ("nodejs", "/usr/bin/node"),
    ("npm", "/usr/bin/npm"),
    // Nor these: they look at the status page.
    ("chromium", "/usr/bin/chromium"),
    ("chromium-driver", "/usr/bin/chromedriver"),
];

/// Where a package manager asks whether it may start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Whether the tests against real peers can run.
pub(crate) enum Peers {
    /// Everything is there.
    Ready,
    /// They cannot, for this reason.
    Missing(String),
}

/// `cargo xtask install`: as [`ensure`], but what cannot be had is an error.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn run(repo: &Repo) -> Result<()> {
    match ensure(repo)? {
        Peers::Ready => {
            say(&format!("xtask: the real peers are in {}", repo.cache().display()));
            Ok(())
        }
        Peers::Missing(why) => anyhow::bail!(why),
    }
}

/// Installs what the tests against real peers lack, as far as the user may.
///
/// # Errors
/// When the user is root and a package cannot be had.
pub(crate) fn ensure(repo: &Repo) -> Result<Peers> {
    if !is_root() {
        return Ok(Peers::Missing(
            "network namespaces and raw BGP ports need root; run as root to include them".into(),
        ));
    }
    let cache = repo.cache();
    let libraries = missing_libraries();
    let unpacked: Vec<&Unpacked> =
        UNPACKED.iter().filter(|wanted| !is_unpacked(&cache, wanted)).collect();
    if !libraries.is_empty() || !unpacked.is_empty() {
        if !Path::new("/usr/bin/apt-get").exists() {
            return Ok(Peers::Missing(format!(
                "no apt-get here, and these Debian packages are missing: {}",
                names(&libraries, &unpacked)
            )));
        }
        run_apt(&["update", "-qq"])?;
    }
    if !libraries.is_empty() {
        let _policy = NoServices::new()?;
        let mut arguments = vec!["install", "-qq", "-y", "--no-install-recommends"];
        arguments.extend(&libraries);
        run_apt(&arguments)?;
    }
    for wanted in unpacked {
        unpack(&cache, wanted)?;
    }
    npm::ensure(&cache)?;
    if let Err(why) = namespaces_work() {
        return Ok(Peers::Missing(format!("network namespaces cannot be made: {why:#}")));
    }
    Ok(Peers::Ready)
}

fn names(libraries: &[&str], unpacked: &[&Unpacked]) -> String {
    let packages = unpacked.iter().map(|wanted| wanted.package);
    libraries.iter().copied().chain(packages).collect::<Vec<_>>().join(" ")
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn missing_libraries() -> Vec<&'static str> {
    INSTALLED
        .iter()
        .filter(|(_, file)| !candidates(file).iter().any(|path| path.exists()))
        .map(|(package, _)| *package)
        .collect()
}

fn candidates(file: &str) -> Vec<PathBuf> {
    if let Some(below_root) = file.strip_prefix('/') {
        return vec![PathBuf::from(file), Path::new("/usr").join(below_root)];
    }
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["/usr/lib", "/lib"].iter().map(|folder| Path::new(folder).join(&triplet).join(file)).collect()
}

fn is_unpacked(cache: &Path, wanted: &Unpacked) -> bool {
    let folder = cache.join("peers").join(wanted.package);
    wanted.programs.iter().all(|program| folder.join(program).is_file())
}

fn unpack(cache: &Path, wanted: &Unpacked) -> Result<()> {
    let downloads = cache.join("downloads").join(wanted.package);
    if downloads.exists() {
        fs::remove_dir_all(&downloads).with_context(|| format!("{}", downloads.display()))?;
    }
    fs::create_dir_all(&downloads).with_context(|| format!("{}", downloads.display()))?;
    let mut download = apt();
    download.args(["download", "-qq", wanted.package]).current_dir(&downloads);
    run_command(&mut download)?;
    let archive = fs::read_dir(&downloads)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .with_context(|| format!("apt-get download {} left no archive", wanted.package))?;
    let folder = cache.join("peers").join(wanted.package);
    fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    run_command(Command::new("dpkg").arg("-x").arg(&archive).arg(&folder))?;
    ensure!(is_unpacked(cache, wanted), "{} lacks {:?}", wanted.package, wanted.programs);
    Ok(())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    // The cache folder may lie where apt's own user cannot write.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "APT::Sandbox::User=root"]);
    command
}

fn run_apt(arguments: &[&str]) -> Result<()> {
    run_command(apt().args(arguments))
}

fn run_command(command: &mut Command) -> Result<()> {
    run::run(command)
}

/// While this lives, Debian's package scripts start no service.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn new() -> Result<Self> {
        // A policy that is already there belongs to the machine, and is left as it is.
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").context(POLICY)?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).context(POLICY)?;
        Ok(Self { ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

/// Makes a namespace and removes it: a container may be root and still not be allowed to.
fn namespaces_work() -> Result<()> {
    let name = format!("albedo-probe-{}", std::process::id());
    for verb in ["add", "delete"] {
        let output = Command::new("ip").args(["netns", verb, &name]).output().context("ip")?;
        ensure!(
            output.status.success(),
            "ip netns {verb}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
