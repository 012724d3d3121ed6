//! Peers and update groups as the administrative interfaces show them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;

use albedo_api::bird::{BirdSource as _, Counts};
use albedo_api::names::{self, MESSAGE_TYPES};
use albedo_api::snapshot::{SLOWEST_MAX, Slow};
use albedo_api::{
    GroupRow, PeerDetail, PeerGroupRow, PeerRoutes, PeerRow, RetainedRow, Traffic, TrafficOf,
};
use albedo_config::{Config, PeerAs, PeerGroup};
use albedo_engine::GroupStatus;
use albedo_engine::clock::now;
use albedo_rib::group::Paths;
use albedo_session::PeerStatus;
use albedo_session::stats::{self, SessionStats};
use albedo_session::status::Detail;
use albedo_types::{Family, Instant, PathsMode, PeerId};
use albedo_wire::frame::MessageType;

use super::Source;

/// For each peer that lacks a change, when the oldest one that it lacks was read.
pub(super) type Lags = HashMap<PeerId, Instant>;

/// See [`Lags`].
pub(super) fn lags(source: &Source) -> Lags {
    source.engine.lags().into_iter().collect()
}

/// The peers that lack the oldest changes.
pub(super) fn slowest(source: &Source) -> Vec<Slow> {
    let mut lags = source.engine.lags();
    if lags.is_empty() {
        return Vec::new();
    }
    lags.sort_by_key(|(_, born)| *born);
    lags.truncate(SLOWEST_MAX);
    let at = now();
    let peers = source.server.snapshot();
    let slow = |(id, born): &(PeerId, Instant)| {
        let peer = peers.iter().find(|peer| peer.detail.peer == Some(*id))?;
        Some(Slow {
            address: peer.addr.ip().to_string(),
            name: name(&peer.detail).unwrap_or_default(),
            lag: at.since(*born),
        })
    };
    lags.iter().filter_map(slow).collect()
}

/// What people call a peer.
pub(super) fn name(detail: &Detail) -> Option<String> {
    detail.name.clone().or_else(|| detail.description.as_deref().map(Into::into))
}

/// A line of the list of peers.
pub(super) fn row(peer: &PeerStatus, at: Instant, lags: &Lags) -> PeerRow {
    let detail = &peer.detail;
    let agreed = detail.agreed.as_ref();
    let up = agreed.filter(|_| peer.is_established());
    let sum = |counts: &[AtomicU64]| counts.iter().map(SessionStats::read).sum();
    let traffic = &peer.shared.traffic;
    let update =
        |counts: &[AtomicU64]| SessionStats::read(&counts[MessageType::Update.code() as usize - 1]);
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let retained = |family: Family| {
        let kept = detail.retained[family.index()]?;
        Some(RetainedRow {
            family: family.to_string(),
            phase: kept.phase.into(),
            left_seconds: kept.until.map(|until| until.since(at).as_secs_f64()),
        })
    };
    PeerRow {
        address: peer.addr.ip().to_string(),
        name: name(detail),
        group: text(&detail.group),
        dynamic: peer.dynamic,
        role: peer.role.to_string(),
        as_number: agreed.map(|agreed| agreed.asn.0),
        router_id: agreed.map(|agreed| agreed.router_id.to_string()),
        state: names::SESSION_STATES[peer.state].into(),
        since_seconds: at.since(peer.since).as_secs_f64(),
        families: up.map_or_else(Vec::new, |up| {
            up.families.iter().map(|family| family.to_string()).collect()
        }),
        hold_time_seconds: up.map(|up| up.hold_time.as_secs()),
        messages: [sum(&traffic.received), sum(&traffic.sent)],
        updates: [update(&traffic.received), update(&traffic.sent)],
        undelivered_seconds: detail
            .peer
            .and_then(|peer| lags.get(&peer))
            .map(|born| at.since(*born).as_secs_f64()),
        retained: Family::ALL.into_iter().filter_map(retained).collect(),
        last_reason: text(&detail.reason),
        established: peer.established,
        routes: Vec::new(),
    }
}

/// Every peer with its routes.
pub(super) async fn counted(source: &Source) -> Vec<PeerRow> {
    let counts = source.counts().await;
    let (at, lags) = (now(), lags(source));
    let peers = source.server.snapshot();
    peers
        .iter()
        .map(|peer| PeerRow { routes: routes(peer, counts.as_deref()), ..row(peer, at, &lags) })
        .collect()
}

fn routes(peer: &PeerStatus, counts: Option<&Counts>) -> Vec<PeerRoutes> {
    let Some(of) = counts.zip(peer.detail.peer).and_then(|(counts, id)| counts.0.get(&id)) else {
        return Vec::new();
    };
    let agreed = peer.detail.agreed.map(|agreed| agreed.families).unwrap_or_default();
    let of = |family: &Family| {
        let of = &of[family.index()];
        PeerRoutes {
            family: family.to_string(),
            received: of.imported,
            best: of.preferred,
            sent: of.exported,
        }
    };
    agreed.iter().map(|family| of(&family)).collect()
}

/// Every session with a peer.
pub(super) async fn detail(source: &Source, address: IpAddr) -> Vec<PeerDetail> {
    let counts = source.counts().await;
    let (at, lags) = (now(), lags(source));
    let peers = source.server.snapshot();
    let of = peers.iter().filter(|peer| peer.addr.ip() == address);
    of.map(|peer| detail_of(peer, counts.as_deref(), at, &lags)).collect()
}

fn detail_of(peer: &PeerStatus, counts: Option<&Counts>, at: Instant, lags: &Lags) -> PeerDetail {
    let detail = &peer.detail;
    PeerDetail {
        row: PeerRow { routes: routes(peer, counts), ..row(peer, at, lags) },
        local: detail.local.map(|local| local.to_string()),
        remote: detail.remote.map(|remote| remote.to_string()),
        listener: peer.listener.map(|listener| listener.to_string()),
        description: detail.description.as_deref().map(str::to_owned),
        graceful_restart: detail.agreed.map(|agreed| agreed.graceful),
        is_heard: peer.shared.is_heard(),
        import_policy: peer.has_policy[0],
        export_policy: peer.has_policy[1],
        traffic: traffic(peer),
    }
}

fn traffic(peer: &PeerStatus) -> Traffic {
    let traffic = &peer.shared.traffic;
    let read = SessionStats::read;
    let kinds = MESSAGE_TYPES.iter().zip(&traffic.received).zip(&traffic.sent);
    let counted = |names: &[&str], counts: &[AtomicU64]| {
        let some = names.iter().zip(counts).map(|(kind, count)| (kind, read(count)));
        some.filter(|(_, count)| *count > 0)
            .map(|(kind, received)| TrafficOf { kind: (*kind).to_owned(), received, sent: 0 })
            .collect()
    };
    Traffic {
        messages: kinds
            .map(|((kind, received), sent)| TrafficOf {
                kind: (*kind).to_owned(),
                received: read(received),
                sent: read(sent),
            })
            .collect(),
        bytes_received: read(&traffic.bytes_received),
        bytes_sent: read(&traffic.bytes_sent),
        faults: counted(&stats::TREATMENTS, &traffic.treatments),
        dropped: counted(&stats::DROPS, &traffic.drops),
    }
}

const fn mode_name(mode: PathsMode) -> &'static str {
    match mode {
        PathsMode::Best => "the best",
        PathsMode::Equal => "as good as the best",
        PathsMode::PerNeighbourAs => "the best of each neighbouring AS",
        PathsMode::Diverse => "with other next hops",
    }
}

fn paths(paths: Paths) -> String {
    match paths {
        Paths::Best => "best".to_owned(),
        Paths::BestToldable => "best that may be told".to_owned(),
        Paths::Several { mode, max } => format!("up to {max}, {}", mode_name(mode)),
    }
}

/// An update group.
pub(super) fn group(group: &GroupStatus) -> GroupRow {
    let key = &group.key;
    GroupRow {
        id: group.id.0,
        family: key.family.to_string(),
        role: key.role.to_string(),
        members: group.members as u64,
        current: group.current as u64,
        log_bytes: group.log_bytes as u64,
        cluster_id: key.cluster_id.to_string(),
        four_octet_as: key.as4,
        message_bytes_max: u64::from(key.message_len_max),
        next_hop: key.next_hop.map(|addr| addr.to_string()),
        export_policy: key.policy.is_some(),
        paths: paths(key.paths),
    }
}

/// The groups of a configuration.
pub(super) fn groups(config: &Config) -> Vec<PeerGroupRow> {
    let row = |group: &PeerGroup| PeerGroupRow {
        name: group.name.clone(),
        description: group.settings.description.clone(),
        ranges: group.ranges.iter().map(ToString::to_string).collect(),
        as_number: match group.settings.peer_as {
            PeerAs::Is(asn) => Some(asn.0),
            PeerAs::Internal => Some(config.asn.0),
            PeerAs::External | PeerAs::Any => None,
        },
        role: group.settings.role.to_string(),
        cluster_id: group.settings.cluster_id.to_string(),
        hold_time_seconds: group.settings.hold_time.as_secs(),
    };
    config.groups.iter().map(row).collect()
}
