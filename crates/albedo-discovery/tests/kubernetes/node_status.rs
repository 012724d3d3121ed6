//! `CalicoNodeStatus`: which objects ask about a node, and how they are written.

use albedo_discovery::store::node_status::{NodeStatuses, TellError};
use albedo_discovery::store::settings::{Datastore, Settings};
use serde_json::{Value, json};

use super::server::Server;
use super::{CLASSIC, settings};

const PLURAL: &str = "caliconodestatuses";

fn object(node: &str, seconds: u32) -> Value {
    json!({
        "apiVersion": CLASSIC, "kind": "CalicoNodeStatus", "metadata": {"uid": "u"},
        "spec": {"node": node, "classes": ["BGP"], "updatePeriodSeconds": seconds},
    })
}

async fn statuses(server: &Server) -> NodeStatuses {
    let settings = Settings { datastore: Datastore::Kubernetes(Box::new(settings(server))) };
    NodeStatuses::open(&settings).await.expect("a way")
}

#[tokio::test]
async fn those_about_the_node_are_found_and_written_with_and_without_a_status_apart() {
    for has_status in [true, false] {
        let server = Server::start().await;
        server.state().groups = vec![CLASSIC];
        server.state().has_status = has_status;
        for n in 0..600 {
            server.put(PLURAL, &format!("other-{n}"), object("w1", 10));
        }
        server.put(PLURAL, "ours", object("rr-1", 30));
        server.put(PLURAL, "zero", object("rr-1", 0));
        let statuses = statuses(&server).await;
        let mut asked = statuses.about("rr-1").await.expect("objects");
        let names: Vec<_> = asked.iter().map(|it| it.request.name.as_str()).collect();
        assert_eq!(names, ["ours", "zero"]);
        assert_eq!(asked[1].request.period, None);
        let status = |n: u32| json!({"lastUpdated": n.to_string()});
        // Twice, so that the second goes on from what the first has made.
        for n in [1, 2] {
            assert_eq!(statuses.tell(&mut asked[0], status(n)).await, Ok(()));
            let stored = server.object(PLURAL, "ours");
            assert_eq!(stored["status"], status(n));
            assert_eq!(stored["metadata"]["uid"], "u");
            assert_eq!(stored["spec"]["node"], "rr-1");
        }
        server.put(PLURAL, "ours", object("rr-1", 60));
        assert_eq!(statuses.tell(&mut asked[0], status(3)).await, Err(TellError::Changed));
        assert_eq!(server.object(PLURAL, "ours")["status"], Value::Null);
    }
}

#[tokio::test]
async fn a_server_without_them_has_none_and_a_refusal_is_told() {
    let server = Server::start().await;
    server.state().groups = vec![CLASSIC];
    server.state().absent.insert(PLURAL);
    let statuses = statuses(&server).await;
    assert_eq!(statuses.about("rr-1").await, Ok(Vec::new()));
    let path = format!("/apis/{CLASSIC}/{PLURAL}");
    let refusal = json!({"kind": "Status", "message": "forbidden to you"}).to_string();
    server.state().answers.insert(path.clone(), (403, refusal));
    let error = statuses.about("rr-1").await.expect_err("a refusal");
    assert_eq!(error, format!("{path}: forbidden to you (HTTP status 403)"));
}
