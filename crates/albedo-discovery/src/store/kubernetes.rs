//! The Kubernetes API: nodes, and Calico's resources in whichever API group has them.
//!
//! kube brings what is long to get right, which is kubeconfigs, credentials and TLS.
//! Lists and watches are made here, because three things matter that its watcher decides for
//! itself: a page is read object by object and kept nowhere as a whole, objects that vanished
//! between two lists are told as deleted by name, and a kind that the server does not know is empty
//! and asked for again later.

mod connect;
mod follow;
mod group;
mod node_status;
mod wire;

pub use connect::Api;
pub use group::ApiGroup;
pub(super) use node_status::StatusApi;

use super::settings::KubernetesSettings;
use super::{OpenError, Pace, Store};

/// Follows the cluster in a Kubernetes API.
///
/// It must be called inside a runtime of tokio.
///
/// # Errors
///
/// If a kubeconfig, certificate or key cannot be read.
pub async fn open(settings: &KubernetesSettings, pace: &Pace) -> Result<Store, OpenError> {
    let api = Api::connect(settings).await?;
    let lanes = u32::try_from(crate::calico::Kind::ALL.len()).expect("a few kinds");
    let (settings, own_pace) = (settings.clone(), pace.clone());
    Ok(Store::start(pace, lanes, move |reporter| follow::follow(api, settings, own_pace, reporter)))
}
