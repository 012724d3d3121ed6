//! Counting agrees with listing every pair, and a large mesh is not listed.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::calico::expand::tests::{any_resources, cluster};
use crate::calico::expand::{Source, expand_node};
use crate::calico::{BgpConfiguration, Ipv4Host, Meta, Node, NodeBgp, Resource};

/// Every session one by one, and whether the mesh claims it and a BGPPeer does.
#[derive(Default)]
struct Listed {
    pairs: BTreeMap<Pair, (bool, bool)>,
    names: BTreeMap<IpAddr, Arc<str>>,
}

impl Listed {
    fn of(cluster: &Cluster) -> Self {
        let mut listed = Self::default();
        for node in cluster.nodes().values() {
            for address in [node.ipv4().map(IpAddr::V4), node.ipv6().map(IpAddr::V6)] {
                let Some(address) = address else { continue };
                listed.names.entry(address).or_insert_with(|| node.meta.name.clone());
            }
        }
        let mut wanted = BTreeSet::new();
        for name in cluster.nodes().keys() {
            for session in expand_node(cluster, name) {
                let mesh = session.origin.source == Source::Mesh;
                wanted.insert((session.local_address, session.address, mesh));
            }
        }
        for (ours, theirs, mesh) in &wanted {
            if listed.names.contains_key(theirs) && !wanted.contains(&(*theirs, *ours, *mesh)) {
                continue;
            }
            let why = listed.pairs.entry((*ours.min(theirs), *ours.max(theirs))).or_default();
            why.0 |= mesh;
            why.1 |= !mesh;
        }
        listed
    }

    fn served(&self) -> BTreeSet<Loss> {
        let ends = self.pairs.keys().flat_map(|(one, other)| [*one, *other]);
        let name = |end| Some(Loss { node: self.names.get(&end)?.clone(), family: family(end) });
        ends.filter_map(name).collect()
    }

    fn to(&self, after: &Self) -> Effect {
        let missing = |one: &Self, other: &Self| {
            one.pairs.keys().filter(|pair| !other.pairs.contains_key(pair)).count()
        };
        let restart = self
            .pairs
            .iter()
            .filter(|(pair, (mesh, _))| after.pairs.get(pair).is_some_and(|(now, _)| mesh != now));
        Effect {
            before: self.pairs.len(),
            after: after.pairs.len(),
            up: missing(after, self),
            gone: missing(self, after),
            restart: restart.count(),
            losing: (&self.served() - &after.served()).into_iter().collect(),
        }
    }
}

fn mesh(on: bool) -> Resource {
    let node_to_node_mesh = Some(on);
    let meta = Meta::named("default");
    let default = BgpConfiguration { meta, node_to_node_mesh, ..BgpConfiguration::default() };
    Resource::BgpConfiguration(Box::new(default))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn counting_is_as_listing(
        (one, on) in (any_resources(), any::<bool>()),
        (other, on_after) in (any_resources(), any::<bool>()),
    ) {
        let make = |mut resources: Vec<Resource>, on| {
            for resource in &mut resources {
                // Ports are left as they are: nodes may have any.
                if let Resource::BgpConfiguration(it) = resource && &*it.meta.name == "default" {
                    it.node_to_node_mesh = Some(on);
                }
            }
            cluster(resources)
        };
        let (one, other) = (make(one, on), make(other, on_after));
        let (links, links_after) = (Links::of(&one), Links::of(&other));
        let (listed, listed_after) = (Listed::of(&one), Listed::of(&other));
        prop_assert_eq!(links.to(&links_after), listed.to(&listed_after));
        prop_assert_eq!(links.to(&links), listed.to(&listed));
        let doubled = listed.pairs.values().filter(|(mesh, peering)| *mesh && *peering).count();
        prop_assert_eq!(links.doubled(), doubled);
        for ((one, other), (_, peering)) in &listed.pairs {
            prop_assert_eq!(links.has_peering(*other, *one), *peering);
        }
    }
}

#[test]
fn a_large_mesh_is_told_by_its_members() {
    let node = |index: u16| {
        let [high, low] = index.to_be_bytes();
        let ipv4 = Some(Ipv4Host::from(Ipv4Addr::new(10, 0, high, low)));
        let bgp = Some(NodeBgp { ipv4, ..NodeBgp::default() });
        let meta = Meta::named(&format!("n{index}"));
        Resource::Node(Box::new(Node { meta, bgp, ..Node::default() }))
    };
    let mut cluster = cluster((0..5_000).map(node).collect());
    let links = Links::of(&cluster);
    assert_eq!(links.sessions(), 5_000 * 4_999 / 2);
    assert_eq!((links.mesh.len(), links.peerings.len()), (5_000, 0));
    cluster.apply(mesh(false));
    let effect = links.to(&Links::of(&cluster));
    assert_eq!((effect.gone, effect.after, effect.losing.len()), (5_000 * 4_999 / 2, 0, 5_000));
}
