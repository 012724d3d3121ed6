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

#[tokio::test]
async fn what_was_written_is_read_and_not_written_again() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("cluster.json");
    let mut cache = Cache::new(&path);
    assert!(cache.read().is_none(), "there is none yet");
    let cluster = cluster();
    cache.write(0, &cluster);
    assert_eq!(cache.written, None, "what came from there is there");
    cache.write(1, &cluster);
    let read = loop {
        if let Some(read) = cache.read() {
            break read;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(read.nodes(), cluster.nodes());
    assert_eq!(cache.due(1), None);
    let due = cache.due(2).expect("another one");
    cache.write(2, &cluster);
    assert_eq!(cache.due(2), Some(due), "it is too early");
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
