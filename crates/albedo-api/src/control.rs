//! What may be asked of the program, not only about it: plain values.

use serde::{Deserialize, Serialize};

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

    /// Lets go a change of the Calico cluster that is held back; the digest says which.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    fn confirm(&self, digest: &str) -> Result<(), String> {
        Err(format!("{digest}: peers come from no Calico cluster"))
    }
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
