//! Which datastore, and how to reach it: the environment and the files that Calico's own programs
//! take.
//!
//! Every variable is read with the prefix `CALICO_` too, which then counts.
//! A file (`kind: CalicoAPIConfig`) replaces the environment completely: nothing is merged.

mod file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use super::kubernetes::ApiGroup;

/// Where `calicoctl` looks for a file if none is named; it is used only if it is there.
pub const DEFAULT_FILE: &str = "/etc/calico/calicoctl.cfg";

/// A file of settings at most, in bytes: it may hold certificates and a kubeconfig.
pub const FILE_MAX_BYTES: u64 = 1 << 20;

/// Endpoints of etcd at most.
pub const ENDPOINTS_MAX: usize = 64;

/// How to reach a datastore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which, and where.
    pub datastore: Datastore,
}

/// A datastore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datastore {
    /// etcd, version 3.
    Etcd(Box<EtcdSettings>),
    /// The Kubernetes API.
    Kubernetes(Box<KubernetesSettings>),
}

/// How to reach etcd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EtcdSettings {
    /// Such as `https://10.0.0.5:2379`; at least one, at most [`ENDPOINTS_MAX`].
    pub endpoints: Vec<String>,
    /// User and password, if both are set.
    pub login: Option<(String, Hidden)>,
    /// Certificates of the authorities that may sign the servers'; the system's if there are none.
    pub ca: Option<Pem>,
    /// What the client shows: its certificate and its key.
    pub identity: Option<(Pem, Pem)>,
}

/// How to reach the Kubernetes API. What is absent comes from the kubeconfig, from the service
/// account inside a cluster, or from `$HOME/.kube/config`, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubernetesSettings {
    /// A kubeconfig, or several with colons in between, of which the first that has something
    /// counts.
    pub kubeconfig: Option<String>,
    /// The text of a kubeconfig.
    pub kubeconfig_inline: Option<Hidden>,
    /// The context of the kubeconfig; otherwise its current one.
    pub context: Option<String>,
    /// Such as `https://10.0.0.1:6443`.
    pub endpoint: Option<String>,
    /// What the client shows: its certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Certificates of the authorities that may sign the server's.
    pub ca: Option<PathBuf>,
    /// A bearer token.
    pub token: Option<Hidden>,
    /// Whether any certificate of the server's will do.
    pub insecure: bool,
    /// Whether pod CIDRs of nodes are their blocks.
    pub use_pod_cidr: bool,
    /// Which API group has Calico's resources; it is found out if it is not given.
    pub api_group: Option<ApiGroup>,
}

/// Text in PEM, or the file that has it, which is read when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// A file.
    File(PathBuf),
    /// The text.
    Inline(Hidden),
}

/// What is shown to nobody: a password, a token, a key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// What is wrong with settings: which variable or key, what was found, what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

/// All settings as text, by name; from the environment or from a file.
#[derive(Debug, Default)]
struct Raw {
    /// Where they come from, for messages; empty for the environment.
    place: String,
    values: Vec<(&'static Key, Hidden)>,
    /// The prefixed names of variables that were used, for messages.
    prefixed: Vec<&'static str>,
}

/// A setting: the variable of the environment and the key of the file, where it has such.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    variable: &'static str,
    file: &'static str,
}

macro_rules! keys {
    ($($name:ident $variable:literal $file:literal;)*) => {
        $(const $name: &Key = &Key { variable: $variable, file: $file };)*
        const KEYS: &[&Key] = &[$($name),*];
    };
}

keys! {
    TYPE "DATASTORE_TYPE" "datastoreType";
    ENDPOINTS "ETCD_ENDPOINTS" "etcdEndpoints";
    SRV "ETCD_DISCOVERY_SRV" "etcdDiscoverySrv";
    USERNAME "ETCD_USERNAME" "etcdUsername";
    PASSWORD "ETCD_PASSWORD" "etcdPassword";
    KEY_FILE "ETCD_KEY_FILE" "etcdKeyFile";
    CERT_FILE "ETCD_CERT_FILE" "etcdCertFile";
    CA_FILE "ETCD_CA_CERT_FILE" "etcdCACertFile";
    KEY "" "etcdKey";
    CERT "" "etcdCert";
    CA "" "etcdCACert";
    KUBECONFIG "KUBECONFIG" "kubeconfig";
    KUBECONFIG_INLINE "" "kubeconfigInline";
    API_ENDPOINT "K8S_API_ENDPOINT" "k8sAPIEndpoint";
    API_KEY "K8S_KEY_FILE" "k8sKeyFile";
    API_CERT "K8S_CERT_FILE" "k8sCertFile";
    API_CA "K8S_CA_FILE" "k8sCAFile";
    API_TOKEN "K8S_API_TOKEN" "k8sAPIToken";
    INSECURE "K8S_INSECURE_SKIP_TLS_VERIFY" "k8sInsecureSkipTLSVerify";
    CONTEXT "K8S_CURRENT_CONTEXT" "k8sCurrentContext";
    QPS "K8S_CLIENT_QPS" "k8sClientQPS";
    BURST "K8S_CLIENT_BURST" "k8sClientBurst";
    POD_CIDR "USE_POD_CIDR" "usePodCIDR";
    GROUP "CALICO_API_GROUP" "calicoAPIGroup";
}

impl Settings {
    /// Settings as Calico's programs find them: from the file that is named; otherwise from
    /// [`DEFAULT_FILE`] if it is there; otherwise from the environment, read by the function.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`].
    pub fn find(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        Self::find_with_default(file, Path::new(DEFAULT_FILE), variable)
    }

    fn find_with_default(
        file: Option<&Path>,
        default: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        match file {
            Some(file) => Self::from_file(file),
            None if default.exists() => Self::from_file(default),
            None => Self::from_environment(variable),
        }
    }

    /// Settings of the environment, read by a function such as that over `std::env::var`. What is
    /// empty counts as not set.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`].
    pub fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let mut raw = Raw::default();
        let read = |name: &str| variable(name).filter(|value| !value.is_empty());
        for key in KEYS.iter().filter(|key| !key.variable.is_empty()) {
            let prefixed = read(&format!("CALICO_{}", key.variable));
            if prefixed.is_some() {
                raw.prefixed.push(key.variable);
            }
            if let Some(value) = prefixed.or_else(|| read(key.variable)) {
                raw.values.push((key, Hidden(value)));
            }
        }
        raw.settings()
    }

    /// Settings of a file.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`].
    pub fn from_file(path: &Path) -> Result<Self, SettingsError> {
        let place = path.display().to_string();
        let fault = |what: &dyn fmt::Display| SettingsError(format!("{place}: {what}"));
        let size = std::fs::metadata(path).map_err(|error| fault(&error))?.len();
        if size > FILE_MAX_BYTES {
            return Err(fault(&format!("it has {size} bytes; at most {FILE_MAX_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fault(&error))?;
        file::parse(&text, &place)?.settings()
    }
}

impl Raw {
    fn get(&self, key: &Key) -> Option<&str> {
        let found = self.values.iter().find(|(other, _)| *other == key);
        found.map(|(_, value)| value.0.as_str())
    }

    /// What a person calls it.
    fn name(&self, key: &Key) -> String {
        if !self.place.is_empty() {
            format!("{}: spec.{}", self.place, key.file)
        } else if self.prefixed.contains(&key.variable) {
            format!("CALICO_{}", key.variable)
        } else {
            key.variable.to_owned()
        }
    }

    fn fault<T>(&self, key: &Key, what: &dyn fmt::Display) -> Result<T, SettingsError> {
        Err(SettingsError(format!("{}: {what}", self.name(key))))
    }

    fn settings(&self) -> Result<Settings, SettingsError> {
        let by_endpoints = self.get(ENDPOINTS).is_some() || self.get(SRV).is_some();
        let etcd = match self.get(TYPE) {
            Some("etcdv3") => true,
            Some("kubernetes") => false,
            None => by_endpoints,
            Some(other) => {
                let what = format!("it is {other:?}; allowed are \"etcdv3\" and \"kubernetes\"");
                return self.fault(TYPE, &what);
            }
        };
        let datastore = if etcd {
            Datastore::Etcd(Box::new(self.etcd()?))
        } else {
            Datastore::Kubernetes(Box::new(self.kubernetes()?))
        };
        Ok(Settings { datastore })
    }

    fn etcd(&self) -> Result<EtcdSettings, SettingsError> {
        if let Some(domain) = self.get(SRV) {
            let what = if self.get(ENDPOINTS).is_some() {
                format!("not together with {}", self.name(ENDPOINTS))
            } else {
                format!(
                    "it is {domain:?}, but endpoints are not looked up in DNS here; list them \
                     in {}",
                    self.name(ENDPOINTS)
                )
            };
            return self.fault(SRV, &what);
        }
        let endpoints = self.endpoints()?;
        let login = match (self.get(USERNAME), self.get(PASSWORD)) {
            (Some(user), Some(password)) => Some((user.to_owned(), Hidden::new(password))),
            _ => None,
        };
        let inline = [KEY, CERT, CA].into_iter().find(|key| self.get(key).is_some());
        let files = [KEY_FILE, CERT_FILE, CA_FILE].into_iter().find(|key| self.get(key).is_some());
        if let (Some(inline), Some(file)) = (inline, files) {
            return self.fault(inline, &format!("not together with {}", self.name(file)));
        }
        let pem = |inline: &Key, file: &Key| {
            let file = self.get(file).map(|path| Pem::File(path.into()));
            file.or_else(|| self.get(inline).map(|text| Pem::Inline(Hidden::new(text))))
        };
        let (certificate, key) = (pem(CERT, CERT_FILE), pem(KEY, KEY_FILE));
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return self.fault(self.used(CERT_FILE, CERT), &"without a key"),
            (None, Some(_)) => {
                return self.fault(self.used(KEY_FILE, KEY), &"without a certificate");
            }
        };
        Ok(EtcdSettings { endpoints, login, ca: pem(CA, CA_FILE), identity })
    }

    fn used(&self, first: &'static Key, second: &'static Key) -> &'static Key {
        if self.get(first).is_some() { first } else { second }
    }

    fn endpoints(&self) -> Result<Vec<String>, SettingsError> {
        let allowed = "allowed is http(s)://host:port, several with commas in between";
        let list = self.get(ENDPOINTS).unwrap_or_default();
        let mut endpoints = Vec::new();
        for endpoint in list.split(',').map(str::trim).filter(|endpoint| !endpoint.is_empty()) {
            let uri: Option<http::Uri> = endpoint.parse().ok();
            let good = uri.is_some_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https"))
                    && uri.host().is_some_and(|host| !host.is_empty())
                    && uri.port_u16().is_some()
                    && matches!(uri.path(), "" | "/")
                    && uri.query().is_none()
                    && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            });
            if !good {
                return self.fault(ENDPOINTS, &format!("{endpoint:?} is no endpoint; {allowed}"));
            }
            endpoints.push(endpoint.trim_end_matches('/').to_owned());
        }
        match endpoints.len() {
            0 => self.fault(ENDPOINTS, &format!("there is no endpoint; {allowed}")),
            1..=ENDPOINTS_MAX => Ok(endpoints),
            many => self.fault(ENDPOINTS, &format!("{many} endpoints; at most {ENDPOINTS_MAX}")),
        }
    }

    fn kubernetes(&self) -> Result<KubernetesSettings, SettingsError> {
        let text = |key: &Key| self.get(key).map(str::to_owned);
        let path = |key: &Key| self.get(key).map(PathBuf::from);
        let hidden = |key: &Key| self.get(key).map(Hidden::new);
        if let (Some(_), Some(_)) = (self.get(KUBECONFIG), self.get(KUBECONFIG_INLINE)) {
            let what = format!("not together with {}", self.name(KUBECONFIG));
            return self.fault(KUBECONFIG_INLINE, &what);
        }
        let identity = match (path(API_CERT), path(API_KEY)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return self.fault(API_CERT, &format!("without {}", self.name(API_KEY)));
            }
            (None, Some(_)) => {
                return self.fault(API_KEY, &format!("without {}", self.name(API_CERT)));
            }
        };
        if let Some(endpoint) = self.get(API_ENDPOINT) {
            let uri: Option<http::Uri> = endpoint.parse().ok();
            if !uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) {
                let what = format!("{endpoint:?} is no endpoint; allowed is http(s)://host:port");
                return self.fault(API_ENDPOINT, &what);
            }
        }
        // Checked although they bound nothing: there are no more requests than watches.
        self.number(QPS)?;
        self.number(BURST)?;
        Ok(KubernetesSettings {
            kubeconfig: text(KUBECONFIG),
            kubeconfig_inline: hidden(KUBECONFIG_INLINE),
            context: text(CONTEXT),
            endpoint: text(API_ENDPOINT),
            identity,
            ca: path(API_CA),
            token: hidden(API_TOKEN),
            insecure: self.flag(INSECURE)?,
            use_pod_cidr: self.flag(POD_CIDR)?,
            api_group: self.group()?,
        })
    }

    /// A truth value in any of the spellings that Go takes.
    fn flag(&self, key: &Key) -> Result<bool, SettingsError> {
        match self.get(key) {
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some(other) => {
                self.fault(key, &format!("it is {other:?}; allowed are \"true\" and \"false\""))
            }
        }
    }

    fn number(&self, key: &Key) -> Result<(), SettingsError> {
        let Some(value) = self.get(key) else { return Ok(()) };
        if value.parse::<f64>().is_ok_and(|number| number.is_finite() && number >= 0.0) {
            return Ok(());
        }
        self.fault(key, &format!("it is {value:?}; allowed is a number that is not negative"))
    }

    fn group(&self) -> Result<Option<ApiGroup>, SettingsError> {
        match self.get(GROUP) {
            None => Ok(None),
            Some("projectcalico.org/v3") => Ok(Some(ApiGroup::Native)),
            Some("crd.projectcalico.org/v1") => Ok(Some(ApiGroup::Classic)),
            Some(other) => {
                let what = format!(
                    "it is {other:?}; allowed are \"projectcalico.org/v3\" and \
                     \"crd.projectcalico.org/v1\""
                );
                self.fault(GROUP, &what)
            }
        }
    }
}
