//! An etcd of a test: its process, its certificates, and requests to it that owe nothing to the
//! code under test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

pub(crate) const RESOURCES: &str = "/calico/resources/v3/projectcalico.org/";

/// How long a token lasts where there are users.
pub(crate) const TOKEN_LASTS: Duration = Duration::from_secs(1);

/// An etcd with one member; it ends with this.
pub(crate) struct Etcd {
    folder: TempDir,
    programs: Programs,
    port: u16,
    peer_port: u16,
    secure: bool,
    process: Option<Child>,
}

#[derive(Clone)]
struct Programs {
    etcd: PathBuf,
    etcdctl: PathBuf,
}

/// Where the programs are: unpacked into the cache as `cargo xtask install` does it, or installed.
#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see what was left out")]
fn programs(test: &str) -> Option<Programs> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cache = std::env::var_os("ALBEDO_CACHE").map_or_else(|| root.join("cache"), PathBuf::from);
    let find = |package: &str, program: &str| {
        let below = format!("usr/bin/{program}");
        let unpacked = cache.join("peers").join(package).join(&below);
        [unpacked, Path::new("/").join(below)].into_iter().find(|path| path.is_file())
    };
    let found = find("etcd-server", "etcd").zip(find("etcd-client", "etcdctl"));
    let Some((etcd, etcdctl)) = found else {
        let why = format!("there is no etcd in {} nor in /usr/bin", cache.display());
        assert!(std::env::var_os("CI").is_none(), "{test} cannot run: {why}");
        eprintln!("SKIPPED {test}: {why}");
        return None;
    };
    Some(Programs { etcd, etcdctl })
}

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Etcd {
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let mut etcd = Self::new(test, false)?;
        etcd.start_again().await;
        Some(etcd)
    }

    /// With certificates of both sides, and a user `root` whose password is `correct`.
    pub(crate) async fn start_with_tls_and_users(test: &str) -> Option<Self> {
        let mut etcd = Self::new(test, true)?;
        etcd.make_certificates();
        etcd.make_token_keys().await;
        etcd.start_again().await;
        etcd.ctl_as(None, &["user", "add", "root:correct"]).await;
        etcd.ctl_as(None, &["user", "grant-role", "root", "root"]).await;
        etcd.ctl_as(None, &["auth", "enable"]).await;
        Some(etcd)
    }

    fn new(test: &str, secure: bool) -> Option<Self> {
        let programs = programs(test)?;
        let folder = TempDir::with_prefix("albedo-etcd-").expect("a folder");
        let (port, peer_port) = (free_port(), free_port());
        Some(Self { folder, programs, port, peer_port, secure, process: None })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path").to_owned()
    }

    pub(crate) async fn start_again(&mut self) {
        let peer = format!("http://127.0.0.1:{}", self.peer_port);
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        let mut command = Command::new(&self.programs.etcd);
        command
            .args(["--data-dir", &self.path("data"), "--name", "one", "--logger", "zap"])
            .args(["--listen-client-urls", &self.endpoint()])
            .args(["--advertise-client-urls", &self.endpoint()])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("one={peer}")])
            .args(["--unsafe-no-fsync"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        if self.secure {
            let lasts = TOKEN_LASTS.as_secs();
            let (public, private) = (self.path("token.pub"), self.path("token.key"));
            let token =
                format!("jwt,pub-key={public},priv-key={private},sign-method=RS256,ttl={lasts}s");
            command
                .args(["--client-cert-auth", "--trusted-ca-file", &self.path("ca.pem")])
                .args(["--cert-file", &self.path("server.pem")])
                .args(["--key-file", &self.path("server.key")])
                .args(["--auth-token", &token]);
        }
        self.process = Some(command.spawn().expect("etcd"));
        for _ in 0..600 {
            if self.try_ctl(None, &["get", "x"]).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            let process = self.process.as_mut().expect("etcd");
            if let Some(status) = process.try_wait().expect("a status") {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                panic!("etcd ended with {status}: {}", log.expect("a log"));
            }
        }
        panic!("etcd does not answer");
    }

    pub(crate) async fn stop(&mut self) {
        let mut process = self.process.take().expect("etcd");
        process.kill().await.expect("an end");
    }

    /// As if it had been set up again, with another cluster identifier.
    pub(crate) fn forget_everything(&mut self) {
        assert!(self.process.is_none(), "etcd has to be stopped for that");
        std::fs::remove_dir_all(self.folder.path().join("data")).expect("its data");
        self.peer_port = free_port();
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> i64 {
        let answer = self.ctl(&["put", key, value, "-w", "json"]).await;
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        answer["header"]["revision"].as_i64().expect("a revision")
    }

    /// Puts many in a few transactions.
    pub(crate) async fn put_all(&self, values: &[(String, String)]) {
        for some in values.chunks(100) {
            let puts: String = some
                .iter()
                .map(|(key, value)| format!("put {key} \"{}\"\n", value.replace('"', "\\\"")))
                .collect();
            let file = self.folder.path().join("transaction");
            std::fs::write(&file, format!("\n{puts}\n\n")).expect("a file");
            let input = std::fs::File::open(&file).expect("a file");
            let mut command = self.command(Some("root:correct"), &["txn"]);
            let output = command.stdin(input).output().await.expect("etcdctl");
            assert!(output.status.success(), "{output:?}");
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let value = self.ctl(&["get", key, "--print-value-only"]).await;
        value.strip_suffix('\n').map(str::to_owned)
    }

    pub(crate) async fn delete(&self, key: &str) {
        assert_eq!(self.ctl(&["del", key]).await, "1\n", "{key}");
    }

    pub(crate) async fn compact(&self, revision: i64) {
        self.ctl(&["compact", &revision.to_string(), "--physical"]).await;
    }

    async fn ctl(&self, arguments: &[&str]) -> String {
        let user = self.secure.then_some("root:correct");
        self.ctl_as(user, arguments).await
    }

    async fn ctl_as(&self, user: Option<&str>, arguments: &[&str]) -> String {
        let answer = self.try_ctl(user, arguments).await;
        answer.unwrap_or_else(|words| panic!("etcdctl {arguments:?}: {words}"))
    }

    async fn try_ctl(&self, user: Option<&str>, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(user, arguments).output().await.expect("etcdctl");
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout).expect("text"));
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn command(&self, user: Option<&str>, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.programs.etcdctl);
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.endpoint()]);
        if self.secure {
            command
                .args(["--cacert", &self.path("ca.pem"), "--cert", &self.path("client.pem")])
                .args(["--key", &self.path("client.key")]);
            if let Some(user) = user {
                command.args(["--user", user]);
            }
        }
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn make_certificates(&self) {
        let write = |name: &str, text: String| {
            std::fs::write(self.folder.path().join(name), text).expect("a file");
        };
        let authority = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).expect("names");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            let key = KeyPair::generate().expect("a key");
            let certificate = params.self_signed(&key).expect("a certificate");
            (certificate.pem(), Issuer::new(params, key))
        };
        let (ca, issuer) = authority("ca");
        write("ca.pem", ca);
        write("other-ca.pem", authority("other").0);
        for name in ["server", "client", "named"] {
            let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
            if name == "client" {
                params.distinguished_name = rcgen::DistinguishedName::new();
            }
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            write(&format!("{name}.pem"), certificate.pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
    }

    /// etcd signs tokens by RSA, whose keys only the command line makes.
    async fn make_token_keys(&self) {
        let (public, private) = (self.path("token.pub"), self.path("token.key"));
        for arguments in [
            vec!["genrsa", "-out", &private, "2048"],
            vec!["rsa", "-in", &private, "-pubout", "-out", &public],
        ] {
            let output = Command::new("openssl").args(&arguments).output().await;
            let output = output.expect("openssl, which the tests with users need");
            assert!(output.status.success(), "{output:?}");
        }
    }
}

/// A way to an etcd that can be shut, upon which it cuts what goes through it.
pub(crate) struct Gate {
    address: SocketAddr,
    open: Arc<watch::Sender<bool>>,
}

impl Gate {
    pub(crate) async fn new(etcd: &Etcd) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let open = Arc::new(watch::Sender::new(true));
        let (target, state) = (etcd.port, open.clone());
        tokio::spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let mut state = state.subscribe();
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        return;
                    }
                    let outside = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await;
                    let Ok(mut outside) = outside else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut inside, &mut outside) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { address, open }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn shut(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }
}
