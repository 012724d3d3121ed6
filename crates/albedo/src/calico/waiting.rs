//! What is told while the datastore has not said anything yet, and nothing else runs.

use std::sync::Arc;

use albedo_api::control::{Control, DrainRequest, DrainStatus};
use albedo_api::routes::Later;
use albedo_api::snapshot::Snapshot;
use albedo_api::{CalicoStatus, CalicoVerify, Check, PeerRow, Status, StatusSource};
use albedo_engine::clock::now;
use albedo_types::Instant;

use super::report::Shared;

/// A program that waits for its datastore.
#[derive(Debug)]
pub(crate) struct Waiting {
    cluster: Arc<Shared>,
    file: String,
}

impl Waiting {
    pub(crate) const fn new(cluster: Arc<Shared>, file: String) -> Self {
        Self { cluster, file }
    }

    fn why(&self) -> String {
        let status = self.cluster.status();
        let why = status.expand_error.or(status.last_error);
        why.unwrap_or_else(|| "the first complete list of every kind".to_owned())
    }
}

impl StatusSource for Waiting {
    fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            process_id: std::process::id(),
            config_file: self.file.clone(),
            uptime_seconds: now().since(Instant::ZERO).as_secs_f64(),
            ..Status::default()
        }
    }

    fn peers(&self) -> Vec<PeerRow> {
        Vec::new()
    }

    fn live(&self) -> Vec<Check> {
        vec![Check { name: "running".into(), ok: true, detail: "waits for its datastore".into() }]
    }

    fn ready(&self) -> Vec<Check> {
        let detail = format!("waits for {}", self.why());
        vec![Check { name: "datastore".into(), ok: false, detail }]
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot { calico: self.cluster.numbers(), ..Snapshot::default() }
    }

    fn calico(&self) -> Option<CalicoStatus> {
        Some(self.cluster.status())
    }

    fn verify(&self) -> Later<'_, Option<Result<CalicoVerify, String>>> {
        let why = format!("there is nothing to compare yet: waits for {}", self.why());
        Box::pin(std::future::ready(Some(Err(why))))
    }
}

impl Control for Waiting {
    fn drain(&self, _: &DrainRequest) -> Result<DrainStatus, String> {
        Err("the reflector waits for its datastore".to_owned())
    }

    fn cancel_drain(&self) -> Result<DrainStatus, String> {
        Err("the reflector waits for its datastore".to_owned())
    }

    fn drain_status(&self) -> DrainStatus {
        DrainStatus::default()
    }
}
