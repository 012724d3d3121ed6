//! The key `calico`.

use std::num::NonZeroU16;
use std::path::PathBuf;

use super::*;

fn calico(text: &str) -> Calico {
    let text = format!("calico: {text}\n");
    parse("good.yaml", &text, Path::new("/etc/albedo"), &surroundings())
        .unwrap_or_else(|e| panic!("{e}"))
        .calico
        .expect("the key is there")
}

#[test]
fn a_node_of_the_cluster_needs_no_more_than_the_key() {
    let config = good("calico: {}\n");
    let calico = config.calico.expect("the key is there");
    assert_eq!(calico.datastore, CalicoDatastore::Environment);
    assert_eq!(calico.identity, CalicoIdentity::Node(None));
    assert_eq!((calico.export, calico.ipam), (CalicoExport::All, IpamCheck::Warn));
    let guard = CalicoGuard { max_loss: 25, min_loss: 3, hold: Duration::from_secs(1_800) };
    assert_eq!(calico.guard, guard);
    assert!(!calico.own_router_id && !calico.own_listen && calico.register.is_none());
    let own = good("calico: {}\nrouterId: 10.0.0.1\nlisten: [\"10.0.0.1:179\"]\n").calico.unwrap();
    assert!(own.own_router_id && own.own_listen);
    assert_eq!(good(BASE).calico, None);
}

#[test]
fn a_speaker_beside_the_cluster_says_who_it_is() {
    let text = format!("{BASE}calico: {{external: [10.0.0.1, \"[2001:db8::1]:1790\"]}}\n");
    let found = good(&text).calico.unwrap().identity;
    let plain = ExternalAddress { address: addr("10.0.0.1"), port: None };
    let port = NonZeroU16::new(1790);
    let other = ExternalAddress { address: addr("2001:db8::1"), port };
    assert_eq!(found, CalicoIdentity::External(vec![plain, other]));
    assert!(bad("calico: {external: [10.0.0.1]}\n").contains("no asNumber"));
}

#[test]
fn files_start_where_the_configuration_is() {
    let files = calico("{files: [cluster, /srv/*.yaml, \"-\"], cacheFile: last.json}");
    let paths = ["/etc/albedo/cluster", "/srv/*.yaml", "-"].map(PathBuf::from);
    assert_eq!(files.datastore, CalicoDatastore::Files(paths.into()));
    assert_eq!(files.cache_file, Some(PathBuf::from("/etc/albedo/last.json")));
    let file = calico("{configFile: calicoctl.cfg, secretsFolder: keys}");
    let path = PathBuf::from("/etc/albedo/calicoctl.cfg");
    assert_eq!(file.datastore, CalicoDatastore::ConfigFile(path));
    assert_eq!(file.secrets_folder, Some(PathBuf::from("/etc/albedo/keys")));
}

#[test]
fn what_the_own_node_says_can_be_said() {
    assert_eq!(calico("{register: {}}").register, Some(CalicoRegister::default()));
    let said = "{register: {ipv4Address: 10.0.0.9/24, ipv6Address: \"fd00::9\", asNumber: 64600, \
                clusterId: 244.0.0.2, labels: {reflector: \"true\", zone: a}}}";
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = CalicoRegister {
        ipv4: Some("10.0.0.9/24".to_owned()),
        ipv6: Some("fd00::9".to_owned()),
        asn: Some(Asn(64_600)),
        cluster_id: Some(ClusterId(0xf400_0002)),
        labels: vec![label("reflector", "true"), label("zone", "a")],
    };
    assert_eq!(calico(said).register, Some(expected));
}

#[test]
fn the_guard_can_be_off_or_wait_for_somebody() {
    assert_eq!(calico("{guard: off}").guard.max_loss, 100);
    let guard = calico("{guard: {maxLoss: 10, minLoss: 1, hold: 0}}").guard;
    assert_eq!(guard, CalicoGuard { max_loss: 10, min_loss: 1, hold: Duration::ZERO });
}

#[test]
fn g4_nodes_of_a_cluster_have_no_llgr_on_hosts_unless_their_group_says_otherwise() {
    let text = "calico: {group: nodes}\npeerGroups: [{name: nodes}, {name: others}]\n";
    let is_on = |config: &Config, n: usize| {
        let graceful: Option<GracefulRestart> = config.groups[n].settings.graceful_restart;
        graceful.is_some_and(|graceful| graceful.no_llgr_on_hosts)
    };
    let config = good(text);
    assert!(is_on(&config, 0) && !is_on(&config, 1));
    let said = "{name: nodes, gracefulRestart: {noLlgrOnHosts: false}}";
    assert!(!is_on(&good(&text.replacen("{name: nodes}", said, 1)), 0));
    let standard = PeerSettings::standard(PeerRole::Client, ClusterId(7));
    let expected = PeerSettings { cluster_id: ClusterId(7), ..default_settings() };
    assert_eq!(standard, expected);
}

#[test]
fn what_is_in_deploy_is_good() {
    let external = include_str!("../../../../deploy/calico/external.yaml");
    let standalone = include_str!("../../../../deploy/calico/standalone.yaml");
    let in_cluster = include_str!("../../../../deploy/calico/in-cluster.yaml");
    let (_, map) = in_cluster.split_once("albedo.yaml: |\n").expect("the configuration");
    let (map, _) = map.split_once("---").expect("an end");
    assert!(good(external).calico.is_some());
    assert!(good(standalone).calico.unwrap().register.is_some());
    assert_eq!(good(map).calico.unwrap().identity, CalicoIdentity::Node(None));
}
