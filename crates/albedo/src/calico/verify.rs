//! Compares what is in force with what the resources say, and puts the outcome into words.
//!
//! Routes are read page by page, so that the shards look at a bounded piece of their tables at a
//! time and nothing is kept of it but what [`Verifier`] keeps.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use albedo_api::{
    CalicoVerify, ForeignRoute, NodeFamily, NodePrefix, SessionDown, Told, WrongNextHop,
};
use albedo_config::IpamCheck;
use albedo_discovery::calico::Cluster;
use albedo_discovery::calico::expand::{Identity, Speaker};
use albedo_discovery::calico::verify::{
    Astray, Down, Foreign, Found, Link, Missing, Seen, Subject, Unserved, Verdict, Verifier,
};
use albedo_engine::EngineHandle;
use albedo_rib::query::{Query, Select};
use albedo_rib::{AttrSet, Route};
use albedo_session::{PeerStatus, Server};
use albedo_types::Family;

use crate::source::next_hop;

/// What is in force of a cluster.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(super) identity: Identity,
    pub(super) cluster: Arc<Cluster>,
    pub(super) revision: u64,
    pub(super) speaker: Arc<Speaker>,
    /// Names of sessions that are held down, and why.
    pub(super) held: BTreeMap<String, String>,
    pub(super) ipam: IpamCheck,
}

/// Reads all routes and compares; `pause` is left to others between two pages.
///
/// # Errors
///
/// Too many questions are open, or the shards have ended.
pub(crate) async fn compare(
    in_force: &Arc<InForce>,
    (engine, server): (&EngineHandle, &Server),
    pause: Duration,
    shown_max: usize,
) -> Result<Verdict, String> {
    // With many nodes it takes milliseconds, in which this thread's sessions would wait.
    let making = tokio::task::spawn_blocking({
        let in_force = Arc::clone(in_force);
        move || {
            let InForce { cluster, speaker, identity, .. } = &*in_force;
            Verifier::new(&Subject { cluster, speaker, identity }, shown_max)
        }
    });
    let mut verifier = making.await.map_err(|error| error.to_string())?;
    for family in Family::ALL {
        let query = Query { family, select: Select::All, from: None, to: None, best_only: false };
        let mut routes = engine.routes(query).map_err(|error| error.to_string())?;
        while let Some(page) = routes.next().await.map_err(|error| error.to_string())? {
            see(&mut verifier, &page);
            tokio::time::sleep(pause).await;
        }
    }
    let peers = server.snapshot();
    let peers: HashMap<IpAddr, &PeerStatus> =
        peers.iter().map(|peer| (peer.addr.ip(), peer)).collect();
    let held: HashMap<IpAddr, &String> = in_force
        .speaker
        .sessions
        .iter()
        .filter_map(|session| Some((session.address, in_force.held.get(&session.name)?)))
        .collect();
    Ok(verifier.finish(|address| link(peers.get(&address).copied(), held.get(&address).copied())))
}

/// Shows a page; the next hop of a set is read once, however many routes have it.
fn see(verifier: &mut Verifier, page: &[Route]) {
    let mut read: HashMap<*const AttrSet, Option<IpAddr>> = HashMap::new();
    for route in page {
        let hop = read.entry(Arc::as_ptr(&route.attrs)).or_insert_with(|| next_hop(&route.attrs));
        let (prefix, peer) = (route.prefix, route.info.addr);
        verifier.see(&Seen { prefix, peer, next_hop: *hop });
    }
}

fn link(peer: Option<&PeerStatus>, held: Option<&String>) -> Link {
    match (peer, held) {
        (Some(peer), _) if peer.is_established() => Link::Up,
        (_, Some(why)) => Link::Down(format!("held down: {why}")),
        (None, None) => Link::Down("not in force".to_owned()),
        (Some(peer), None) => Link::Down(match &*peer.detail.reason {
            "" => peer.state_name().to_owned(),
            reason => format!("{}: {reason}", peer.state_name()),
        }),
    }
}

/// A verdict as it is told.
pub(super) fn told(in_force: &InForce, verdict: &Verdict) -> CalicoVerify {
    let configuration = in_force.cluster.default_configuration();
    CalicoVerify {
        revision: in_force.revision,
        mesh: configuration.and_then(|it| it.node_to_node_mesh).unwrap_or(true),
        ok: verdict.is_good(),
        nodes: verdict.nodes,
        nodes_connected: verdict.connected,
        nodes_elsewhere: verdict.elsewhere,
        sessions_down: list(&verdict.down, down),
        nodes_without_session: list(&verdict.unserved, |Unserved { node, family }| NodeFamily {
            node: node.to_string(),
            family: (*family).to_owned(),
        }),
        blocks: verdict.blocks,
        blocks_missing: list(&verdict.missing, missing),
        blocks_foreign: list(&verdict.foreign, |Foreign { node, prefix, owner }| ForeignRoute {
            node: node.to_string(),
            prefix: prefix.to_string(),
            owner: owner.as_deref().map(str::to_owned),
        }),
        next_hops_wrong: list(&verdict.astray, |Astray { node, prefix, next_hop }| WrongNextHop {
            node: node.to_string(),
            prefix: prefix.to_string(),
            next_hop: next_hop.to_string(),
        }),
        services_missing: list(&verdict.services, missing),
        borrowed: verdict.borrowed,
        others: verdict.others,
        others_down: list(&verdict.others_down, down),
        ..CalicoVerify::default()
    }
}

fn list<T, U>(found: &Found<T>, tell: impl Fn(&T) -> U) -> Told<U> {
    Told { count: found.count, first: found.first.iter().map(tell).collect() }
}

fn down(down: &Down) -> SessionDown {
    SessionDown {
        node: down.node.as_deref().map(str::to_owned),
        session: down.session.clone(),
        reason: down.why.clone(),
    }
}

fn missing(missing: &Missing) -> NodePrefix {
    NodePrefix { node: missing.node.to_string(), prefix: missing.prefix.to_string() }
}
