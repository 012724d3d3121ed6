//! A cluster from the datastore that calicoctl's settings name, read once.

use std::path::Path;
use std::time::Duration;

use albedo_discovery::calico::Cluster;
use albedo_discovery::store::settings::Settings;
use albedo_discovery::store::{Pace, Store};
use anyhow::{Context, Result, bail};

/// How long the first complete list of every kind may take.
const LIST_MAX: Duration = Duration::from_secs(60);

/// Reads everything once. Half a cluster would give a wrong plan, so an object that cannot be read
/// is an error.
pub(super) fn cluster(file: Option<&Path>) -> Result<Cluster> {
    let settings = Settings::find(file, |name| std::env::var(name).ok())
        .context("the datastore (or name files with --files)")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let cluster = runtime.block_on(first(&settings, LIST_MAX))?;
    if let Some(((kind, name), rejected)) = cluster.rejected().iter().next() {
        let more = cluster.rejected().len() - 1;
        bail!("{kind} {name} and {more} more cannot be read: {}", rejected.fault);
    }
    Ok(cluster)
}

async fn first(settings: &Settings, patience: Duration) -> Result<Cluster> {
    let pace = Pace { seed: crate::lifecycle::seed(), ..Pace::default() };
    let store = Store::open(settings, &pace).await.context("the datastore")?;
    let mut snapshots = store.snapshots();
    let first = snapshots.wait_for(Option::is_some);
    if let Ok(Ok(snapshot)) = tokio::time::timeout(patience, first).await
        && let Some(snapshot) = &*snapshot
    {
        return Ok(snapshot.cluster.clone());
    }
    let health = store.health();
    let why = health.last_error.as_deref().unwrap_or("no complete list of every kind");
    let seconds = patience.as_secs_f64();
    if health.held {
        bail!("Calico says that its datastore is being moved (datastoreReady: false)");
    }
    bail!("the datastore, within {seconds} s: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_datastore_that_is_not_there_is_told() {
        let variable = |name: &str| match name {
            // Nobody listens on the discard port of this machine.
            "ETCD_ENDPOINTS" => Some("http://127.0.0.1:9".to_owned()),
            _ => None,
        };
        let settings = Settings::from_environment(variable).expect("settings");
        let error = first(&settings, Duration::from_millis(300)).await.expect_err("nobody");
        let error = error.to_string();
        assert!(error.starts_with("the datastore, within 0.3 s: "), "{error}");
        assert!(error.contains("127.0.0.1:9"), "{error}");
    }
}
