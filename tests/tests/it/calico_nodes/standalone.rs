//! Fifty nodes, and two reflectors that are Nodes of the cluster themselves.

use albedo_tests::calico::etcd::NEEDED;
use albedo_tests::calico::resources::{Entry, affinity, affinity_key, key, node, resource};
use albedo_tests::fib::Watch;
use albedo_tests::lab::{Host, Lab};
use albedo_tests::net::{Net, net};
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::cluster::{Cluster, LEFT, RIGHT, block, name};
use super::{FIRST, Step, are_named, mishaps, watched};

/// Nodes from the beginning.
pub(super) const NODES: u8 = 50;
/// The one that comes later, and goes.
const ADDED: Host = Host(FIRST + NODES);
/// The one whose label says that it has one reflector only.
const RELABELLED: Host = Host(23);
/// The one with a second block, which a filter keeps from the others.
const RICH: Host = Host(31);

/// The peering of nodes with reflectors that goes both ways by itself.
pub(super) const FORTH: &str = "nodes-with-reflectors";
/// Nodes with this label have the first reflector only.
pub(super) const ALONE: &str = "one-reflector";

fn second_block() -> Net {
    net("10.244.31.128/26")
}

#[test]
fn nobody_loses_a_route_while_the_cluster_changes_and_reflectors_and_etcd_die() {
    let Some(mut lab) = Lab::needing("calico_nodes_standalone", &NEEDED) else { return };
    scenario(&mut lab).expect("the scenario");
}

fn scenario(lab: &mut Lab) -> Result<()> {
    let mut cluster = Cluster::start(lab, config)?;
    set_up(&mut cluster, lab)?;
    let steps: [Step; 11] = [
        ("named as Calico names them", sessions_are_named_as_calico_names_them),
        ("a node added", a_node_is_added),
        ("a node relabelled, and back", a_node_is_relabelled),
        ("labels that nobody asks for", labels_that_nobody_asks_for),
        ("a node that is dead deleted", a_dead_node_is_deleted),
        ("a node that runs deleted, and back", a_running_node_is_deleted),
        ("a filter added, and removed", a_filter_comes_and_goes),
        ("a reflector set aside, and back", a_reflector_is_set_aside),
        ("a broken selector, and repaired", mishaps::a_broken_selector_is_held_back),
        ("etcd away and a reflector killed", mishaps::etcd_is_away_while_a_reflector_is_killed),
        ("the other reflector killed", mishaps::a_reflector_is_killed),
    ];
    let places = (FIRST..=FIRST + NODES).map(|number| cluster.place(Host(number)));
    let places = places.collect::<Result<Vec<_>>>()?;
    watched(&mut cluster, &places, &steps)
}

fn config(host: Host) -> String {
    format!(
        "admin: {{http: \"127.0.0.1:9179\", bird: {{socket: bird.ctl}}}}
restart: {{rosterFile: roster.json}}
calico: {{nodeName: {}, cacheFile: cluster.json}}
",
        name(host)
    )
}

/// Writes the cluster as Calico has it, with the mesh off, and starts everybody.
fn set_up(cluster: &mut Cluster, lab: &mut Lab) -> Result<()> {
    let mut entries = vec![
        resource("ClusterInformation", "default", &[], &json!({"datastoreReady": true}))?,
        resource(
            "BGPConfiguration",
            "default",
            &[],
            &json!({
                "asNumber": 64512, "nodeToNodeMeshEnabled": false,
                "serviceClusterIPs": [{"cidr": "10.96.0.0/12"}],
            }),
        )?,
        resource("IPPool", "pods", &[], &json!({"cidr": "10.244.0.0/16", "natOutgoing": true}))?,
        resource("BGPPeer", FORTH, &[], &both_ways())?,
        resource("BGPPeer", "with-one-reflector", &[], &with_one_reflector())?,
    ];
    entries.push(reflector(LEFT, &[("reflector", "left")])?);
    entries.push(reflector(RIGHT, &[("reflector", "right")])?);
    for host in (FIRST..FIRST + NODES).map(Host) {
        entries.push(node(&name(host), host, &[], None)?);
        entries.push(affinity(&name(host), block(host)));
    }
    entries.push(affinity(&name(RICH), second_block()));
    cluster.etcd.put(&entries)?;
    for host in [LEFT, RIGHT].into_iter().chain((FIRST..=FIRST + NODES).map(Host)) {
        cluster.add_place(lab.node(host)?);
    }
    cluster.start_reflector(LEFT)?;
    cluster.start_reflector(RIGHT)?;
    let read = cluster.etcd.read()?;
    for host in (FIRST..FIRST + NODES).map(Host) {
        let mut blocks = vec![block(host)];
        blocks.extend((host == RICH).then(second_block));
        cluster.start_node(host, &blocks, &read)?;
    }
    cluster.await_released(LEFT)?;
    cluster.await_released(RIGHT)?;
    cluster.await_copies()
}

fn reflector(host: Host, labels: &[(&str, &str)]) -> Result<Entry> {
    node(&name(host), host, labels, Some("244.0.0.1"))
}

/// All nodes with all reflectors, but for those that have one only.
pub(super) fn both_ways() -> Value {
    json!({"nodeSelector": format!("!has({ALONE})"), "peerSelector": "has(reflector)"})
}

fn with_one_reflector() -> Value {
    json!({"nodeSelector": format!("has({ALONE})"), "peerSelector": "reflector == 'left'"})
}

fn sessions_are_named_as_calico_names_them(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let nodes = FIRST..FIRST + NODES;
    are_named(cluster, LEFT, nodes.clone().chain([RIGHT.0]))?;
    are_named(cluster, RIGHT, nodes.chain([LEFT.0]))
}

fn a_node_is_added(cluster: &mut Cluster, watch: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    let host = ADDED;
    let own = block(host);
    cluster.etcd.put(&[node(&name(host), host, &[], None)?, affinity(&name(host), own)])?;
    let read = cluster.etcd.read()?;
    cluster.start_node(host, &[own], &read)?;
    ensure!(cluster.follow()?.is_empty(), "only the new node has another configuration");
    cluster.await_copies()?;
    watch.expect(cluster.expected())?;
    cluster.uptimes()?.ensure_same(&before, &[ADDED])
}

fn a_node_is_relabelled(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    cluster.etcd.put(&[node(&name(RELABELLED), RELABELLED, &[(ALONE, "")], None)?])?;
    ensure!(cluster.follow()? == [RELABELLED]);
    eventually("its session with the second reflector is gone", || {
        let uptimes = cluster.uptimes()?;
        ensure!(!uptimes.has(RIGHT, RELABELLED), "it is there");
        Ok(())
    })?;
    cluster.await_all()?;
    let between = cluster.uptimes()?;
    between.ensure_same(&before, &[RELABELLED])?;
    ensure!(between.is_same(&before, LEFT, RELABELLED), "its other session was touched");
    cluster.etcd.put(&[node(&name(RELABELLED), RELABELLED, &[], None)?])?;
    ensure!(cluster.follow()? == [RELABELLED]);
    cluster.await_copies()?;
    let after = cluster.uptimes()?;
    after.ensure_same(&before, &[RELABELLED])?;
    ensure!(after.is_same(&before, LEFT, RELABELLED), "its other session was touched");
    ensure!(after.has(RIGHT, RELABELLED), "its session did not come back");
    Ok(())
}

fn labels_that_nobody_asks_for(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    let seen = cluster.revisions()?;
    let nodes = (FIRST..FIRST + NODES).map(Host);
    let nodes = nodes.map(|host| node(&name(host), host, &[("zone", "a")], None));
    cluster.etcd.put(&nodes.collect::<Result<Vec<_>>>()?)?;
    ensure!(cluster.follow()?.is_empty(), "nodes have what they had");
    eventually("the reflectors have seen it", || {
        let now = cluster.revisions()?;
        ensure!(now.iter().zip(&seen).all(|(now, then)| now > then), "{seen:?}, now {now:?}");
        Ok(())
    })?;
    cluster.uptimes()?.ensure_same(&before, &[])
}

fn a_dead_node_is_deleted(cluster: &mut Cluster, watch: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    // Its machine fails; everybody keeps its route for the time that its BIRD has asked for.
    cluster.kill_node(ADDED)?;
    eventually("its sessions are lost", || {
        let uptimes = cluster.uptimes()?;
        ensure!(!uptimes.has(LEFT, ADDED) && !uptimes.has(RIGHT, ADDED), "they are there");
        Ok(())
    })?;
    cluster.await_tables()?;
    // It is deleted, and with it goes what is kept of it.
    cluster.forget_node(ADDED)?;
    watch.expect(cluster.expected())?;
    cluster.etcd.delete(&[affinity_key(&name(ADDED), block(ADDED)), key("Node", &name(ADDED))])?;
    ensure!(cluster.follow()?.is_empty(), "nobody's configuration is another");
    cluster.await_tables()?;
    cluster.uptimes()?.ensure_same(&before, &[ADDED])
}

/// Its BIRD goes on, and knocks in vain until the node is registered again.
fn a_running_node_is_deleted(cluster: &mut Cluster, watch: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    let host = Host(FIRST + NODES / 2);
    cluster.apart.insert(host);
    watch.expect(cluster.expected())?;
    cluster.etcd.delete(&[affinity_key(&name(host), block(host)), key("Node", &name(host))])?;
    cluster.await_tables()?;
    cluster.uptimes()?.ensure_same(&before, &[host])?;
    cluster.etcd.put(&[node(&name(host), host, &[], None)?, affinity(&name(host), block(host))])?;
    cluster.apart.clear();
    cluster.await_copies()?;
    watch.expect(cluster.expected())?;
    cluster.uptimes()?.ensure_same(&before, &[host])
}

/// It has only the reflectors keep a block from the others: its node tells it, and they do not.
fn a_filter_comes_and_goes(cluster: &mut Cluster, watch: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    let rule = json!({
        "action": "Reject", "source": "RemotePeers", "matchOperator": "Equal",
        "cidr": second_block().to_string(),
    });
    let filter = json!({"exportV4": [rule]});
    let mut filtered = both_ways();
    filtered["filters"] = json!(["hide"]);
    cluster.hidden.insert(second_block());
    watch.expect(cluster.expected())?;
    cluster.etcd.put(&[
        resource("BGPFilter", "hide", &[], &filter)?,
        resource("BGPPeer", FORTH, &[], &filtered)?,
    ])?;
    ensure!(cluster.follow()?.len() == usize::from(NODES), "every node has the filter");
    cluster.await_all()?;
    cluster.uptimes()?.ensure_same(&before, &[])?;
    cluster.etcd.put(&[resource("BGPPeer", FORTH, &[], &both_ways())?])?;
    cluster.etcd.delete(&[key("BGPFilter", "hide")])?;
    cluster.follow()?;
    cluster.hidden.clear();
    cluster.await_all()?;
    watch.expect(cluster.expected())?;
    cluster.uptimes()?.ensure_same(&before, &[])
}

/// Its label goes, so nodes leave it; it keeps to what it had, because it would lose all of them.
fn a_reflector_is_set_aside(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    cluster.etcd.put(&[reflector(RIGHT, &[])?])?;
    ensure!(cluster.follow()?.len() == usize::from(NODES), "every node leaves it");
    eventually("nobody but its mate is there", || {
        let uptimes = cluster.uptimes()?;
        let left: Vec<_> = cluster.hosts().filter(|host| uptimes.has(RIGHT, *host)).collect();
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })?;
    cluster.await_calico_at(RIGHT, "the loss is held back", |status| {
        let sessions = status["guard"]["sessions"].as_array().context("no guard")?;
        ensure!(sessions.len() == usize::from(NODES), "{} sessions", sessions.len());
        Ok(())
    })?;
    cluster.await_copies()?;
    cluster.etcd.put(&[reflector(RIGHT, &[("reflector", "right")])?])?;
    ensure!(cluster.follow()?.len() == usize::from(NODES), "every node is back");
    cluster.await_copies()?;
    cluster.await_calico("nothing is held back", |status| {
        ensure!(status["guard"].is_null());
        Ok(())
    })?;
    cluster.uptimes()?.ensure_same_at(LEFT, &before, &[])
}
