//! Real BIRDs that follow a real etcd as Calico's own nodes do, and reflectors that follow it too,
//! while the cluster changes and everything dies once: no kernel loses a route that it is to have.
//!
//! The whole goes by within the restart time, as in `two_hundred`.

mod beside;
mod cluster;
mod mishaps;
mod standalone;

use std::collections::BTreeSet;

use albedo_tests::calico::node::ask_bird;
use albedo_tests::fib::Watch;
use albedo_tests::lab::{Host, Node};
use albedo_tests::wait::tell;
use anyhow::{Context as _, Result, ensure};

use cluster::Cluster;

/// The first node; the others follow.
const FIRST: u8 = 11;

/// What is done, in words, and how.
type Step = (&'static str, fn(&mut Cluster, &Watch) -> Result<()>);

/// Does one step after the other, and looks after each whether everything is where it belongs and
/// nothing was lost on the way.
fn watched(cluster: &mut Cluster, places: &[Node], steps: &[Step]) -> Result<()> {
    let watch = Watch::begin(places, cluster.expected())?;
    for (what, step) in steps {
        let (before, start) = (watch.standing()?.replaced, watch.elapsed());
        step(cluster, &watch).with_context(|| (*what).to_owned())?;
        cluster.await_all().with_context(|| (*what).to_owned())?;
        let standing = watch.standing()?;
        let (lost, replaced) = (standing.lost.len(), standing.replaced - before);
        let took = watch.elapsed() - start;
        tell(&format!("{what}: {took:.1?}, {replaced} routes replaced, {lost} lost"));
        ensure!(lost == 0, "{what}: lost: {:?}", standing.lost);
    }
    let report = watch.end()?;
    tell(&format!(
        "{} looks at {} kernel tables in {:.1?}; {} routes replaced, {} of them seen so",
        report.looks,
        places.len(),
        report.elapsed,
        report.replaced,
        report.gaps.len()
    ));
    report.ensure_replaced_only()
}

/// Checks that a reflector's control socket shows sessions with these peers as up, and no others.
fn are_named(cluster: &Cluster, own: Host, peers: impl Iterator<Item = u8>) -> Result<()> {
    let socket = cluster.place(own)?.folder.join("bird.ctl");
    let answer = ask_bird(&socket, &["show", "protocols"])?;
    let rows = answer.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|row| row.get(1) == Some(&"BGP") && row.get(3) == Some(&"up"));
    let found: BTreeSet<String> = rows.map(|row| row[0].to_owned()).collect();
    let wanted: BTreeSet<_> = peers.map(|number| format!("Node_10_0_0_{number}")).collect();
    ensure!(found == wanted, "{}: {answer}", own.v4());
    Ok(())
}
