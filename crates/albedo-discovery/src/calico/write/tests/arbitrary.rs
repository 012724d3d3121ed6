//! Resources of every kind, with everything that can be set.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16};
use std::sync::Arc;
use std::time::Duration;

use albedo_types::policy::Community;
use albedo_types::{Asn, ClusterId, Ipv4Prefix, Ipv6Prefix, Prefix};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use crate::calico::*;

pub(super) fn resource() -> impl Strategy<Value = Resource> {
    prop_oneof![
        node().prop_map(|it| Resource::Node(Box::new(it))),
        peer().prop_map(|it| Resource::BgpPeer(Box::new(it))),
        configuration().prop_map(|it| Resource::BgpConfiguration(Box::new(it))),
        filter().prop_map(|it| Resource::BgpFilter(Box::new(it))),
        pool().prop_map(|it| Resource::IpPool(Box::new(it))),
        affinity().prop_map(|it| Resource::BlockAffinity(Box::new(it))),
        information().prop_map(|it| Resource::ClusterInformation(Box::new(it))),
    ]
}

fn name() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![
        4 => "[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?(\\.[a-z0-9]{1,3}){0,2}",
        1 => select(vec!["on", "no", "y", "null", "true", "1e3", "010", "1.10", "0x10", "12"])
            .prop_map(str::to_owned),
    ]
    .prop_map(|name| name.into())
}

fn meta_of(name: impl Strategy<Value = Arc<str>>) -> impl Strategy<Value = Meta> {
    let key = "([a-z]{1,4}\\.[a-z]{1,4}/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,6}[A-Za-z0-9])?";
    let value = "|[A-Za-z0-9]([-_.A-Za-z0-9]{0,6}[A-Za-z0-9])?|yes|on|0[0-7]{2}|1\\.[0-9]0";
    let labels = vec((key, value), 0..4).prop_map(|pairs| pairs.into_iter().collect());
    let annotations = vec((key, any::<String>()), 0..3);
    let annotations = annotations.prop_map(|pairs| pairs.into_iter().collect());
    let id = || of("[a-z0-9-]{1,12}".prop_map(String::into_boxed_str));
    (name, labels, annotations, id(), id()).prop_map(
        |(name, labels, annotations, uid, resource_version)| Meta {
            name,
            labels,
            annotations,
            uid,
            resource_version,
        },
    )
}

fn meta() -> impl Strategy<Value = Meta> {
    meta_of(name())
}

fn ipv4() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from_bits)
}

fn ipv6() -> impl Strategy<Value = Ipv6Addr> {
    prop_oneof![any::<u128>(), 0_u128..70_000].prop_map(Ipv6Addr::from_bits)
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![ipv4().prop_map(IpAddr::V4), ipv6().prop_map(IpAddr::V6)]
}

fn asn() -> impl Strategy<Value = Asn> {
    (1..=u32::MAX).prop_map(Asn)
}

fn v4() -> impl Strategy<Value = Prefix> {
    let prefix = |(addr, len)| Prefix::V4(Ipv4Prefix::new(addr, len).expect("a length"));
    (ipv4(), 0..=32_u8).prop_map(prefix)
}

fn v6() -> impl Strategy<Value = Prefix> {
    let prefix = |(addr, len)| Prefix::V6(Ipv6Prefix::new(addr, len).expect("a length"));
    (ipv6(), 0..=128_u8).prop_map(prefix)
}

fn cidr() -> impl Strategy<Value = Prefix> {
    prop_oneof![v4(), v6()]
}

fn duration() -> impl Strategy<Value = Duration> {
    let nanos = prop_oneof![0..=i64::MAX as u64, 0..5_000_000_000_u64];
    prop_oneof![nanos.prop_map(Duration::from_nanos), (0..9_000_u64).prop_map(Duration::from_secs)]
}

fn boxed<T>(items: impl Strategy<Value = Vec<T>>) -> impl Strategy<Value = Box<[T]>>
where
    T: Debug,
{
    items.prop_map(Vec::into_boxed_slice)
}

fn selector() -> impl Strategy<Value = Selector> {
    let key = "[a-z][-a-z0-9./_]{0,8}";
    let value = || "[ -!#-~é]{0,8}";
    let leaf = prop_oneof![
        key.prop_map(|key| format!("has({key})")),
        (key, value()).prop_map(|(key, value)| format!("{key} == \"{value}\"")),
        (key, value()).prop_map(|(key, value)| format!("{key} != \"{value}\"")),
        (key, value()).prop_map(|(key, value)| format!("{key} starts with \"{value}\"")),
        (key, vec(value(), 0..3)).prop_map(|(key, values)| {
            let values: Vec<String> = values.iter().map(|it| format!("\"{it}\"")).collect();
            format!("{key} not in {{{}}}", values.join(","))
        }),
        Just("all()".to_owned()),
    ];
    let tree = leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|it| format!("!({it})")),
            vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" && "))),
            vec(inner, 2..4).prop_map(|any| format!("({})", any.join(" || "))),
        ]
    });
    tree.prop_map(|text| Selector::parse(&text).expect("a selector"))
}

fn secret() -> impl Strategy<Value = SecretKeyRef> {
    (name(), "[A-Za-z0-9._-]{1,9}", any::<bool>()).prop_map(|(name, key, optional)| SecretKeyRef {
        name,
        key: key.into(),
        optional,
    })
}

fn node() -> impl Strategy<Value = Node> {
    let host4 = (ipv4(), 0..=32_u8).prop_map(|(addr, len)| Ipv4Host { addr, len });
    let host6 = (ipv6(), 0..=128_u8).prop_map(|(addr, len)| Ipv6Host { addr, len });
    let cluster_id = (1..=u32::MAX).prop_map(ClusterId);
    let bgp = (of(asn()), of(host4), of(host6), of(cluster_id), of(ipv4())).prop_map(
        |(as_number, ipv4, ipv6, cluster_id, ipip)| {
            let bgp = NodeBgp { as_number, ipv4, ipv6, cluster_id };
            // Calico has no empty `bgp`.
            ((bgp != NodeBgp::default() || ipip.is_some()).then_some(bgp), ipip)
        },
    );
    let kinds = [AddressType::CalicoNodeIp, AddressType::InternalIp, AddressType::ExternalIp];
    let address = (ip(), of(select(kinds.to_vec())));
    let address = address.prop_map(|(address, kind)| NodeAddress { address, kind });
    let orch_ref = (of("[a-z0-9.]{1,9}"), "[a-z0-9]{1,3}|on").prop_map(|(name, orchestrator)| {
        OrchRef { node_name: name.map(Into::into), orchestrator: orchestrator.into() }
    });
    let tunnels = (of(ipv4()), of(ipv6()), of(ipv4()), of(ipv6()));
    let lists = (boxed(vec(address, 0..3)), boxed(vec(orch_ref, 0..2)), boxed(vec(cidr(), 0..3)));
    (meta(), bgp, tunnels, lists).prop_map(
        |(meta, (bgp, ipip), (vxlan4, vxlan6, wireguard4, wireguard6), lists)| Node {
            meta,
            bgp,
            tunnels: Tunnels { ipip, vxlan4, vxlan6, wireguard4, wireguard6 },
            addresses: lists.0,
            orch_refs: lists.1,
            pod_cidrs: lists.2,
            ..Node::default()
        },
    )
}

fn peer() -> impl Strategy<Value = BgpPeer> {
    let nodes = prop_oneof![
        Just(PeerNodes::All),
        name().prop_map(PeerNodes::Named),
        selector().prop_map(PeerNodes::Matching),
    ];
    let port = || of(1..=u16::MAX);
    let address = (ip(), port(), of(asn())).prop_map(|(ip, port, as_number)| PeerRemote::Address {
        ip,
        port,
        as_number,
    });
    let workloads = (selector(), asn())
        .prop_map(|(selector, as_number)| PeerRemote::Workloads { selector, as_number });
    let remote = prop_oneof![
        Just(PeerRemote::Nobody),
        address,
        selector().prop_map(PeerRemote::Nodes),
        workloads
    ];
    let modes = vec![NextHopMode::Auto, NextHopMode::Own, NextHopMode::Keep];
    let hops = prop_oneof![(of(select(modes)), Just(false)), (Just(None), any::<bool>()),];
    let times = (of(duration()), of(duration()), of(0..=i32::MAX.unsigned_abs()));
    let hop = of((1..=u8::MAX).prop_map(|hops| NonZeroU8::new(hops).expect("not 0")));
    let more = (of(asn()), of(secret()), any::<bool>(), any::<bool>(), boxed(vec(name(), 0..3)));
    (meta(), nodes, remote, hops, times, hop, (ipv4(), ipv6(), any::<bool>()), more).prop_map(
        |(meta, nodes, remote, hops, times, ttl_security, gateways, more)| {
            let reachable_by = match &remote {
                PeerRemote::Address { ip, .. } if gateways.2 => Some(match ip {
                    IpAddr::V4(_) => gateways.0.into(),
                    IpAddr::V6(_) => gateways.1.into(),
                }),
                _ => None,
            };
            BgpPeer {
                meta,
                nodes,
                remote,
                local_as: more.0,
                keep_original_next_hop: hops.1,
                next_hop_mode: hops.0,
                password: more.1,
                source_address: if more.2 { SourceAddress::None } else { SourceAddress::UseNodeIp },
                max_restart_time: times.0,
                keepalive_time: times.1,
                allowed_local_as: times.2,
                ttl_security,
                reachable_by,
                filters: more.4,
                reverse_peering: if more.3 { ReversePeering::Manual } else { ReversePeering::Auto },
            }
        },
    )
}

fn community() -> impl Strategy<Value = Community> {
    prop_oneof![
        any::<u32>().prop_map(Community::Standard),
        // Well-known ones, which have names elsewhere.
        (0xffff_0000..=u32::MAX).prop_map(Community::Standard),
        any::<[u32; 3]>().prop_map(Community::Large),
    ]
}

fn configuration() -> impl Strategy<Value = BgpConfiguration> {
    let severity = select(vec![LogSeverity::Trace, LogSeverity::Info, LogSeverity::Fatal]);
    let interface = select(vec!["eth*", "*.cali", "on", "1e3", "-a", "12"]).prop_map(Into::into);
    let ranges = || boxed(vec(cidr(), 0..3));
    let advertisement = (cidr(), boxed(vec(community(), 0..3)));
    let advertisement =
        advertisement.prop_map(|(cidr, communities)| PrefixAdvertisement { cidr, communities });
    let programs = vec![
        ProgramClusterRoutes::Enabled,
        ProgramClusterRoutes::Disabled,
        ProgramClusterRoutes::EnabledIpipOnly,
        ProgramClusterRoutes::EnabledNoEncapOnly,
    ];
    let priority = || of(1..=2_147_483_646_u32);
    let every = (
        of(severity),
        of((1..=u16::MAX).prop_map(|port| NonZeroU16::new(port).expect("not 0"))),
        any::<bool>(),
        boxed(vec(interface, 0..3)),
        of(any::<bool>()),
        boxed(vec(advertisement, 0..3)),
        (of(ipv4()), of(ipv6())),
        of(select(programs)),
        (priority(), priority()),
    );
    let global = (
        of(any::<bool>()),
        of(asn()),
        (ranges(), ranges(), ranges()),
        of(secret()),
        of(duration()),
    );
    let name = prop_oneof![
        Just(Arc::from("default")),
        name().prop_map(|name| format!("node.{name}").into()),
    ];
    (meta_of(name), every, global).prop_map(|(meta, every, global)| {
        let mut it = BgpConfiguration {
            meta,
            log_severity_screen: every.0,
            listen_port: every.1,
            bind_mode: if every.2 { BindMode::NodeIp } else { BindMode::None },
            ignored_interfaces: every.3,
            service_load_balancer_aggregation: every.4,
            prefix_advertisements: every.5,
            local_workload_peering_v4: every.6.0,
            local_workload_peering_v6: every.6.1,
            program_cluster_routes: every.7,
            ipv4_normal_route_priority: every.8.0,
            ipv6_normal_route_priority: every.8.1,
            ..BgpConfiguration::default()
        };
        if it.scope() == ConfigurationScope::Default {
            it.node_to_node_mesh = global.0;
            it.as_number = global.1;
            (it.service_cluster_ips, it.service_external_ips, it.service_load_balancer_ips) =
                global.2;
            if it.node_to_node_mesh != Some(false) {
                it.node_mesh_password = global.3;
                it.node_mesh_max_restart_time = global.4;
            }
        }
        it
    })
}

fn rule(v4: bool) -> impl Strategy<Value = FilterRule> {
    let operators = vec![
        MatchOperator::Equal,
        MatchOperator::NotEqual,
        MatchOperator::In,
        MatchOperator::NotIn,
    ];
    let prefix = if v4 { self::v4().boxed() } else { v6().boxed() };
    let longest = if v4 { 32_u8 } else { 128 };
    let length =
        (0..=longest, 0..=longest).prop_map(|(a, b)| LengthRange { min: a.min(b), max: a.max(b) });
    let cidr = (prefix, select(operators), of(length))
        .prop_map(|(cidr, operator, length)| CidrMatch { cidr, operator, length });
    let operation = prop_oneof![
        community().prop_map(FilterOperation::AddCommunity),
        boxed(vec(asn(), 1..=10)).prop_map(FilterOperation::PrependAsPath),
        (1..=2_147_483_646_u32).prop_map(FilterOperation::SetPriority),
    ];
    let interface = select(vec!["eth*", "*.cali", "on", "12"]);
    let interface = interface.prop_map(|text| InterfacePattern(text.into()));
    let types = vec![PeerType::Internal, PeerType::External];
    (
        any::<bool>(),
        of(cidr),
        any::<bool>(),
        of(interface),
        of(select(types)),
        of(community()),
        boxed(vec(asn(), 0..3)),
        of(1..=2_147_483_646_u32),
        boxed(vec(operation, 0..3)),
    )
        .prop_map(|it| FilterRule {
            cidr: it.1,
            from_remote_peers: it.2,
            interface: it.3,
            peer_type: it.4,
            community: it.5,
            as_path_prefix: it.6,
            priority: it.7,
            operations: if it.0 { it.8 } else { Box::default() },
            ..FilterRule::always(if it.0 { FilterAction::Accept } else { FilterAction::Reject })
        })
}

fn filter() -> impl Strategy<Value = BgpFilter> {
    let rules = |v4| boxed(vec(rule(v4), 0..3));
    (meta(), rules(true), rules(true), rules(false), rules(false)).prop_map(
        |(meta, export_v4, import_v4, export_v6, import_v6)| BgpFilter {
            meta,
            export_v4,
            import_v4,
            export_v6,
            import_v6,
        },
    )
}

fn pool() -> impl Strategy<Value = IpPool> {
    let v4 = (any::<u32>(), 0..=20_u8, 20..=32_u8).prop_filter_map("link-local", |it| {
        let addr = Ipv4Addr::from_bits(it.0);
        let prefix = Ipv4Prefix::new(addr, it.1).expect("a length");
        (!prefix.addr().is_link_local()).then_some((Prefix::V4(prefix), it.2))
    });
    let v6 = (any::<u128>(), 0..=116_u8, 116..=128_u8).prop_filter_map("link-local", |it| {
        let addr = Ipv6Addr::from_bits(it.0);
        let prefix = Ipv6Prefix::new(addr, it.1).expect("a length");
        (!prefix.addr().is_unicast_link_local()).then_some((Prefix::V6(prefix), it.2))
    });
    let modes =
        vec![EncapsulationMode::Never, EncapsulationMode::Always, EncapsulationMode::CrossSubnet];
    let uses = (any::<bool>(), any::<bool>(), any::<bool>()).prop_filter("none", |it| {
        let (workload, tunnel, load_balancer) = *it;
        workload || tunnel || load_balancer
    });
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let namespaces = of("[a-z]{1,5} == '[a-z]{1,3}'").prop_map(|it| it.map(Into::into));
    (meta(), prop_oneof![v4, v6], select(modes), flags, selector(), namespaces, uses).prop_map(
        |(meta, (cidr, block_size), mode, flags, node_selector, namespace_selector, uses)| {
            let load_balancer =
                uses.2 && mode == EncapsulationMode::Never && !flags.3 || !(uses.0 || uses.1);
            let mode = if load_balancer { EncapsulationMode::Never } else { mode };
            let ipip = flags.0 && matches!(cidr, Prefix::V4(_));
            IpPool {
                meta,
                cidr,
                ipip_mode: if ipip { mode } else { EncapsulationMode::Never },
                vxlan_mode: if ipip { EncapsulationMode::Never } else { mode },
                nat_outgoing: flags.1,
                disabled: flags.2,
                disable_bgp_export: flags.3 && !load_balancer,
                block_size,
                node_selector,
                namespace_selector,
                allowed_uses: AllowedUses { workload: uses.0, tunnel: uses.1, load_balancer },
                assignment_mode: if flags.4 {
                    AssignmentMode::Manual
                } else {
                    AssignmentMode::Automatic
                },
            }
        },
    )
}

fn affinity() -> impl Strategy<Value = BlockAffinity> {
    let states = vec![BlockState::Confirmed, BlockState::Pending, BlockState::PendingDeletion];
    (meta(), name(), cidr(), select(states), any::<bool>(), any::<bool>()).prop_map(
        |(meta, node, cidr, state, is_virtual, deleted)| BlockAffinity {
            meta,
            node,
            cidr,
            state,
            kind: if is_virtual { BlockKind::Virtual } else { BlockKind::Host },
            deleted,
        },
    )
}

fn information() -> impl Strategy<Value = ClusterInformation> {
    (meta(), of("v3\\.[0-9]{1,2}"), of("[0-9a-f]{1,9}"), of(any::<bool>())).prop_map(
        |(meta, version, guid, datastore_ready)| ClusterInformation {
            meta,
            calico_version: version.map(Into::into),
            cluster_guid: guid.map(Into::into),
            datastore_ready,
        },
    )
}
