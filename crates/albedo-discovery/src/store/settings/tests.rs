use super::*;

fn environment(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_environment(|name| {
        pairs.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
    })
}

fn etcd(settings: Settings) -> EtcdSettings {
    match settings.datastore {
        Datastore::Etcd(settings) => *settings,
        Datastore::Kubernetes(_) => panic!("it is Kubernetes"),
    }
}

fn kubernetes(settings: Settings) -> KubernetesSettings {
    match settings.datastore {
        Datastore::Kubernetes(settings) => *settings,
        Datastore::Etcd(_) => panic!("it is etcd"),
    }
}

fn words(result: Result<Settings, SettingsError>) -> String {
    result.expect_err("bad settings").to_string()
}

#[test]
fn the_type_follows_from_the_endpoints_if_it_is_not_said() {
    let endpoints = ("ETCD_ENDPOINTS", "http://10.0.0.1:2379");
    etcd(environment(&[endpoints]).expect("settings"));
    kubernetes(environment(&[]).expect("settings"));
    kubernetes(environment(&[endpoints, ("DATASTORE_TYPE", "kubernetes")]).expect("settings"));
    assert_eq!(
        words(environment(&[("DATASTORE_TYPE", "etcdv2")])),
        "DATASTORE_TYPE: it is \"etcdv2\"; allowed are \"etcdv3\" and \"kubernetes\""
    );
    assert!(words(environment(&[("DATASTORE_TYPE", "etcdv3")])).starts_with("ETCD_ENDPOINTS: "));
}

#[test]
fn the_prefixed_variable_counts_and_is_named() {
    let settings = environment(&[
        ("ETCD_ENDPOINTS", "http://a:1"),
        ("CALICO_ETCD_ENDPOINTS", " https://b:2/ ,http://[fd00::1]:3,"),
        ("CALICO_ETCD_USERNAME", ""),
        ("ETCD_USERNAME", "root"),
        ("ETCD_PASSWORD", "secret"),
    ]);
    let settings = etcd(settings.expect("settings"));
    assert_eq!(settings.endpoints, ["https://b:2", "http://[fd00::1]:3"]);
    assert_eq!(settings.login, Some(("root".to_owned(), Hidden::new("secret"))));
    let bad = environment(&[("CALICO_ETCD_ENDPOINTS", "b:2")]);
    assert_eq!(
        words(bad),
        "CALICO_ETCD_ENDPOINTS: \"b:2\" is no endpoint; allowed is http(s)://host:port, several \
         with commas in between"
    );
}

#[test]
fn a_user_without_a_password_is_none() {
    let settings = environment(&[("ETCD_ENDPOINTS", "http://a:1"), ("ETCD_USERNAME", "root")]);
    assert_eq!(etcd(settings.expect("settings")).login, None);
}

#[test]
fn nothing_secret_is_printed() {
    let settings = environment(&[
        ("ETCD_ENDPOINTS", "http://a:1"),
        ("ETCD_USERNAME", "root"),
        ("ETCD_PASSWORD", "pazzword"),
    ]);
    assert!(!format!("{settings:?}").contains("pazzword"));
    let settings = environment(&[("K8S_API_TOKEN", "pazzword")]);
    assert!(!format!("{settings:?}").contains("pazzword"));
}

#[test]
fn what_excludes_each_other_is_an_error() {
    let both = environment(&[("ETCD_ENDPOINTS", "http://a:1"), ("ETCD_DISCOVERY_SRV", "a.b")]);
    assert_eq!(words(both), "ETCD_DISCOVERY_SRV: not together with ETCD_ENDPOINTS");
    let srv = words(environment(&[("ETCD_DISCOVERY_SRV", "a.b")]));
    assert!(srv.contains("not looked up in DNS"), "{srv}");
    let half = environment(&[("ETCD_ENDPOINTS", "http://a:1"), ("ETCD_CERT_FILE", "/c")]);
    assert_eq!(words(half), "ETCD_CERT_FILE: without a key");
    let half = environment(&[("K8S_KEY_FILE", "/c")]);
    assert_eq!(words(half), "K8S_KEY_FILE: without K8S_CERT_FILE");
}

#[test]
fn everything_of_kubernetes_is_read() {
    let settings = environment(&[
        ("KUBECONFIG", "/a:/b"),
        ("K8S_API_ENDPOINT", "https://10.0.0.1:6443"),
        ("K8S_KEY_FILE", "/k"),
        ("K8S_CERT_FILE", "/c"),
        ("K8S_CA_FILE", "/ca"),
        ("K8S_INSECURE_SKIP_TLS_VERIFY", "T"),
        ("K8S_CURRENT_CONTEXT", "one"),
        ("K8S_CLIENT_QPS", "12.5"),
        ("USE_POD_CIDR", "true"),
        ("CALICO_API_GROUP", "projectcalico.org/v3"),
    ]);
    let expected = KubernetesSettings {
        kubeconfig: Some("/a:/b".into()),
        kubeconfig_inline: None,
        context: Some("one".into()),
        endpoint: Some("https://10.0.0.1:6443".into()),
        identity: Some(("/c".into(), "/k".into())),
        ca: Some("/ca".into()),
        token: None,
        insecure: true,
        use_pod_cidr: true,
        api_group: Some(ApiGroup::Native),
    };
    assert_eq!(kubernetes(settings.expect("settings")), expected);
    assert_eq!(
        words(environment(&[("USE_POD_CIDR", "yes")])),
        "USE_POD_CIDR: it is \"yes\"; allowed are \"true\" and \"false\""
    );
    assert!(words(environment(&[("K8S_CLIENT_QPS", "-1")])).starts_with("K8S_CLIENT_QPS: "));
    assert!(words(environment(&[("CALICO_API_GROUP", "v3")])).starts_with("CALICO_API_GROUP: "));
    assert!(words(environment(&[("K8S_API_ENDPOINT", "x:1")])).starts_with("K8S_API_ENDPOINT: "));
}

fn file(text: &str) -> Result<Settings, SettingsError> {
    file::parse(text, "calicoctl.cfg")?.settings()
}

const HEAD: &str = "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata:\nspec:\n";

#[test]
fn a_file_has_its_own_names() {
    let text = format!(
        "{HEAD}  datastoreType: etcdv3\n  etcdEndpoints: https://a:1\n  etcdKey: k\n  \
         etcdCert: c\n  etcdCACert: |\n    one\n    two\n"
    );
    let settings = etcd(file(&text).expect("settings"));
    let inline = |text| Pem::Inline(Hidden::new(text));
    assert_eq!(settings.ca, Some(inline("one\ntwo\n")));
    assert_eq!(settings.identity, Some((inline("c"), inline("k"))));
    let text = format!("{HEAD}  k8sUsePodCIDR: true\n  k8sClientQPS: 20\n  k8sAPIToken: abc\n");
    let settings = kubernetes(file(&text).expect("settings"));
    assert!(settings.use_pod_cidr);
    assert_eq!(settings.token, Some(Hidden::new("abc")));
}

#[test]
fn a_file_is_read_strictly() {
    let unknown = words(file(&format!("{HEAD}  etcdEndpoint: http://a:1\n")));
    assert!(unknown.contains("spec.etcdEndpoint: there is no such key"), "{unknown}");
    let twice = words(file(&format!("{HEAD}  etcdKey: a\n  etcdKey: b\n")));
    assert!(twice.contains("etcdKey"), "{twice}");
    let mixed = format!("{HEAD}  etcdEndpoints: http://a:1\n  etcdKey: a\n  etcdCertFile: /b\n");
    assert_eq!(
        words(file(&mixed)),
        "calicoctl.cfg: spec.etcdKey: not together with calicoctl.cfg: spec.etcdCertFile"
    );
    let kind = words(file("apiVersion: projectcalico.org/v3\nkind: Node\n"));
    assert!(kind.contains("allowed is \"CalicoAPIConfig\""), "{kind}");
    let version = words(file("apiVersion: v1\nkind: CalicoAPIConfig\n"));
    assert!(version.contains("allowed is \"projectcalico.org/v3\""), "{version}");
    let secret = words(file(&format!("{HEAD}  etcdPassword: [pazzword]\n")));
    assert!(!secret.contains("pazzword"), "{secret}");
}

#[test]
fn a_file_replaces_the_environment_and_the_default_one_counts_if_it_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("calicoctl.cfg");
    let variable = |name: &str| (name == "ETCD_ENDPOINTS").then(|| "http://env:1".to_owned());
    let absent = Settings::find_with_default(None, &path, variable).expect("settings");
    assert_eq!(etcd(absent).endpoints, ["http://env:1"]);
    std::fs::write(&path, format!("{HEAD}  datastoreType: kubernetes\n")).expect("a file");
    kubernetes(Settings::find_with_default(None, &path, variable).expect("settings"));
    let named = Settings::find_with_default(Some(&folder.path().join("no")), &path, variable);
    assert!(words(named).contains("/no: "), "a file that is named must be there");
}
