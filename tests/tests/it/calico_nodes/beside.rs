//! Two reflectors beside a cluster, which BGPPeers name by address: the move from the mesh to them,
//! step by step as `docs/calico.md` has it, and what comes after.

use albedo_tests::calico::etcd::NEEDED;
use albedo_tests::calico::resources::{Entry, affinity, node, resource};
use albedo_tests::fib::Watch;
use albedo_tests::lab::{Host, Lab};
use albedo_tests::wait::eventually;
use anyhow::{Result, ensure};
use serde_json::json;

use super::cluster::{Cluster, LEFT, RIGHT, block, name};
use super::{FIRST, Step, are_named, watched};

const NODES: u8 = 8;
/// Those that have the second reflector no more at the end.
const IN_ANOTHER_RACK: [Host; 2] = [Host(FIRST), Host(FIRST + 5)];

fn hosts() -> impl Iterator<Item = Host> {
    (FIRST..FIRST + NODES).map(Host)
}

fn config(host: Host) -> String {
    let own = host.v4();
    format!(
        "asNumber: 64512
routerId: {own}
clusterId: 10.0.0.1
listen: [\"{own}:179\"]
admin: {{http: \"127.0.0.1:9179\", bird: {{socket: bird.ctl}}}}
restart: {{rosterFile: roster.json}}
calico: {{external: [\"{own}\"], cacheFile: cluster.json}}
"
    )
}

#[test]
fn nobody_loses_a_route_on_the_way_from_the_mesh_to_reflectors_beside_the_cluster() {
    let Some(mut lab) = Lab::needing("calico_nodes_beside", &NEEDED) else { return };
    scenario(&mut lab).expect("the scenario");
}

fn scenario(lab: &mut Lab) -> Result<()> {
    let mut cluster = Cluster::start(lab, config)?;
    set_up(&mut cluster, lab)?;
    let places = hosts().map(|host| cluster.place(host)).collect::<Result<Vec<_>>>()?;
    let steps: [Step; 4] = [
        ("nodes told of the reflectors", nodes_are_told_of_the_reflectors),
        ("the mesh turned off", the_mesh_is_turned_off),
        ("a reflector killed", a_reflector_is_killed),
        ("a peering narrowed", a_peering_is_narrowed),
    ];
    watched(&mut cluster, &places, &steps)
}

fn configuration(mesh: bool) -> Result<Entry> {
    let spec = json!({"asNumber": 64512, "nodeToNodeMeshEnabled": mesh});
    resource("BGPConfiguration", "default", &[], &spec)
}

/// A cluster with the mesh, as Calico comes.
fn set_up(cluster: &mut Cluster, lab: &mut Lab) -> Result<()> {
    let pool = json!({"cidr": "10.244.0.0/16", "natOutgoing": true});
    let mut entries = vec![configuration(true)?, resource("IPPool", "pods", &[], &pool)?];
    for host in hosts() {
        let rack = if IN_ANOTHER_RACK.contains(&host) { "b" } else { "a" };
        entries.push(node(&name(host), host, &[("rack", rack)], None)?);
        entries.push(affinity(&name(host), block(host)));
    }
    cluster.etcd.put(&entries)?;
    for host in [LEFT, RIGHT].into_iter().chain(hosts()) {
        cluster.add_place(lab.node(host)?);
    }
    cluster.start_reflector(LEFT)?;
    cluster.start_reflector(RIGHT)?;
    let read = cluster.etcd.read()?;
    for host in hosts() {
        cluster.start_node(host, &[block(host)], &read)?;
    }
    cluster.await_all()
}

fn nodes_are_told_of_the_reflectors(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let peers = [LEFT, RIGHT].map(|host| {
        let spec = json!({"peerIP": host.v4().to_string(), "asNumber": 64512});
        resource("BGPPeer", &format!("albedo-{}", host.0), &[], &spec)
    });
    cluster.etcd.put(&peers.into_iter().collect::<Result<Vec<_>>>()?)?;
    ensure!(cluster.follow()?.len() == usize::from(NODES), "every node is told");
    cluster.await_released(LEFT)?;
    cluster.await_released(RIGHT)?;
    cluster.await_all()?;
    are_named(cluster, LEFT, FIRST..FIRST + NODES)?;
    are_named(cluster, RIGHT, FIRST..FIRST + NODES)?;
    eventually("the reflectors have every block", || {
        [LEFT, RIGHT].into_iter().try_for_each(|host| cluster.is_told(host, usize::from(NODES)))
    })
}

fn the_mesh_is_turned_off(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    cluster.etcd.put(&[configuration(false)?])?;
    ensure!(cluster.follow()?.len() == usize::from(NODES), "every node leaves the mesh");
    cluster.await_copies()?;
    cluster.uptimes()?.ensure_same(&before, &[])
}

fn a_reflector_is_killed(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    cluster.kill(LEFT)?;
    cluster.start_reflector(LEFT)?;
    cluster.await_released(LEFT)?;
    cluster.await_copies()?;
    cluster.uptimes()?.ensure_same_at(RIGHT, &before, &[])
}

/// With a selector the peering is another one to BIRD, `Node_…` instead of `Global_…`: each node
/// ends its session with that reflector, begins a new one, and lives on what the other one told it.
fn a_peering_is_narrowed(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    let spec = json!({
        "peerIP": RIGHT.v4().to_string(), "asNumber": 64512, "nodeSelector": "rack == 'a'",
    });
    let peer = resource("BGPPeer", &format!("albedo-{}", RIGHT.0), &[], &spec)?;
    cluster.etcd.put(&[peer])?;
    ensure!(cluster.follow()?.len() == usize::from(NODES), "every node has another peering");
    eventually("the others have left it", || {
        let uptimes = cluster.uptimes()?;
        let left: Vec<_> =
            IN_ANOTHER_RACK.iter().filter(|host| uptimes.has(RIGHT, **host)).collect();
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })?;
    cluster.await_all()?;
    let others = hosts().filter(|host| !IN_ANOTHER_RACK.contains(host));
    are_named(cluster, RIGHT, others.map(|host| host.0))?;
    cluster.uptimes()?.ensure_same_at(LEFT, &before, &[])
}
