//! The way to the API server: where it is, who we are, and one request at a time.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt as _};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tower::{BoxError, ServiceBuilder};

use crate::store::OpenError;
use crate::store::http::{ANSWER_PATIENCE, Lines, chain, connector, shown, whole};
use crate::store::settings::KubernetesSettings;

/// A way to the API server. Clones share connections and credentials.
#[derive(Clone)]
pub struct Api {
    client: Client,
    server: std::sync::Arc<str>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("server", &self.server).finish_non_exhaustive()
    }
}

/// An answer, whatever it says.
#[derive(Debug)]
pub(in crate::store) struct Answer {
    pub(in crate::store) status: StatusCode,
    pub(in crate::store) body: Bytes,
}

impl Answer {
    pub(in crate::store) fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// What the server says is wrong.
    pub(in crate::store) fn complaint(&self, path: &str) -> String {
        let path = path.split('?').next().unwrap_or(path);
        format!("{path}: {} (HTTP status {})", self.words(), self.status.as_u16())
    }

    /// The words of its error alone.
    pub(in crate::store) fn words(&self) -> String {
        #[derive(Deserialize)]
        struct Status {
            message: String,
        }
        let status = self.json::<Status>().ok().filter(|status| !status.message.is_empty());
        status.map_or_else(|| shown(&self.body), |status| status.message)
    }
}

impl Api {
    /// A way to the server that the settings name; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If a kubeconfig, certificate, key or token cannot be read, or if it asks for what is not
    /// done here: plugins that fetch credentials, and proxies.
    pub async fn connect(settings: &KubernetesSettings) -> Result<Self, OpenError> {
        let config = config(settings).await.map_err(OpenError)?;
        let server = config.cluster_url.to_string().into();
        let client = client(&config).map_err(|error| OpenError(chain(&error)))?;
        Ok(Self { client, server })
    }

    /// Asks for a path.
    pub(in crate::store) async fn get(&self, path: &str) -> Result<Answer, String> {
        let asking = async {
            let answer = self.send(path).await?;
            let status = answer.status();
            let body = whole(answer.into_body()).await.map_err(|words| self.place(path, &words))?;
            Ok(Answer { status, body })
        };
        self.within(path, asking).await
    }

    /// Puts an object at a path.
    pub(in crate::store) async fn put(
        &self,
        path: &str,
        object: &serde_json::Value,
    ) -> Result<Answer, String> {
        let request = Request::put(path)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Body::from(object.to_string().into_bytes()))
            .map_err(|error| self.place(path, &error.to_string()))?;
        let asking = async {
            let answer = self.client.send(request).await;
            let answer = answer.map_err(|error| self.place(path, &chain(&error)))?;
            let status = answer.status();
            let body = whole(answer.into_body()).await.map_err(|words| self.place(path, &words))?;
            Ok(Answer { status, body })
        };
        self.within(path, asking).await
    }

    /// Asks for a path whose answer goes on, unless it is an error.
    pub(in crate::store) async fn follow(
        &self,
        path: &str,
    ) -> Result<Result<Lines<Body>, Answer>, String> {
        let asking = async {
            let answer = self.send(path).await?;
            let status = answer.status();
            if status.is_success() {
                return Ok(Ok(Lines::new(answer.into_body())));
            }
            let body = whole(answer.into_body()).await.unwrap_or_default();
            Ok(Err(Answer { status, body }))
        };
        self.within(path, asking).await
    }

    async fn send(&self, path: &str) -> Result<http::Response<Body>, String> {
        let request = Request::get(path)
            .header(http::header::ACCEPT, "application/json")
            .body(Body::empty())
            .map_err(|error| self.place(path, &error.to_string()))?;
        self.client.send(request).await.map_err(|error| self.place(path, &chain(&error)))
    }

    async fn within<T>(
        &self,
        path: &str,
        doing: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        tokio::time::timeout(ANSWER_PATIENCE, doing).await.unwrap_or_else(|_| {
            let seconds = ANSWER_PATIENCE.as_secs();
            Err(self.place(path, &format!("no answer within {seconds} seconds")))
        })
    }

    fn place(&self, path: &str, words: &str) -> String {
        let path = path.split('?').next().unwrap_or(path);
        format!("{}{}: {words}", self.server.trim_end_matches('/'), path)
    }
}

/// kube's layers over a connector with our time limits and keepalives: without the latter, a watch
/// whose server is gone without a word would seem to be quiet.
fn client(config: &Config) -> Result<Client, kube::Error> {
    let connector = config.rustls_https_connector_with_connector(connector())?;
    let http = legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace.clone()))
}

async fn config(settings: &KubernetesSettings) -> Result<Config, String> {
    let mut config = base(settings).await?;
    if config.auth_info.exec.is_some() || config.auth_info.auth_provider.is_some() {
        return Err("the user of the kubeconfig gets credentials from a plugin, which is not run \
                    here; allowed are a token, a token file and a client certificate"
            .into());
    }
    if config.proxy_url.is_some() {
        return Err("the kubeconfig or HTTPS_PROXY asks for a proxy, which is not supported".into());
    }
    if let Some(endpoint) = &settings.endpoint {
        config.cluster_url = uri(endpoint)?;
    }
    if let Some(path) = &settings.ca {
        // It is read here once so that a wrong path is told at once, and later again by kube.
        readable(path)?;
        config.root_cert_file = Some(path.clone());
    }
    if let Some((certificate, key)) = &settings.identity {
        readable(certificate)?;
        readable(key)?;
        let auth: AuthInfo = from_json(serde_json::json!({
            "client-certificate": certificate,
            "client-key": key,
        }))?;
        config.auth_info.client_certificate = auth.client_certificate;
        config.auth_info.client_key = auth.client_key;
        config.auth_info.client_certificate_data = None;
        config.auth_info.client_key_data = None;
    }
    if let Some(token) = &settings.token {
        let auth: AuthInfo = from_json(serde_json::json!({ "token": token.reveal() }))?;
        config.auth_info.token = auth.token;
        config.auth_info.token_file = None;
    }
    config.accept_invalid_certs |= settings.insecure;
    Ok(config)
}

/// What there is without the single settings.
async fn base(settings: &KubernetesSettings) -> Result<Config, String> {
    let options =
        KubeConfigOptions { context: settings.context.clone(), ..KubeConfigOptions::default() };
    let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let (kubeconfig, place) = if let Some(text) = &settings.kubeconfig_inline {
        let read = Kubeconfig::from_yaml(text.reveal());
        (read.map_err(|error| format!("kubeconfigInline: {}", chain(&error)))?, "kubeconfigInline")
    } else if let Some(list) = &settings.kubeconfig {
        (merged(list)?, list.as_str())
    } else if let Some(endpoint) = &settings.endpoint {
        return Ok(Config::new(uri(endpoint)?));
    } else if in_cluster {
        let config = Config::incluster();
        return config.map_err(|error| format!("the service account: {}", chain(&error)));
    } else {
        let home = std::env::var_os("HOME").ok_or(
            "no KUBECONFIG, no K8S_API_ENDPOINT, no service account, and no HOME with a \
             .kube/config in it",
        )?;
        let path = PathBuf::from(home).join(".kube/config");
        (read(&path)?, "$HOME/.kube/config")
    };
    Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| format!("{place}: {}", chain(&error)))
}

fn merged(list: &str) -> Result<Kubeconfig, String> {
    let mut merged: Option<Kubeconfig> = None;
    for path in list.split(':').filter(|path| !path.is_empty()) {
        let next = read(Path::new(path))?;
        merged = Some(match merged {
            None => next,
            Some(first) => {
                first.merge(next).map_err(|error| format!("{path}: {}", chain(&error)))?
            }
        });
    }
    merged.ok_or_else(|| "KUBECONFIG: there is no path in it".into())
}

fn read(path: &Path) -> Result<Kubeconfig, String> {
    Kubeconfig::read_from(path).map_err(|error| format!("{}: {}", path.display(), chain(&error)))
}

fn readable(path: &Path) -> Result<(), String> {
    std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(())
}

fn uri(endpoint: &str) -> Result<Uri, String> {
    endpoint.parse().map_err(|error| format!("{endpoint}: {error}"))
}

/// kube's own types hide secrets in a type of a further crate, which JSON can make too.
fn from_json<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}
