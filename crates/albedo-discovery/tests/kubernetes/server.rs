//! A small API server of a test. It lists in pages, watches, sends bookmarks, forgets, and keeps
//! every request it gets.
//!
//! It speaks HTTP by hand, one request to a connection, so that it can do what a well-behaved
//! library would not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

/// Objects, what happened to them, and how the server is to behave.
#[derive(Default)]
pub(crate) struct State {
    objects: BTreeMap<String, BTreeMap<String, Value>>,
    version: u64,
    /// Changes since `oldest`: version, plural, line.
    changes: Vec<(u64, String, String)>,
    oldest: u64,
    pub(crate) groups: Vec<&'static str>,
    /// Plurals that the groups do not have.
    pub(crate) absent: BTreeSet<&'static str>,
    /// Answers to paths: status and body.
    pub(crate) answers: BTreeMap<String, (u16, String)>,
    /// Whether the next page asked for by a token is too old.
    pub(crate) tokens_expire: bool,
    /// Whether a watch from too far back is told so by the status of HTTP.
    pub(crate) gone_by_status: bool,
    pub(crate) secrets: BTreeMap<String, Value>,
    /// Whether objects have a status apart.
    pub(crate) has_status: bool,
    /// Method, path and query of all requests, and the authorization if there was one.
    pub(crate) requests: Vec<String>,
    pub(crate) authorizations: BTreeSet<String>,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// Counts whatever happens, for watches that wait.
    happened: Arc<watch::Sender<u64>>,
    /// Lines for all watches, such as bookmarks; how many times they were ended.
    ended: Arc<watch::Sender<u64>>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

/// What a client and a server need to trust each other, as PEM.
pub(crate) struct Trust {
    pub(crate) ca: String,
    pub(crate) client: (String, String),
    server: ServerConfig,
}

impl Trust {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca = params.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(params, key);
        let signed = || {
            let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("names");
            let key = KeyPair::generate().expect("a key");
            (params.signed_by(&key, &issuer).expect("a certificate"), key)
        };
        let (client, client_key) = signed();
        let (server, server_key) = signed();
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).expect("a root");
        let provider = Arc::new(crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let server_key = PrivateKeyDer::try_from(server_key.serialize_der()).expect("a key");
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![server.der().clone()], server_key)
            .expect("a server");
        Self { ca: ca.pem(), client: (client.pem(), client_key.serialize_pem()), server }
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), Arc::default(), None).await
    }

    pub(crate) async fn start_with_tls(trust: &Trust) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(trust.server.clone()));
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), Arc::default(), Some(acceptor)).await
    }

    async fn start_at(
        address: SocketAddr,
        state: Arc<Mutex<State>>,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            state,
            happened: Arc::default(),
            ended: Arc::default(),
            connections: Arc::default(),
        };
        let own = server.clone();
        let accepting = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, tls) = (own.clone(), tls.clone());
                own.connections.lock().expect("a lock").spawn(async move {
                    match tls {
                        None => server.serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                server.serve(stream).await;
                            }
                        }
                    }
                });
            }
        };
        server.connections.lock().expect("a lock").spawn(accepting);
        server
    }

    /// Ends it with all its connections; what it knows stays for [`Self::start_again`].
    pub(crate) async fn stop(&self) {
        let mut connections = std::mem::take(&mut *self.connections.lock().expect("a lock"));
        connections.shutdown().await;
    }

    pub(crate) async fn start_again(&self) -> Self {
        Self::start_at(self.address, self.state.clone(), None).await
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a lock")
    }

    /// Puts an object, and gives its version.
    pub(crate) fn put(&self, plural: &str, name: &str, mut object: Value) -> u64 {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        object["metadata"]["name"] = json!(name);
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let objects = state.objects.entry(plural.to_owned()).or_default();
        let before = objects.insert(name.to_owned(), object.clone());
        let kind = if before.is_some() { "MODIFIED" } else { "ADDED" };
        let line = json!({"type": kind, "object": object}).to_string();
        state.changes.push((version, plural.to_owned(), line));
        drop(state);
        self.happened.send_modify(|count| *count += 1);
        version
    }

    pub(crate) fn delete(&self, plural: &str, name: &str) {
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        let objects = state.objects.get_mut(plural).expect("objects");
        let mut object = objects.remove(name).expect("the object");
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let line = json!({"type": "DELETED", "object": object}).to_string();
        state.changes.push((version, plural.to_owned(), line));
        drop(state);
        self.happened.send_modify(|count| *count += 1);
    }

    /// Sends a line to the watches of a kind. It is no change, so it is not sent again later.
    pub(crate) fn say(&self, plural: &str, line: &str) {
        let mut state = self.state();
        let version = state.version;
        state.changes.push((version + 1, plural.to_owned(), line.to_owned()));
        state.version += 1;
        drop(state);
        self.happened.send_modify(|count| *count += 1);
    }

    /// Tells the watches of a kind how far the server is, and gives that.
    pub(crate) fn bookmark(&self, plural: &str) -> u64 {
        let version = self.state().version + 1;
        let version_text = version.to_string();
        let object = json!({"kind": "Node", "metadata": {"resourceVersion": version_text}});
        self.say(plural, &json!({"type": "BOOKMARK", "object": object}).to_string());
        version
    }

    /// Ends all watches as if their time were over.
    pub(crate) fn end_watches(&self) {
        self.ended.send_modify(|count| *count += 1);
    }

    /// Forgets all changes so far: no watch can go on from before now.
    pub(crate) fn forget(&self) {
        let mut state = self.state();
        state.oldest = state.version;
        state.changes.clear();
    }

    /// Requests so far, without the exact time of watches, which is checked to be one of these.
    pub(crate) fn requests(&self, times: std::ops::RangeInclusive<u64>) -> Vec<String> {
        let requests = self.state().requests.clone();
        let without_time = |request: String| match request.split_once("&timeoutSeconds=") {
            None => request,
            Some((rest, time)) => {
                let time: u64 = time.parse().expect("seconds");
                assert!(times.contains(&time), "{request}");
                rest.to_owned()
            }
        };
        requests.into_iter().map(without_time).collect()
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) {
        let mut stream = BufReader::new(stream);
        let mut first = String::new();
        if stream.read_line(&mut first).await.is_err() || first.is_empty() {
            return;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.is_err() || line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("authorization: ") {
                self.state().authorizations.insert(value.trim().to_owned());
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a length");
            }
        }
        let request = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        self.state().requests.push(request.clone());
        if let Some(path) = request.strip_prefix("PUT ") {
            let mut body = vec![0; length];
            if stream.read_exact(&mut body).await.is_ok() {
                let object = serde_json::from_slice(&body).expect("JSON");
                let (status, body) = self.replace(path, object);
                let _ = answer(&mut stream, status, &body).await;
            }
            return;
        }
        let target = request.strip_prefix("GET ").expect("nothing but GET and PUT").to_owned();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let query: BTreeMap<&str, &str> =
            query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        if query.contains_key("watch") {
            // Whoever waits for the end of a watch must not miss one that comes at once.
            let (happened, ended) = (self.happened.subscribe(), self.ended.subscribe());
            let _ = self.watch(&mut stream, path, &query, happened, ended).await;
        } else {
            let (status, body) = self.answer(path, &query);
            let _ = answer(&mut stream, status, &body).await;
        }
        let _ = stream.shutdown().await;
    }

    /// Puts an object in the place of the one that it was.
    fn replace(&self, path: &str, object: Value) -> (u16, String) {
        let status = |code: u16| (code, json!({"kind": "Status", "message": "no"}).to_string());
        let whole = path.strip_suffix("/status");
        let (collection, name) = whole.unwrap_or(path).rsplit_once('/').expect("a name");
        let before = {
            let state = self.state();
            let plural = self.plural(&state, collection).filter(|_| {
                // Who has a status apart has it there only.
                whole.is_some() == state.has_status
            });
            let Some(plural) = plural else { return status(404) };
            let objects = state.objects.get(&plural);
            let Some(before) = objects.and_then(|it| it.get(name)) else { return status(404) };
            before["metadata"]["resourceVersion"].clone()
        };
        if before != object["metadata"]["resourceVersion"] {
            return status(409);
        }
        let plural = collection.rsplit('/').next().expect("a plural");
        self.put(plural, name, object);
        (200, self.object(plural, name).to_string())
    }

    /// An object as it is.
    pub(crate) fn object(&self, plural: &str, name: &str) -> Value {
        self.state().objects[plural][name].clone()
    }

    fn answer(&self, path: &str, query: &BTreeMap<&str, &str>) -> (u16, String) {
        let state = self.state();
        if let Some((status, body)) = state.answers.get(path) {
            return (*status, body.clone());
        }
        if path == "/apis" {
            let groups: Vec<Value> =
                state.groups.iter().map(|group| json!({"name": group.split('/').next()})).collect();
            return (200, json!({"kind": "APIGroupList", "groups": groups}).to_string());
        }
        if let Some(secret) = state.secrets.get(path) {
            return (200, secret.to_string());
        }
        if let Some(group) = state.groups.iter().find(|it| path == format!("/apis/{it}")) {
            let plurals = ["bgppeers", "bgpconfigurations", "bgpfilters", "ippools"];
            let there = plurals.iter().filter(|it| !state.absent.contains(*it));
            let resources: Vec<Value> = there.map(|it| json!({"name": it})).collect();
            return (200, json!({"groupVersion": group, "resources": resources}).to_string());
        }
        match self.plural(&state, path) {
            Some(plural) => state.page(&plural, query),
            None => (404, "404 page not found\n".to_owned()),
        }
    }

    /// The kind that a path is of, if it is served.
    fn plural(&self, state: &State, path: &str) -> Option<String> {
        let (base, plural) = path.rsplit_once('/')?;
        let group = base.strip_prefix("/apis/");
        let served = base == "/api/v1" && plural == "nodes"
            || group.is_some_and(|it| state.groups.contains(&it)) && !state.absent.contains(plural);
        served.then(|| plural.to_owned())
    }

    async fn watch<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        path: &str,
        query: &BTreeMap<&str, &str>,
        mut happened: watch::Receiver<u64>,
        mut ended: watch::Receiver<u64>,
    ) -> std::io::Result<()> {
        let from: u64 = query["resourceVersion"].parse().expect("a version");
        let (plural, oldest, by_status) = {
            let state = self.state();
            (self.plural(&state, path), state.oldest, state.gone_by_status)
        };
        let Some(plural) = plural else { return answer(stream, 404, "404 page not found\n").await };
        let status = json!({
            "kind": "Status", "code": 410, "reason": "Expired",
            "message": format!("too old resource version: {from} ({oldest})"),
        });
        if from < oldest && by_status {
            return answer(stream, 410, &status.to_string()).await;
        }
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
            )
            .await?;
        if from < oldest {
            let line = json!({"type": "ERROR", "object": status});
            return stream.write_all(format!("{line}\n").as_bytes()).await;
        }
        stream.flush().await?;
        let mut told = from;
        loop {
            let lines: String = {
                let state = self.state();
                let new = state.changes.iter().filter(|(at, it, _)| *at > told && *it == plural);
                let lines = new.map(|(_, _, line)| format!("{line}\n")).collect();
                told = state.version;
                lines
            };
            stream.write_all(lines.as_bytes()).await?;
            stream.flush().await?;
            tokio::select! {
                _ = happened.changed() => {}
                _ = ended.changed() => return Ok(()),
                () = tokio::time::sleep(Duration::from_secs(600)) => return Ok(()),
            }
        }
    }
}

impl State {
    fn page(&self, plural: &str, query: &BTreeMap<&str, &str>) -> (u16, String) {
        let limit: usize = query["limit"].parse().expect("a limit");
        // What the token is, is the server's business; ours has what must be escaped.
        let from = match query.get("continue") {
            None => 0,
            Some(_) if self.tokens_expire => {
                let status = json!({"kind": "Status", "code": 410, "reason": "Expired",
                    "message": "The provided continue parameter is too old"});
                return (410, status.to_string());
            }
            Some(token) => token
                .strip_prefix("from%2B")
                .and_then(|it| it.strip_suffix("%3D%3D"))
                .expect("an escaped token")
                .parse()
                .expect("a number"),
        };
        let none = BTreeMap::new();
        let objects = self.objects.get(plural).unwrap_or(&none);
        let items: Vec<&Value> = objects.values().skip(from).take(limit).collect();
        let more = from + items.len() < objects.len();
        let token = if more { format!("from+{}==", from + items.len()) } else { String::new() };
        let metadata = json!({"resourceVersion": self.version.to_string(), "continue": token});
        (200, json!({"kind": "List", "metadata": metadata, "items": items}).to_string())
    }
}

async fn answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    status: u16,
    body: &str,
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await
}
