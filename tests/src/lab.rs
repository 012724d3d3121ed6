//! A topology in network namespaces: one for each daemon, one for the bridge between them.
//!
//! Every daemon has port 179, a kernel table and connected next hops of its own, as on a node.
//! The test's own speakers live in the bridge's namespace, each with its own address.

use std::env;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, Socket, Type};
use tempfile::TempDir;

use crate::net::Family;
use crate::process::output;
use crate::tools;

/// The AS that every speaker of every topology is in.
pub const ASN: u32 = 64512;

/// How long a connection may take on a bridge inside one machine.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How much of each daemon's log is shown when a test fails.
const LOG_LINES_SHOWN: usize = 40;

static LABS: AtomicU32 = AtomicU32::new(0);

/// One topology.
#[derive(Debug)]
pub struct Lab {
    /// What all its namespaces' names start with; unique on the machine.
    name: String,
    folder: TempDir,
    namespaces: Vec<String>,
}

/// A place in the topology: a namespace with one address of each family.
#[derive(Clone, Debug)]
pub struct Node {
    namespace: String,
    /// A folder of its own for configuration, sockets and logs.
    pub folder: PathBuf,
    /// Its number in the topology.
    pub host: Host,
}

/// The number of a node or speaker, which gives its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(pub u8);

impl Host {
    /// Its IPv4 address, which is its router id too.
    #[must_use]
    pub fn v4(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, self.0)
    }

    /// Its IPv6 address.
    #[must_use]
    pub fn v6(self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, self.0.into())
    }

    /// Its address of a family.
    #[must_use]
    pub fn address(self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.v4().into(),
            Family::V6 => self.v6().into(),
        }
    }
}

impl Lab {
    /// Makes a topology, or tells why it cannot be made here and gives none.
    ///
    /// # Panics
    /// When it cannot be made and skipping is not allowed (`CI=true`).
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        Self::needing(name, &[])
    }

    /// The same for a scenario that needs more programs of unpacked packages than all do.
    ///
    /// # Panics
    /// As [`Lab::new`].
    #[must_use]
    pub fn needing(name: &str, more: &[(&str, &str)]) -> Option<Self> {
        if let Some(obstacle) = tools::obstacle(more) {
            assert!(!tools::must_run(), "{name} cannot run: {obstacle}");
            eprintln!("SKIPPED {name}: {obstacle}");
            return None;
        }
        Some(Self::build().expect("a topology on a machine that has all it needs"))
    }

    fn build() -> Result<Self> {
        remove_left_over();
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        let name = format!("albedo-{}-{number}", process::id());
        let folder = TempDir::with_prefix(format!("{name}-")).context("a temporary folder")?;
        let mut lab = Self { name, folder, namespaces: Vec::new() };
        let hub = lab.hub();
        lab.add_namespace(&hub)?;
        // With an address of its own: otherwise it takes the least of its ports', and changes it
        // under everybody's feet when a port is added.
        ip(&hub, "link add br0 address 02:00:00:00:00:01 type bridge")?;
        ip(&hub, "link set br0 up")?;
        Ok(lab)
    }

    /// The namespace of the bridge and of the test's own speakers.
    fn hub(&self) -> String {
        format!("{}-hub", self.name)
    }

    fn add_namespace(&mut self, name: &str) -> Result<()> {
        output(Command::new("ip").args(["netns", "add", name]))?;
        self.namespaces.push(name.to_owned());
        ip(name, "link set lo up")
    }

    /// Adds a node.
    ///
    /// # Errors
    /// When the kernel refuses the namespace or a link.
    pub fn node(&mut self, host: Host) -> Result<Node> {
        let namespace = format!("{}-{}", self.name, host.0);
        self.make_node(host, namespace, host.0.to_string())
    }

    /// Takes a node off the bridge, silently, and adds another machine in its place: with its
    /// addresses, and nothing else of it.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn replacement(&mut self, old: &Node) -> Result<Node> {
        old.link(false)?;
        let port = format!("port{}", old.host.0);
        ip(&self.hub(), &format!("link set {port} down"))?;
        ip(&self.hub(), &format!("link set {port} name gone{}", old.host.0))?;
        let name = format!("{}-again", old.host.0);
        self.make_node(old.host, format!("{}-{name}", self.name), name)
    }

    fn make_node(&mut self, host: Host, namespace: String, folder: String) -> Result<Node> {
        let hub = self.hub();
        self.add_namespace(&namespace)?;
        let port = format!("port{}", host.0);
        // The same for each machine that has the address, so that nobody has to forget anything.
        let mac = format!("02:00:00:00:01:{:02x}", host.0);
        let pair = format!("link add eth0 address {mac} type veth peer name {port} netns {hub}");
        ip(&namespace, &pair)?;
        ip(&hub, &format!("link set {port} master br0 up"))?;
        ip(&namespace, &format!("address add {}/8 dev eth0", host.v4()))?;
        ip(&namespace, &format!("address add {}/64 dev eth0 nodad", host.v6()))?;
        ip(&namespace, "link set eth0 up")?;
        let folder = self.folder.path().join(folder);
        fs::create_dir(&folder).context("the node's folder")?;
        Ok(Node { namespace, folder, host })
    }

    /// Gives a speaker of the test's own its addresses.
    ///
    /// # Errors
    /// When the kernel refuses them.
    pub fn guest(&mut self, host: Host) -> Result<Host> {
        let hub = self.hub();
        ip(&hub, &format!("address add {}/8 dev br0", host.v4()))?;
        ip(&hub, &format!("address add {}/64 dev br0 nodad", host.v6()))?;
        Ok(host)
    }

    /// Opens a TCP connection to port 179 of a node from a guest's address.
    ///
    /// # Errors
    /// When the node refuses it or does not answer.
    pub fn connect(&self, from: Host, to: Host, family: Family) -> Result<TcpStream> {
        let hub = self.hub();
        // A thread of its own changes its namespace and ends; the socket stays where it was made.
        thread::scope(|scope| {
            let made = scope.spawn(|| -> Result<TcpStream> {
                enter(&hub)?;
                let domain = if family == Family::V4 { Domain::IPV4 } else { Domain::IPV6 };
                let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
                socket.bind(&SocketAddr::new(from.address(family), 0).into())?;
                let remote = SocketAddr::new(to.address(family), 179);
                socket.connect_timeout(&remote.into(), CONNECT_LIMIT)?;
                socket.set_tcp_nodelay(true)?;
                Ok(TcpStream::from(socket))
            });
            let stream = made.join().map_err(|_| anyhow::anyhow!("the connecting thread died"))?;
            stream.with_context(|| format!("connect from {} to {}", from.v4(), to.v4()))
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            show_logs(self.folder.path());
        }
        for namespace in &self.namespaces {
            // What is left is removed by the next run.
            let _ = output(Command::new("ip").args(["netns", "delete", namespace]));
        }
    }
}

impl Node {
    /// A command that runs inside the node's namespace, under the same pid.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Does something on a thread that is inside the node's namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    pub fn inside<T: Send>(&self, what: impl FnOnce() -> T + Send) -> Result<T> {
        thread::scope(|scope| {
            let done = scope.spawn(|| -> Result<T> {
                enter(&self.namespace)?;
                Ok(what())
            });
            done.join().map_err(|_| anyhow::anyhow!("the thread inside died"))?
        })
    }

    /// Takes the node off the bridge, silently, or puts it back.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn link(&self, up: bool) -> Result<()> {
        ip(&self.namespace, if up { "link set eth0 up" } else { "link set eth0 down" })
    }

    /// The node's kernel routes of a family, as `ip` prints them.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn kernel_routes(&self, family: Family) -> Result<String> {
        let family = if family == Family::V4 { "-4" } else { "-6" };
        output(Command::new("ip").args(["-n", &self.namespace, family, "route", "show"]))
    }
}

/// Prints the end of every log file of a topology.
fn show_logs(folder: &Path) {
    let list = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let mut logs: Vec<PathBuf> = list(folder)
        .flat_map(|node| list(&node.path()))
        .map(|file| file.path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    for path in logs {
        let log = fs::read(&path).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        eprintln!("--- end of {}\n{}", path.display(), shown.join("\n"));
    }
}

fn ip(namespace: &str, arguments: &str) -> Result<()> {
    let mut command = Command::new("ip");
    command.args(["-n", namespace]).args(arguments.split_whitespace());
    output(&mut command).map(drop)
}

/// Moves the calling thread into a namespace.
fn enter(namespace: &str) -> Result<()> {
    let path = Path::new("/run/netns").join(namespace);
    let file = File::open(&path).with_context(|| format!("{}", path.display()))?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).context("setns")
}

/// Removes namespaces and folders of test processes that were killed before they could.
fn remove_left_over() {
    for name in left_over(Path::new("/run/netns")) {
        let _ = output(Command::new("ip").args(["netns", "delete", &name]));
    }
    let folder = env::temp_dir();
    for name in left_over(&folder) {
        let _ = fs::remove_dir_all(folder.join(name));
    }
}

/// What is named after a topology (`albedo-<pid>-…`) whose process is gone.
fn left_over(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| {
            let owner = name.strip_prefix("albedo-").and_then(|rest| rest.split('-').next());
            let owner = owner.and_then(|pid| pid.parse::<u32>().ok());
            owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
        })
        .collect()
}
