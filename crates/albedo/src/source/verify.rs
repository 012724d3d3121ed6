//! Answers how sessions and routes compare with what the Calico cluster says.

use std::sync::Arc;
use std::time::Duration;

use albedo_api::{CalicoVerify, TOLD_MAX};
use albedo_engine::clock::now;
use albedo_types::Instant;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Source;
use crate::calico::{Shared, compare};

/// How old an answer may be, so that many who ask cost no more than one.
const AGE_MAX: Duration = Duration::from_secs(1);
/// How long a comparison may take; the connection of who asks is closed not long after.
const PATIENCE: Duration = Duration::from_secs(20);

/// The last comparison, and when it was begun. Whoever holds it makes the next one.
#[derive(Debug, Default)]
pub(super) struct Last(Mutex<Option<(Instant, CalicoVerify)>>);

pub(super) async fn verify(source: &Source) -> Option<Result<CalicoVerify, String>> {
    let calico = source.calico.as_ref()?;
    let made = timeout(PATIENCE, make(source, calico)).await;
    let late = || Err(format!("it took longer than {} s", PATIENCE.as_secs()));
    Some(made.unwrap_or_else(|_| late()))
}

async fn make(source: &Source, calico: &Arc<Shared>) -> Result<CalicoVerify, String> {
    let mut last = source.verdict.0.lock().await;
    let begun = now();
    if let Some((at, verdict)) = &*last
        && begun.since(*at) < AGE_MAX
    {
        return Ok(verdict.clone());
    }
    let in_force = calico.in_force().ok_or("there is nothing to compare yet")?;
    let from = (&source.engine, &source.server);
    let verdict = compare(&in_force, from, Duration::ZERO, TOLD_MAX).await?;
    let verdict = calico.verdict(&in_force, &verdict);
    *last = Some((begun, verdict.clone()));
    Ok(verdict)
}
