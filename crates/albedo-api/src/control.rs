//! What may be asked of the program, not only about it: plain values.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::routes::Later;

/// What the program lets others do. Each call returns at once; what takes time goes on by itself.
pub trait Control: Send + Sync {
    /// Begins to send the clients away, or only tells what that would be.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    fn drain(&self, request: &DrainRequest) -> Result<DrainStatus, String>;

    /// Lets everybody in again.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    fn cancel_drain(&self) -> Result<DrainStatus, String>;

    /// How far it has come.
    fn drain_status(&self) -> DrainStatus;

    /// Ends sessions with a peer, or has routes told again.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    fn reset(&self, request: &ResetRequest) -> Result<ResetStatus, String> {
        Err(format!("{}: there are no sessions yet", request.peer))
    }

    /// Reads the configuration again and takes it, or only tells what that would do.
    ///
    /// The error is why not, in words; several lines where there are several faults.
    fn reload(&self, _: ReloadRequest) -> Later<'_, Result<ReloadStatus, String>> {
        Box::pin(std::future::ready(Err("there is no configuration file".to_owned())))
    }

    /// Changes how much is logged; the next reload takes the configuration's level again.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    fn set_log_level(&self, _: &str) -> Result<(), String> {
        Err("the log level cannot be changed".to_owned())
    }

    /// Lets go a change of the Calico cluster that is held back; the digest says which.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    fn confirm(&self, digest: &str) -> Result<(), String> {
        Err(format!("{digest}: peers come from no Calico cluster"))
    }
}

/// What is to be done with a peer's sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResetKind {
    /// They end with a Cease, and configured ones begin anew (RFC 4486 §4).
    #[default]
    Hard,
    /// The peer is asked for its routes again (RFC 2918).
    SoftIn,
    /// The peer is told everything again.
    SoftOut,
}

/// A reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResetRequest {
    /// Whose.
    pub peer: IpAddr,
    /// How.
    #[serde(default)]
    pub kind: ResetKind,
    /// What the peer is told with a Cease (RFC 9003), at most [`MESSAGE_BYTES_MAX`] octets.
    #[serde(default)]
    pub message: String,
}

/// Octets of what a peer can be told (RFC 9003 §2).
pub const MESSAGE_BYTES_MAX: usize = 255;

/// What a reset came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResetStatus {
    /// Sessions that it was done with.
    pub sessions: usize,
}

/// A reload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReloadRequest {
    /// Only tell.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a reload does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReloadStatus {
    /// Whether it is only told.
    pub dry_run: bool,
    /// Lines that differ between the file in force and the new one, each with `-` or `+` in front;
    /// without secrets.
    pub lines: Vec<String>,
    /// Addresses of peers whose sessions begin, or begin anew.
    pub started: Vec<String>,
    /// Addresses of peers whose sessions end.
    pub stopped: Vec<String>,
    /// Addresses of peers whose sessions go on with other settings.
    pub changed: Vec<String>,
    /// Sessions that do not notice.
    pub untouched: usize,
}

/// Another log level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLevelRequest {
    /// `error`, `warn`, `info` or `debug`.
    pub level: String,
}

/// The longest a drain may take, in seconds.
pub const DRAIN_SECONDS_MAX: u32 = 3600;

/// How the clients are to be sent away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrainRequest {
    /// Only tell.
    #[serde(default)]
    pub dry_run: bool,
    /// Also if no other reflector is there.
    #[serde(default)]
    pub force: bool,
    /// Over how many seconds the clients are spread; 0 is all at once.
    pub over_seconds: u32,
    /// After how many seconds whoever is still here is reported as that.
    pub limit_seconds: u32,
}

/// How far a drain has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DrainPhase {
    /// There is none.
    #[default]
    None,
    /// It would begin.
    Planned,
    /// Clients are being sent away.
    Draining,
    /// Nobody is left.
    Drained,
    /// The limit is over, and somebody is left.
    Expired,
}

/// How clients are sent away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DrainMode {
    /// By a Cease, so that they drop our routes and use those of the other reflectors.
    #[default]
    Cease,
    /// Without a word, so that they keep our routes.
    Silent,
}

/// A drain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainStatus {
    /// How far it has come.
    pub phase: DrainPhase,
    /// How clients are sent away.
    pub mode: DrainMode,
    /// Other reflectors that are there and have told everything.
    pub mates: usize,
    /// Over how many seconds.
    pub over_seconds: u32,
    /// Each client that was there.
    pub clients: Vec<DrainedClient>,
}

/// A client of a drain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainedClient {
    /// Its address.
    pub address: String,
    /// What people call it.
    pub name: Option<String>,
    /// After how many seconds it had left; `None` while it is here.
    pub left_after_seconds: Option<f64>,
}

impl DrainStatus {
    /// Clients that are still here.
    #[must_use]
    pub fn left_over(&self) -> usize {
        self.clients.iter().filter(|client| client.left_after_seconds.is_none()).count()
    }
}
