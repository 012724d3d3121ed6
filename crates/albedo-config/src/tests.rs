//! What good files come to, what the environment changes, and the bounds.

use std::fs;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use albedo_types::{Asn, ClusterId, Family, FamilySet, HoldTime, PathsMode, PeerRole, RouterId};
use proptest::prelude::*;

use super::*;
use crate::node::NODES_MAX;

mod calico;
mod policy;

const BASE: &str = "asNumber: 64512\nrouterId: 10.0.0.1\n";
const EXAMPLE: &str = include_str!("../../../deploy/minimal.yaml");
const REFERENCE: &str = include_str!("../../../docs/CONFIGURATION.md");

fn surroundings() -> Surroundings {
    Surroundings { overrides: Vec::new(), cores: 2 }
}

fn good(text: &str) -> Config {
    parse("good.yaml", text, Path::new(""), &surroundings()).unwrap_or_else(|e| panic!("{e}"))
}

fn bad(text: &str) -> String {
    parse("bad.yaml", text, Path::new(""), &surroundings()).unwrap_err().to_string()
}

fn with_env(text: &str, variables: &[(&str, &str)]) -> Result<Config, Diagnostics> {
    let overrides = env_overrides(variables.iter().copied());
    parse("env.yaml", text, Path::new(""), &Surroundings { overrides, cores: 2 })
}

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn default_settings() -> PeerSettings {
    PeerSettings {
        peer_as: PeerAs::Internal,
        role: PeerRole::Client,
        cluster_id: ClusterId(0x0a00_0001),
        families: FamilySet::ALL,
        hold_time: HoldTime::DEFAULT,
        keepalive: None,
        connect_retry: Duration::from_secs(10),
        passive: false,
        description: None,
        port: 179,
        connect_delay: Duration::ZERO,
        local_address: None,
        local_as: None,
        own_as_allowed: 0,
        next_hop_mode: NextHopMode::Auto,
        password: None,
        ttl_security: None,
        max_prefixes: MaxPrefixes::default(),
        graceful_restart: Some(GracefulRestart {
            restart_time: Duration::from_secs(30),
            long_lived_stale_time: Duration::from_secs(86_400),
            notification: true,
            peer_restart_time_max: Duration::from_secs(4095),
            peer_stale_time_max: Duration::from_secs(86_400),
            stale_path_time: Duration::from_secs(360),
            stale_to_unaware: false,
            no_llgr_on_hosts: false,
        }),
        silent_hold_expiry: true,
        import_policy: None,
        export_policy: None,
        send_paths: 1,
        send_paths_mode: PathsMode::Best,
        receive_paths: None,
        best_external: false,
        refresh_interval: Duration::from_secs(1),
        discard_attributes: Vec::new(),
        withdraw_attributes: Vec::new(),
        max_as_path_length: 2_048,
        max_cluster_list_length: 255,
    }
}

#[test]
fn the_example_comes_to_what_it_says() {
    let nodes =
        PeerSettings { peer_as: PeerAs::Is(Asn(64512)), passive: true, ..default_settings() };
    let expected = Config {
        asn: Asn(64512),
        router_id: RouterId::new(0x0a00_0001).unwrap(),
        cluster_id: ClusterId(0x0a00_0001),
        listen: vec!["10.0.0.1:179".parse().unwrap()],
        groups: vec![PeerGroup {
            name: "nodes".to_owned(),
            ranges: vec!["10.0.0.0/8".parse().unwrap()],
            dial: false,
            settings: nodes.clone(),
        }],
        peers: vec![Peer {
            name: None,
            address: addr("10.9.0.2"),
            group: Some("nodes".to_owned()),
            settings: PeerSettings { description: Some("other-rack".to_owned()), ..nodes },
        }],
        calico: None,
        admin: Admin {
            http: Some("127.0.0.1:9179".parse().unwrap()),
            socket: Some(AdminSocket {
                path: "/run/albedo/albedo.sock".into(),
                mode: 0o660,
                is_named: false,
            }),
            peer_metrics: false,
            bird: None,
            grpc: None,
        },
        shards: 2,
        log: Log { level: LogLevel::Info, format: LogFormat::Text },
        pacing: Pacing { max: Duration::from_millis(10) },
        limits: Limits {
            sessions: 16_384,
            per_range: 16_384,
            sessions_per_source: 2,
            accept_rate: 4_000,
            retained_peers: 16_384,
        },
        restart: Restart {
            roster_file: None,
            deferral_max: Duration::from_secs(20),
            quiet_time: Duration::from_secs(2),
            forwarding_state: true,
        },
        shutdown: Shutdown { mode: ShutdownMode::Auto, message: String::new() },
    };
    assert_eq!(good(EXAMPLE), expected);
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = good(BASE);
    assert_eq!(config.cluster_id, ClusterId(config.router_id.get()));
    assert_eq!(config.listen, [defaults::LISTEN]);
    assert_eq!(config.admin.http, Some(defaults::ADMIN_HTTP));
    assert_eq!(config.shards, defaults::shards(2));
    let config = good(&format!("{BASE}peers: [{{address: 10.0.0.2}}]\n"));
    assert_eq!(config.peers[0].settings, default_settings());
}

#[test]
fn shards_follow_the_cores_within_bounds() {
    let counts = [1, 2, 4, 7, 8, 16, 256].map(defaults::shards);
    assert_eq!(counts, [1, 1, 1, 1, 2, 4, 4]);
}

#[test]
fn a_peer_s_own_settings_lie_over_its_group_s() {
    let config = good(
        &format!(
            "{BASE}peerGroups:
  - name: racks
    role: nonClient
    holdTime: 30s
    keepaliveTime: 5s
    connectRetry: 3s
    clusterId: 244.0.0.1
    localAddress: 10.0.0.1
    password: of the group
    ttlSecurity: 3
    families: [ipv4-unicast]
    maxPrefixes: {{ipv4-unicast: 1000}}
    gracefulRestart: {{restartTime: 5m, longLivedStaleTime: 1h}}
peers:
  - {{address: 10.0.0.2, group: racks}}
  - address: 10.0.0.3
    group: racks
    role: client
    holdTime: 0
    keepaliveTime:
    clusterId: 7
    password: of the peer
    ttlSecurity: 0
    port: 1790
    families: [ipv4-unicast, ipv6-unicast]
    maxPrefixes: {{ipv6-unicast: 5}}
    gracefulRestart: off
"
        )
        .replace("    keepaliveTime:\n", "")
        .replace("holdTime: 0", "holdTime: 15s"),
    );
    let group = &config.groups[0].settings;
    assert_eq!(config.peers[0].settings, *group);
    assert_eq!(group.hold_time.as_secs(), 30);
    assert_eq!(group.keepalive, Some(Duration::from_secs(5)));
    assert_eq!(group.ttl_security, Some(3));
    assert_eq!(group.password.as_ref().unwrap().octets(), b"of the group");
    assert_eq!(group.max_prefixes.get(Family::Ipv4Unicast), NonZeroU32::new(1000));
    assert_eq!(group.graceful_restart.unwrap().restart_time, Duration::from_secs(300));

    let peer = &config.peers[1].settings;
    assert_eq!(peer.role, PeerRole::Client);
    assert_eq!(peer.hold_time.as_secs(), 15);
    assert_eq!(peer.keepalive, Some(Duration::from_secs(5)));
    assert_eq!(peer.cluster_id, ClusterId(7));
    assert_eq!(peer.password.as_ref().unwrap().octets(), b"of the peer");
    assert_eq!((peer.ttl_security, peer.port), (None, 1790));
    assert_eq!(peer.families, FamilySet::ALL);
    assert_eq!(peer.max_prefixes.get(Family::Ipv4Unicast), None);
    assert_eq!(peer.max_prefixes.get(Family::Ipv6Unicast), NonZeroU32::new(5));
    assert_eq!(peer.graceful_restart, None);
    assert_eq!(peer.local_address, Some(addr("10.0.0.1")));
}

#[test]
fn k6_clients_are_offered_a_long_stale_time_and_others_none() {
    let config = good(&format!(
        "{BASE}peers:
  - {{address: 10.0.0.2}}
  - {{address: 10.0.0.3, role: nonClient}}
  - {{address: 10.0.0.4, asNumber: 65000}}
  - {{address: 10.0.0.5, role: nonClient, gracefulRestart: {{longLivedStaleTime: 1h}}}}
  - {{address: 10.0.0.6, gracefulRestart: {{restartTime: 5s, peerStaleTimeMax: 10s, \
         peerRestartTimeMax: 0, stalePathTime: 9s, notification: false, staleToUnaware: true, \
         noLlgrOnHosts: true}}}}
"
    ));
    let graceful = |n: usize| config.peers[n].settings.graceful_restart.unwrap();
    let stale = |n: usize| graceful(n).long_lived_stale_time.as_secs();
    assert_eq!([0, 1, 2, 3, 4].map(stale), [86_400, 0, 0, 3600, 86_400]);
    let granted = |n: usize| graceful(n).peer_stale_time_max.as_secs();
    assert_eq!([0, 1, 2, 3, 4].map(granted), [86_400, 0, 0, 3600, 10], "ours, if not said");
    let last = GracefulRestart {
        restart_time: Duration::from_secs(5),
        long_lived_stale_time: Duration::from_secs(86_400),
        notification: false,
        peer_restart_time_max: Duration::ZERO,
        peer_stale_time_max: Duration::from_secs(10),
        stale_path_time: Duration::from_secs(9),
        stale_to_unaware: true,
        no_llgr_on_hosts: true,
    };
    assert_eq!(graceful(4), last);
}

#[test]
fn the_as_decides_the_role_where_none_is_given() {
    for (asn, role) in [
        ("internal", PeerRole::Client),
        ("64512", PeerRole::Client),
        ("any", PeerRole::Client),
        ("external", PeerRole::External),
        ("64513", PeerRole::External),
        ("\"1.10\"", PeerRole::External),
    ] {
        let config = good(&format!("{BASE}peers: [{{address: 10.0.0.2, asNumber: {asn}}}]\n"));
        assert_eq!(config.peers[0].settings.role, role, "{asn}");
    }
    let any = good(&format!("{BASE}peerGroups: [{{name: a, asNumber: any, role: nonClient}}]\n"));
    let settings = &any.groups[0].settings;
    assert_eq!(settings.role_of(Asn(64512), any.asn), PeerRole::NonClient);
    assert_eq!(settings.role_of(Asn(1), any.asn), PeerRole::External);
}

#[test]
fn the_longest_range_takes_a_neighbour() {
    let config = good(&format!(
        "{BASE}peerGroups:
  - {{name: all, ranges: [10.0.0.0/8, \"2001:db8::/32\"]}}
  - {{name: rack, ranges: [10.1.0.0/16]}}
"
    ));
    let group = |source: &str| config.group_of(addr(source)).map(|(group, _)| &*group.name);
    assert_eq!(group("10.1.2.3"), Some("rack"));
    assert_eq!(group("10.2.2.3"), Some("all"));
    assert_eq!(group("2001:db8::7"), Some("all"));
    assert_eq!(group("192.0.2.1"), None);
}

#[test]
fn two_readings_differ_only_where_the_file_did() {
    let file = |hold: &str| {
        format!(
            "{BASE}peerGroups: [{{name: a, holdTime: 30s}}]
peers:
  - {{address: 10.0.0.2, group: a}}
  - {{address: 10.0.0.3, group: a{hold}}}
"
        )
    };
    let (old, new) = (good(&file("")), good(&file(", holdTime: 60s")));
    assert_ne!(old, new);
    assert_eq!(old.groups, new.groups);
    assert_eq!(old.peer(addr("10.0.0.2")), new.peer(addr("10.0.0.2")));
    assert_ne!(old.peer(addr("10.0.0.3")), new.peer(addr("10.0.0.3")));
    assert_eq!(good(&file("")), old);
}

#[test]
fn the_grpc_interface_is_at_a_port_a_socket_or_both() {
    let grpc = |text: &str| good(&format!("{BASE}admin: {{grpc: {text}}}\n")).admin.grpc;
    let default = defaults::GRPC_LISTEN;
    let none = Grpc { listen: Some(default), socket: None, mode: defaults::GRPC_MODE };
    assert_eq!(grpc("{}"), Some(none));
    assert_eq!(grpc("off"), None);
    assert_eq!(good(BASE).admin.grpc, None);
    let both = grpc("{listen: \"[::1]:0\", socket: a.sock, mode: 0600}").expect("it is on");
    assert_eq!(both.listen, Some("[::1]:0".parse().expect("an address")));
    assert!(both.socket.is_some_and(|path| path.ends_with("a.sock")));
    assert_eq!(both.mode, 0o600);
    let alone = grpc("{listen: off, socket: /a.sock}").expect("it is on");
    assert_eq!((alone.listen, alone.socket.as_deref()), (None, Some(Path::new("/a.sock"))));
}

#[test]
fn off_is_off() {
    let config = good(&format!(
        "{BASE}admin: {{bird: {{socket: a.ctl, socket6: /b.ctl, mode: 0666}}}}\n\
         peers: [{{address: 10.0.0.7, name: Global_10_0_0_7}}]\n"
    ));
    let bird = config.admin.bird.expect("it is on");
    assert!(bird.socket.is_absolute() || bird.socket.ends_with("a.ctl"), "{:?}", bird.socket);
    assert_eq!(bird.socket6.as_deref(), Some(Path::new("/b.ctl")));
    assert_eq!((bird.dialect, bird.mode), (BirdDialect::Calico, 0o666));
    assert_eq!(config.peers[0].name.as_deref(), Some("Global_10_0_0_7"));
    let config = good(&format!("{BASE}admin: {{socket: a.sock, socketMode: 0600}}\n"));
    let socket = config.admin.socket.expect("it is on");
    assert!(socket.path.ends_with("a.sock") && socket.is_named, "{socket:?}");
    assert_eq!(socket.mode, 0o600);
    let config = good(&format!("{BASE}admin: {{socket: off}}\n"));
    assert_eq!(config.admin.socket, None);

    let config = good(&format!("{BASE}admin: {{bird: off}}\n"));
    assert_eq!(config.admin.bird, None);
    let config = good(&format!("{BASE}admin: {{http: off}}\npacing: off\n"));
    assert_eq!(config.admin.http, None);
    assert_eq!(config.pacing.max, Duration::ZERO);
    assert_eq!(good(&format!("{BASE}pacing: {{max: 0}}\n")).pacing.max, Duration::ZERO);
}

#[test]
fn the_roster_lies_beside_the_configuration_unless_it_says_where() {
    let text = |file: &str| format!("{BASE}restart: {{rosterFile: {file}, deferralMax: 90s}}\n");
    let file = |name: &str| {
        let config = parse("f", &text(name), Path::new("/etc/albedo"), &surroundings());
        config.unwrap().restart.roster_file.unwrap()
    };
    assert_eq!(file("roster.json"), Path::new("/etc/albedo/roster.json"));
    assert_eq!(file("/var/lib/albedo/r"), Path::new("/var/lib/albedo/r"));
    assert_eq!(good(&text("r")).restart.deferral_max, Duration::from_secs(90));
    let group = |dial: &str| format!("{BASE}peerGroups: [{{name: a, {dial}}}]\n");
    assert!(good(&group("dial: true")).groups[0].dial);
    assert!(!good(&group("passive: true, dial: false")).groups[0].dial);
    let config = good(&format!("{BASE}shutdown: {{mode: final, message: moving out}}\n"));
    assert_eq!(config.shutdown.message, "moving out");
    let config = good(&group("silentHoldExpiry: false"));
    assert!(!config.groups[0].settings.silent_hold_expiry);
}

#[test]
fn a_password_comes_from_a_file_beside_the_configuration_and_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), "hunter2\r\n").unwrap();
    let file = folder.path().join("albedo.yaml");
    fs::write(&file, format!("{BASE}peers: [{{address: 10.0.0.2, passwordFile: key}}]\n")).unwrap();
    let config = load_in(&file, &surroundings()).unwrap();
    assert_eq!(config.peers[0].settings.password.as_ref().unwrap().octets(), b"hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
}

mod environment {
    use super::*;

    #[test]
    fn gives_every_single_value_at_the_top() {
        for (name, value, text) in [
            ("ALBEDO_AS_NUMBER", "64999", "asNumber: 64999"),
            ("ALBEDO_ROUTER_ID", "10.9.9.9", "routerId: 10.9.9.9"),
            ("ALBEDO_CLUSTER_ID", "244.0.0.1", "clusterId: 244.0.0.1"),
            ("ALBEDO_LISTEN", "10.0.0.9:179, [::]:179", "listen: [\"10.0.0.9:179\", \"[::]:179\"]"),
            ("ALBEDO_ADMIN_HTTP", "0.0.0.0:9179", "admin: {http: \"0.0.0.0:9179\"}"),
            ("ALBEDO_ADMIN_SOCKET", "/a.sock", "admin: {socket: /a.sock}"),
            ("ALBEDO_ADMIN_SOCKET_MODE", "0600", "admin: {socketMode: 0600}"),
            ("ALBEDO_ADMIN_PEER_METRICS", "true", "admin: {peerMetrics: true}"),
            ("ALBEDO_SHARDS", "3", "shards: 3"),
            ("ALBEDO_LOG_LEVEL", "debug", "logLevel: debug"),
            ("ALBEDO_LOG_FORMAT", "json", "logFormat: json"),
            ("ALBEDO_PACING_MAX", "20ms", "pacing: {max: 20ms}"),
            ("ALBEDO_LIMITS_SESSIONS", "1", "limits: {sessions: 1}"),
            ("ALBEDO_LIMITS_PER_RANGE", "2", "limits: {perRange: 2}"),
            ("ALBEDO_LIMITS_SESSIONS_PER_SOURCE", "3", "limits: {sessionsPerSource: 3}"),
            ("ALBEDO_LIMITS_ACCEPT_RATE", "4", "limits: {acceptRate: 4}"),
            ("ALBEDO_RESTART_ROSTER_FILE", "r.json", "restart: {rosterFile: r.json}"),
            ("ALBEDO_RESTART_DEFERRAL_MAX", "0", "restart: {deferralMax: 0}"),
            ("ALBEDO_RESTART_QUIET_TIME", "1s", "restart: {quietTime: 1s}"),
            ("ALBEDO_RESTART_FORWARDING_STATE", "false", "restart: {forwardingState: false}"),
            ("ALBEDO_SHUTDOWN_MODE", "final", "shutdown: {mode: final}"),
            ("ALBEDO_SHUTDOWN_MESSAGE", "bye", "shutdown: {message: bye}"),
            ("ALBEDO_LIMITS_RETAINED_PEERS", "5", "limits: {retainedPeers: 5}"),
        ] {
            let key = text.split(':').next().unwrap();
            let others: String = BASE
                .lines()
                .filter(|line| !line.starts_with(key))
                .map(|l| format!("{l}\n"))
                .collect();
            let from_file = good(&format!("{others}{text}\n"));
            assert_eq!(with_env(BASE, &[(name, value)]).unwrap(), from_file, "{name}");
            assert_ne!(from_file, good(BASE), "{name}");
            assert!(VARIABLES.iter().any(|variable| variable.name == name), "{name}");
        }
        assert_eq!(VARIABLES.len(), 23);
    }

    #[test]
    fn wins_over_the_file_and_may_stand_alone() {
        let text = "asNumber: 1\npacing: off\nlimits: {sessions: 5, perRange: 6}\n";
        let config = with_env(
            text,
            &[
                ("ALBEDO_ROUTER_ID", "10.0.0.9"),
                ("ALBEDO_PACING_MAX", "5ms"),
                ("ALBEDO_LIMITS_SESSIONS", "7"),
                ("ALBEDO_SHARDS", ""),
            ],
        )
        .unwrap();
        assert_eq!(config.router_id.to_string(), "10.0.0.9");
        assert_eq!(config.pacing.max, Duration::from_millis(5));
        assert_eq!((config.limits.sessions, config.limits.per_range), (7, 6));
        let both = [("ALBEDO_AS_NUMBER", "1"), ("ALBEDO_ROUTER_ID", "10.0.0.9")];
        assert!(with_env("", &both).is_ok());
    }

    #[test]
    fn faults_name_the_variable() {
        let faults = with_env(BASE, &[("ALBEDO_SHARDS", "many"), ("ALBEDO_LISTEN", "10.0.0.1")])
            .unwrap_err();
        let expected = "\
environment: ALBEDO_LISTEN: found `10.0.0.1`, expected address:port such as \"10.0.0.1:179\" or \
\"[::]:179\", with a port from 1 to 65535
      = the port is missing: 10.0.0.1:PORT
environment: ALBEDO_SHARDS: found `many`, expected a number from 1 to 64
2 faults";
        assert_eq!(faults.to_string(), expected);
    }

    #[test]
    fn what_kubernetes_puts_there_is_left_alone() {
        let variables = [
            ("ALBEDO_SERVICE_HOST", "10.96.0.1"),
            ("ALBEDO_PORT", "tcp://10.96.0.1:179"),
            ("ALBEDO_PORT_179_TCP", "tcp://10.96.0.1:179"),
        ];
        assert_eq!(env_overrides(variables), []);
        for name in VARIABLES.map(|variable| variable.name) {
            assert!(!name.contains("_SERVICE_") && !name.contains("_PORT"), "{name}");
        }
    }
}

mod bounds {
    use super::*;

    #[test]
    fn a_file_of_the_largest_size_is_read_and_a_larger_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("albedo.yaml");
        let size = usize::try_from(FILE_MAX).unwrap();
        let mut text = format!("{BASE}#");
        text.push_str(&" ".repeat(size - text.len()));
        fs::write(&file, &text).unwrap();
        assert!(load_in(&file, &surroundings()).is_ok());
        text.push(' ');
        fs::write(&file, &text).unwrap();
        let told = load_in(&file, &surroundings()).unwrap_err().to_string();
        assert!(
            told.contains("found a larger file, expected a readable file of at most 16 MiB"),
            "{told}"
        );
    }

    #[test]
    fn aliases_of_aliases_end_at_the_bound_of_values() {
        let mut text = format!("{BASE}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..9 {
            let below = vec![format!("*a{}", n - 1); 10].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{below}]\n"));
        }
        let told = bad(&text);
        assert!(told.contains(&format!("at most {NODES_MAX} values, aliases followed")), "{told}");
    }

    #[test]
    fn deep_nesting_is_a_fault() {
        for text in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(100_000)] {
            assert!(bad(&text).contains("a fault of syntax"));
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let told = load_in(&folder.path().join("none"), &surroundings()).unwrap_err();
        assert_eq!(told.faults().len(), 1);
        assert!(told.to_string().contains("No such file"), "{told}");
        let file = folder.path().join("latin.yaml");
        fs::write(&file, b"asNumber: 1\n# Gr\xfc\xdfe\n").unwrap();
        let told = load_in(&file, &surroundings()).unwrap_err().to_string();
        assert!(told.contains("latin.yaml:2:1: found octets that are no UTF-8"), "{told}");
    }

    #[test]
    fn five_thousand_peers_are_read_and_every_fault_in_them_is_told() {
        let peer = |n: u32, hold: &str| {
            format!("  - {{address: 10.0.{}.{}, holdTime: {hold}}}\n", n / 250, n % 250 + 1)
        };
        let file = |hold: &str| {
            let peers: String = (0..5_000).map(|n| peer(n, hold)).collect();
            format!("{BASE}peers:\n{peers}")
        };
        assert_eq!(good(&file("30s")).peers.len(), 5_000);
        let faults = parse("f", &file("1s"), Path::new(""), &surroundings()).unwrap_err();
        assert_eq!(faults.faults().len(), 5_000);
        assert_eq!(faults.faults()[4_999].line, 5_003);
    }
}

mod reference {
    use super::*;

    /// The reference names every key in its table, so that a new one cannot be forgotten.
    #[test]
    fn names_every_key_and_variable() {
        for key in schema::all_keys() {
            assert!(REFERENCE.contains(&format!("| `{key}` |")), "{key} is missing");
        }
        for variable in VARIABLES {
            let row = format!("| `{}` | `{}` |", variable.name, variable.key);
            assert!(REFERENCE.contains(&row), "{row} is missing");
        }
    }

    #[test]
    fn tells_the_defaults_of_the_code() {
        let seconds = |time: Duration| format!("`{}s`", time.as_secs());
        for (key, default) in [
            ("listen", format!("`[\"{}\"]`", defaults::LISTEN)),
            ("admin.http", format!("`{}`", defaults::ADMIN_HTTP)),
            ("admin.socket", format!("`{}`", defaults::ADMIN_SOCKET)),
            ("admin.socketMode", format!("`0{:o}`", defaults::ADMIN_SOCKET_MODE)),
            ("admin.bird.dialect", "`calico`".to_owned()),
            ("admin.bird.mode", format!("`0{:o}`", defaults::BIRD_MODE)),
            ("admin.grpc.listen", format!("`{}`", defaults::GRPC_LISTEN)),
            ("admin.grpc.mode", format!("`0{:o}`", defaults::GRPC_MODE)),
            ("logLevel", "`info`".to_owned()),
            ("logFormat", "`text`".to_owned()),
            ("pacing.max", format!("`{}ms`", defaults::PACING_MAX.as_millis())),
            ("limits.sessions", format!("`{}`", defaults::LIMIT_SESSIONS)),
            ("limits.perRange", format!("`{}`", defaults::LIMIT_PER_RANGE)),
            ("limits.sessionsPerSource", format!("`{}`", defaults::LIMIT_SESSIONS_PER_SOURCE)),
            ("limits.acceptRate", format!("`{}`", defaults::LIMIT_ACCEPT_RATE)),
            ("holdTime", format!("`{}s`", defaults::HOLD_TIME.as_secs())),
            ("connectRetry", seconds(defaults::CONNECT_RETRY)),
            ("passive", format!("`{}`", defaults::PASSIVE)),
            ("port", format!("`{}`", defaults::PORT)),
            ("dial", format!("`{}`", defaults::DIAL)),
            ("silentHoldExpiry", format!("`{}`", defaults::SILENT_HOLD_EXPIRY)),
            ("restart.deferralMax", seconds(defaults::DEFERRAL_MAX)),
            ("restart.quietTime", seconds(defaults::QUIET_TIME)),
            ("restart.forwardingState", format!("`{}`", defaults::FORWARDING_STATE)),
            ("shutdown.mode", "`auto`".to_owned()),
            ("gracefulRestart.restartTime", seconds(defaults::RESTART_TIME)),
            ("gracefulRestart.peerRestartTimeMax", seconds(defaults::PEER_RESTART_TIME_MAX)),
            ("gracefulRestart.stalePathTime", seconds(defaults::STALE_PATH_TIME)),
            ("gracefulRestart.notification", format!("`{}`", defaults::NOTIFICATION)),
            ("gracefulRestart.staleToUnaware", format!("`{}`", defaults::STALE_TO_UNAWARE)),
            ("gracefulRestart.noLlgrOnHosts", format!("`{}`", defaults::NO_LLGR_ON_HOSTS)),
            ("limits.retainedPeers", format!("`{}`", defaults::LIMIT_RETAINED_PEERS)),
            ("maxPrefixes.warnAt", format!("`{}`", defaults::WARN_AT)),
            ("maxPrefixes.action", "`restart`".to_owned()),
            ("maxPrefixes.countRejected", format!("`{}`", defaults::COUNT_REJECTED)),
            ("maxPrefixes.countPaths", format!("`{}`", defaults::COUNT_PATHS)),
            ("sendPaths", format!("`{}`", defaults::send_paths(defaults::SEND_PATHS_MODE))),
            ("sendPathsMode", "`best`".to_owned()),
            ("receivePaths", "none".to_owned()),
            ("bestExternal", format!("`{}`", defaults::BEST_EXTERNAL)),
            ("refreshInterval", seconds(defaults::REFRESH_INTERVAL)),
            ("maxAsPathLength", format!("`{}`", defaults::AS_PATH_LENGTH_MAX)),
            ("maxClusterListLength", format!("`{}`", defaults::CLUSTER_LIST_LENGTH_MAX)),
        ] {
            let start = format!("| `{key}` |");
            let row = REFERENCE.lines().find(|line| line.starts_with(&start));
            let cells: Vec<&str> = row.unwrap_or_default().split(" | ").collect();
            assert_eq!(cells.get(2).copied(), Some(&*default), "{key}");
        }
    }

    #[test]
    fn every_example_in_it_is_good() {
        let mut examples = 0;
        for block in REFERENCE.split("```yaml\n").skip(1) {
            let (text, _) = block.split_once("```").unwrap();
            let text = if text.contains("asNumber: 64512\nrouterId") {
                text.to_owned()
            } else {
                format!("{BASE}{text}")
            };
            good(&text);
            examples += 1;
        }
        assert!(examples >= 2, "{examples}");
    }
}

proptest! {
    /// Whatever stands in the file, the answer is settings or faults.
    #[test]
    fn nothing_makes_it_panic(text in "[\\PC\n\t]{0,200}") {
        let _ = parse("f", &text, Path::new(""), &surroundings());
    }

    #[test]
    fn no_damage_to_the_example_makes_it_panic(
        at in 0..EXAMPLE.len(),
        cut in 0..20_usize,
        insert in "[\\[\\]{}:,&*!|>'\"#%@`\\-? \n\ta-z0-9]{0,4}",
    ) {
        let mut text = EXAMPLE.to_owned();
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &insert);
        let _ = parse("f", &text, Path::new(""), &surroundings());
    }
}
