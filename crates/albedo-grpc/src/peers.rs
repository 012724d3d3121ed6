//! The reflector, its peers, its groups and its ranges as GoBGP's messages.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use albedo_api::{PeerDetail, PeerGroupRow, PeerRow, Status};
use albedo_types::Family;
use prost_types::Timestamp;

use crate::attributes;
use crate::generated::apipb::{self, peer_state::SessionState};

/// The reflector.
pub(crate) fn global(status: &Status) -> apipb::Global {
    let places = status.listen.iter().filter_map(|it| it.rsplit_once(':'));
    let port = places.clone().find_map(|(_, port)| port.parse().ok());
    apipb::Global {
        asn: status.as_number,
        router_id: status.router_id.clone(),
        listen_port: port.unwrap_or(179),
        listen_addresses: places.map(|(host, _)| unbracketed(host)).collect(),
        ..apipb::Global::default()
    }
}

fn unbracketed(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// A peer. Clients read `conf`, `state`, `timers.state` and the state of each family without
/// asking whether they are there, so they always are.
pub(crate) fn peer(
    row: &PeerRow,
    detail: Option<&PeerDetail>,
    status: &Status,
    now: SystemTime,
) -> apipb::Peer {
    let is_external = row.role == "external";
    let kind = if is_external { apipb::PeerType::External } else { apipb::PeerType::Internal };
    let asn = row.as_number.unwrap_or(0);
    let description = row.name.clone().unwrap_or_default();
    let group = row.group.clone().unwrap_or_default();
    let conf = apipb::PeerConf {
        description: description.clone(),
        local_asn: status.as_number,
        neighbor_address: row.address.clone(),
        peer_asn: asn,
        peer_group: group.clone(),
        r#type: kind as i32,
        ..apipb::PeerConf::default()
    };
    let message = |side: usize| apipb::Message {
        update: row.updates[side],
        total: row.messages[side],
        ..apipb::Message::default()
    };
    let messages = detail
        .map(of_traffic)
        .unwrap_or_else(|| apipb::Messages { received: Some(message(0)), sent: Some(message(1)) });
    let state = apipb::PeerState {
        description,
        local_asn: status.as_number,
        messages: Some(messages),
        neighbor_address: row.address.clone(),
        peer_asn: asn,
        peer_group: group,
        r#type: kind as i32,
        queues: Some(apipb::Queues::default()),
        session_state: session_state(&row.state) as i32,
        router_id: row.router_id.clone().unwrap_or_default(),
        flops: u32::try_from(row.established.saturating_sub(1)).unwrap_or(u32::MAX),
        ..apipb::PeerState::default()
    };
    apipb::Peer {
        apply_policy: Some(apipb::ApplyPolicy {}),
        conf: Some(conf),
        ebgp_multihop: Some(apipb::EbgpMultihop::default()),
        route_reflector: Some(reflector(row.role == "client", &status.cluster_id)),
        state: Some(state),
        timers: Some(timers(row, now)),
        transport: Some(transport(row, detail)),
        route_server: Some(apipb::RouteServer {}),
        graceful_restart: Some(apipb::GracefulRestart::default()),
        afi_safis: families(row),
    }
}

fn session_state(name: &str) -> SessionState {
    match name {
        "idle" => SessionState::Idle,
        "connect" => SessionState::Connect,
        "active" => SessionState::Active,
        "open_sent" => SessionState::Opensent,
        "open_confirm" => SessionState::Openconfirm,
        "established" => SessionState::Established,
        _ => SessionState::Unknown,
    }
}

/// A group of the configuration.
pub(crate) fn group(row: &PeerGroupRow, status: &Status) -> apipb::PeerGroup {
    let is_external = row.role == "external";
    let kind = if is_external { apipb::PeerType::External } else { apipb::PeerType::Internal };
    let description = row.description.clone().unwrap_or_default();
    let conf = apipb::PeerGroupConf {
        description: description.clone(),
        local_asn: status.as_number,
        peer_asn: row.as_number.unwrap_or(0),
        peer_group_name: row.name.clone(),
        r#type: kind.into(),
        ..apipb::PeerGroupConf::default()
    };
    let info = apipb::PeerGroupState {
        description,
        local_asn: status.as_number,
        peer_asn: row.as_number.unwrap_or(0),
        peer_group_name: row.name.clone(),
        r#type: kind.into(),
        ..apipb::PeerGroupState::default()
    };
    let hold_time = u64::from(row.hold_time_seconds);
    let timers = apipb::TimersConfig {
        hold_time,
        keepalive_interval: hold_time / 3,
        ..apipb::TimersConfig::default()
    };
    apipb::PeerGroup {
        conf: Some(conf),
        route_reflector: Some(reflector(row.role == "client", &row.cluster_id)),
        info: Some(info),
        timers: Some(apipb::Timers { config: Some(timers), state: None }),
        ..apipb::PeerGroup::default()
    }
}

fn reflector(is_client: bool, cluster_id: &str) -> apipb::RouteReflector {
    let cluster_id = if is_client { cluster_id } else { "" };
    apipb::RouteReflector {
        route_reflector_client: is_client,
        route_reflector_cluster_id: cluster_id.to_owned(),
    }
}

/// Since when a peer's session is what it is.
pub(crate) fn since(row: &PeerRow, now: SystemTime) -> Option<Timestamp> {
    let since = Duration::try_from_secs_f64(row.since_seconds).unwrap_or_default();
    now.checked_sub(since).map(Timestamp::from)
}

/// The same of each peer, by its address.
pub(crate) fn ages(rows: &[PeerRow], now: SystemTime) -> HashMap<String, Timestamp> {
    rows.iter().filter_map(|row| Some((row.address.clone(), since(row, now)?))).collect()
}

fn timers(row: &PeerRow, now: SystemTime) -> apipb::Timers {
    let then = since(row, now);
    let hold_time = row.hold_time_seconds.map_or(0, u64::from);
    let config = apipb::TimersConfig {
        hold_time,
        keepalive_interval: hold_time / 3,
        ..apipb::TimersConfig::default()
    };
    let (uptime, downtime) = if row.is_up() { (then, None) } else { (None, then) };
    let state = apipb::TimersState {
        hold_time,
        keepalive_interval: hold_time / 3,
        negotiated_hold_time: hold_time,
        uptime,
        downtime,
        ..apipb::TimersState::default()
    };
    apipb::Timers { config: Some(config), state: Some(state) }
}

fn transport(row: &PeerRow, detail: Option<&PeerDetail>) -> apipb::Transport {
    let split = |end: Option<&String>| {
        let (host, port) = end?.rsplit_once(':')?;
        Some((unbracketed(host), port.parse().ok()?))
    };
    let local = detail.and_then(|it| split(it.local.as_ref())).unwrap_or_default();
    let remote = detail.and_then(|it| split(it.remote.as_ref()));
    let remote = remote.unwrap_or_else(|| (row.address.clone(), 0));
    apipb::Transport {
        local_address: local.0,
        local_port: local.1,
        remote_address: remote.0,
        remote_port: remote.1,
        ..apipb::Transport::default()
    }
}

fn of_traffic(detail: &PeerDetail) -> apipb::Messages {
    let side = |count: fn(&albedo_api::TrafficOf) -> u64| {
        let of = |kind: &str| {
            detail.traffic.messages.iter().filter(|it| it.kind == kind).map(count).sum()
        };
        apipb::Message {
            notification: of("notification"),
            update: of("update"),
            open: of("open"),
            keepalive: of("keepalive"),
            refresh: of("routeRefresh"),
            total: detail.traffic.messages.iter().map(count).sum(),
            ..apipb::Message::default()
        }
    };
    apipb::Messages { received: Some(side(|it| it.received)), sent: Some(side(|it| it.sent)) }
}

/// The negotiated families, with the routes of each where they were counted.
fn families(row: &PeerRow) -> Vec<apipb::AfiSafi> {
    let named = |name: &str| Family::ALL.into_iter().find(|it| it.to_string() == name);
    let families = row.families.iter().filter_map(|name| Some((name, named(name)?)));
    let of = |(name, family): (&String, Family)| {
        let routes = row.routes.iter().find(|it| it.family == *name).cloned().unwrap_or_default();
        let family = Some(attributes::family(family));
        apipb::AfiSafi {
            config: Some(apipb::AfiSafiConfig { family, enabled: true }),
            state: Some(apipb::AfiSafiState {
                family,
                enabled: true,
                received: routes.received,
                accepted: routes.received,
                advertised: routes.sent,
            }),
            ..apipb::AfiSafi::default()
        }
    };
    families.map(of).collect()
}
