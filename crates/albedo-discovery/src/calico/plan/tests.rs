use serde_json::{Value as Json, json};

use super::*;
use crate::calico::parse::documents;

fn cluster(text: &str) -> Cluster {
    let mut cluster = Cluster::new();
    for read in documents(text, "given").resources {
        cluster.apply(read.unwrap_or_else(|fault| panic!("{fault}")).0);
    }
    cluster
}

fn nodes(count: u8) -> String {
    let node = |n| {
        format!(
            "---\napiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {{name: w{n}}}\nspec: \
             {{bgp: {{ipv4Address: 10.0.0.{n}/24}}}}\n"
        )
    };
    (1..=count).map(node).collect()
}

fn external(address: &str) -> Target {
    Target::External { addresses: vec![(address.parse().expect("an address"), None)], asn: None }
}

#[test]
fn a_node_or_an_address_that_cannot_be() {
    let cluster = cluster(&nodes(2));
    let of = |names: &[&str]| Target::Nodes {
        names: names.iter().map(|name| (*name).into()).collect(),
        cluster_id: ClusterId(1),
        label: None,
    };
    for (target, text) in [
        (of(&[]), "no reflector"),
        (of(&["w1", "w9"]), "there is no Node w9"),
        (external("10.0.0.2"), "10.0.0.2 is the address of the node w2"),
        (external("fd00::2"), "no node could have a session with fd00::2"),
        (Target::External { addresses: Vec::new(), asn: None }, "no reflector"),
    ] {
        let error = plan(&cluster, &target).expect_err("no plan").to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn the_steps_of_a_mesh_in_numbers() {
    let cluster = cluster(&nodes(5));
    let plan = plan(&cluster, &external("10.0.0.250")).expect("a plan");
    let numbers = |step: &Step| {
        let it = &step.effect;
        (it.before, it.up, it.gone, it.restart, it.after)
    };
    assert_eq!(plan.sessions, 10);
    assert_eq!(
        plan.steps.iter().map(numbers).collect::<Vec<_>>(),
        [(10, 5, 0, 0, 15), (15, 0, 10, 0, 5)]
    );
    assert_eq!(
        plan.back.iter().map(numbers).collect::<Vec<_>>(),
        [(5, 10, 0, 0, 15), (15, 0, 5, 0, 10)]
    );
    // Nothing is left to do then, but to say so.
    let done = super::plan(plan.steps[1].after(), &external("10.0.0.250")).expect("a plan");
    assert!(done.steps.is_empty() && done.back.is_empty());
    assert_eq!(
        done.there,
        ["all 5 nodes have a peering with 10.0.0.250", "the node-to-node mesh is off"]
    );
}

#[test]
fn settings_of_the_mesh_go_with_it_and_come_back() {
    let text = "---\napiVersion: projectcalico.org/v3\nkind: BGPConfiguration\nmetadata: {name: \
                default}\nspec: {asNumber: 65000, nodeMeshMaxRestartTime: 2m, nodeMeshPassword: \
                {secretKeyRef: {name: s, key: k}}}\n";
    let cluster = cluster(&(nodes(3) + text));
    let plan = plan(&cluster, &external("10.0.0.250")).expect("a plan");
    let last = plan.steps.last().expect("steps");
    assert_eq!(
        last.changes[0].patch(),
        Some(json!({"spec": {
            "nodeToNodeMeshEnabled": false,
            "nodeMeshMaxRestartTime": Json::Null,
            "nodeMeshPassword": Json::Null,
        }}))
    );
    assert_eq!(
        plan.back[0].changes[0].command(),
        "calicoctl patch bgpconfiguration default -p '{\"spec\":{\"nodeMeshMaxRestartTime\":\
         \"2m0s\",\"nodeMeshPassword\":{\"secretKeyRef\":{\"key\":\"k\",\"name\":\"s\"}},\
         \"nodeToNodeMeshEnabled\":null}}'"
    );
    assert!(plan.traps.iter().any(|trap| trap.id == "mesh-settings"));
    assert_eq!(plan.back.last().expect("steps").after().peers().len(), 0);
}

#[test]
fn a_label_is_taken_off_alone() {
    let cluster = cluster(&nodes(3));
    let target = Target::Nodes {
        names: vec!["w1".into()],
        cluster_id: ClusterId(0xf400_0001),
        label: Some(("role".to_owned(), "rr".to_owned())),
    };
    let plan = plan(&cluster, &target).expect("a plan");
    let patches: Vec<Json> =
        plan.back.iter().flat_map(|step| step.changes.iter().filter_map(Change::patch)).collect();
    assert_eq!(
        patches,
        [json!({
            "metadata": {"labels": {"role": Json::Null}},
            "spec": {"bgp": {"routeReflectorClusterID": Json::Null}},
        })]
    );
}
