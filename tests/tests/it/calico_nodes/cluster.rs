//! The cluster of the scenario: etcd, two reflectors, nodes, and what is known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use albedo_discovery::calico::Cluster as Resources;
use albedo_tests::admin;
use albedo_tests::calico::etcd::Etcd;
use albedo_tests::calico::node::CalicoNode;
use albedo_tests::fib::{Expected, Table};
use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::net::{Net, net};
use albedo_tests::reflector::Reflector;
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

pub(super) const LEFT: Host = Host(1);
pub(super) const RIGHT: Host = Host(2);
const ETCD: Host = Host(3);

/// How far apart two tellings of the instant may be at which a session came up; a session that was
/// lost takes longer than that to come back, because BIRD waits before it connects.
const JITTER: Duration = Duration::from_secs(1);

/// The name of what runs at a place.
pub(super) fn name(host: Host) -> String {
    if [LEFT, RIGHT].contains(&host) { format!("rr-{}", host.0) } else { format!("w-{}", host.0) }
}

/// The block that each node has.
pub(super) fn block(host: Host) -> Net {
    net(&format!("10.244.{}.64/26", host.0))
}

/// A running node with what it announces.
struct Member {
    node: CalicoNode,
    blocks: Vec<Net>,
    table: Table,
}

pub(super) struct Cluster {
    pub(super) etcd: Etcd,
    /// Blocks that nobody but their node is to know of.
    pub(super) hidden: BTreeSet<Net>,
    /// Nodes that run and do not belong to the cluster.
    pub(super) apart: BTreeSet<Host>,
    places: BTreeMap<Host, Node>,
    /// The configuration of each reflector.
    config: fn(Host) -> String,
    reflectors: BTreeMap<Host, Reflector>,
    members: BTreeMap<Host, Member>,
    /// What a node announced that is gone, and is kept.
    kept: BTreeMap<Host, Vec<Net>>,
}

impl Cluster {
    /// Only etcd, and nothing in it.
    pub(super) fn start(lab: &mut Lab, config: fn(Host) -> String) -> Result<Self> {
        Ok(Self {
            etcd: Etcd::start(&lab.node(ETCD)?)?,
            hidden: BTreeSet::new(),
            apart: BTreeSet::new(),
            places: BTreeMap::new(),
            config,
            reflectors: BTreeMap::new(),
            members: BTreeMap::new(),
            kept: BTreeMap::new(),
        })
    }

    pub(super) fn add_place(&mut self, node: Node) {
        self.places.insert(node.host, node);
    }

    pub(super) fn place(&self, host: Host) -> Result<Node> {
        self.places.get(&host).cloned().with_context(|| format!("nothing at {}", host.v4()))
    }

    /// Starts a reflector; the environment says where the datastore is, as calicoctl has it.
    pub(super) fn start_reflector(&mut self, host: Host) -> Result<()> {
        let config = (self.config)(host);
        let endpoint = self.etcd.endpoint();
        let variables = [("DATASTORE_TYPE", "etcdv3"), ("ETCD_ENDPOINTS", &*endpoint)];
        let reflector = Reflector::start_in(&self.place(host)?, &config, &variables)?;
        self.reflectors.insert(host, reflector);
        Ok(())
    }

    pub(super) fn kill(&mut self, host: Host) -> Result<()> {
        self.reflectors.remove(&host).context("no reflector")?.kill();
        Ok(())
    }

    /// Waits until a reflector tells everybody everything.
    pub(super) fn await_released(&self, host: Host) -> Result<()> {
        self.await_logged(host, "selection deferral is over")
    }

    /// Waits until a reflector has said so in this life.
    pub(super) fn await_logged(&self, host: Host, words: &str) -> Result<()> {
        let reflector = self.reflectors.get(&host).context("no reflector")?;
        eventually(words, || {
            let log = reflector.log();
            ensure!(log.contains(words), "{log}");
            Ok(())
        })
    }

    /// Waits until a reflector has what is in etcd on its disk.
    pub(super) fn await_cached(&self, host: Host) -> Result<()> {
        let file = self.place(host)?.folder.join("cluster.json");
        let cluster = self.etcd.read()?;
        eventually("the cluster is on the disk", || {
            let text = fs::read_to_string(&file).context("the cache")?;
            let found: Value = serde_json::from_str(&text).context("the cache")?;
            let items = found["items"].as_array().context("no items")?;
            ensure!(items.len() == cluster.len(), "{} of {}", items.len(), cluster.len());
            Ok(())
        })
    }

    pub(super) fn start_node(
        &mut self,
        host: Host,
        blocks: &[Net],
        cluster: &Resources,
    ) -> Result<()> {
        let place = self.place(host)?;
        let table = Table::open(&place)?;
        let node = CalicoNode::start(&place, &name(host), cluster)?;
        self.members.insert(host, Member { node, blocks: blocks.to_vec(), table });
        Ok(())
    }

    /// Ends a node at once; what it announced is to be kept.
    pub(super) fn kill_node(&mut self, host: Host) -> Result<()> {
        let mut member = self.members.remove(&host).context("no such node")?;
        member.node.kill();
        self.kept.insert(host, member.blocks);
        Ok(())
    }

    /// What it announced is to go.
    pub(super) fn forget_node(&mut self, host: Host) -> Result<()> {
        self.kept.remove(&host).map(drop).context("nothing is kept")
    }

    /// Has every node follow the datastore; those whose configuration is another now.
    pub(super) fn follow(&mut self) -> Result<Vec<Host>> {
        let cluster = self.etcd.read()?;
        let mut changed = Vec::new();
        for (host, member) in belonging(&mut self.members, &self.apart) {
            if member.node.follow(&cluster)? {
                changed.push(*host);
            }
        }
        Ok(changed)
    }

    /// What each kernel has to hold.
    pub(super) fn expected(&self) -> Expected {
        let members = || self.members.iter().filter(|(host, _)| !self.apart.contains(host));
        let told = members().map(|(host, member)| (host, &member.blocks));
        let told = told.chain(&self.kept);
        let told = told.flat_map(|(host, blocks)| blocks.iter().map(move |block| (*host, *block)));
        let told: Vec<_> = told.filter(|(_, block)| !self.hidden.contains(block)).collect();
        let of = |host: Host| {
            told.iter().filter(|(from, _)| *from != host).map(|(_, block)| *block).collect()
        };
        members().map(|(host, _)| (*host, of(*host))).collect()
    }

    /// Waits until every kernel has what it has to, and nothing else.
    pub(super) fn await_tables(&mut self) -> Result<()> {
        let expected = self.expected();
        let link = net("10.0.0.0/8");
        for (host, member) in belonging(&mut self.members, &self.apart) {
            eventually("all routes", || {
                let mut found = member.table.forwarded()?.clone();
                found.remove(&link);
                let wanted = &expected[host];
                let missing: Vec<_> = wanted.difference(&found).collect();
                let surplus: Vec<_> = found.difference(wanted).collect();
                let is_all = missing.is_empty() && surplus.is_empty();
                ensure!(is_all, "{host:?} lacks {missing:?}, has {surplus:?} beyond");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Waits until every kernel has what it has to, and every node all its sessions and nothing
    /// that is stale.
    pub(super) fn await_all(&mut self) -> Result<()> {
        self.await_tables()?;
        for (_, member) in belonging(&mut self.members, &self.apart) {
            eventually("sessions, and nothing stale", || member.node.is_calm())?;
        }
        Ok(())
    }

    /// The same, and until every node has each route from each of its reflectors.
    pub(super) fn await_copies(&mut self) -> Result<()> {
        self.await_all()?;
        let expected = self.expected();
        for (host, member) in belonging(&mut self.members, &self.apart) {
            let routes = expected[host].len();
            eventually("each route from each reflector", || member.node.has_copies(routes))?;
        }
        Ok(())
    }

    /// Waits until what both reflectors say of the cluster is so.
    pub(super) fn await_calico(
        &self,
        what: &str,
        is_so: impl Fn(&Value) -> Result<()>,
    ) -> Result<()> {
        self.reflectors.keys().try_for_each(|host| self.await_calico_at(*host, what, &is_so))
    }

    /// The same of one of them.
    pub(super) fn await_calico_at(
        &self,
        host: Host,
        what: &str,
        is_so: impl Fn(&Value) -> Result<()>,
    ) -> Result<()> {
        let place = self.place(host)?;
        eventually(what, || {
            let status = admin::json(&place, "/api/v1/calico")?;
            is_so(&status).with_context(|| format!("{}: {status:#}", host.v4()))
        })
    }

    /// Checks that a reflector has this many prefixes of IPv4 at least.
    pub(super) fn is_told(&self, host: Host, prefixes: usize) -> Result<()> {
        let status = admin::json(&self.place(host)?, "/api/v1/status")?;
        let families = status["families"].as_array().context("no families")?;
        let family = families.iter().find(|family| family["family"] == "ipv4-unicast");
        let found = family.and_then(|family| family["prefixes"].as_u64()).context("no prefixes")?;
        ensure!(found >= prefixes as u64, "{}: {found} of {prefixes} prefixes", host.v4());
        Ok(())
    }

    /// Which snapshot of the datastore each reflector has.
    pub(super) fn revisions(&self) -> Result<Vec<u64>> {
        let revision = |host: &Host| {
            let status = admin::json(&self.place(*host)?, "/api/v1/calico")?;
            status["revision"].as_u64().context("no revision")
        };
        self.reflectors.keys().map(revision).collect()
    }

    /// Where nodes run.
    pub(super) fn hosts(&self) -> impl Iterator<Item = Host> {
        self.members.keys().copied()
    }

    /// Since when each session is up, as the reflectors tell.
    pub(super) fn uptimes(&self) -> Result<Uptimes> {
        let mut uptimes = BTreeMap::new();
        for host in self.reflectors.keys() {
            let peers = admin::json(&self.place(*host)?, "/api/v1/peers")?;
            let now = Instant::now();
            for peer in peers.as_array().context("no list of peers")? {
                let address = peer["address"].as_str().context("no address")?;
                if peer["state"] != "established" {
                    continue;
                }
                let since = peer["sinceSeconds"].as_f64().context("no sinceSeconds")?;
                let since = Duration::try_from_secs_f64(since).context("sinceSeconds")?;
                let up = now.checked_sub(since).context("up before the machine")?;
                uptimes.insert((*host, address.to_owned()), up);
            }
        }
        Ok(Uptimes(uptimes))
    }
}

fn belonging<'m>(
    members: &'m mut BTreeMap<Host, Member>,
    apart: &'m BTreeSet<Host>,
) -> impl Iterator<Item = (&'m Host, &'m mut Member)> {
    members.iter_mut().filter(|(host, _)| !apart.contains(host))
}

/// When each session that is up came up, by reflector and address.
pub(super) struct Uptimes(BTreeMap<(Host, String), Instant>);

impl Uptimes {
    pub(super) fn has(&self, reflector: Host, peer: Host) -> bool {
        self.0.contains_key(&(reflector, peer.v4().to_string()))
    }

    /// Whether a session is the one that it was before.
    pub(super) fn is_same(&self, before: &Self, reflector: Host, peer: Host) -> bool {
        let key = (reflector, peer.v4().to_string());
        self.0.get(&key).zip(before.0.get(&key)).is_some_and(|(now, then)| is_same(*now, *then))
    }

    /// Checks that sessions are those that they were before, but for those with some peers.
    pub(super) fn ensure_same(&self, before: &Self, but: &[Host]) -> Result<()> {
        let reflectors: BTreeSet<Host> = before.0.keys().map(|(reflector, _)| *reflector).collect();
        for reflector in reflectors {
            self.ensure_same_at(reflector, before, but)?;
        }
        Ok(())
    }

    /// The same at one reflector.
    pub(super) fn ensure_same_at(
        &self,
        reflector: Host,
        before: &Self,
        but: &[Host],
    ) -> Result<()> {
        let but: BTreeSet<_> = but.iter().map(|host| host.v4().to_string()).collect();
        let of = |uptimes: &Self| -> BTreeMap<String, Instant> {
            let own = uptimes.0.iter().filter(|((host, _), _)| *host == reflector);
            let own = own.filter(|((_, peer), _)| !but.contains(peer));
            own.map(|((_, peer), up)| (peer.clone(), *up)).collect()
        };
        let (now, then) = (of(self), of(before));
        let peers = || now.keys().chain(then.keys());
        let is_other = |peer: &&String| match (now.get(*peer), then.get(*peer)) {
            (Some(now), Some(then)) => !is_same(*now, *then),
            _ => true,
        };
        let others: BTreeSet<_> = peers().filter(is_other).collect();
        ensure!(!now.is_empty(), "{} has no sessions", reflector.v4());
        ensure!(others.is_empty(), "{}: other sessions with {others:?}", reflector.v4());
        Ok(())
    }
}

fn is_same(now: Instant, then: Instant) -> bool {
    now.max(then).duration_since(now.min(then)) < JITTER
}
