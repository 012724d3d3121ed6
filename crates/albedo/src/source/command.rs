//! What may be asked of the program: drain, reset, reload, another log level.

use std::sync::atomic::Ordering;

use albedo_api::control::{
    Control, DrainRequest, DrainStatus, ReloadRequest, ReloadStatus, ResetKind, ResetRequest,
    ResetStatus,
};
use albedo_api::routes::Later;
use albedo_config::LogLevel;
use tokio::sync::{mpsc, oneshot};

use super::Source;
use crate::logging::LevelHandle;

/// Reloads that may wait at the same time.
pub(crate) const RELOADS_MAX: usize = 4;

/// A reload that somebody waits for.
#[derive(Debug)]
pub(crate) struct Reload {
    pub(crate) request: ReloadRequest,
    pub(crate) reply: oneshot::Sender<Result<ReloadStatus, String>>,
}

/// What only whoever runs the program can do.
#[derive(Clone, Debug)]
pub(crate) struct Hands {
    pub(crate) reloads: mpsc::Sender<Reload>,
    pub(crate) level: LevelHandle,
}

impl Control for Source {
    fn confirm(&self, digest: &str) -> Result<(), String> {
        match &self.calico {
            Some(calico) => calico.confirm(digest),
            None => Err("peers come from no Calico cluster".to_owned()),
        }
    }

    fn drain(&self, request: &DrainRequest) -> Result<DrainStatus, String> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err("the reflector is stopping".to_owned());
        }
        self.drain.begin(request)
    }

    fn cancel_drain(&self) -> Result<DrainStatus, String> {
        self.drain.cancel()
    }

    fn drain_status(&self) -> DrainStatus {
        self.drain.status()
    }

    fn reset(&self, request: &ResetRequest) -> Result<ResetStatus, String> {
        let peer = request.peer;
        let sessions =
            self.server.snapshot().iter().filter(|found| found.addr.ip() == peer).count();
        let found = match request.kind {
            ResetKind::Hard => self.server.reset(peer, &request.message),
            ResetKind::SoftIn => self.server.soft_in(peer),
            ResetKind::SoftOut => self.server.soft_out(peer),
        };
        if !found {
            return Err(format!("there is no peer {peer}"));
        }
        let kind = request.kind;
        tracing::info!(%peer, ?kind, message = request.message, "reset by command");
        Ok(ResetStatus { sessions })
    }

    fn reload(&self, request: ReloadRequest) -> Later<'_, Result<ReloadStatus, String>> {
        Box::pin(async move {
            let hands = self.hands.as_ref().ok_or("there is no configuration file")?;
            let (reply, answer) = oneshot::channel();
            hands.reloads.try_send(Reload { request, reply }).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => {
                    format!("{RELOADS_MAX} reloads wait already, which is the most there may be")
                }
                mpsc::error::TrySendError::Closed(_) => "the reflector is stopping".to_owned(),
            })?;
            answer.await.unwrap_or_else(|_| Err("the reflector is stopping".to_owned()))
        })
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        let hands = self.hands.as_ref().ok_or("the log of this program has one level")?;
        let level = match level {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            "info" => LogLevel::Info,
            "debug" => LogLevel::Debug,
            _ => {
                return Err(format!("level: found {level:?}, expected error, warn, info or debug"));
            }
        };
        hands.level.set(level).map_err(|error| format!("{error:#}"))
    }
}
