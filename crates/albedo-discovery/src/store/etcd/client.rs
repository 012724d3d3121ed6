//! Requests to etcd: which endpoint, which token, and what an error means.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wire::{ErrorResponse, LoginRequest, LoginResponse, WatchRequest};
use crate::store::http::{ANSWER_PATIENCE, Lines, chain, connector, shown, whole};
use crate::store::settings::{EtcdSettings, Hidden, Pem};

/// What etcd says where the token is not, or no longer, good.
const BAD_TOKEN: &str = "invalid auth token";

/// What etcd's gateway says of a client certificate that could be taken for a user.
const COMMON_NAME: &str = "CommonName of client";

/// What etcd says where the revision asked for was compacted.
const COMPACTED: &str = "required revision has been compacted";

/// A client of an etcd cluster. Clones share connections, token and choice of endpoint.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoints: Vec<String>,
    login: Option<(String, Hidden)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Which endpoint is used, counted on for ever.
    endpoint: usize,
    token: Option<Hidden>,
}

/// Why a request was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// What was asked for is too old.
    Compacted,
    /// The endpoint is of no use at the moment; another one may be.
    Unreachable(String),
    /// etcd refused it.
    Refused(String),
}

impl Trouble {
    fn is_bad_token(&self) -> bool {
        matches!(self, Self::Refused(words) if words.contains(BAD_TOKEN))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compacted => f.write_str(COMPACTED),
            Self::Unreachable(words) | Self::Refused(words) => f.write_str(words),
        }
    }
}

impl Client {
    /// A client; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// In words, if a certificate or key cannot be read.
    pub fn new(settings: &EtcdSettings) -> Result<Self, String> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(settings)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector());
        let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
        let shared = Shared {
            endpoints: settings.endpoints.clone(),
            login: settings.login.clone(),
            state: Mutex::default(),
        };
        Ok(Self { http, shared: Arc::new(shared) })
    }

    /// Asks for something that has one answer.
    pub(super) async fn ask<Q: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<A, Trouble> {
        let body = json(request);
        let (token, fresh) = self.token().await?;
        let answer = self.ask_once(path, body.clone(), token).await;
        if fresh || !answer.as_ref().is_err_and(Trouble::is_bad_token) {
            return answer;
        }
        self.forget_token();
        let (token, _) = self.token().await?;
        self.ask_once(path, body, token).await
    }

    /// Opens a watch.
    pub(super) async fn watch(&self, request: &WatchRequest) -> Result<Lines<Incoming>, Trouble> {
        let body = json(request);
        let (token, fresh) = self.token().await?;
        let lines = self.watch_once(body.clone(), token).await;
        if fresh || !lines.as_ref().is_err_and(Trouble::is_bad_token) {
            return lines;
        }
        self.forget_token();
        let (token, _) = self.token().await?;
        self.watch_once(body, token).await
    }

    async fn watch_once(
        &self,
        body: Bytes,
        token: Option<Hidden>,
    ) -> Result<Lines<Incoming>, Trouble> {
        let endpoint = self.endpoint();
        let sending = self.send(&endpoint, "/v3/watch", body, token);
        Ok(Lines::new(within(&endpoint, sending).await?.into_body()))
    }

    /// Turns to the next endpoint.
    pub(super) fn fail_over(&self) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.endpoint += 1;
    }

    /// Which endpoint is used now.
    pub(super) fn endpoint(&self) -> String {
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.endpoints[state.endpoint % self.shared.endpoints.len()].clone()
    }

    /// Forgets the token, so that the next request gets a new one.
    pub(super) fn forget_token(&self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).token = None;
    }

    /// The token, and whether it was got just now.
    async fn token(&self) -> Result<(Option<Hidden>, bool), Trouble> {
        let Some((name, password)) = &self.shared.login else { return Ok((None, true)) };
        let known = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).token.clone();
        if known.is_some() {
            return Ok((known, false));
        }
        let request = LoginRequest { name, password: password.reveal() };
        let answer: LoginResponse = self
            .ask_once("/v3/auth/authenticate", json(&request), None)
            .await
            .map_err(|trouble| match trouble {
                Trouble::Refused(words) => {
                    Trouble::Refused(format!("logging in as {name:?}: {words}"))
                }
                other => other,
            })?;
        let token = Some(Hidden::new(answer.token));
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).token.clone_from(&token);
        Ok((token, true))
    }

    async fn ask_once<A: DeserializeOwned>(
        &self,
        path: &str,
        body: Bytes,
        token: Option<Hidden>,
    ) -> Result<A, Trouble> {
        let endpoint = self.endpoint();
        let asking = async {
            let answer = self.send(&endpoint, path, body, token).await?;
            whole(answer.into_body())
                .await
                .map_err(|words| Trouble::Unreachable(format!("etcd at {endpoint}: {words}")))
        };
        let answer = within(&endpoint, asking).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            let shown = shown(&answer);
            Trouble::Unreachable(format!("etcd at {endpoint}{path}: {error} in: {shown}"))
        })
    }

    /// Sends a request and waits for the head of an answer that is none of errors.
    async fn send(
        &self,
        endpoint: &str,
        path: &str,
        body: Bytes,
        token: Option<Hidden>,
    ) -> Result<http::Response<Incoming>, Trouble> {
        let place = || format!("etcd at {endpoint}");
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{endpoint}{path}"))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.reveal());
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| Trouble::Refused(format!("{}: {error}", place())))?;
        let answer = self
            .http
            .request(request)
            .await
            .map_err(|error| Trouble::Unreachable(format!("{}: {}", place(), chain(&error))))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = whole(answer.into_body()).await.unwrap_or_default();
        Err(refusal(&place(), path, status, &body))
    }
}

/// What an answer means that is an error.
fn refusal(place: &str, path: &str, status: StatusCode, body: &[u8]) -> Trouble {
    let words = match serde_json::from_slice::<ErrorResponse>(body) {
        Ok(error) => error.words(),
        Err(_) => shown(body),
    };
    if words.contains(COMPACTED) {
        return Trouble::Compacted;
    }
    let mut words = format!("{place}: {path}: {words} (HTTP status {})", status.as_u16());
    if words.contains(COMMON_NAME) {
        words.push_str(
            "; where etcd has users, its JSON gateway takes no client certificate with a common \
             name",
        );
    }
    // No leader, too many requests and the like are the endpoint's own; the rest would be the same
    // at another one.
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => {
            Trouble::Refused(words)
        }
        _ => Trouble::Unreachable(words),
    }
}

async fn within<T>(
    endpoint: &str,
    doing: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let patience = ANSWER_PATIENCE.as_secs();
    match tokio::time::timeout(ANSWER_PATIENCE, doing).await {
        Ok(result) => result,
        Err(_) => Err(Trouble::Unreachable(format!(
            "etcd at {endpoint}: no answer within {patience} seconds"
        ))),
    }
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("plain values have JSON").into()
}

fn tls(settings: &EtcdSettings) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| chain(&error))?;
    let needed = settings.endpoints.iter().any(|endpoint| endpoint.starts_with("https:"));
    let builder = match &settings.ca {
        Some(pem) => builder.with_root_certificates(roots(pem)?),
        None if needed => {
            builder.with_native_roots().map_err(|error| format!("the system's CAs: {error}"))?
        }
        None => builder.with_root_certificates(RootCertStore::empty()),
    };
    let Some((certificate, key)) = &settings.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain_of_certificates = certificates(certificate)?;
    let key_text = text(key)?;
    let place = key.place("the key");
    let key = PrivateKeyDer::from_pem_slice(key_text.reveal().as_bytes())
        .map_err(|error| format!("{place}: no private key in PEM: {error}"))?;
    builder
        .with_client_auth_cert(chain_of_certificates, key)
        .map_err(|error| format!("{place}: {error}"))
}

fn roots(pem: &Pem) -> Result<RootCertStore, String> {
    let place = pem.place("the CA certificate");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| format!("{place}: {error}"))?;
    }
    Ok(roots)
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let place = pem.place("the certificate");
    let text = text(pem)?;
    let certificates = CertificateDer::pem_slice_iter(text.reveal().as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{place}: no certificates in PEM: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("{place}: there is no certificate in PEM"));
    }
    Ok(certificates)
}

fn text(pem: &Pem) -> Result<Hidden, String> {
    match pem {
        Pem::Inline(text) => Ok(text.clone()),
        Pem::File(path) => std::fs::read_to_string(path)
            .map(Hidden::new)
            .map_err(|error| format!("{}: {error}", path.display())),
    }
}

impl Pem {
    fn place(&self, what: &str) -> String {
        match self {
            Self::File(path) => format!("{what} {}", path.display()),
            Self::Inline(_) => format!("{what} in the settings"),
        }
    }
}
