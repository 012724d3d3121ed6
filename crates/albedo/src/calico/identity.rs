//! Who the reflector is in the cluster: what Calico's nodes find out in the same way.

use std::path::Path;
use std::sync::Arc;

use albedo_config::{Calico, CalicoIdentity, Config};
use albedo_discovery::calico::expand::{Identity, RouterIdSource};
use anyhow::{Context as _, Result, bail};

/// Where Calico's nodes write their own name.
const NODE_NAME_FILE: &str = "/var/lib/calico/nodename";
/// The kernel's name of the machine.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";

/// What of the surroundings says who we are.
#[derive(Debug)]
pub(super) struct Surroundings<'a, F> {
    /// Reads a variable of the environment.
    pub(super) variable: F,
    /// Where Calico's nodes write their name.
    pub(super) node_name_file: &'a Path,
    /// Where the kernel tells the name of the machine.
    pub(super) host_name_file: &'a Path,
}

impl<F: Fn(&str) -> Option<String>> Surroundings<'_, F> {
    /// `NODENAME`, the file of Calico's nodes, `HOSTNAME`, the name of the machine; the latter two
    /// in lower case.
    fn node_name(&self) -> Result<String> {
        let variable = |name| (self.variable)(name).filter(|value: &String| !value.is_empty());
        let file = |path: &Path| {
            let text = std::fs::read_to_string(path).ok()?;
            Some(text.trim().to_owned()).filter(|name| !name.is_empty())
        };
        let own = variable("NODENAME").or_else(|| file(self.node_name_file));
        let machine = || variable("HOSTNAME").or_else(|| file(self.host_name_file));
        own.or_else(|| machine().map(|name| name.to_lowercase())).context(
            "calico.nodeName: nobody says which Node this is; set it, or NODENAME in the \
             environment",
        )
    }

    fn router_id(&self, config: &Config, calico: &Calico) -> Result<RouterIdSource> {
        if calico.own_router_id {
            return Ok(RouterIdSource::Literal(config.router_id));
        }
        match (self.variable)("CALICO_ROUTER_ID").filter(|value| !value.is_empty()) {
            None => Ok(RouterIdSource::NodeIpv4),
            Some(text) => match text.parse() {
                Ok(source) => Ok(source),
                Err(error) => bail!("CALICO_ROUTER_ID: {error}"),
            },
        }
    }

    /// Who we are.
    ///
    /// # Errors
    ///
    /// Nothing says which node, or `CALICO_ROUTER_ID` is none.
    pub(super) fn identity(&self, config: &Config, calico: &Calico) -> Result<Identity> {
        Ok(match &calico.identity {
            CalicoIdentity::Node(name) => Identity::Node {
                name: match name {
                    Some(name) => Arc::from(&**name),
                    None => self.node_name()?.into(),
                },
                router_id: self.router_id(config, calico)?,
            },
            CalicoIdentity::External(addresses) => Identity::External {
                addresses: addresses
                    .iter()
                    .map(|at| (at.address, at.port.map(std::num::NonZeroU16::get)))
                    .collect(),
                asn: config.asn,
                router_id: config.router_id,
                cluster_id: config.cluster_id,
            },
        })
    }
}

/// Who we are in this process's surroundings.
///
/// # Errors
///
/// As [`Surroundings::identity`].
pub(super) fn here(config: &Config, calico: &Calico) -> Result<Identity> {
    let surroundings = Surroundings {
        variable: |name: &str| std::env::var(name).ok(),
        node_name_file: Path::new(NODE_NAME_FILE),
        host_name_file: Path::new(HOST_NAME_FILE),
    };
    surroundings.identity(config, calico)
}

/// The name of our Node, if we are one.
pub(super) fn node_of(identity: &Identity) -> Option<&str> {
    match identity {
        Identity::Node { name, .. } => Some(name),
        Identity::External { .. } => None,
    }
}

#[cfg(test)]
mod tests;
