//! From files to configurations; what is pure is tested where it is.

use std::fs;
use std::time::Duration;

use albedo_config::Surroundings;
use tempfile::TempDir;

use super::Follower;

/// How often is looked whether it is as wanted.
const LOOK: Duration = Duration::from_millis(100);

/// The documents of a cluster: a reflector and so many nodes.
fn cluster(nodes: u8, selector: &str) -> String {
    let mut text = format!(
        "apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {{name: rr, labels: {{r: a}}}}\n\
         spec: {{bgp: {{ipv4Address: 10.0.0.1/24, routeReflectorClusterID: 244.0.0.1}}}}\n---\n\
         apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {{name: nodes}}\n\
         spec: {{nodeSelector: all(), peerSelector: {selector}}}\n---\n\
         apiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {{name: default}}\n\
         spec: {{nodeToNodeMeshEnabled: false}}\n"
    );
    for node in 0..nodes {
        text.push_str(&format!(
            "---\napiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {{name: w{node}}}\n\
             spec: {{bgp: {{ipv4Address: 10.0.0.{}/24}}}}\n",
            node + 11
        ));
    }
    text
}

/// A folder with a cluster, and a follower of it.
async fn open(folder: &TempDir, more: &str) -> Follower {
    let text =
        format!("calico: {{files: [cluster.yaml], nodeName: rr, cacheFile: cache.json{more}}}\n");
    let surroundings = Surroundings { overrides: Vec::new(), cores: 2 };
    let base = albedo_config::parse("test", &text, folder.path(), &surroundings);
    Follower::open(base.expect("a configuration")).await.expect("a follower")
}

fn write(folder: &TempDir, text: &str) {
    // As a whole, so that nobody reads half of it.
    let new = folder.path().join("new");
    fs::write(&new, text).expect("a file");
    fs::rename(new, folder.path().join("cluster.yaml")).expect("a file");
}

/// Lets the follower work until the report is as wanted.
async fn until(follower: &mut Follower, wanted: impl Fn(&albedo_api::CalicoStatus) -> bool) {
    let shared = follower.shared();
    loop {
        if wanted(&shared.status()) {
            return;
        }
        // What is written down in the background wakes nobody.
        let _ = tokio::time::timeout(LOOK, follower.wait()).await;
        follower.settle_anew();
    }
}

#[tokio::test]
async fn a_change_of_the_cluster_is_a_change_of_the_peers() {
    let folder = TempDir::new().expect("a folder");
    write(&folder, &cluster(2, "has(r)"));
    let mut follower = open(&folder, "").await;
    assert_eq!(follower.first().await.peers.len(), 2);
    write(&folder, &cluster(3, "has(r)"));
    let config = follower.next().await;
    assert_eq!(config.peers.len(), 3);
    assert_eq!(config.peers[2].name.as_deref(), Some("Node_10_0_0_13"));
    // The last good cluster is there for a life without a datastore.
    let cache = folder.path().join("cache.json");
    until(&mut follower, |_| fs::read_to_string(&cache).is_ok_and(|text| text.contains("\"w2\"")))
        .await;
    drop(follower);
    fs::remove_file(folder.path().join("cluster.yaml")).expect("a file");
    let mut again = open(&folder, "").await;
    assert_eq!(again.first().await.peers.len(), 3);
    assert!(!again.shared().status().synced);
}

#[tokio::test]
async fn what_would_take_everything_away_waits_until_it_is_confirmed() {
    let folder = TempDir::new().expect("a folder");
    write(&folder, &cluster(8, "has(r)"));
    let mut follower = open(&folder, ", guard: {hold: 0}").await;
    assert_eq!(follower.first().await.peers.len(), 8);
    write(&folder, &cluster(9, "has(gone)"));
    until(&mut follower, |status| status.guard.is_some()).await;
    let shared = follower.shared();
    let guard = shared.status().guard.expect("an alarm");
    assert_eq!((guard.sessions.len(), guard.applies_in_seconds), (8, None));
    assert_eq!(follower.last.as_ref().map(|config| config.peers.len()), Some(8));
    shared.confirm(&guard.digest).expect("it is this one");
    assert!(follower.next().await.peers.is_empty());
    assert_eq!(shared.status().guard, None);
}

#[tokio::test]
async fn a_cluster_in_which_we_are_nobody_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    write(&folder, &cluster(2, "has(r)"));
    let mut follower = open(&folder, "").await;
    follower.first().await;
    let without = cluster(2, "has(r)").replace(", routeReflectorClusterID: 244.0.0.1", "");
    write(&folder, &without);
    until(&mut follower, |status| status.expand_error.is_some()).await;
    assert_eq!(follower.last.as_ref().map(|config| config.peers.len()), Some(2));
    write(&folder, &cluster(1, "has(r)"));
    assert_eq!(follower.next().await.peers.len(), 1, "and then it goes on");
}
