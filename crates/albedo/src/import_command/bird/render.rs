//! From sessions to our configuration: settings that are equal make a group.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use albedo_types::Family;

use super::Reader;
use super::options::{Channel, Neighbour, NextHop, Options, PeerAs};
use super::statements::Place;

/// What is said for all sessions.
#[derive(Debug, Default)]
pub(super) struct Top {
    pub(super) router_id: Option<Ipv4Addr>,
    pub(super) listen: Vec<(Option<IpAddr>, u16)>,
    pub(super) deferral: Option<u32>,
}

/// Keys and values of a group, in order.
type Settings = Vec<(&'static str, String)>;

/// Sessions with the same settings.
#[derive(Debug, Default)]
struct Group {
    name: String,
    settings: Settings,
    ranges: Vec<String>,
    peers: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    address: IpAddr,
    description: Option<String>,
}

/// Our hold time where nothing is said, in seconds, and BIRD's.
const HOLD: u32 = albedo_config::defaults::HOLD_TIME.as_secs() as u32;
const BIRD_HOLD: u32 = 240;

/// The longest key of TCP-MD5, in octets.
const PASSWORD_MAX: usize = 80;

/// The text, and the passwords with the files they belong into.
pub(super) fn render(
    reader: &mut Reader,
    folder: Option<&Path>,
) -> (String, BTreeMap<PathBuf, String>) {
    let sessions = std::mem::take(&mut reader.sessions);
    let sessions: Vec<Options> =
        sessions.into_iter().filter(|session| is_usable(session, reader)).collect();
    let asn = usual(sessions.iter().filter_map(|session| session.local_as));
    let router_id = router_id(&sessions, reader);
    // BIRD's is the router id, too, where it is told none.
    let clients = sessions.iter().filter(|session| session.client);
    let cluster_id = usual(clients.map(|session| session.cluster_id.unwrap_or(router_id)));
    let cluster_id = cluster_id.unwrap_or(router_id);

    let mut passwords = Passwords { folder, files: BTreeMap::new() };
    let mut groups: Vec<Group> = Vec::new();
    let mut seen = BTreeSet::new();
    for session in &sessions {
        let mut settings = settings(session, asn, (router_id, cluster_id), reader);
        if let Some((place, password)) = &session.password {
            settings.extend(passwords.keep(*place, password, reader));
        }
        let known = groups.iter().position(|group| group.settings == settings);
        let at = known.unwrap_or_else(|| {
            let name = group_name(&settings, &groups);
            groups.push(Group { name, settings, ..Group::default() });
            groups.len() - 1
        });
        match session.neighbour {
            Some(Neighbour::Range(range)) if seen.insert(range.to_string()) => {
                groups[at].ranges.push(range.to_string());
            }
            Some(Neighbour::One(address)) if seen.insert(address.to_string()) => {
                let description = session.description.clone().or_else(|| session.name.clone());
                groups[at].peers.push(Peer { address, description });
            }
            Some(Neighbour::Range(_) | Neighbour::One(_)) => {
                reader.left_out(session.place, "a second session with one address");
            }
            None => {}
        }
    }
    groups.retain(|group| !group.peers.is_empty() || !group.ranges.is_empty());
    let mut out = String::new();
    if asn.is_none() {
        reader.left_out(Place::default(), "there is no session: nothing says which AS is ours");
    }
    // A documentation AS (RFC 5398) that stands out.
    out.push_str(&format!("asNumber: {}\nrouterId: {router_id}\n", asn.unwrap_or(64_496)));
    if cluster_id != router_id {
        out.push_str(&format!("clusterId: {cluster_id}\n"));
    }
    listen(&sessions, &reader.top, &mut out);
    if let Some(seconds) = reader.top.deferral {
        out.push_str(&format!("restart:\n  deferralMax: {seconds}s\n"));
    }
    write_groups(&groups, &mut out);
    (out, passwords.files)
}

/// What most have.
fn usual<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

fn is_usable(session: &Options, reader: &mut Reader) -> bool {
    let name = session.name.as_deref().unwrap_or("bgp");
    let fault = if session.disabled {
        format!("{name} is disabled")
    } else if session.local_as.is_none() {
        format!("{name} has no local as")
    } else {
        match session.neighbour {
            None => format!("{name} has no neighbor with an address"),
            Some(Neighbour::One(address)) if is_link_local(address) => {
                format!("{name}: {address} is link-local; nodes with such addresses can be a range")
            }
            Some(neighbour) if !is_of_one_family(neighbour, session.local_address) => {
                format!("{name}: neighbor and local address are of different families")
            }
            Some(_) if session.client && is_internal(session) == Some(false) => {
                format!("{name} is an rr client of another AS, which BIRD does not take either")
            }
            Some(_) => return true,
        }
    };
    reader.left_out(session.place, fault);
    false
}

const fn address_of(neighbour: Neighbour) -> IpAddr {
    match neighbour {
        Neighbour::One(address) => address,
        Neighbour::Range(range) => range.addr(),
    }
}

fn is_of_one_family(neighbour: Neighbour, local: Option<IpAddr>) -> bool {
    local.is_none_or(|local| local.is_ipv4() == address_of(neighbour).is_ipv4())
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn is_internal(session: &Options) -> Option<bool> {
    Some(match session.peer_as? {
        PeerAs::Number(asn) => Some(asn) == session.local_as,
        PeerAs::Internal => true,
        PeerAs::External => false,
    })
}

fn router_id(sessions: &[Options], reader: &mut Reader) -> Ipv4Addr {
    if let Some(id) = reader.top.router_id {
        return id;
    }
    let own = sessions.iter().filter_map(|session| session.local_address);
    let own = own.chain(reader.top.listen.iter().filter_map(|listen| listen.0));
    let id = own.into_iter().find_map(|address| match address {
        IpAddr::V4(address) if !address.is_unspecified() => Some(address),
        _ => None,
    });
    // A documentation address (RFC 5737) that stands out.
    let id = id.unwrap_or(Ipv4Addr::new(192, 0, 2, 1));
    let text = format!(
        "no router id: BIRD takes an address of its machine; set routerId, which is {id} now"
    );
    reader.left_out(Place::default(), text);
    id
}

fn settings(
    session: &Options,
    asn: Option<u32>,
    (router_id, cluster_id): (Ipv4Addr, Ipv4Addr),
    reader: &mut Reader,
) -> Settings {
    let mut settings = Settings::new();
    let internal = is_internal(session);
    let role = match (internal, session.client) {
        (Some(false), _) => "external",
        (_, true) => "client",
        (_, false) => "nonClient",
    };
    if internal == Some(false) || internal.is_none() {
        let number = match session.peer_as {
            Some(PeerAs::Number(number)) => number.to_string(),
            Some(PeerAs::External | PeerAs::Internal) => "external".to_owned(),
            None => "any".to_owned(),
        };
        settings.push(("asNumber", number));
    }
    if internal != Some(false) {
        settings.push(("role", role.to_owned()));
    }
    let families = families(session);
    let names: Vec<&str> = families.keys().map(|family| family.row().name).collect();
    settings.push(("families", format!("[{}]", names.join(", "))));
    let own = session.cluster_id.unwrap_or(router_id);
    if session.client && own != cluster_id {
        settings.push(("clusterId", own.to_string()));
    }
    let own = session.local_as.filter(|own| Some(*own) != asn);
    settings.extend(own.map(|own| ("localASNumber", own.to_string())));
    let port = session.port.filter(|port| *port != 179);
    settings.extend(port.map(|port| ("port", port.to_string())));
    settings.extend(session.local_address.map(|it| ("localAddress", quoted(&it.to_string()))));
    let seconds = |it: Option<u32>| it.map(|it| format!("{it}s"));
    // Longer ones than a third of our hold time need BIRD's.
    let long = session.keepalive.is_some_and(|it| it > HOLD / 3);
    let hold = session.hold.or_else(|| long.then_some(BIRD_HOLD));
    let keepalive = session.keepalive.filter(|it| *it <= hold.unwrap_or(HOLD) / 3);
    if keepalive != session.keepalive {
        let text = "keepalive time: at most a third of the hold time here";
        reader.left_out(session.place, text);
    }
    settings.extend(seconds(hold).map(|it| ("holdTime", it)));
    settings.extend(seconds(keepalive).map(|it| ("keepaliveTime", it)));
    settings.extend(seconds(session.retry).map(|it| ("connectRetry", it)));
    settings.extend(seconds(session.delay).map(|it| ("connectDelay", it)));
    if session.passive {
        settings.push(("passive", "true".to_owned()));
    }
    if session.ttl {
        // BIRD has external peers next to it, and internal ones anywhere.
        let default = if internal == Some(false) { 1 } else { 64 };
        settings.push(("ttlSecurity", session.hops.unwrap_or(default).to_string()));
    }
    if let Some(times) = session.own_as {
        if internal == Some(false) {
            settings.push(("numAllowedLocalASNumbers", times.to_string()));
        } else {
            let text = "allow local as: of internal peers the path is not looked at here anyway";
            reader.left_out(session.place, text);
        }
    }
    graceful(session, &mut settings);
    by_family(session, &families, &mut settings, reader);
    settings
}

/// What each family is set to. BIRD 1.6 has the family of its address, BIRD 2 those of its
/// channels.
fn families(session: &Options) -> BTreeMap<Family, Channel> {
    let external = is_internal(session) == Some(false);
    if session.channels.is_empty() {
        let v4 = session.neighbour.is_none_or(|neighbour| address_of(neighbour).is_ipv4());
        let family = if v4 { Family::Ipv4Unicast } else { Family::Ipv6Unicast };
        let import = session.whole.import.or(Some(true));
        return [(family, Channel { import, ..session.whole })].into();
    }
    // BIRD 2 takes nothing from external peers unless it is told to (RFC 8212).
    let filled = |channel: &Channel| Channel {
        import: channel.import.or(session.whole.import).or(Some(!external)),
        export: channel.export.or(session.whole.export),
        limit: channel.limit.or(session.whole.limit),
        next_hop: channel.next_hop.or(session.whole.next_hop),
        add_paths: channel.add_paths || session.whole.add_paths,
    };
    session.channels.iter().map(|(family, channel)| (*family, filled(channel))).collect()
}

fn graceful(session: &Options, settings: &mut Settings) {
    if session.restart == Some(false) {
        return settings.push(("gracefulRestart", "off".to_owned()));
    }
    let mut parts = Vec::new();
    let time = session.restart_time.or_else(|| session.restart.map(|_| 120));
    parts.extend(time.map(|time| format!("restartTime: {time}s")));
    let stale = match session.long_lived {
        Some(false) => Some(0),
        Some(true) => session.stale_time.or(Some(3_600)),
        None => session.stale_time,
    };
    parts.extend(stale.map(|time| format!("longLivedStaleTime: {time}s")));
    if !parts.is_empty() {
        settings.push(("gracefulRestart", format!("{{{}}}", parts.join(", "))));
    }
}

fn by_family(
    session: &Options,
    families: &BTreeMap<Family, Channel>,
    settings: &mut Settings,
    reader: &mut Reader,
) {
    // BIRD exports nothing unless it is told to.
    for (key, takes) in [
        ("importPolicy", &(|it: &Channel| it.import != Some(false)) as &dyn Fn(&Channel) -> bool),
        ("exportPolicy", &|it: &Channel| it.export == Some(true)),
    ] {
        let refused = families.iter().filter(|(_, channel)| !takes(channel));
        let refused: Vec<&str> = refused.map(|(family, _)| family.row().name).collect();
        if refused.len() == families.len() {
            settings.push((key, "{default: reject}".to_owned()));
        } else if !refused.is_empty() {
            let families = refused.join(", ");
            let rule = format!("{{rules: [{{families: [{families}], action: reject}}]}}");
            settings.push((key, rule));
        }
    }
    let mut first = families.values();
    let Some(channel) = first.next() else { return };
    let same = |other: &Channel| {
        (other.next_hop, other.add_paths) == (channel.next_hop, channel.add_paths)
    };
    if !first.all(same) {
        let text = "next hop and add paths that differ by family: those of the first one count";
        reader.left_out(session.place, text);
    }
    match channel.next_hop {
        Some(NextHop::Own) => settings.push(("nextHopMode", "self".to_owned())),
        Some(NextHop::Keep) => settings.push(("nextHopMode", "keep".to_owned())),
        None => {}
    }
    if channel.add_paths {
        settings.push(("sendPaths", "all".to_owned()));
    }
    let limits = families.iter().filter_map(|(family, it)| Some((family, it.limit?)));
    let mut parts = Vec::new();
    let mut how = BTreeSet::new();
    for (family, limit) in limits {
        parts.push(format!("{}: {}", family.row().name, limit.prefixes));
        how.insert((limit.action, limit.rejected_too));
    }
    if let Some((action, rejected_too)) = how.pop_first() {
        if !how.is_empty() {
            let text = format!("actions of limits that differ by family: it is {action} for all");
            reader.left_out(session.place, text);
        }
        parts.push(format!("action: {action}"));
        parts.extend(rejected_too.then(|| "countRejected: true".to_owned()));
        settings.push(("maxPrefixes", format!("{{{}}}", parts.join(", "))));
    }
}

struct Passwords<'f> {
    folder: Option<&'f Path>,
    files: BTreeMap<PathBuf, String>,
}

impl Passwords<'_> {
    /// The setting for a password, which is in a file.
    fn keep(
        &mut self,
        place: Place,
        password: &str,
        reader: &mut Reader,
    ) -> Option<(&'static str, String)> {
        let Some(folder) = self.folder else {
            reader.left_out(place, "a password: --passwords FOLDER writes it into a file");
            return None;
        };
        if password.is_empty() || password.len() > PASSWORD_MAX {
            let text = format!("a password that is empty or longer than {PASSWORD_MAX} octets");
            reader.left_out(place, text);
            return None;
        }
        let known = self.files.iter().find(|(_, other)| *other == password);
        let path = match known {
            Some((path, _)) => path.clone(),
            None => {
                let path = folder.join(format!("bird-{}.key", self.files.len() + 1));
                self.files.insert(path.clone(), password.to_owned());
                path
            }
        };
        Some(("passwordFile", quoted(&path.display().to_string())))
    }
}

fn group_name(settings: &Settings, groups: &[Group]) -> String {
    let role = settings.iter().find(|(key, _)| *key == "role");
    let base = match role.map(|(_, value)| &**value) {
        Some("client") => "clients",
        Some(_) => "reflectors",
        None => "external",
    };
    let taken = |name: &str| groups.iter().any(|group| group.name == name);
    let mut names = (2..).map(|number| format!("{base}-{number}"));
    match taken(base) {
        // One of so many is free.
        true => names.find(|name| !taken(name)).unwrap_or_default(),
        false => base.to_owned(),
    }
}

/// What we listen on; IPv6 is asked for by name.
fn listen(sessions: &[Options], top: &Top, out: &mut String) {
    let mut at: BTreeSet<SocketAddr> = BTreeSet::new();
    let any4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let any6 = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);
    let named = |v4: bool| {
        let mut said = top.listen.iter().filter(move |it| it.0.is_none_or(|it| it.is_ipv4() == v4));
        said.next().map(|it| (it.0.unwrap_or(if v4 { any4 } else { any6 }), it.1))
    };
    for session in sessions {
        let Some(neighbour) = session.neighbour else { continue };
        let v4 = address_of(neighbour).is_ipv4();
        let (address, port) = named(v4).unwrap_or((if v4 { any4 } else { any6 }, 179));
        at.insert(SocketAddr::new(address, session.local_port.unwrap_or(port)));
    }
    let usual = SocketAddr::new(any4, 179);
    if at.is_empty() || (at.len() == 1 && at.contains(&usual)) {
        return;
    }
    let at: Vec<String> = at.iter().map(|at| quoted(&at.to_string())).collect();
    out.push_str(&format!("listen: [{}]\n", at.join(", ")));
}

fn write_groups(groups: &[Group], out: &mut String) {
    if groups.is_empty() {
        return;
    }
    out.push_str("peerGroups:\n");
    for group in groups {
        out.push_str(&format!("  - name: {}\n", group.name));
        if !group.ranges.is_empty() {
            let ranges: Vec<String> = group.ranges.iter().map(|it| quoted(it)).collect();
            out.push_str(&format!("    ranges: [{}]\n", ranges.join(", ")));
        }
        for (key, value) in &group.settings {
            out.push_str(&format!("    {key}: {value}\n"));
        }
    }
    if groups.iter().all(|group| group.peers.is_empty()) {
        return;
    }
    out.push_str("peers:\n");
    for group in groups {
        for peer in &group.peers {
            let address = peer.address.to_string();
            let address = if peer.address.is_ipv4() { address } else { quoted(&address) };
            out.push_str(&format!("  - {{address: {address}, group: {}", group.name));
            if let Some(description) = &peer.description {
                out.push_str(&format!(", description: {}", quoted(description)));
            }
            out.push_str("}\n");
        }
    }
}

/// In quotes, as JSON has texts, which YAML reads the same.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
