//! The server over real connections.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::control::{DrainPhase, DrainRequest, DrainStatus, DrainedClient};
use crate::routes::Later;
use crate::snapshot::Snapshot;
use crate::status::{CalicoVerify, Check, NodePrefix, PeerRow, Status, Told};

struct Fixed {
    ready: bool,
}

fn check(name: &str, ok: bool) -> Check {
    Check { name: name.to_owned(), ok, detail: "looked at".to_owned() }
}

impl StatusSource for Fixed {
    fn status(&self) -> Status {
        let status = Status { router_id: "10.0.0.1".to_owned(), ..Status::default() };
        status.with(&self.snapshot())
    }

    fn peers(&self) -> Vec<PeerRow> {
        let row = PeerRow {
            address: "10.9.0.2".to_owned(),
            state: "established".to_owned(),
            hold_time_seconds: Some(90),
            ..PeerRow::default()
        };
        vec![row]
    }

    fn live(&self) -> Vec<Check> {
        vec![check("shard-0", true), check("shard-1", true)]
    }

    fn ready(&self) -> Vec<Check> {
        vec![check("workers", true), check("initial-sync", self.ready)]
    }

    fn verify(&self) -> Later<'_, Option<Result<CalicoVerify, String>>> {
        let first = vec![NodePrefix { node: "w1".to_owned(), prefix: "10.244.1.0/26".to_owned() }];
        let blocks_missing = Told { count: 130, first };
        let verdict = CalicoVerify { blocks_missing, ..CalicoVerify::default() };
        let verdict = if self.ready { Ok(verdict) } else { Err("nothing to compare".to_owned()) };
        Box::pin(ready(Some(verdict)))
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.sessions.by_state[5] = 1;
        snapshot
    }
}

/// Says what it was asked.
#[derive(Default)]
struct Obeys(std::sync::Mutex<Vec<String>>);

impl Control for Obeys {
    fn drain(&self, request: &DrainRequest) -> Result<DrainStatus, String> {
        self.0.lock().unwrap().push(format!("{request:?}"));
        if request.force { Ok(self.drain_status()) } else { Err("nobody else is there".into()) }
    }

    fn cancel_drain(&self) -> Result<DrainStatus, String> {
        self.0.lock().unwrap().push("cancel".into());
        Ok(self.drain_status())
    }

    fn drain_status(&self) -> DrainStatus {
        let client = DrainedClient { address: "10.0.0.7".into(), ..DrainedClient::default() };
        DrainStatus { clients: vec![client], ..DrainStatus::default() }
    }
}

struct Server {
    addr: SocketAddr,
    control: Arc<Obeys>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

async fn start(ready: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let metrics = Metrics::new("1.2.3", 0).unwrap();
    let control = Arc::new(Obeys::default());
    let obeys: Arc<dyn Control> = Arc::<Obeys>::clone(&control);
    let doors = Doors { http: Some(listener), ..Doors::default() };
    let task = tokio::spawn(serve(doors, Arc::new(Fixed { ready }), obeys, metrics, async {
        let _ = stopped.await;
    }));
    Server { addr, control, stop, task }
}

/// Asks and closes; what came back, as status line, headers and body.
async fn get(addr: SocketAddr, path: &str) -> (String, String, String) {
    ask(addr, &format!("GET {path} HTTP/1.1\r\nHost: albedo\r\nConnection: close\r\n\r\n")).await
}

async fn ask(addr: SocketAddr, request: &str) -> (String, String, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    (status.to_owned(), headers.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn health_is_a_word_and_tells_more_when_asked_or_ill() {
    let well = start(true).await;
    assert_eq!(get(well.addr, "/livez").await.2, "ok\n");
    let (status, _, body) = get(well.addr, "/livez?verbose").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let expected = "[+]shard-0 ok: looked at\n[+]shard-1 ok: looked at\nlivez check passed\n";
    assert_eq!(body, expected);
    assert_eq!(get(well.addr, "/readyz").await.2, "ok\n");
    assert_eq!(get(well.addr, "/startupz").await.2, "ok\n");

    let ill = start(false).await;
    assert_eq!(get(ill.addr, "/livez").await.0, "HTTP/1.1 200 OK");
    let (status, _, body) = get(ill.addr, "/readyz").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    let expected = "[+]workers ok: looked at\n[-]initial-sync failed: looked at\n\
                    readyz check failed\n";
    assert_eq!(body, expected);
    let (status, _, body) = get(ill.addr, "/startupz").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert!(body.ends_with("startupz check failed\n"), "{body}");
}

#[tokio::test]
async fn metrics_page_and_json_answer() {
    let server = start(true).await;
    let (status, headers, body) = get(server.addr, "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(headers.contains("content-type: text/plain; version=0.0.4"), "{headers}");
    assert!(body.contains("\nalbedo_sessions{state=\"established\"} 1\n"), "{body}");

    let (_, headers, body) = get(server.addr, "/").await;
    assert!(headers.contains("content-security-policy: default-src 'none'"), "{headers}");
    assert!(body.contains("is ready") && body.contains("10.9.0.2"), "{body}");

    let (_, _, body) = get(server.addr, "/api/v1/status").await;
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status["routerId"], "10.0.0.1");
    assert_eq!(status["sessionsUp"], 1);
    let (_, _, body) = get(server.addr, "/api/v1/peers").await;
    let peers: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(peers[0]["holdTimeSeconds"], 90);

    assert_eq!(get(server.addr, "/nothing").await.0, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn a_verdict_has_exact_counts_and_refuses_in_words() {
    let server = start(true).await;
    let (status, headers, body) = get(server.addr, "/api/v1/calico/verify").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(headers.contains("cache-control: no-store"), "{headers}");
    let verdict: CalicoVerify = serde_json::from_str(&body).unwrap();
    assert_eq!((verdict.blocks_missing.count, verdict.blocks_missing.first.len()), (130, 1));
    assert!(body.contains("\"blocksMissing\":{\"count\":130"), "{body}");
    let server = start(false).await;
    let (status, _, body) = get(server.addr, "/api/v1/calico/verify").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(body, "nothing to compare\n");
}

#[tokio::test]
async fn a_drain_is_asked_for_in_json_from_this_machine() {
    let server = start(true).await;
    let post = |method: &str, host: &str, kind: &str, body: &str| {
        format!(
            "{method} /api/v1/drain HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let body = "{\"force\": true, \"overSeconds\": 5, \"limitSeconds\": 60}";
    let json = "application/json";
    for (request, code) in [
        (post("POST", "127.0.0.1", json, body), "200"),
        (post("POST", "127.0.0.1", json, &body.replace("true", "false")), "409"),
        (post("POST", "127.0.0.1", json, &body.replace('5', "3601")), "400"),
        (post("POST", "127.0.0.1", json, "{}"), "400"),
        (post("POST", "127.0.0.1", json, &" ".repeat(control::BODY_MAX + 1)), "413"),
        (post("POST", "127.0.0.1", "text/plain", body), "403"),
        (post("POST", "evil.example", json, body), "403"),
        (post("DELETE", "evil.example", json, ""), "403"),
        (post("DELETE", "localhost", json, ""), "200"),
        (post("PUT", "127.0.0.1", json, body), "405"),
    ] {
        let (status, _, answer) = ask(server.addr, &request).await;
        assert!(status.contains(&format!(" {code} ")), "{request}: {status} {answer}");
    }
    let asked = server.control.0.lock().unwrap().clone();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[0].contains("force: true, over_seconds: 5, limit_seconds: 60"), "{asked:?}");
    let (status, _, body) = get(server.addr, "/api/v1/drain").await;
    assert!(status.contains(" 200 "));
    let status: DrainStatus = serde_json::from_str(&body).unwrap();
    assert_eq!((status.left_over(), status.phase), (1, DrainPhase::None));
}

#[tokio::test]
async fn stops_when_told() {
    let server = start(true).await;
    assert_eq!(get(server.addr, "/livez").await.2, "ok\n");
    server.stop.send(()).unwrap();
    server.task.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err());
}

/// The bound on connections, reached: one more waits in the kernel, and gets its answer once
/// another has gone.
#[tokio::test]
async fn one_connection_beyond_the_bound_waits_for_another_to_end() {
    let server = start(true).await;
    let mut idle = Vec::new();
    for _ in 0..crate::CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        // Half a request: answered or not, the connection stays.
        stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        idle.push(stream);
    }
    let addr = server.addr;
    let mut late = tokio::spawn(async move { get(addr, "/livez").await });
    // Another full answer on one of the others shows that the server had time for the late one.
    let mut last = idle.pop().unwrap();
    last.write_all(b"Host: albedo\r\n\r\n").await.unwrap();
    let mut octets = [0; 64];
    assert!(last.read(&mut octets).await.unwrap() > 0);
    assert!(!late.is_finished());
    drop(last);
    assert_eq!((&mut late).await.unwrap().2, "ok\n");
}

/// With the clock at hand: a connection on which nothing moves is closed.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let server = start(true).await;
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    let mut octets = Vec::new();
    // The paused clock moves on as soon as everybody waits.
    let read = stream.read_to_end(&mut octets).await;
    assert!(read.is_err() || octets.is_empty(), "{octets:?}");
}

#[tokio::test]
async fn a_unix_socket_lets_in_whom_its_file_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("albedo.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let metrics = Metrics::new("1.2.3", 0).unwrap();
    let control = Arc::new(Obeys::default());
    let obeys: Arc<dyn Control> = Arc::<Obeys>::clone(&control);
    let doors = Doors { socket: Some(listener), ..Doors::default() };
    let source = Arc::new(Fixed { ready: true });
    let task = tokio::spawn(serve(doors, source, obeys, metrics, async {
        let _ = stopped.await;
    }));
    // Nobody has to name a host there, or a kind of content.
    let body = r#"{"force": true, "overSeconds": 1, "limitSeconds": 2}"#;
    let request = format!(
        "POST /api/v1/drain HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(control.0.lock().unwrap().len(), 1);
    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_not_there_or_not_understood_is_told() {
    let server = start(true).await;
    for (path, status, wanted) in [
        ("/api/v1/peers?count=1", "HTTP/1.1 400", "unknown field"),
        ("/api/v1/peers/x", "HTTP/1.1 400", "expected an IP address"),
        ("/api/v1/peers/10.0.0.9", "HTTP/1.1 404", "there is no peer 10.0.0.9"),
        ("/api/v1/routes", "HTTP/1.1 503", "there are no routes yet"),
        ("/api/v1/routes?from=x", "HTTP/1.1 400", "IP address"),
    ] {
        let (found, _, body) = get(server.addr, path).await;
        assert!(found.starts_with(status), "{path}: {found}");
        assert!(body.contains(wanted), "{path}: {body}");
    }
    let post = |path: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let long = format!("{{\"peer\": \"10.0.0.2\", \"message\": \"{}\"}}", "x".repeat(256));
    for (path, body, status, wanted) in [
        ("/api/v1/reset", "{}", "HTTP/1.1 400", "missing field `peer`"),
        ("/api/v1/reset", &*long, "HTTP/1.1 400", "found 256 octets, expected at most 255"),
        ("/api/v1/reset", "{\"peer\": \"10.0.0.2\"}", "HTTP/1.1 409", "no sessions yet"),
        ("/api/v1/reload", "{\"dry\": true}", "HTTP/1.1 400", "unknown field"),
        ("/api/v1/reload", "{}", "HTTP/1.1 409", "there is no configuration file"),
    ] {
        let (found, _, answer) = ask(server.addr, &post(path, body)).await;
        assert!(found.starts_with(status), "{path}: {found}");
        assert!(answer.contains(wanted), "{path}: {answer}");
    }
    // Another site's page cannot ask for it.
    let foreign = post("/api/v1/reload", "{}").replace("Host: 127.0.0.1", "Host: albedo.example");
    assert!(ask(server.addr, &foreign).await.0.starts_with("HTTP/1.1 403"));
}
