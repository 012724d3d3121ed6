//! A server on a loopback port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use albedo_engine::{Engine, EngineConfig};
use albedo_fsm::{ExpectedAs, SessionConfig};
use albedo_session::sockopt::SocketOptions;
use albedo_session::{
    Farewell, Group, IntakeRules, NextHopRule, PathRules, Peer, PeerStatus, Profile,
    REFRESH_INTERVAL_DEFAULT, Restart, RetentionRules, Server, Settings,
};
use albedo_types::{ClusterId, HoldTime, PeerRole, RouterId};

use crate::peer::ASN;

pub(crate) const ROUTER_ID: u32 = 0x0a00_0001;

/// Time that a stop may take in tests; it does not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A server, and the engine behind it.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) engine: Engine,
    pub(crate) at: SocketAddr,
}

pub(crate) fn profile() -> Profile {
    let router_id = RouterId::new(ROUTER_ID).expect("not zero");
    let mut session = SessionConfig::new(ASN, router_id, ExpectedAs::Internal);
    session.passive = true;
    session.dynamic = true;
    Profile {
        session,
        role: PeerRole::Client,
        cluster_id: ClusterId(ROUTER_ID),
        local_address: None,
        key: None,
        socket: SocketOptions::default(),
        intake: IntakeRules::default(),
        retention: RetentionRules::default(),
        clusters: 0,
        import: None,
        export: None,
        paths: PathRules::default(),
        next_hop: NextHopRule::Auto,
        refresh_interval: REFRESH_INTERVAL_DEFAULT,
    }
}

pub(crate) fn hold(profile: &mut Profile, secs: u16) {
    profile.session.hold_time = HoldTime::from_secs(secs).expect("a hold time");
}

/// One group that takes everybody of 127.0.0.0/8.
pub(crate) fn settings(profile: Profile) -> Settings {
    Settings {
        listen: vec!["127.0.0.1:0".parse().expect("an address")],
        groups: vec![group("nodes", profile, "127.0.0.0/8")],
        ..Settings::default()
    }
}

pub(crate) fn group(name: &str, profile: Profile, range: &str) -> Group {
    Group {
        name: name.into(),
        profile: Arc::new(profile),
        ranges: vec![range.parse().expect("a range")],
        range_limit: None,
        dial: false,
    }
}

pub(crate) fn peer(addr: SocketAddr, mut profile: Profile) -> Peer {
    profile.session.dynamic = false;
    Peer { addr, group: "peers".into(), name: None, description: None, profile: Arc::new(profile) }
}

impl Fixture {
    pub(crate) fn start(settings: Settings) -> Self {
        Self::start_with(settings, &EngineConfig::default())
    }

    pub(crate) fn start_with(settings: Settings, config: &EngineConfig) -> Self {
        let engine = Engine::start(config).expect("threads");
        let server = Server::start(settings, engine.handle()).expect("a port");
        let at = server.listening()[0];
        Self { server, engine, at }
    }

    /// After a life before this one.
    pub(crate) fn start_again(settings: Settings, restart: Restart) -> Self {
        let engine = Engine::start(&EngineConfig::default()).expect("threads");
        let server = Server::start_again(settings, engine.handle(), restart).expect("a port");
        let at = server.listening()[0];
        Self { server, engine, at }
    }

    pub(crate) fn status(&self, of: [u8; 4]) -> Option<PeerStatus> {
        let all = self.server.snapshot();
        all.into_iter().find(|peer| peer.addr.ip() == std::net::IpAddr::from(of))
    }

    /// Looks again and again, letting others run, until it is so.
    pub(crate) async fn until(&self, so: impl Fn(&Self) -> bool) {
        while !so(self) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Stops everything, and checks that nothing is left.
    pub(crate) async fn stop(self) {
        let Self { server, engine, .. } = self;
        assert!(
            server.stop(&Farewell::Shutdown { text: String::new() }, PATIENCE).await,
            "all sessions end"
        );
        assert!(server.snapshot().is_empty());
        let states = &server.stats().states;
        assert!(states.iter().all(|n| n.load(std::sync::atomic::Ordering::Relaxed) == 0));
        drop(server);
        let empty = tokio::task::spawn_blocking(|| engine.stop()).await.expect("no panic");
        assert!(empty, "nothing is left in the shards");
    }
}
