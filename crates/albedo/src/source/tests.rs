//! Readiness and the rows of peers, on a reflector that runs.

use albedo_api::Control as _;
use albedo_api::control::DrainMode::Silent;
use albedo_api::control::DrainPhase::{Drained, Planned};
use albedo_api::control::DrainRequest;
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
    config.admin.socket = None;
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
    let running = Running::start(loopback(), "file.yaml").unwrap();
    let source = Arc::clone(running.source());
    assert!(source.live().iter().all(|check| check.ok));
    let ready = |source: &Source| source.ready().iter().all(|check| check.ok);
    assert!(!ready(&source));
    let detail = |source: &Source, name: &str| {
        let check = source.ready().into_iter().find(|check| check.name == name);
        check.map(|check| check.detail).unwrap_or_default()
    };
    assert_eq!(detail(&source, "initial-convergence"), "waits for the first peer");
    let words = "peers that keep our routes are told nothing yet; waits for the first peer";
    assert_eq!(detail(&source, "selection-deferral"), words);
    let life = source.snapshot().life;
    assert!(life.is_deferring && !life.is_draining);

    let mut stream = client(&running).await;
    while !ready(&source) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let converged = source.snapshot().startup_convergence.expect("ready");
    // The quiet that was waited for is not part of it.
    assert!(converged + STARTUP_QUIET / 2 <= now().since(Instant::ZERO), "{converged:?}");
    assert!(!source.snapshot().life.is_deferring);
    assert!(detail(&source, "selection-deferral").ends_with("nothing new came for a while"));
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
async fn g17_who_is_told_of_a_stop_is_decided_by_the_mode_and_by_who_is_there() {
    use albedo_config::{ShutdownMode, ShutdownMode::*};
    let farewell = |mode: ShutdownMode| async move {
        let mut config = loopback();
        config.shutdown = albedo_config::Shutdown { mode, message: "moving".into() };
        let running = Running::start(config, "file.yaml").unwrap();
        let farewell = running.farewell();
        assert!(running.stop(&farewell).await);
        farewell
    };
    // Nobody else is there.
    assert_eq!(farewell(Auto).await, Farewell::Restart);
    assert_eq!(farewell(Graceful).await, Farewell::Restart);
    assert_eq!(farewell(Final).await, Farewell::Shutdown { text: "moving".into() });

    // A reflector is, once it has told everything it has.
    let mut config = loopback();
    let mut settings = config.groups[0].settings.clone();
    (settings.role, settings.passive) = (albedo_types::PeerRole::NonClient, true);
    config.peers.push(albedo_config::Peer {
        name: None,
        address: [127, 0, 0, 1].into(),
        group: None,
        settings,
    });
    let running = Running::start(config, "file.yaml").unwrap();
    let mate = client(&running).await;
    while crate::drain::mates(&running.reflector().server().snapshot()) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(running.farewell(), Farewell::Shutdown { text: String::new() });
    drop(mate);
    assert!(running.stop(&Farewell::Restart).await);
}

#[tokio::test]
async fn a_drain_is_refused_to_the_last_reflector_and_done_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roster.json");
    let mut config = loopback();
    config.restart.roster_file = Some(file.clone());
    let running = Running::start(config, "file.yaml").unwrap();
    let source = Arc::clone(running.source());
    let mut stream = client(&running).await;
    let server = running.reflector().server().clone();
    while !server.snapshot().iter().any(PeerStatus::is_established) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while !file.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ask = DrainRequest { limit_seconds: 60, ..DrainRequest::default() };
    let error = source.drain(&ask).unwrap_err();
    assert!(error.contains("no other reflector"), "{error}");
    assert!(source.cancel_drain().is_err(), "there is none");
    let force = DrainRequest { force: true, ..ask };
    let plan = source.drain(&DrainRequest { dry_run: true, ..force }).unwrap();
    assert_eq!((plan.phase, plan.mode, plan.clients.len()), (Planned, Silent, 1));
    assert_eq!(source.drain_status().phase, albedo_api::control::DrainPhase::None);
    source.drain(&force).unwrap();
    assert!(source.drain(&force).unwrap_err().contains("on already"));
    // It does not know graceful restart, so it is told.
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    while source.drain_status().phase != Drained {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(source.snapshot().life.is_draining);
    let running_check = source.ready().into_iter().find(|check| check.name == "running").unwrap();
    assert_eq!((running_check.ok, &*running_check.detail), (false, "sends clients away"));
    assert!(source.cancel_drain().unwrap_err().contains("restart the program"));
    drop((stream, server, source));
    let written = std::fs::read(&file).unwrap();
    assert!(running.stop(&Farewell::Restart).await);
    // Who was let go so is one to wait for.
    assert_eq!(std::fs::read(&file).unwrap(), written);
    assert!(String::from_utf8(written).unwrap().contains("127.0.0.1"));
}

#[tokio::test]
async fn g10_a_stop_writes_down_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roster.json");
    let mut config = loopback();
    config.restart.roster_file = Some(file.clone());
    let running = Running::start(config.clone(), "file.yaml").unwrap();
    let mut stream = client(&running).await;
    while !running.reflector().server().snapshot().iter().any(PeerStatus::is_established) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let client = async move { stream.read_to_end(&mut Vec::new()).await };
    let (clean, read) = tokio::join!(running.stop(&Farewell::Restart), client);
    read.unwrap();
    assert!(clean);
    let running = Running::start(config, "file.yaml").unwrap();
    assert_eq!(running.reflector().server().deferral().waits.missing, 1);
    assert_eq!(running.source().snapshot().life.roster_peers, 1);
    assert!(running.stop(&Farewell::Restart).await);
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
    let mut running = Running::start(albedo_config::load(&file).unwrap(), "file.yaml").unwrap();
    for (from, to, fault) in [
        ("limits:", "shards: 7\nlimits:", "shards: 7 instead of"),
        ("holdTime: 30s", "holdTime: 2s", "holdTime"),
        ("limits:", "restart: {quietTime: 1s}\nlimits:", "restart: how this life began"),
    ] {
        std::fs::write(&file, text.replace(from, to)).unwrap();
        let error = running.reload(albedo_config::load(&file), None).unwrap_err().to_string();
        assert!(error.contains(fault), "{error}");
        let status = running.source().status();
        assert!(status.config_fault.is_some_and(|seen| seen.contains(fault)));
    }
    let numbers = running.source().snapshot().config;
    assert_eq!((numbers.reloads_refused, numbers.reloads_taken, numbers.last_good), (3, 0, false));

    std::fs::write(&file, text.replace("description: other-rack, ", "")).unwrap();
    let applied = running.reload(albedo_config::load(&file), None).unwrap();
    assert_eq!((applied.stopped, applied.changed, applied.untouched), (0, 0, 2));
    assert_eq!(running.source().status().config_fault, None);
    // Another cluster is no reason to reset anybody (R17), and the engine knows it from then on.
    let mark = running.reflector().engine().clusters_mark();
    std::fs::write(&file, text.replace("clusterId: 10.0.0.8", "clusterId: 10.0.0.9")).unwrap();
    let applied = running.reload(albedo_config::load(&file), None).unwrap();
    assert_eq!((applied.stopped, applied.changed, applied.untouched), (0, 2, 0));
    assert_ne!(running.reflector().engine().clusters_mark(), mark);
    assert!(running.stop(&Farewell::Restart).await);
}
