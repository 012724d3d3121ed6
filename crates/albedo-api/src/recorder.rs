//! The answer of `/metrics`: the exporter of the `metrics` crate, fed through handles that are
//! looked up once, and beside it what the exporter cannot take.

mod handles;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{Key, KeyName, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{
    BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::names::{self, Author, Kind, Metric};
use crate::process::Process;
use crate::snapshot::{SLOWEST_MAX, Snapshot};
use crate::text;
use handles::Handles;

/// How often [`Metrics::run_upkeep`] wants to be called.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

const METADATA: Metadata<'_> = Metadata::new("albedo", Level::INFO, None);

/// The metrics of the process.
pub struct Metrics {
    exporter: PrometheusHandle,
    handles: Handles,
    /// Whether the start's one sample was recorded.
    started: AtomicBool,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A recorder with every bucket set and every metric described.
///
/// It is not made the global one: nothing here looks a metric up by name after the start.
///
/// # Errors
///
/// None with the buckets above, which are not empty.
pub fn build_recorder() -> Result<PrometheusRecorder, BuildError> {
    let recorder = PrometheusBuilder::new()
        // Without buckets a histogram would become a summary, which cannot be added up.
        .set_buckets(names::STARTUP_CONVERGENCE.bounds)?
        .build_recorder();
    for metric in names::ALL.iter().filter(|metric| metric.author == Author::Exporter) {
        describe(&recorder, metric);
    }
    Ok(recorder)
}

fn describe(recorder: &PrometheusRecorder, metric: &Metric) {
    let name = KeyName::from(metric.name);
    let unit = if metric.name.ends_with("_seconds") {
        Some(Unit::Seconds)
    } else if metric.name.contains("_bytes") {
        Some(Unit::Bytes)
    } else {
        None
    };
    match metric.kind {
        Kind::Counter => recorder.describe_counter(name, unit, metric.help.into()),
        Kind::Gauge => recorder.describe_gauge(name, unit, metric.help.into()),
        Kind::Histogram => recorder.describe_histogram(name, unit, metric.help.into()),
    }
}

/// The key of one series.
fn key(metric: &Metric, values: &[&str]) -> Key {
    assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
    let labels: Vec<metrics::Label> = metric
        .labels
        .iter()
        .zip(values)
        .map(|(name, value)| metrics::Label::new(*name, (*value).to_owned()))
        .collect();
    Key::from_parts(metric.name, labels)
}

impl Metrics {
    /// The metrics of a reflector with this many shards; `version` is what `build_info` tells.
    ///
    /// # Errors
    ///
    /// As [`build_recorder`].
    pub fn new(version: &str, shards: usize) -> Result<Arc<Self>, BuildError> {
        let recorder = build_recorder()?;
        Ok(Arc::new(Self {
            exporter: recorder.handle(),
            handles: Handles::new(&recorder, version, shards),
            started: AtomicBool::new(false),
        }))
    }

    /// Writes a snapshot out in the Prometheus text format.
    #[must_use]
    pub fn render(&self, snapshot: &Snapshot) -> String {
        let process = Process::read();
        self.handles.set(snapshot, &process);
        if let Some(time) = snapshot.startup_convergence
            && !self.started.swap(true, Ordering::Relaxed)
        {
            self.handles.startup.record(time.as_secs_f64());
        }
        let mut out = self.exporter.render();
        write_times(&mut out, snapshot);
        write_slowest(&mut out, snapshot);
        text::head(&mut out, &names::STAGE);
        for (stage, seconds) in names::STAGES.iter().zip(snapshot.stage_seconds()) {
            text::sample(&mut out, names::STAGE.name, &[("stage", stage)], seconds);
        }
        text::head(&mut out, &names::SHARD_BUSY);
        for (n, shard) in snapshot.engine.shards.iter().enumerate() {
            let label = [("shard", &*n.to_string())];
            text::sample(&mut out, names::SHARD_BUSY.name, &label, shard.busy.as_secs_f64());
        }
        text::head(&mut out, &names::QUERY_WAIT);
        let waited = snapshot.queries.waited.as_secs_f64();
        text::sample(&mut out, names::QUERY_WAIT.name, &[], waited);
        text::head(&mut out, &names::PROCESS_CPU);
        text::sample(&mut out, names::PROCESS_CPU.name, &[], process.cpu_seconds);
        out
    }

    /// Lets the exporter tidy its samples; to be called every [`UPKEEP_INTERVAL`].
    pub fn run_upkeep(&self) {
        self.exporter.run_upkeep();
    }
}

fn write_slowest(out: &mut String, snapshot: &Snapshot) {
    text::head(out, &names::SLOWEST);
    for (n, slow) in snapshot.slowest.iter().take(SLOWEST_MAX).enumerate() {
        let rank = (n + 1).to_string();
        let labels = [("rank", &*rank), ("peer", &*slow.address), ("name", &*slow.name)];
        text::sample(out, names::SLOWEST.name, &labels, slow.lag.as_secs_f64());
    }
}

fn write_times(out: &mut String, snapshot: &Snapshot) {
    let families = || names::families().into_iter().zip(&snapshot.engine.families);
    for metric in [
        &names::CONVERGENCE,
        &names::UPDATE_DELIVERY,
        &names::SESSION_SYNC,
        &names::WITHDRAW_CONVERGENCE,
    ] {
        text::head(out, metric);
        for (label, family) in families() {
            let buckets = match metric.name {
                name if name == names::CONVERGENCE.name => &family.convergence,
                name if name == names::UPDATE_DELIVERY.name => &family.delivery,
                name if name == names::SESSION_SYNC.name => &family.session_sync,
                _ => &family.withdraw_convergence,
            };
            text::histogram(out, metric, ("family", label), buckets);
        }
    }
}

#[cfg(test)]
mod tests;
