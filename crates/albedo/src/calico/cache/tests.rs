use albedo_discovery::calico::parse;
use tempfile::TempDir;

use super::*;

const NODE: &str = "apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: rr}\n\
                    spec: {bgp: {ipv4Address: 10.0.0.1/24, routeReflectorClusterID: 244.0.0.1}}\n";

fn cluster() -> Cluster {
    let mut cluster = Cluster::new();
    for read in parse::documents(NODE, "test.yaml").resources {
        cluster.apply(read.expect("a resource").0);
    }
    cluster
}

/// Waits until the file has a cluster with so many objects.
async fn read(cache: &Cache, objects: usize) -> Cluster {
    loop {
        if let Some(read) = cache.read().filter(|read| read.len() == objects) {
            return read;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_written_is_read_and_not_written_again() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("cluster.json");
    let mut cache = Cache::new(&path);
    assert!(cache.read().is_none(), "there is none yet");
    let cluster = Arc::new(cluster());
    cache.write(0, &cluster);
    assert_eq!(cache.written, None, "what came from there is there");
    cache.write(1, &cluster);
    assert_eq!(read(&cache, 1).await.nodes(), cluster.nodes());
    assert_eq!(cache.due(), None);
    cache.write(1, &cluster);
    assert_eq!(cache.due(), None, "it is there");
}

#[tokio::test]
async fn what_was_good_a_moment_ago_is_written_before_what_is_held_back() {
    let folder = TempDir::new().expect("a folder");
    let mut cache = Cache::new(&folder.path().join("cluster.json"));
    cache.write(1, &Arc::new(Cluster::new()));
    let good = Arc::new(cluster());
    cache.write(2, &good);
    let due = cache.due().expect("it is too early");
    cache.write(2, &good);
    assert_eq!(cache.due(), Some(due), "nor any earlier");
    cache.flush();
    assert_eq!(read(&cache, 1).await.nodes(), good.nodes());
    assert_eq!(cache.due(), None);
    cache.flush();
}

#[test]
fn a_file_that_is_none_is_ignored() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("cluster.json");
    for text in [
        "",
        "{}",
        "{\"items\": []}",
        "{\"items\": [{\"kind\": \"Pod\"}]}",
        "{\"items\": [{\"kind\": \"Node\", \"metadata\": {}}]}",
    ] {
        std::fs::write(&path, text).expect("a file");
        assert!(Cache::new(&path).read().is_none(), "{text}");
    }
}
