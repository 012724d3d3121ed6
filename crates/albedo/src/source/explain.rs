//! Explanations: routes and verdicts of the shards, with the names of peers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use albedo_api::RouteLineAttributes;
use albedo_api::explain::{
    CandidateRow, ExplainError, ExplainRequest, Explained, ExplainedPast, ExplainedPeer,
    PastChange, ToldRow,
};
use albedo_api::routes::{RouteAttributes, parse_target};
use albedo_engine::clock::now;
use albedo_engine::{QueryError, Sent};
use albedo_rib::Route;
use albedo_rib::query::{Explanation, Freshness, Query, Rule, Select, Verdict};
use albedo_session::PeerStatus;
use albedo_types::{Family, Instant, PeerId, Prefix, RouterId};

use super::routes::{attributes, attributes_of};
use super::{Source, peers, seconds_since_epoch};

impl From<Wrong> for ExplainError {
    fn from(Wrong(error): Wrong) -> Self {
        Self::Busy(error.to_string())
    }
}

/// A question that the shards did not answer.
struct Wrong(QueryError);

pub(super) async fn explain(
    source: &Source,
    request: ExplainRequest,
) -> Result<Explained, ExplainError> {
    let ExplainRequest { prefix, to, at } = request;
    let (prefix, is_exact) = parse_target(&prefix).map_err(ExplainError::Bad)?;
    let at = at.map(|at| read_time(&at)).transpose().map_err(ExplainError::Bad)?;
    let prefix = if is_exact { prefix } else { longest(source, prefix).await?.unwrap_or(prefix) };
    let all = source.server.snapshot();
    let names = Names::of(&all);
    let routes = candidates(source, prefix).await?;
    let mut explained = Explained {
        prefix: prefix.to_string(),
        candidates: rows(&routes, &names),
        ..Explained::default()
    };
    let asked: Vec<&PeerStatus> = match to {
        None => Vec::new(),
        Some(to) => all.iter().filter(|peer| peer.addr.ip() == to).collect(),
    };
    if let (Some(to), []) = (to, asked.as_slice()) {
        return Err(ExplainError::NoPeer(format!("there is no peer {to}")));
    }
    let best = routes.iter().find(|route| route.is_best).map(|route| route.peer);
    let unasked = source.engine.explain(prefix, None).await.map_err(Wrong)?;
    for peer in asked {
        let id = peer.detail.peer;
        let explanation = match id {
            Some(id) => source.engine.explain(prefix, Some(id)).await.map_err(Wrong)?,
            None => Explanation::default(),
        };
        explained
            .peers
            .push(explained_peer(source, peer, prefix, &explanation, (&names, best)).await);
    }
    tell_past(&mut explained, &unasked, at, &names);
    Ok(explained)
}

/// The longest prefix that holds another one.
async fn longest(source: &Source, inside: Prefix) -> Result<Option<Prefix>, Wrong> {
    let query = Query {
        family: family_of(inside),
        select: Select::Covering(inside),
        from: None,
        to: None,
        best_only: true,
    };
    let mut around = source.engine.routes(query).map_err(Wrong)?;
    let mut longest: Option<Prefix> = None;
    while let Some(routes) = around.next().await.map_err(Wrong)? {
        let here = routes.iter().map(|route| route.prefix).max_by_key(|prefix| prefix.len());
        longest = longest.into_iter().chain(here).max_by_key(|prefix| prefix.len());
    }
    Ok(longest)
}

const fn family_of(prefix: Prefix) -> Family {
    match prefix {
        Prefix::V4(_) => Family::Ipv4Unicast,
        Prefix::V6(_) => Family::Ipv6Unicast,
    }
}

/// A page of the routes to a prefix, the best one first.
async fn candidates(source: &Source, prefix: Prefix) -> Result<Vec<Route>, Wrong> {
    let select = Select::Exact(prefix);
    let query = Query { family: family_of(prefix), select, from: None, to: None, best_only: false };
    let mut pages = source.engine.routes(query).map_err(Wrong)?;
    let mut routes = pages.next().await.map_err(Wrong)?.unwrap_or_default();
    routes.sort_by_key(|route| !route.is_best);
    Ok(routes)
}

/// What peers are called.
struct Names {
    by_address: HashMap<IpAddr, String>,
    by_id: HashMap<RouterId, String>,
    addresses: HashMap<PeerId, IpAddr>,
}

impl Names {
    fn of(peers: &[PeerStatus]) -> Self {
        let named = || peers.iter().filter_map(|peer| Some((peer, peers::name(&peer.detail)?)));
        let addresses =
            peers.iter().filter_map(|peer| Some((peer.detail.peer?, peer.addr.ip()))).collect();
        let id = |peer: &PeerStatus| peer.detail.agreed.map(|agreed| agreed.router_id);
        Self {
            by_address: named().map(|(peer, name)| (peer.addr.ip(), name)).collect(),
            by_id: named().filter_map(|(peer, name)| Some((id(peer)?, name))).collect(),
            addresses,
        }
    }

    fn address(&self, peer: PeerId) -> String {
        self.addresses.get(&peer).map_or_else(|| "a peer that has gone".into(), IpAddr::to_string)
    }
}

fn rows(routes: &[Route], names: &Names) -> Vec<CandidateRow> {
    let row = |route: &Route| CandidateRow {
        from: route.info.addr.to_string(),
        from_name: names.by_address.get(&route.info.addr).cloned(),
        router_id: route.info.router_id.to_string(),
        path_id: route.path_id.0,
        role: route.info.role.to_string(),
        best: route.is_best,
        stale: route.freshness != Freshness::Current,
        lost_by: route.lost.map(|lost| lost.step.name().to_owned()),
        lost_to: route.lost.map(|lost| names.address(lost.to)),
        attributes: line(attributes(&route.attrs)),
    };
    routes.iter().map(row).collect()
}

fn line(attributes: RouteAttributes) -> RouteLineAttributes {
    RouteLineAttributes::from(&Arc::new(attributes))
}

async fn explained_peer(
    source: &Source,
    peer: &PeerStatus,
    prefix: Prefix,
    explanation: &Explanation,
    (names, best): (&Names, Option<PeerId>),
) -> ExplainedPeer {
    let verdict = explanation.verdict.clone().unwrap_or_default();
    let (word, rule, reason) = judged(peer, prefix, explanation, &verdict, best);
    let told = verdict.told.iter().map(|told| ToldRow {
        from: names.address(told.from),
        path_id: told.told_id.0,
        attributes: line(attributes_of(&told.block, told.mp_next_hop.as_deref())),
    });
    let mut row = ExplainedPeer {
        address: peer.addr.ip().to_string(),
        name: peers::name(&peer.detail),
        role: peer.role.to_string(),
        verdict: word.to_owned(),
        reason,
        rule: rule.map(|rule| rule.name().to_owned()),
        group: verdict.group.map(|group| group.0),
        told: told.collect(),
        delivery: None,
        unacknowledged_bytes: None,
        sent_not_before: None,
        sent_not_after: None,
    };
    let read = peer.detail.peer.zip(verdict.group);
    let given = read.and_then(|(peer, group)| source.engine.given(prefix, peer, group));
    if let Some(given) = given.filter(|_| !row.told.is_empty() && peer.is_established()) {
        let is_written = given >= explanation.version;
        let ends = peer.detail.local.zip(peer.detail.remote);
        let unacknowledged = match ends {
            Some((local, remote)) => unsent(local, remote).await,
            None => None,
        };
        row.unacknowledged_bytes = unacknowledged;
        let delivery = match (is_written, unacknowledged) {
            (false, _) => "notYet",
            (true, Some(0)) => "acknowledged",
            (true, _) => "written",
        };
        row.delivery = Some(delivery.to_owned());
        let version = explanation.version;
        let decided = explanation.history.iter().find(|change| change.version == version);
        let decided = decided.map(|change| change.at);
        let sent = read
            .filter(|_| is_written)
            .and_then(|(peer, group)| source.engine.sent(prefix, peer, group, (version, decided)));
        if let Some(Sent { not_before, not_after }) = sent {
            let from = when(not_before);
            row.sent_not_before = Some(written(from));
            row.sent_not_after = Some(written(from + not_after.since(not_before)));
        }
    }
    row
}

/// Whether a peer is told, by which rule not, and all of it as a sentence.
fn judged(
    peer: &PeerStatus,
    prefix: Prefix,
    explanation: &Explanation,
    verdict: &Verdict,
    best: Option<PeerId>,
) -> (&'static str, Option<Rule>, String) {
    let family = family_of(prefix);
    if !peer.is_established() {
        let state = peer.state_name();
        return ("kept", None, format!("its session is not up ({state})"));
    }
    let agreed = peer.detail.agreed.is_some_and(|agreed| agreed.families.contains(family));
    if !agreed {
        return ("kept", None, format!("{family} was not negotiated on its session"));
    }
    if verdict.group.is_none() {
        let why = "it is told nothing of the family yet: after a start, peers that keep our \
                   routes wait until everybody is back";
        return ("kept", None, why.to_owned());
    }
    if !explanation.is_there {
        return ("nothing", None, format!("there is no route to {prefix}"));
    }
    if !verdict.told.is_empty() {
        let count = verdict.told.len();
        let routes = if count == 1 { "one route".into() } else { format!("{count} routes") };
        return ("told", None, format!("it is told {routes}"));
    }
    // What kept the best one of those that something keeps back, and not those behind it.
    let of = |peer: PeerId| verdict.kept.iter().find(|kept| kept.from == peer);
    let best = best.and_then(of).filter(|kept| kept.rule != Rule::NotChosen);
    let other = || verdict.kept.iter().find(|kept| kept.rule != Rule::NotChosen);
    let rule = best.or_else(other).or_else(|| verdict.kept.first()).map(|kept| kept.rule);
    let reason = rule.map_or("nothing may be told to it", sentence);
    ("kept", rule, reason.to_owned())
}

const fn sentence(rule: Rule) -> &'static str {
    match rule {
        Rule::SplitHorizon => "split horizon: the best route is its own, and nobody is told that",
        Rule::NotChosen => "none of the routes is one of those that are chosen for it",
        Rule::Reflection => {
            "role: the best route is a non-client's, and so is the peer; only clients are told \
             those (RFC 4456, section 6)"
        }
        Rule::NoAdvertise => "the best route bears NO_ADVERTISE (RFC 1997)",
        Rule::NoExport => {
            "the best route bears NO_EXPORT, and the peer is of another AS (RFC 1997)"
        }
        Rule::LongLivedStale => {
            "the best route is long-lived stale, and the peer has not said that it knows such \
             routes (RFC 9494, section 4.3)"
        }
        Rule::Policy => "its export policy rejects the best route",
        Rule::TooLong => "the route fits no message that the peer takes (RFC 8654, section 4)",
    }
}

/// Octets that a connection's other end has not acknowledged, by the kernel's table; `None` where
/// it is not there.
async fn unsent(local: SocketAddr, remote: SocketAddr) -> Option<u64> {
    let file = if remote.is_ipv4() { "/proc/self/net/tcp" } else { "/proc/self/net/tcp6" };
    // It has a line for each socket, and takes as long as that.
    let read = move || queue_of(&std::fs::read_to_string(file).ok()?, local, remote);
    tokio::task::spawn_blocking(read).await.ok()?
}

/// The send queue of a connection in the kernel's table: `sl local remote state tx:rx …`.
fn queue_of(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u64> {
    let (local, remote) = (hex(local), hex(remote));
    let line = table.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        (words.next()? == local && words.next()? == remote).then_some(line)
    })?;
    let queues = line.split_whitespace().nth(4)?;
    u64::from_str_radix(queues.split(':').next()?, 16).ok()
}

/// An address as the kernel writes it: words of four octets in the machine's order.
fn hex(addr: SocketAddr) -> String {
    let octets = match addr.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let word = |word: &[u8]| match word.first_chunk::<4>() {
        Some(word) => format!("{:08X}", u32::from_ne_bytes(*word)),
        None => String::new(),
    };
    let ip: String = octets.chunks(4).map(word).collect();
    format!("{ip}:{:04X}", addr.port())
}

/// The time of day.
fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds_since_epoch())
}

/// A time: RFC 3339, or how long ago.
fn read_time(text: &str) -> Result<SystemTime, String> {
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return Ok(time);
    }
    let ago = humantime::parse_duration(text).map_err(|_| {
        format!(
            "at: found {text:?}, expected how long ago, such as 5m, or a time such as \
             2026-01-31T12:00:00Z"
        )
    })?;
    wall().checked_sub(ago).ok_or_else(|| format!("at: {text} is too long ago"))
}

/// When a time of the engine's clock was.
fn when(at: Instant) -> SystemTime {
    wall() - now().since(Instant::ZERO) + at.since(Instant::ZERO)
}

fn written(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Fills in the history, and how it was at a time.
fn tell_past(
    explained: &mut Explained,
    explanation: &Explanation,
    at: Option<SystemTime>,
    names: &Names,
) {
    let name = |id: Option<RouterId>| id.and_then(|id| names.by_id.get(&id).cloned());
    let text = |id: Option<RouterId>| id.map(|id| id.to_string());
    let change = |change: &albedo_rib::journal::Change| PastChange {
        time: written(when(change.at)),
        seconds_ago: now().since(change.at).as_secs_f64(),
        before: text(change.before),
        before_name: name(change.before),
        after: text(change.after),
        after_name: name(change.after),
    };
    explained.history = explanation.history.iter().map(change).collect();
    explained.remembered_seconds =
        explanation.forgotten.map(|forgotten| now().since(forgotten).as_secs_f64());
    let Some(at) = at else { return };
    let started = when(Instant::ZERO);
    let before_that = explanation.history.iter().find(|change| when(change.at) <= at);
    let oldest = explanation.history.last();
    let is_remembered = at >= started
        && explanation.forgotten.is_none_or(|forgotten| when(forgotten) <= at)
        || before_that.is_some();
    let best = match (before_that, oldest) {
        (Some(change), _) => change.after,
        (None, Some(oldest)) => oldest.before,
        // It has not changed since, so it was as it is.
        (None, None) => explained.candidates.iter().find(|route| route.best).and_then(|route| {
            route
                .router_id
                .parse()
                .ok()
                .and_then(|id: std::net::Ipv4Addr| RouterId::new(id.to_bits()))
        }),
    };
    let best = best.filter(|_| is_remembered);
    explained.at = Some(ExplainedPast {
        time: written(at),
        is_remembered,
        best: text(best),
        best_name: name(best),
    });
}

#[cfg(test)]
mod tests;
