//! Every metric, in one table: name, kind, help, labels, and who writes it.
//!
//! Rules: prefix `albedo_` (or `process_`, as everybody has them); base units; counters end in
//! `_total` and nothing else does; each label has few values, all written down here or as few as
//! there are shards. No label ever grows with peers or prefixes.

pub use albedo_session::stats::{
    DROPS as DROP_REASONS, REFUSALS, STATES as SESSION_STATES, TREATMENTS,
};
use albedo_types::Family;

/// What kind of series a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Samples in buckets.
    Histogram,
}

impl Kind {
    /// The word of the exposition format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Who writes a metric into the answer of `/metrics`.
///
/// The data path counts into plain atomics and fixed buckets of the engine, and a scrape copies
/// them. The exporter takes whole counters and gauges that way, through cached handles.
/// It cannot take a histogram that is in buckets already, nor a counter of fractions (its
/// counters are `u64`); pushing each sample through its histograms instead would cost a write to
/// shared memory of 8 bytes on every delivery to every peer, kept until the next upkeep, in place
/// of two additions. So those few are written beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// `metrics-exporter-prometheus`.
    Exporter,
    /// [`crate::text`].
    Writer,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its full name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// One sentence.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Who writes it.
    pub author: Author,
    /// Of a histogram, the upper bounds of the buckets that are shown, in seconds. It is counted
    /// in finer ones, so that the status page can tell more than a scrape has to carry.
    pub bounds: &'static [f64],
}

/// Bounds of what takes as long as writes to sockets.
const FINE: &[f64] = &[0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 1.0, 10.0];
/// The same where less will do.
const COARSE: &[f64] = &[0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];
/// Bounds of what may take as long as a table or a timer.
const LONG: &[f64] = &[0.0001, 0.01, 0.1, 1.0, 10.0, 120.0];
/// Bounds of a start.
const START: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0];

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, help, labels, author: Author::Exporter, bounds: &[] }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help, labels, author: Author::Exporter, bounds: &[] }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    bounds: &'static [f64],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram, help, labels, author: Author::Writer, bounds }
}

const fn by_writer(metric: Metric) -> Metric {
    Metric { author: Author::Writer, ..metric }
}

/// Values of `stage`.
pub const STAGES: [&str; 5] = ["queue", "decide", "encode", "send", "acknowledged"];
/// Values of `direction`.
pub const DIRECTIONS: [&str; 2] = ["in", "out"];
/// Values of `type` of messages, in the order of their codes (RFC 4271 §4.1, RFC 2918).
pub const MESSAGE_TYPES: [&str; 5] =
    ["open", "update", "notification", "keepalive", "route_refresh"];
/// Values of `code` of NOTIFICATIONs; the index is the code, 0 is any other (RFC 4271 §4.5,
/// RFC 7313 §5, RFC 9687).
pub const NOTIFICATION_CODES: [&str; 9] = [
    "other",
    "message_header",
    "open",
    "update",
    "hold_timer",
    "fsm",
    "cease",
    "route_refresh",
    "send_hold_timer",
];
/// Values of `result` of look-ups of attribute sets.
pub const LOOKUP_RESULTS: [&str; 2] = ["found", "made"];
/// Values of `result` of reloads.
/// The doors of [`ADMIN_CONNECTIONS`].
pub const DOORS: [&str; 3] = ["http", "bird", "grpc"];
/// How a reload ended.
pub const RELOAD_RESULTS: [&str; 2] = ["taken", "refused"];

/// Values of `family`, in the order of [`Family::ALL`].
#[must_use]
pub fn families() -> [&'static str; Family::COUNT] {
    Family::ALL.map(|family| family.row().label)
}

pub mod peers;
mod table;
pub use table::*;

#[cfg(test)]
mod tests;
