//! Passwords of sessions, which resources only name: from Secrets of Kubernetes, or from files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::kubernetes::Api;
use super::settings::{Datastore, Hidden};
use super::{OpenError, Pace};

/// Passwords followed at most; those that come later in the order of their names are not read.
pub const SECRETS_MAX: usize = 1_000;

/// A file with a password at most, in bytes; TCP takes 80 (RFC 2385), and one line end is dropped.
const FILE_MAX_BYTES: u64 = 4_096;

/// Where a password is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef {
    /// Namespace of the Secret; files have none, so it is not looked at there.
    pub namespace: Arc<str>,
    /// Name of the Secret.
    pub name: Arc<str>,
    /// Key in it.
    pub key: Arc<str>,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret {}/{} key {}", self.namespace, self.name, self.key)
    }
}

/// Why there is no password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{secret}: {words}")]
pub struct SecretError {
    secret: SecretRef,
    words: String,
    /// Whether it is sure that there is none, rather than that it cannot be known now.
    pub missing: bool,
}

/// Where passwords are read.
#[derive(Clone, Debug)]
pub enum Secrets {
    /// `<directory>/<name>/<key>`, as Secrets are mounted.
    Directory(PathBuf),
    /// The Kubernetes API. The right to `get` the Secret is needed.
    Kubernetes(Api),
    /// Nowhere: an etcd or files without a directory.
    Nowhere,
}

impl Secrets {
    /// Where the passwords of a datastore are: in the directory if there is one, otherwise in the
    /// Kubernetes API if that is the datastore. Files as a datastore are `None`.
    ///
    /// # Errors
    ///
    /// As [`Api::connect`].
    pub async fn open(
        datastore: Option<&Datastore>,
        directory: Option<&Path>,
    ) -> Result<Self, OpenError> {
        match (directory, datastore) {
            (Some(directory), _) => Ok(Self::Directory(directory.into())),
            (None, Some(Datastore::Kubernetes(settings))) => {
                Api::connect(settings).await.map(Self::Kubernetes)
            }
            (None, _) => Ok(Self::Nowhere),
        }
    }

    /// Reads a password once.
    ///
    /// # Errors
    ///
    /// If there is none, or it may not or cannot be read now.
    pub async fn read(&self, secret: &SecretRef) -> Result<Hidden, SecretError> {
        let error = |(words, missing)| SecretError { secret: secret.clone(), words, missing };
        match self {
            Self::Directory(directory) => {
                let (directory, secret) = (directory.clone(), secret.clone());
                let reading = tokio::task::spawn_blocking(move || from_file(&directory, &secret));
                let read = reading.await.unwrap_or_else(|fault| Err((fault.to_string(), false)));
                read.map_err(error)
            }
            Self::Kubernetes(api) => from_kubernetes(api, secret).await.map_err(error),
            Self::Nowhere => {
                let words = "there is no directory of secrets, and no Kubernetes API to ask";
                Err(error((words.to_owned(), true)))
            }
        }
    }
}

/// Words, and whether it is sure that there is no password.
type Failure = (String, bool);

fn from_file(directory: &Path, secret: &SecretRef) -> Result<Hidden, Failure> {
    let mut path = directory.to_path_buf();
    for part in [&secret.name, &secret.key] {
        if part.is_empty() || &**part == "." || &**part == ".." || part.contains(['/', '\0']) {
            return Err((format!("{part:?} is no name of a file"), true));
        }
        path.push(&**part);
    }
    let fault = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        (format!("{}: {error}", path.display()), missing)
    };
    let size = std::fs::metadata(&path).map_err(fault)?.len();
    if size > FILE_MAX_BYTES {
        let words = format!("{}: {size} bytes; at most {FILE_MAX_BYTES}", path.display());
        return Err((words, true));
    }
    let text = std::fs::read_to_string(&path).map_err(fault)?;
    // Who writes such a file by hand has an end of line in it.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Hidden::new(text.strip_suffix('\r').unwrap_or(text)))
}

async fn from_kubernetes(api: &Api, secret: &SecretRef) -> Result<Hidden, Failure> {
    #[derive(Deserialize)]
    struct Object {
        #[serde(default)]
        data: Option<BTreeMap<String, String>>,
    }
    if [&secret.namespace, &secret.name].into_iter().any(|it| !is_kubernetes_name(it)) {
        return Err(("that is no name of a Secret".into(), true));
    }
    let path = format!("/api/v1/namespaces/{}/secrets/{}", secret.namespace, secret.name);
    let answer = api.get(&path).await.map_err(|words| (words, false))?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(("there is no such Secret".into(), true)),
        StatusCode::FORBIDDEN => return Err((format!("forbidden: {}", answer.words()), false)),
        _ => return Err((answer.complaint(&path), false)),
    }
    let object: Object = answer.json().map_err(|_| ("the answer is no Secret".into(), false))?;
    let data = object.data.unwrap_or_default();
    let Some(value) = data.get(&*secret.key) else {
        let keys = data.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err((format!("there is no such key; there are [{keys}]"), true));
    };
    let bytes = STANDARD.decode(value).map_err(|_| ("its value is no base64".into(), true))?;
    let text = String::from_utf8(bytes).map_err(|_| ("its value is no UTF-8".into(), true))?;
    Ok(Hidden::new(text))
}

fn is_kubernetes_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    !name.is_empty()
        && name.len() <= 253
        && name != "."
        && name != ".."
        && name.bytes().all(allowed)
}

/// Passwords, each with why it is not there if it is not.
pub type Passwords = BTreeMap<SecretRef, Result<Hidden, SecretError>>;

/// Passwords that are followed, until this is dropped: those that are wanted are read at once when
/// the set of them changes, and all of them again every [`Pace::secrets`].
///
/// A password that was read stays where it can only not be read at the moment.
#[derive(Debug)]
pub struct SecretWatch {
    wanted: watch::Sender<BTreeSet<SecretRef>>,
    passwords: watch::Receiver<Arc<Passwords>>,
    _task: JoinSet<()>,
}

impl SecretWatch {
    /// Follows nothing yet. It must be called inside a runtime of tokio.
    #[must_use]
    pub fn new(secrets: Secrets, pace: &Pace) -> Self {
        let (wanted, mut wishes) = watch::channel(BTreeSet::new());
        let (publish, passwords) = watch::channel(Arc::new(Passwords::new()));
        let pause = pace.secrets;
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let wanted: BTreeSet<SecretRef> = wishes.borrow_and_update().clone();
                let before: Arc<Passwords> = publish.borrow().clone();
                let now = read_all(&secrets, &wanted, &before).await;
                if now != *before {
                    publish.send_replace(Arc::new(now));
                }
                tokio::select! {
                    () = sleep(pause) => {}
                    changed = wishes.changed() => if changed.is_err() { return },
                }
            }
        });
        Self { wanted, passwords, _task: task }
    }

    /// Says which passwords are wanted from now on.
    pub fn want(&self, secrets: BTreeSet<SecretRef>) {
        self.wanted.send_if_modified(|wanted| {
            let other = *wanted != secrets;
            *wanted = secrets;
            other
        });
    }

    /// Passwords as they change. One that is wanted and not in there was not read yet.
    #[must_use]
    pub fn passwords(&self) -> watch::Receiver<Arc<Passwords>> {
        self.passwords.clone()
    }
}

async fn read_all(
    secrets: &Secrets,
    wanted: &BTreeSet<SecretRef>,
    before: &Passwords,
) -> Passwords {
    let mut now = Passwords::new();
    for secret in wanted.iter().take(SECRETS_MAX) {
        let read = match (secrets.read(secret).await, before.get(secret)) {
            (Err(error), Some(Ok(known))) if !error.missing => Ok(known.clone()),
            (read, _) => read,
        };
        now.insert(secret.clone(), read);
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, key: &str) -> SecretRef {
        SecretRef { namespace: "ns".into(), name: name.into(), key: key.into() }
    }

    #[tokio::test]
    async fn a_directory_has_a_file_for_each_key() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("bgp")).expect("a folder");
        std::fs::write(folder.path().join("bgp/rr"), "pass word\n").expect("a file");
        let secrets = Secrets::Directory(folder.path().into());
        let read = secrets.read(&secret("bgp", "rr")).await;
        assert_eq!(read, Ok(Hidden::new("pass word")));
        let missing = secrets.read(&secret("bgp", "none")).await.expect_err("no file");
        assert!(missing.missing);
        let words = missing.to_string();
        assert!(words.starts_with("secret ns/bgp key none: "), "{words}");
        let etcd = Datastore::Etcd(Box::default());
        let nowhere = Secrets::open(Some(&etcd), None).await.expect("secrets");
        let error = nowhere.read(&secret("bgp", "rr")).await.expect_err("no password");
        assert!(error.to_string().contains("there is no directory of secrets"), "{error}");
        let opened = Secrets::open(Some(&etcd), Some(folder.path())).await.expect("secrets");
        assert_eq!(opened.read(&secret("bgp", "rr")).await, Ok(Hidden::new("pass word")));
        for bad in ["..", "a/b", ""] {
            let error = secrets.read(&secret("bgp", bad)).await.expect_err("no name");
            assert!(error.to_string().contains("is no name of a file"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn passwords_are_read_again_and_a_missing_one_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bgp/rr");
        std::fs::create_dir(folder.path().join("bgp")).expect("a folder");
        std::fs::write(&file, "one").expect("a file");
        let watch = SecretWatch::new(Secrets::Directory(folder.path().into()), &Pace::default());
        let mut passwords = watch.passwords();
        let wanted = secret("bgp", "rr");
        watch.want(BTreeSet::from([wanted.clone()]));
        passwords.changed().await.expect("passwords");
        assert_eq!(passwords.borrow_and_update()[&wanted], Ok(Hidden::new("one")));
        std::fs::write(&file, "two").expect("a file");
        passwords.changed().await.expect("passwords");
        assert_eq!(passwords.borrow_and_update()[&wanted], Ok(Hidden::new("two")));
        std::fs::remove_file(&file).expect("a file");
        passwords.changed().await.expect("passwords");
        assert!(passwords.borrow_and_update()[&wanted].is_err());
        watch.want(BTreeSet::new());
        passwords.changed().await.expect("passwords");
        assert!(passwords.borrow_and_update().is_empty());
    }
}
