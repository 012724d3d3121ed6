//! The listeners: which are opened, and the keys that their sockets hold.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use albedo_types::Prefix;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::Registry;
use crate::config::Settings;
use crate::sockopt::{self, Md5Key, SocketError, keys};

/// A listener that is bound and not yet listened to.
pub(super) type Fresh = (SocketAddr, Arc<TcpListener>, HashMap<Prefix, Md5Key>);

#[derive(Debug)]
pub(super) struct Listening {
    pub(super) listener: Arc<TcpListener>,
    pub(super) task: AbortHandle,
    pub(super) keys: HashMap<Prefix, Md5Key>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Registry {
    /// Opens the listeners that are new.
    pub(super) fn bind(&mut self, settings: &Settings) -> Result<Vec<Fresh>, SocketError> {
        let mut fresh = Vec::new();
        for addr in &settings.listen {
            if self.listeners.contains_key(addr) {
                continue;
            }
            let keys = keys_for(*addr, settings);
            let listener = match self.inherited.take(*addr) {
                Some(listener) => sockopt::adopt(listener, *addr, &settings.socket, &keys)?,
                None => sockopt::listen(*addr, &settings.socket, &keys)?,
            };
            settings.listener_hops(addr.is_ipv4()).set(&listener, *addr)?;
            warn_of_keys(*addr, keys.len());
            let listener = TcpListener::from_std(listener)
                .map_err(|cause| SocketError::Listen { addr: *addr, cause })?;
            fresh.push((*addr, Arc::new(listener), keys));
        }
        Ok(fresh)
    }

    /// Brings the keys of the listeners that stay in line.
    pub(super) fn set_keys(&mut self, settings: &Settings) -> Result<(), SocketError> {
        for (addr, listening) in &mut self.listeners {
            let wanted = keys_for(*addr, settings);
            let keys_before = listening.keys.len();
            for (prefix, key) in &wanted {
                if listening.keys.get(prefix) != Some(key) {
                    sockopt::set_md5_prefix(&*listening.listener, *prefix, Some(key))?;
                    listening.keys.insert(*prefix, key.clone());
                }
            }
            settings.listener_hops(addr.is_ipv4()).set(&*listening.listener, *addr)?;
            if wanted.len() > keys_before {
                warn_of_keys(*addr, wanted.len());
            }
            let gone: Vec<Prefix> = listening
                .keys
                .keys()
                .filter(|prefix| !wanted.contains_key(prefix))
                .copied()
                .collect();
            for prefix in gone {
                sockopt::set_md5_prefix(&*listening.listener, prefix, None)?;
                listening.keys.remove(&prefix);
            }
        }
        Ok(())
    }
}

/// Says that a listener comes near to what the kernel has room for, before it does.
fn warn_of_keys(addr: SocketAddr, keys: usize) {
    let Some(room) = keys::room().filter(|room| keys::is_near(keys, *room)) else { return };
    tracing::warn!(
        listener = %addr,
        keys,
        room,
        "nearly as many MD5 keys as net.core.optmem_max has room for on a listener; \
         raise that sysctl, or use one key for a whole range"
    );
}

fn keys_for(addr: SocketAddr, settings: &Settings) -> HashMap<Prefix, Md5Key> {
    let same = |prefix: &Prefix| prefix.addr().is_ipv4() == addr.is_ipv4();
    settings.keys().into_iter().filter(|(prefix, _)| same(prefix)).collect()
}
