//! What is said of a Calico cluster that peers come from.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use albedo_types::{Asn, ClusterId};

/// A Calico cluster that peers come from, `calico`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calico {
    /// Where its resources are.
    pub datastore: CalicoDatastore,
    /// What the reflector is in it.
    pub identity: CalicoIdentity,
    /// The group whose settings its sessions start from, `group`.
    pub group: Option<String>,
    /// Which routes are told, `exportPolicy`.
    pub export: CalicoExport,
    /// What becomes of a prefix inside of a pool whose block is another node's, `ipamCheck`.
    pub ipam: IpamCheck,
    /// Where the last good set of sessions is kept for the next start, `cacheFile`.
    pub cache_file: Option<PathBuf>,
    /// Where passwords are that no Kubernetes Secret gives, `secretsFolder`: a file `NAME/KEY`.
    pub secrets_folder: Option<PathBuf>,
    /// Whether the reflector's own Node is created where there is none, `register`; etcd only.
    pub register: Option<CalicoRegister>,
    /// What is held back, `guard`.
    pub guard: CalicoGuard,
    /// Whether `routerId` stands in the file; else it is the node's.
    pub own_router_id: bool,
    /// Whether `listen` stands in the file; else it is the node's.
    pub own_listen: bool,
}

/// What the reflector's own Node is to say; what is not said here the environment may say, as with
/// `calicoctl node run`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalicoRegister {
    /// `ipv4Address`: with or without the length of its subnet; else `IP`.
    pub ipv4: Option<String>,
    /// `ipv6Address`; else `IP6`.
    pub ipv6: Option<String>,
    /// `asNumber`; else `AS`, or nothing.
    pub asn: Option<Asn>,
    /// `clusterId`: the cluster of reflectors that it is in; else 244.0.0.1.
    pub cluster_id: Option<ClusterId>,
    /// `labels`: that it gets beside those it has.
    pub labels: Vec<(String, String)>,
}

/// Where Calico's resources are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalicoDatastore {
    /// Where calicoctl's variables say: etcd or Kubernetes.
    Environment,
    /// Where a file of the kind `CalicoAPIConfig` says, `configFile`.
    ConfigFile(PathBuf),
    /// In files, folders, globs, or `-` for the standard input, `files`.
    Files(Vec<PathBuf>),
}

/// What the reflector is in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalicoIdentity {
    /// The Node of this name, `nodeName`; `None` is found out as Calico's nodes do.
    Node(Option<String>),
    /// A speaker that BGPPeers name by these addresses, `external`; never empty.
    External(Vec<ExternalAddress>),
}

/// An address as BGPPeers have it in `peerIP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalAddress {
    /// The address.
    pub address: IpAddr,
    /// The port, if they name it.
    pub port: Option<NonZeroU16>,
}

/// Which routes sessions of a Calico cluster are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalicoExport {
    /// All, as a reflector of BIRD with `export all`.
    All,
    /// What a reflector of Calico tells: routes inside of pools and of the ranges of services.
    Calico,
}

/// What becomes of a prefix inside of a pool that a node announces without owning its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpamCheck {
    /// Nothing: it is not looked at.
    Off,
    /// It is taken, counted and warned about.
    Warn,
    /// It is not taken.
    Reject,
}

/// When a change of resources is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalicoGuard {
    /// The share of all sessions that a change may take away, in percent, `maxLoss`; 100 is off.
    pub max_loss: u8,
    /// Sessions that a change may take away in any case, `minLoss`.
    pub min_loss: u32,
    /// How long more than that is held back, `hold`; zero waits for a confirmation.
    pub hold: Duration,
}
