//! Readiness and the rows of peers, on a reflector that runs.

use std::path::Path;

use albedo_session::Farewell;
use albedo_types::Asn;
use albedo_wire::capability::Capability;
use albedo_wire::frame::KEEPALIVE;
use albedo_wire::open::Open;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::assemble::tests::{FULL, config};
use crate::lifecycle::Running;

fn loopback() -> Config {
    let mut config = config(FULL);
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.groups[0].ranges = vec!["127.0.0.0/8".parse().unwrap()];
    config.groups[0].settings.password = None;
    config.peers.clear();
    config.admin.http = None;
    config
}

/// A client that has shaken hands.
async fn client(running: &Running) -> TcpStream {
    let at = running.reflector().server().listening()[0];
    let mut stream = TcpStream::connect(at).await.unwrap();
    let open = Open {
        as_field: 64512,
        hold_time: 90,
        router_id: 99,
        capabilities: vec![Capability::FourOctetAs(Asn(64512))],
        ignored: Vec::new(),
    };
    stream.write_all(&open.encode()).await.unwrap();
    stream.write_all(&KEEPALIVE).await.unwrap();
    stream
}

#[tokio::test]
async fn ready_once_the_first_peers_are_there_and_it_is_quiet() {
    let running = Running::start(loopback(), Path::new("file.yaml")).await.unwrap();
    let source = std::sync::Arc::clone(running.source());
    assert!(source.live().iter().all(|check| check.ok));
    let ready = |source: &Source| source.ready().iter().all(|check| check.ok);
    assert!(!ready(&source));
    assert_eq!(source.ready()[1].detail, "waits for the first peer");

    let mut stream = client(&running).await;
    while !ready(&source) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let converged = source.snapshot().startup_convergence.expect("ready");
    // The quiet that was waited for is not part of it.
    assert!(converged + STARTUP_QUIET <= now().since(Instant::ZERO), "{converged:?}");
    let rows = source.peers();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert!(row.is_up() && row.dynamic);
    assert_eq!(
        (&*row.role, row.as_number, row.group.as_deref()),
        ("client", Some(64512), Some("nodes"))
    );
    assert_eq!(
        (row.hold_time_seconds, &row.families[..]),
        (Some(30), &["ipv4-unicast".to_owned()][..])
    );
    let status = source.status();
    assert_eq!(
        (status.sessions_up, status.as_number, &*status.config_file),
        (1, 64512, "file.yaml")
    );
    let snapshot = source.snapshot();
    assert_eq!(snapshot.sessions.messages[0][0], 1, "one OPEN");
    assert_eq!(snapshot.sessions.by_state[5], 1);

    source.stopping();
    assert!(!ready(&source));
    let farewell = Farewell::Shutdown { text: "test".into() };
    // The client closes once it has read the end, which is what the stop waits for.
    let client = async move { stream.read_to_end(&mut Vec::new()).await };
    let (clean, read) = tokio::join!(running.stop(&farewell), client);
    read.unwrap();
    assert!(clean);
}

#[tokio::test]
async fn what_is_fixed_makes_a_reload_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("albedo.yaml");
    // An address of this process's own, so that nobody else listens there.
    let id = std::process::id();
    let own = format!("127.{}.{}.1:31179", 1 + id / 250 % 250, 1 + id % 250);
    let text = FULL.replace("127.0.0.1:1179", &own) + "admin: {http: off}\n";
    std::fs::write(&file, &text).unwrap();
    let mut running = Running::start(albedo_config::load(&file).unwrap(), &file).await.unwrap();
    for (from, to, fault) in [
        ("limits:", "shards: 7\nlimits:", "shards: 7 instead of"),
        ("holdTime: 30s", "holdTime: 2s", "holdTime"),
    ] {
        std::fs::write(&file, text.replace(from, to)).unwrap();
        let error = running.reload(&file).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
        let status = running.source().status();
        assert!(status.config_fault.is_some_and(|seen| seen.contains(fault)));
    }
    let numbers = running.source().snapshot().config;
    assert_eq!((numbers.reloads_refused, numbers.reloads_taken, numbers.last_good), (2, 0, false));

    std::fs::write(&file, text.replace("description: other-rack, ", "")).unwrap();
    let applied = running.reload(&file).unwrap();
    assert_eq!((applied.stopped, applied.changed, applied.untouched), (0, 0, 2));
    assert_eq!(running.source().status().config_fault, None);
    // Another cluster is no reason to reset anybody (R17), and the engine knows it from then on.
    let mark = running.reflector().engine().clusters_mark();
    std::fs::write(&file, text.replace("clusterId: 10.0.0.8", "clusterId: 10.0.0.9")).unwrap();
    let applied = running.reload(&file).unwrap();
    assert_eq!((applied.stopped, applied.changed, applied.untouched), (0, 2, 0));
    assert_ne!(running.reflector().engine().clusters_mark(), mark);
    assert!(running.stop(&Farewell::Restart).await);
}
