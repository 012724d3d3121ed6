//! Who takes part, where each program is and how it is started. How each is set, and why, stands
//! in `benches/rivals`: everybody gets the settings that make it fastest while it still does the
//! job.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde::Serialize;

use crate::config;
use crate::cores;
use crate::namespace::Namespace;
use crate::scenario::Scenario;

/// A daemon, or what stands for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Contestant {
    /// Ours.
    Albedo,
    /// BIRD 1.6, as Calico has it.
    Bird,
    /// BIRD 2.
    Bird2,
    /// FRR's bgpd.
    Frr,
    /// GoBGP.
    Gobgp,
    /// OpenBGPD.
    Openbgpd,
    /// The relay without BGP logic.
    Floor,
}

/// Where programs are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Folder of Albedo's and the load generator's programs.
    pub(crate) own: PathBuf,
    /// Folder that `cargo xtask install` fills.
    pub(crate) cache: PathBuf,
    /// Albedo's shards, where not its default.
    pub(crate) shards: Option<u32>,
}

impl Programs {
    /// The load generator.
    pub(crate) fn load_generator(&self) -> PathBuf {
        self.own.join("albedo-loadtest")
    }
}

/// Where a daemon runs.
pub(crate) struct Place<'a> {
    /// Its network.
    pub(crate) namespace: &'a Namespace,
    /// Its files.
    pub(crate) folder: &'a Path,
    /// Its processors; empty where it may use all.
    pub(crate) processors: &'a [usize],
}

impl Contestant {
    /// Everybody, in the order in which they play.
    pub(crate) const ALL: [Self; 7] = [
        Self::Albedo,
        Self::Bird,
        Self::Bird2,
        Self::Frr,
        Self::Gobgp,
        Self::Openbgpd,
        Self::Floor,
    ];

    /// The name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Albedo => "Albedo",
            Self::Bird => "BIRD 1.6",
            Self::Bird2 => "BIRD 2",
            Self::Frr => "FRR",
            Self::Gobgp => "GoBGP",
            Self::Openbgpd => "OpenBGPD",
            Self::Floor => "floor",
        }
    }

    /// Whether it is somebody else's daemon.
    pub(crate) const fn is_rival(self) -> bool {
        !matches!(self, Self::Albedo | Self::Floor)
    }

    /// Its program.
    pub(crate) fn program(self, programs: &Programs) -> PathBuf {
        let peers = programs.cache.join("peers");
        match self {
            Self::Albedo => programs.own.join("albedo"),
            Self::Bird => peers.join("bird/usr/sbin/bird"),
            Self::Bird2 => peers.join("bird2/usr/sbin/bird"),
            Self::Frr => peers.join("frr/usr/lib/frr/bgpd"),
            Self::Gobgp => peers.join("gobgpd/usr/bin/gobgpd"),
            Self::Openbgpd => peers.join("openbgpd/usr/sbin/bgpd"),
            Self::Floor => programs.load_generator(),
        }
    }

    /// What the load generator has to be told about it.
    pub(crate) const fn load_arguments(self) -> &'static [&'static str] {
        match self {
            // It adds a MULTI_EXIT_DISC of 0 to routes that have none.
            Self::Frr => &["--zero-med-is-absent"],
            Self::Floor => &["--verbatim"],
            _ => &[],
        }
    }

    /// What its program calls its own version.
    pub(crate) fn version(self, programs: &Programs) -> Result<String> {
        let program = fs::canonicalize(self.program(programs))?;
        let mut command = Command::new(program);
        command.arg(if self == Self::Openbgpd { "-V" } else { "--version" });
        self.set_environment(programs, &mut command)?;
        let output = command.stdin(Stdio::null()).output()?;
        let text = [output.stdout, output.stderr].concat();
        let version = version_in(&String::from_utf8_lossy(&text));
        version.with_context(|| format!("{} does not tell its version", self.name()))
    }

    /// What starts it, for a scenario.
    pub(crate) fn command(
        self,
        programs: &Programs,
        place: &Place<'_>,
        scenario: &Scenario,
    ) -> Result<Command> {
        let folder = place.folder;
        let file = folder.join("config");
        write_secret(
            &file,
            &config::text(self, scenario.sessions, programs.shards, scenario.restarts, folder),
        )?;
        let mut words = Vec::new();
        if self == Self::Openbgpd {
            words.extend(with_own_users(folder)?);
        }
        if !place.processors.is_empty() {
            words.extend(cores::prefix(place.processors));
        }
        let program = fs::canonicalize(self.program(programs))?;
        let mut command = place.namespace.command(&words, &program);
        self.set_environment(programs, &mut command)?;
        match self {
            Self::Albedo => {
                command.arg("run").arg("--config").arg(&file);
            }
            Self::Bird | Self::Bird2 => {
                command.arg("-f").arg("-c").arg(&file);
                command.arg("-s").arg(folder.join("socket")).arg("-P").arg(folder.join("pid"));
            }
            Self::Frr => {
                command.args(["-Z", "-n", "-S", "-P", "0", "-l", "10.0.0.1", "-f"]).arg(&file);
                command.arg("-i").arg(folder.join("pid")).arg("--vty_socket").arg(folder);
            }
            Self::Gobgp => {
                command.arg("-f").arg(&file).args(["--pprof-disable", "--log-level", "error"]);
                let socket = format!("unix://{}", folder.join("socket").display());
                command.arg("--api-hosts").arg(socket);
            }
            Self::Openbgpd => {
                command.arg("-d").arg("-f").arg(&file);
            }
            Self::Floor => {
                command.args(["floor", "--listen", "10.0.0.1:179"]);
            }
        }
        Ok(command)
    }

    /// A script that starts it once more.
    pub(crate) fn again(self, command: &Command, folder: &Path) -> Result<PathBuf> {
        let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
        let mut script = String::from("exec env");
        for (name, value) in command.get_envs() {
            let _ =
                write!(script, " {}={}", name.to_string_lossy(), quoted(value.unwrap_or_default()));
        }
        for word in std::iter::once(command.get_program()).chain(command.get_args()) {
            let _ = write!(script, " {}", quoted(word));
        }
        if matches!(self, Self::Bird | Self::Bird2) {
            // It is told that this is no first start; else it tells half a table, and its end.
            script.push_str(" -R");
        }
        script.push('\n');
        let path = folder.join("again");
        fs::write(&path, script).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn set_environment(self, programs: &Programs, command: &mut Command) -> Result<()> {
        if self == Self::Frr {
            let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
            let libraries = programs.cache.join("peers/frr/usr/lib").join(triplet).join("frr");
            command.env("LD_LIBRARY_PATH", fs::canonicalize(libraries)?);
        }
        Ok(())
    }
}

/// Writes a file that nobody else may read: OpenBGPD insists.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = options.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// OpenBGPD changes to a user of its own, in that user's home folder, and the machine need not
/// have that user. What is returned starts a program that sees other lists of users and groups;
/// its mounts are its own, since `ip netns exec` gives each program a mount namespace.
fn with_own_users(folder: &Path) -> Result<Vec<String>> {
    /// The user and group id of nobody in Debian.
    const NOBODY: u32 = 65534;
    let home = folder.join("empty");
    fs::create_dir(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let (users, groups) = (folder.join("passwd"), folder.join("group"));
    let home = home.display();
    let lines =
        format!("root:x:0:0::/:/bin/sh\n_openbgpd:x:{NOBODY}:{NOBODY}::{home}:/bin/false\n");
    fs::write(&users, lines).with_context(|| format!("cannot write {}", users.display()))?;
    fs::write(&groups, format!("root:x:0:\n_openbgpd:x:{NOBODY}:\n"))
        .with_context(|| format!("cannot write {}", groups.display()))?;
    let script = r#"mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 &&
        exec "$@""#;
    let words = ["sh", "-c", script, "sh"].map(str::to_owned);
    let paths = [users, groups].map(|path| path.display().to_string());
    Ok([&words[..], &paths[..]].concat())
}

/// The version in what a program says of itself: the first word that begins with a digit.
fn version_in(text: &str) -> Option<String> {
    let is_version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    text.split_ascii_whitespace().find(is_version).map(|word| word.trim_end_matches(',').to_owned())
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        let said = [
            ("albedo 0.1.0\n", "0.1.0"),
            ("BIRD version 1.6.8\n", "1.6.8"),
            ("bgpd version 8.4.4\nCopyright 1996-2005", "8.4.4"),
            ("gobgpd version 3.10.0", "3.10.0"),
            ("OpenBGPD 7.7", "7.7"),
        ];
        for (text, version) in said {
            assert_eq!(version_in(text).as_deref(), Some(version), "{text}");
        }
        assert_eq!(version_in("no such file"), None);
    }
}
