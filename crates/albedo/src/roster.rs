//! The roster: which peers there were, on a disk, for the next start.
//!
//! A reflector that starts has to know whom to wait for before it says End-of-RIB, and of dynamic
//! neighbours no configuration tells (RFC 4724 §4.1).
//! Routes are not in it: nodes bring theirs, and what a peer that is gone for good once announced
//! went with the last process.
//!
//! The file is JSON, replaced as a whole; one that cannot be read counts as none, and one that is
//! somebody else's is never written over.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use albedo_config::Config;
use albedo_session::PeerStatus;
use albedo_session::admission::Source;
use albedo_session::dialler::Known;
use albedo_types::{Family, FamilySet};
use serde::{Deserialize, Serialize};

/// Peers in the file; beyond that those that were seen longest ago are left out.
pub(crate) const ROSTER_PEERS_MAX: usize = 65_536;
/// Octets of a file that is read: four times what that many peers take.
pub(crate) const ROSTER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long before the file was written a peer may have gone and is still expected: as long as
/// its own restart may take.
pub(crate) const EXPECTED_AGE: Duration = Duration::from_secs(300);
/// How long a peer that does not come is remembered.
pub(crate) const MEMORY: Duration = Duration::from_secs(24 * 3600);

/// What every file of this kind begins with.
const HEAD: &[u8] = b"{\"format\":\"albedo-roster\",";
/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// A file.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    format: String,
    version: u32,
    /// Seconds since the epoch.
    written: u64,
    peers: Vec<Entry>,
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    address: IpAddr,
    /// The interface of a link-local address.
    #[serde(default, skip_serializing_if = "is_zero")]
    scope: u32,
    /// The listener that a dynamic neighbour came to; `None` for a configured peer.
    listener: Option<SocketAddr>,
    group: String,
    router_id: String,
    /// Whether it knew graceful restart.
    graceful: bool,
    families: Vec<String>,
    /// Seconds since the epoch.
    last_seen: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
const fn is_zero(scope: &u32) -> bool {
    *scope == 0
}

impl Entry {
    fn of(peer: &PeerStatus, now: u64) -> Option<Self> {
        let agreed = peer.detail.agreed.as_ref().filter(|_| peer.is_established())?;
        let source = Source::of(peer.addr);
        Some(Self {
            address: source.ip,
            scope: source.scope,
            listener: peer.listener,
            group: peer.detail.group.to_string(),
            router_id: agreed.router_id.to_string(),
            graceful: agreed.graceful,
            families: agreed.families.iter().map(|family| family.to_string()).collect(),
            last_seen: now,
        })
    }

    fn source(&self) -> Source {
        Source { ip: self.address, scope: self.scope }
    }

    fn key(&self) -> Key {
        (self.source(), self.listener)
    }

    fn families(&self) -> FamilySet {
        let known = |name: &String| Family::ALL.into_iter().find(|f| f.to_string() == *name);
        self.families.iter().filter_map(known).collect()
    }

    /// The same but for the time.
    fn is_like(&self, other: &Self) -> bool {
        Self { last_seen: 0, ..self.clone() } == Self { last_seen: 0, ..other.clone() }
    }
}

type Key = (Source, Option<SocketAddr>);

/// What became of reading a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It was read.
    Read,
    /// There is none, or none that can be read; one will be written.
    Nothing,
    /// It is somebody else's, and will not be written over.
    Foreign,
}

/// The peers that are written down.
#[derive(Debug)]
pub(crate) struct Roster {
    path: PathBuf,
    found: Found,
    peers: BTreeMap<Key, Entry>,
    /// Those of them that were up when last looked at.
    up: Vec<Key>,
}

impl Roster {
    /// Reads a file; what is wrong with it is a line of the log.
    pub(crate) fn load(path: &Path, now: u64) -> Self {
        let (found, entries) = match read(path) {
            Ok(document) => (Found::Read, document.shifted_to(now)),
            Err(fault) => {
                let path = path.display();
                let is_foreign = matches!(fault, Fault::Foreign);
                match fault {
                    Fault::Missing => tracing::info!(%path, "no roster yet"),
                    Fault::Foreign => tracing::warn!(
                        %path,
                        "restart.rosterFile is no roster: it is ignored and will not be written"
                    ),
                    Fault::Unreadable(why) => {
                        tracing::warn!(%path, %why, "the roster cannot be read and is ignored");
                    }
                }
                (if is_foreign { Found::Foreign } else { Found::Nothing }, Vec::new())
            }
        };
        let peers = entries.into_iter().map(|entry| (entry.key(), entry)).collect();
        Self { path: path.to_owned(), found, peers, up: Vec::new() }
    }

    /// Whether the peers of the last life are known.
    pub(crate) const fn is_known(&self) -> bool {
        matches!(self.found, Found::Read)
    }

    /// Peers in it.
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Peers that know graceful restart and have no session: they may hold stale routes of ours.
    pub(crate) fn holding_stale(&self) -> usize {
        let is_away = |key: &Key| self.up.binary_search(key).is_err();
        self.peers.iter().filter(|(key, entry)| entry.graceful && is_away(key)).count()
    }

    /// Takes down who is there; whether the file has to be written.
    pub(crate) fn observe(&mut self, peers: &[PeerStatus], now: u64) -> bool {
        let mut changed = false;
        let mut up = Vec::with_capacity(self.up.len());
        for entry in peers.iter().filter_map(|peer| Entry::of(peer, now)) {
            up.push(entry.key());
            let before = self.peers.get(&entry.key());
            changed |= !before.is_some_and(|before| before.is_like(&entry));
            self.peers.insert(entry.key(), entry);
        }
        up.sort_unstable();
        changed |= up != self.up;
        self.up = up;
        let len = self.peers.len();
        self.peers.retain(|_, entry| entry.last_seen.saturating_add(MEMORY.as_secs()) >= now);
        self.bound();
        changed | (self.peers.len() < len)
    }

    /// Forgets who was seen longest ago, beyond the bound.
    fn bound(&mut self) {
        let Some(surplus) = self.peers.len().checked_sub(ROSTER_PEERS_MAX).filter(|n| *n > 0)
        else {
            return;
        };
        let mut by_age: Vec<(u64, Key)> =
            self.peers.iter().map(|(key, entry)| (entry.last_seen, *key)).collect();
        by_age.sort_unstable();
        for (_, key) in by_age.into_iter().take(surplus) {
            self.peers.remove(&key);
        }
    }

    /// What is to be written, and where; `None` where nothing may be.
    pub(crate) fn to_write(&self, now: u64) -> Option<(PathBuf, Vec<u8>)> {
        if self.found == Found::Foreign {
            return None;
        }
        let document = Document {
            format: "albedo-roster".to_owned(),
            version: VERSION,
            written: now,
            peers: self.peers.values().cloned().collect(),
        };
        let mut octets = serde_json::to_vec(&document).ok()?;
        octets.push(b'\n');
        Some((self.path.clone(), octets))
    }

    /// Who is expected after a start of this configuration: who was there in the last life, and
    /// configured peers of which nothing else is known.
    pub(crate) fn expected(&self, config: &Config, now: u64) -> Vec<(Source, FamilySet)> {
        let recent = |entry: &&Entry| now.saturating_sub(entry.last_seen) <= EXPECTED_AGE.as_secs();
        let mut expected: BTreeMap<Source, FamilySet> = BTreeMap::new();
        for entry in self.peers.values().filter(recent) {
            let Some(offered) = families_offered(config, entry.address) else { continue };
            let families = entry.families().intersection(offered);
            let all = expected.entry(entry.source()).or_insert(FamilySet::EMPTY);
            families.iter().for_each(|family| all.insert(family));
        }
        for peer in &config.peers {
            let source = Source { ip: peer.address, scope: 0 };
            if !self.peers.values().any(|entry| entry.source() == source) {
                expected.entry(source).or_insert(peer.settings.families);
            }
        }
        expected.into_iter().filter(|(_, families)| !families.is_empty()).collect()
    }

    /// Dynamic neighbours that this configuration dials.
    pub(crate) fn to_dial(&self, config: &Config) -> Vec<Known> {
        let known = |entry: &Entry| {
            let local = entry.listener?;
            let is_ours = |listen: &SocketAddr| {
                *listen == local || (listen.ip().is_unspecified() && listen.port() == local.port())
            };
            let group = config.group_of(entry.address).map(|(group, _)| group)?;
            let wanted = group.dial && config.peer(entry.address).is_none();
            if !wanted || !config.listen.iter().any(is_ours) {
                return None;
            }
            let mut remote = SocketAddr::new(entry.address, group.settings.port);
            if let SocketAddr::V6(remote) = &mut remote {
                remote.set_scope_id(entry.scope);
            }
            Some(Known { remote, local })
        };
        self.peers.values().filter_map(known).collect()
    }
}

/// The families that this configuration offers to whoever comes from an address.
fn families_offered(config: &Config, address: IpAddr) -> Option<FamilySet> {
    let configured = config.peer(address).map(|peer| peer.settings.families);
    configured.or_else(|| config.group_of(address).map(|(group, _)| group.settings.families))
}

/// Why a file was not read.
#[derive(Debug)]
enum Fault {
    Missing,
    Foreign,
    Unreadable(String),
}

fn read(path: &Path) -> Result<Document, Fault> {
    let unreadable = |why: &dyn ToString| Fault::Unreadable(why.to_string());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Fault::Missing),
        Err(error) => return Err(unreadable(&error)),
    };
    // A device or a pipe would be read without end, or for ever.
    if !file.metadata().is_ok_and(|data| data.is_file()) {
        return Err(Fault::Foreign);
    }
    let mut octets = Vec::new();
    file.take(ROSTER_BYTES_MAX + 1).read_to_end(&mut octets).map_err(|error| unreadable(&error))?;
    if octets.is_empty() {
        return Err(unreadable(&"it is empty"));
    }
    if !octets.starts_with(HEAD) {
        return Err(Fault::Foreign);
    }
    if octets.len() as u64 > ROSTER_BYTES_MAX {
        return Err(unreadable(&format!("more than {} MiB", ROSTER_BYTES_MAX >> 20)));
    }
    let document: Document = serde_json::from_slice(&octets).map_err(|error| unreadable(&error))?;
    if document.version != VERSION {
        let why = format!("version {}, expected {VERSION}", document.version);
        return Err(unreadable(&why));
    }
    Ok(document)
}

impl Document {
    /// The peers, with their ages as they were when this was written: for how long nobody was
    /// there to look at them says nothing of them.
    fn shifted_to(self, now: u64) -> Vec<Entry> {
        let written = self.written;
        let shift = |mut entry: Entry| {
            entry.last_seen = now.saturating_sub(written.saturating_sub(entry.last_seen));
            entry
        };
        self.peers.into_iter().take(ROSTER_PEERS_MAX).map(shift).collect()
    }
}

/// Puts a file in the place of another one, as a whole and for good.
///
/// # Errors
///
/// What the system says; the old one is still there then.
pub(crate) fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = File::create(&new)?;
    file.write_all(octets)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    // So that the name is on the disk, too.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
