//! What goes wrong: a mistake in a resource, an etcd that is away, a reflector that dies.

use albedo_tests::calico::resources::resource;
use albedo_tests::fib::Watch;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::cluster::{Cluster, LEFT, RIGHT};
use super::standalone::{ALONE, FORTH, NODES, both_ways};

/// The peering of reflectors with nodes, where the other one does not go both ways.
const BACK: &str = "reflectors-with-nodes";

/// Peerings are written out for each way, so that one of them is the reflectors' alone: then it
/// selects nobody by mistake.
pub(super) fn a_broken_selector_is_held_back(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    let back = |selector: &str| {
        let spec = json!({
            "nodeSelector": "has(reflector)", "peerSelector": selector, "reversePeering": "Manual",
        });
        resource("BGPPeer", BACK, &[], &spec)
    };
    let good = format!("!has(reflector) && !has({ALONE})");
    let mut forth = both_ways();
    forth["reversePeering"] = json!("Manual");
    cluster.etcd.put(&[back(&good)?])?;
    cluster.etcd.put(&[resource("BGPPeer", FORTH, &[], &forth)?])?;
    ensure!(cluster.follow()?.is_empty(), "nodes have what they had");
    cluster.await_calico("nothing is held back", |status| {
        ensure!(status["guard"].is_null());
        Ok(())
    })?;
    cluster.uptimes()?.ensure_same(&before, &[])?;

    cluster.etcd.put(&[back("has(no-such-label)")?])?;
    ensure!(cluster.follow()?.is_empty(), "nodes have what they had");
    cluster.await_calico("the loss is held back", |status| {
        let sessions = status["guard"]["sessions"].as_array().context("no guard")?;
        ensure!(sessions.len() == usize::from(NODES), "{} sessions", sessions.len());
        ensure!(status["sessions"] == usize::from(NODES) + 1, "{}", status["sessions"]);
        Ok(())
    })?;
    cluster.await_all()?;
    cluster.uptimes()?.ensure_same(&before, &[])?;

    // A restart begins with the last good set, and finds the mistake again.
    cluster.kill(LEFT)?;
    cluster.start_reflector(LEFT)?;
    cluster.await_released(LEFT)?;
    cluster.await_calico("the loss is held back again", |status| {
        let sessions = status["guard"]["sessions"].as_array().context("no guard")?;
        ensure!(sessions.len() == usize::from(NODES), "{} sessions", sessions.len());
        ensure!(status["revision"] != 0, "{}", status["revision"]);
        Ok(())
    })?;
    cluster.await_copies()?;
    let held = cluster.uptimes()?;
    held.ensure_same_at(RIGHT, &before, &[LEFT])?;

    cluster.etcd.put(&[back(&good)?])?;
    cluster.await_calico("nothing is held back any more", |status| {
        ensure!(status["guard"].is_null());
        Ok(())
    })?;
    cluster.uptimes()?.ensure_same(&held, &[])
}

pub(super) fn etcd_is_away_while_a_reflector_is_killed(
    cluster: &mut Cluster,
    _: &Watch,
) -> Result<()> {
    let before = cluster.uptimes()?;
    cluster.await_cached(LEFT)?;
    cluster.etcd.stop()?;
    cluster.await_calico("etcd is missed", |status| {
        ensure!(status["connected"] == false, "connected");
        Ok(())
    })?;
    cluster.await_logged(RIGHT, "the datastore is not followed")?;
    cluster.kill(LEFT)?;
    cluster.start_reflector(LEFT)?;
    cluster.await_logged(LEFT, "the datastore is not followed")?;
    cluster.await_released(LEFT)?;
    cluster.await_copies()?;
    let without = cluster.uptimes()?;
    without.ensure_same_at(RIGHT, &before, &[LEFT])?;
    cluster.etcd.start_again()?;
    // Something new is seen, so etcd is followed again.
    let spec = json!({"datastoreReady": true, "calicoVersion": "v3.32.0"});
    cluster.etcd.put(&[resource("ClusterInformation", "default", &[], &spec)?])?;
    cluster.await_calico("etcd is followed again", |status| {
        ensure!(status["connected"] == true && status["synced"] == true, "{status}");
        ensure!(status["revision"] != 0 && status["guard"].is_null(), "{status}");
        Ok(())
    })?;
    cluster.uptimes()?.ensure_same(&without, &[])
}

pub(super) fn a_reflector_is_killed(cluster: &mut Cluster, _: &Watch) -> Result<()> {
    let before = cluster.uptimes()?;
    cluster.kill(RIGHT)?;
    cluster.start_reflector(RIGHT)?;
    cluster.await_released(RIGHT)?;
    cluster.await_copies()?;
    cluster.uptimes()?.ensure_same_at(LEFT, &before, &[RIGHT])
}
