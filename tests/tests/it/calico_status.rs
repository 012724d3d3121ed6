//! A reflector that is no Kubernetes node and makes its own Node in etcd, with the configuration
//! that is shipped for it; and what a CalicoNodeStatus is told of it.

use albedo_tests::calico::etcd::{Etcd, NEEDED};
use albedo_tests::calico::node::CalicoNode;
use albedo_tests::calico::resources::{Entry, affinity, key, node, resource};
use albedo_tests::lab::{Host, Lab};
use albedo_tests::net::net;
use albedo_tests::reflector::Reflector;
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

const REFLECTOR: Host = Host(1);
const NODE: Host = Host(11);
const ABSENT: Host = Host(12);
const ETCD: Host = Host(200);

const SHIPPED: &str = include_str!("../../../deploy/calico/standalone.yaml");
const BLOCK: &str = "10.244.11.64/26";

#[test]
fn a_reflector_registers_itself_and_fills_in_what_asks_about_it() {
    let Some(mut lab) = Lab::needing("calico_status", &NEEDED) else { return };
    scenario(&mut lab).expect("the scenario");
}

fn peering() -> Result<Entry> {
    let spec = json!({"nodeSelector": "all()", "peerSelector": "has(route-reflector)"});
    resource("BGPPeer", "nodes-to-reflectors", &[], &spec)
}

fn asked(name: &str, about: &str, classes: &Value) -> Result<Entry> {
    let spec = json!({"node": about, "classes": classes, "updatePeriodSeconds": 1});
    resource("CalicoNodeStatus", name, &[], &spec)
}

fn scenario(lab: &mut Lab) -> Result<()> {
    let etcd = Etcd::start(&lab.node(ETCD)?)?;
    etcd.put(&[
        resource("ClusterInformation", "default", &[], &json!({"datastoreReady": true}))?,
        resource("BGPConfiguration", "default", &[], &json!({"nodeToNodeMeshEnabled": false}))?,
        resource("IPPool", "pods", &[], &json!({"cidr": "10.244.0.0/16"}))?,
        peering()?,
        node("worker", NODE, &[], None)?,
        node("absent", ABSENT, &[], None)?,
        affinity("worker", net(BLOCK)),
    ])?;
    let place = lab.node(REFLECTOR)?;
    let shipped = SHIPPED.replace("10.20.0.11/24", &format!("{}/8", REFLECTOR.v4()));
    ensure!(shipped != SHIPPED, "the shipped file has another address");
    let endpoint = etcd.endpoint();
    let variables = [("DATASTORE_TYPE", "etcdv3"), ("ETCD_ENDPOINTS", &*endpoint)];
    let reflector = Reflector::start_in(&place, &shipped, &variables)?;

    registered(&etcd)?;
    let worker = CalicoNode::start(&lab.node(NODE)?, "worker", &etcd.read()?)?;
    eventually("the node's session", || worker.is_calm())?;
    told(&etcd)?;
    drop(reflector);

    // Once more: the Node is there already, and stays as it is.
    let before = etcd.get(&key("Node", "rr-1"))?;
    let reflector = Reflector::start_in(&place, &shipped, &variables)?;
    eventually("the node's session again", || worker.is_calm())?;
    eventually("registered again", || {
        let log = reflector.log();
        ensure!(log.contains("registered"), "{log}");
        Ok(())
    })?;
    ensure!(etcd.get(&key("Node", "rr-1"))? == before, "the Node was written again");
    Ok(())
}

/// The Node has what the shipped file says.
fn registered(etcd: &Etcd) -> Result<()> {
    let cluster = etcd.read()?;
    let own = cluster.nodes().get("rr-1").context("no Node rr-1")?;
    ensure!(own.ipv4() == Some(REFLECTOR.v4()), "{own:?}");
    ensure!(own.cluster_id().is_some_and(|id| id.to_string() == "244.0.0.1"), "{own:?}");
    ensure!(own.meta.labels.get("route-reflector").is_some(), "{own:?}");
    Ok(())
}

/// Who asks about the reflector's Node is told, by classes; who asks about another's is not.
fn told(etcd: &Etcd) -> Result<()> {
    etcd.put(&[
        asked("all", "rr-1", &json!(["Agent", "BGP", "Routes"]))?,
        asked("agent", "rr-1", &json!(["Agent"]))?,
        asked("other", "worker", &json!(["Agent", "BGP", "Routes"]))?,
    ])?;
    let status = |name: &str| -> Result<Value> {
        let text = etcd.get(&key("CalicoNodeStatus", name))?;
        let mut object: Value = serde_json::from_str(&text).context(text)?;
        Ok(object["status"].take())
    };
    eventually("the status of all classes", || {
        let status = status("all")?;
        let bgp = &status["bgp"];
        let counts = [&bgp["numberEstablishedV4"], &bgp["numberNotEstablishedV4"]];
        ensure!(counts == [1, 1], "{status}");
        ensure!(status["agent"]["birdV4"]["state"] == "Ready", "{status}");
        let routes = status["routes"]["routesV4"].as_array().context("routes")?;
        let block = routes.iter().find(|route| route["destination"] == BLOCK);
        let block = block.with_context(|| status.to_string())?;
        let address = NODE.v4().to_string();
        ensure!(block["gateway"] == *address, "{block}");
        ensure!(block["learnedFrom"]["peerIP"] == *address, "{block}");
        Ok(())
    })?;
    let first = status("all")?["lastUpdated"].clone();
    eventually("it goes on", || {
        let next = status("all")?["lastUpdated"].clone();
        ensure!(next != first, "{next}");
        Ok(())
    })?;
    let agent = status("agent")?;
    ensure!(agent["agent"]["birdV4"]["routerID"] == *REFLECTOR.v4().to_string(), "{agent}");
    ensure!(agent["bgp"].is_null() && agent["routes"].is_null(), "{agent}");
    ensure!(status("other")?.is_null(), "another node's was filled in");
    Ok(())
}
