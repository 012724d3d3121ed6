//! Who we are to the server: kubeconfigs, certificates, tokens; and what only some may read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use albedo_discovery::calico::Cluster;
use albedo_discovery::store::Pace;
use albedo_discovery::store::kubernetes::{Api, open};
use albedo_discovery::store::secrets::{Passwords, SecretRef, SecretWatch, Secrets};
use albedo_discovery::store::settings::{Hidden, KubernetesSettings};
use serde_json::json;

use crate::server::{Server, Trust};
use crate::{CLASSIC, pace, settings, until, until_health};

fn kubeconfig(server: &str, cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: none\n\
         clusters: [{{name: c, cluster: {{server: '{server}'{cluster}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n\
         contexts: [{{name: ours, context: {{cluster: c, user: u}}}}]\n"
    )
}

fn with(path: &Path, context: Option<&str>) -> KubernetesSettings {
    KubernetesSettings {
        kubeconfig: Some(path.to_str().expect("a path").to_owned()),
        context: context.map(str::to_owned),
        ..KubernetesSettings::default()
    }
}

#[tokio::test]
async fn a_kubeconfig_with_certificates_of_both_sides() {
    let trust = Trust::new();
    let server = Server::start_with_tls(&trust).await;
    server.state().groups = vec![CLASSIC];
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let ca = write("ca.pem", &trust.ca);
    let certificate = write("client.pem", &trust.client.0);
    let key = write("client.key", &trust.client.1);
    let cluster = format!(", certificate-authority: '{}'", ca.display());
    let user =
        format!("client-certificate: '{}', client-key: '{}'", certificate.display(), key.display());
    let url = format!("https://{}", server.address);
    let path = write("config", &kubeconfig(&url, &cluster, &user));
    let store = open(&with(&path, Some("ours")), &pace()).await.expect("a store");
    until(&store, "listed", Cluster::is_empty).await;

    // The same by single settings.
    let single = KubernetesSettings {
        endpoint: Some(url.clone()),
        ca: Some(ca),
        identity: Some((certificate, key)),
        ..KubernetesSettings::default()
    };
    let store = open(&single, &pace()).await.expect("a store");
    until(&store, "listed", Cluster::is_empty).await;

    let stranger = KubernetesSettings { identity: None, ..single.clone() };
    let store = open(&stranger, &pace()).await.expect("a store");
    until_health(&store, "refused", |health| health.last_error.is_some()).await;
    let unknown = KubernetesSettings { ca: None, ..single };
    let store = open(&unknown, &pace()).await.expect("a store");
    let health = until_health(&store, "refused", |health| health.last_error.is_some()).await;
    let words = health.last_error.expect("words");
    assert!(words.contains("certificate"), "{words}");
}

#[tokio::test]
async fn tokens_come_from_a_file_or_from_the_settings() {
    let server = Server::start().await;
    server.state().groups = vec![CLASSIC];
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    fs::write(&token, "from-a-file").expect("a file");
    let path = folder.path().join("config");
    let user = format!("tokenFile: '{}'", token.display());
    let url = format!("http://{}", server.address);
    fs::write(&path, kubeconfig(&url, "", &user)).expect("a file");
    let store = open(&with(&path, Some("ours")), &pace()).await.expect("a store");
    until(&store, "listed", Cluster::is_empty).await;
    assert_eq!(server.state().authorizations, BTreeSet::from(["Bearer from-a-file".to_owned()]));
    drop(store);
    server.state().authorizations.clear();
    let token = Some(Hidden::new("from-settings"));
    let store = open(&KubernetesSettings { token, ..settings(&server) }, &pace()).await;
    until(&store.expect("a store"), "listed", Cluster::is_empty).await;
    assert_eq!(server.state().authorizations, BTreeSet::from(["Bearer from-settings".to_owned()]));
}

#[tokio::test]
async fn what_a_kubeconfig_lacks_or_asks_too_much_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config");
    let failing = async |settings: KubernetesSettings| {
        Api::connect(&settings).await.expect_err("no way").to_string()
    };
    let absent = failing(with(&path, None)).await;
    assert!(absent.contains(path.to_str().expect("a path")), "{absent}");
    fs::write(&path, kubeconfig("http://127.0.0.1:1", "", "")).expect("a file");
    let context = failing(with(&path, None)).await;
    assert!(context.contains("none"), "{context}");
    let user = "exec: {apiVersion: client.authentication.k8s.io/v1, command: aws}";
    fs::write(&path, kubeconfig("http://127.0.0.1:1", "", user)).expect("a file");
    let plugin = failing(with(&path, Some("ours"))).await;
    assert!(plugin.contains("from a plugin, which is not run here"), "{plugin}");
    let proxy = ", proxy-url: 'http://127.0.0.1:2'";
    fs::write(&path, kubeconfig("http://127.0.0.1:1", proxy, "")).expect("a file");
    let proxy = failing(with(&path, Some("ours"))).await;
    assert!(proxy.contains("asks for a proxy, which is not supported"), "{proxy}");
}

fn secret(name: &str, key: &str) -> SecretRef {
    SecretRef { namespace: "calico-system".into(), name: name.into(), key: key.into() }
}

#[tokio::test]
async fn secrets_are_read_and_what_is_wrong_is_told() {
    let server = Server::start().await;
    let base = "/api/v1/namespaces/calico-system/secrets";
    server.state().secrets.insert(format!("{base}/bgp"), json!({"data": {"rr": "cGFzcw=="}}));
    server.state().answers.insert(
        format!("{base}/hidden"),
        (403, json!({"message": "secrets \"hidden\" is forbidden: no"}).to_string()),
    );
    let secrets = Secrets::Kubernetes(Api::connect(&settings(&server)).await.expect("a way"));
    assert_eq!(secrets.read(&secret("bgp", "rr")).await, Ok(Hidden::new("pass")));
    let words = async |name: &str, key: &str| {
        secrets.read(&secret(name, key)).await.expect_err("no password").to_string()
    };
    assert_eq!(
        words("bgp", "other").await,
        "secret calico-system/bgp key other: there is no such key; there are [rr]"
    );
    assert_eq!(
        words("none", "rr").await,
        "secret calico-system/none key rr: there is no such Secret"
    );
    assert_eq!(
        words("hidden", "rr").await,
        "secret calico-system/hidden key rr: forbidden: secrets \"hidden\" is forbidden: no"
    );
    assert_eq!(
        words("../../nodes", "rr").await,
        "secret calico-system/../../nodes key rr: that is no name of a Secret"
    );
}

#[tokio::test]
async fn a_password_stays_while_the_server_is_away() {
    let server = Server::start().await;
    let path = "/api/v1/namespaces/calico-system/secrets/bgp";
    server.state().secrets.insert(path.to_owned(), json!({"data": {"rr": "cGFzcw=="}}));
    let api = Api::connect(&settings(&server)).await.expect("a way");
    let short = Pace { secrets: Duration::from_millis(20), ..pace() };
    let watch = SecretWatch::new(Secrets::Kubernetes(api), &short);
    let wanted = secret("bgp", "rr");
    watch.want(BTreeSet::from([wanted.clone()]));
    let mut passwords = watch.passwords();
    passwords.wait_for(|it| it.get(&wanted).is_some_and(Result::is_ok)).await.expect("a watch");
    server.stop().await;
    let away = tokio::time::timeout(Duration::from_millis(200), passwords.changed()).await;
    assert!(away.is_err(), "it stays as it was: {:?}", passwords.borrow());
    let server = server.start_again().await;
    server.state().secrets.clear();
    let missing = |it: &Arc<Passwords>| it[&wanted].as_ref().is_err_and(|error| error.missing);
    passwords.wait_for(missing).await.expect("a watch");
}
