//! etcd, version 3, through its JSON gateway.
//!
//! The gateway is in every etcd since 3.4 and needs an HTTP client and JSON, which are here anyway;
//! gRPC would need generated code and a second HTTP stack.
//! All prefixes are listed at one revision, and each is followed from there by a stream of its own.
//!
//! One thing the gateway does not do: where etcd has users, it takes no client certificate with a
//! common name, be there a login or not.

mod client;
mod follow;
mod node_status;
mod register;
mod wire;

pub use client::Client;
pub use register::{RegisterError, Registered, Registration};

use super::settings::EtcdSettings;
use super::{OpenError, Pace, Store};

/// Follows the cluster in an etcd.
///
/// It must be called inside a runtime of tokio.
///
/// # Errors
///
/// If a certificate or key cannot be read.
pub fn open(settings: &EtcdSettings, pace: &Pace) -> Result<Store, OpenError> {
    let client = Client::new(settings).map_err(OpenError)?;
    let own_pace = pace.clone();
    Ok(Store::start(pace, 1, |reporter| follow::follow(client, own_pace, reporter)))
}
