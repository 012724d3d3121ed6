//! The manifests that are shipped are what Kubernetes' own types take, field by field.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const IN_CLUSTER: &str = include_str!("../../../deploy/calico/in-cluster.yaml");

/// Reads a document as a type and writes it again: what the type does not know is missing then.
fn again<T: DeserializeOwned + Serialize>(document: &Value) -> Value {
    let typed: T = serde_json::from_value(document.clone()).unwrap();
    serde_json::to_value(typed).unwrap()
}

fn as_kubernetes_reads_it(document: &Value) -> Value {
    match document["kind"].as_str().unwrap() {
        "Namespace" => again::<Namespace>(document),
        "ServiceAccount" => again::<ServiceAccount>(document),
        "ClusterRole" => again::<ClusterRole>(document),
        "ClusterRoleBinding" => again::<ClusterRoleBinding>(document),
        "Role" => again::<Role>(document),
        "RoleBinding" => again::<RoleBinding>(document),
        "ConfigMap" => again::<ConfigMap>(document),
        "DaemonSet" => again::<DaemonSet>(document),
        other => panic!("{other}: no manifest of ours has such a thing"),
    }
}

fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

#[test]
fn kubernetes_knows_every_field_of_the_manifests() {
    let documents = documents(IN_CLUSTER);
    assert_eq!(documents.len(), 8);
    for document in documents {
        assert_eq!(as_kubernetes_reads_it(&document), document);
    }
}

#[test]
fn a_field_that_is_misspelt_is_found() {
    let misspelt = IN_CLUSTER.replace("hostNetwork: true", "hostNetworks: true");
    let mut documents = documents(&misspelt);
    let daemon_set = documents.pop().unwrap();
    assert_ne!(as_kubernetes_reads_it(&daemon_set), daemon_set);
}

/// Who is bound is there, what is mounted is there, and who is selected bears the label.
#[test]
fn the_manifests_name_each_other() {
    let documents = documents(IN_CLUSTER);
    let named = |kind: &str, name: &str, namespace: Option<&str>| {
        documents.iter().any(|it| {
            it["kind"] == kind
                && it["metadata"]["name"] == name
                && it["metadata"]["namespace"].as_str() == namespace
        })
    };
    for binding in documents.iter().filter(|it| it["kind"].as_str().unwrap().ends_with("Binding")) {
        let role = &binding["roleRef"];
        let namespace = binding["metadata"]["namespace"].as_str();
        let (kind, name) = (role["kind"].as_str().unwrap(), role["name"].as_str().unwrap());
        assert!(named(kind, name, namespace), "{binding}");
        for subject in binding["subjects"].as_array().unwrap() {
            let (kind, name) = (&subject["kind"], &subject["name"]);
            let (kind, name) = (kind.as_str().unwrap(), name.as_str().unwrap());
            assert!(named(kind, name, subject["namespace"].as_str()), "{subject}");
        }
    }
    let daemon_set = documents.iter().find(|it| it["kind"] == "DaemonSet").unwrap();
    let pod = &daemon_set["spec"]["template"];
    assert_eq!(pod["metadata"]["labels"], daemon_set["spec"]["selector"]["matchLabels"]);
    let pod = &pod["spec"];
    assert!(named("ServiceAccount", pod["serviceAccountName"].as_str().unwrap(), Some("albedo")));
    let volumes = pod["volumes"].as_array().unwrap();
    for mount in pod["containers"][0]["volumeMounts"].as_array().unwrap() {
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]);
        let volume = volume.unwrap_or_else(|| panic!("{mount}: no such volume"));
        if let Some(name) = volume["configMap"]["name"].as_str() {
            assert!(named("ConfigMap", name, Some("albedo")), "{volume}");
        }
    }
}
