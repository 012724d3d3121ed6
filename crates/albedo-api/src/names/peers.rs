//! The metrics of single peers, on `/metrics/peers`: eight series for each, and only where the
//! configuration asks for them.

use super::{Metric, by_writer, counter, gauge};

/// What each peer is called; join it by `* on(peer) group_left(name)`.
pub const INFO: Metric = by_writer(gauge(
    "albedo_peer_info",
    &["peer", "name", "group", "role"],
    "Always 1; a peer's name, group and role.",
));
/// Whether it is up.
pub const UP: Metric =
    by_writer(gauge("albedo_peer_up", &["peer"], "Whether a session with the peer is up."));
/// How often it has come.
pub const ESTABLISHED: Metric = by_writer(counter(
    "albedo_peer_established_total",
    &["peer"],
    "Times that a session with the peer reached Established.",
));
/// UPDATEs of it and for it.
pub const UPDATES: Metric = by_writer(counter(
    "albedo_peer_updates_total",
    &["peer", "direction"],
    "UPDATE messages of the peer (in) and for it (out).",
));
/// Routes of it and for it.
pub const ROUTES: Metric = by_writer(gauge(
    "albedo_peer_routes",
    &["peer", "direction"],
    "Routes that the peer has announced (in) and that it is told (out), of all families; up to \
     two seconds old.",
));
/// How far it is behind.
pub const UNDELIVERED: Metric = by_writer(gauge(
    "albedo_peer_undelivered_seconds",
    &["peer"],
    "Age of the oldest change that the peer has not been given; 0 where it has everything.",
));

/// All of them.
pub const ALL: [&Metric; 6] = [&INFO, &UP, &ESTABLISHED, &UPDATES, &ROUTES, &UNDELIVERED];
/// Series of a peer.
pub const SERIES_EACH: usize = 8;
