//! The reflector's own Node, made in etcd where there is none: what `calicoctl node run` does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use albedo_config::CalicoRegister;
use albedo_discovery::calico::{Ipv4Host, Ipv6Host};
use albedo_discovery::store::etcd::{Client, Registration};
use albedo_discovery::store::settings::{Datastore, Settings};
use albedo_types::{Asn, ClusterId};
use anyhow::{Context as _, Result, bail};

/// The pause between two attempts at an etcd that is not there.
const AGAIN: Duration = Duration::from_secs(5);
/// Attempts at it; the datastore is followed in any case.
const ATTEMPTS_MAX: u32 = 120;
/// The cluster of reflectors where nobody says another: what Calico's documentation uses.
const CLUSTER_ID: ClusterId = ClusterId(0xf400_0001);

/// Variables of `calicoctl node run`: the addresses, with or without the length of the subnet,
/// and the AS.
const VARIABLES: [&str; 3] = ["IP", "IP6", "AS"];

/// What the node is to say of itself: the file's word, then the environment's.
pub(super) fn registration(
    name: &str,
    said: &CalicoRegister,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Registration> {
    let [ip, ip6, asn] = VARIABLES;
    let read = |name: &str| variable(name).filter(|value| !value.is_empty());
    let ipv4 = said.ipv4.clone().or_else(|| read(ip));
    let ipv6 = said.ipv6.clone().or_else(|| read(ip6));
    let ipv4 = ipv4.map(|text| host4(&text).context("calico.register.ipv4Address, IP"));
    let ipv6 = ipv6.map(|text| host6(&text).context("calico.register.ipv6Address, IP6"));
    let (ipv4, ipv6) = (ipv4.transpose()?, ipv6.transpose()?);
    if ipv4.is_none() && ipv6.is_none() {
        bail!(
            "calico.register: no address; set ipv4Address or ipv6Address, or IP or IP6 in the \
             environment"
        );
    }
    let from_environment = || -> Result<Option<Asn>> {
        let Some(text) = read(asn) else { return Ok(None) };
        let number = text.parse().ok();
        Ok(Some(number.with_context(|| format!("AS: found {text:?}, expected an AS number"))?))
    };
    let as_number = match said.asn {
        Some(asn) => Some(asn),
        None => from_environment()?,
    };
    let (uid, creation_timestamp) = birth();
    Ok(Registration {
        name: name.to_owned(),
        labels: said.labels.iter().cloned().collect::<BTreeMap<_, _>>(),
        ipv4,
        ipv6,
        as_number,
        cluster_id: Some(said.cluster_id.unwrap_or(CLUSTER_ID)),
        uid,
        creation_timestamp,
    })
}

const ADDRESS: &str = "an address, with or without the length of its subnet";

fn host4(text: &str) -> Result<Ipv4Host> {
    let (addr, len) = text.split_once('/').unwrap_or((text, "32"));
    match (addr.parse(), len.parse()) {
        (Ok(addr), Ok(len)) if len <= 32 => Ok(Ipv4Host { addr, len }),
        _ => bail!("found {text:?}, expected {ADDRESS}; it is not found out"),
    }
}

fn host6(text: &str) -> Result<Ipv6Host> {
    let (addr, len) = text.split_once('/').unwrap_or((text, "128"));
    match (addr.parse(), len.parse()) {
        (Ok(addr), Ok(len)) if len <= 128 => Ok(Ipv6Host { addr, len }),
        _ => bail!("found {text:?}, expected {ADDRESS}; it is not found out"),
    }
}

/// A random identifier (RFC 9562 §5.4) and the time (RFC 3339) for a Node that is made.
#[expect(clippy::disallowed_methods, reason = "a time for people, compared with nothing")]
fn birth() -> (String, String) {
    let (high, low) = (crate::lifecycle::seed(), crate::lifecycle::seed());
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let mut uid = String::with_capacity(36);
    // A string takes everything.
    let _ = write!(
        uid,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    let now = std::time::SystemTime::now();
    let stamp = humantime::format_rfc3339_seconds(now).to_string();
    (uid, stamp)
}

/// Registers by and by, as soon as etcd is there.
///
/// # Errors
///
/// There is no etcd to register with.
pub(super) fn begin(settings: &Settings, registration: Registration) -> Result<()> {
    let Datastore::Etcd(settings) = &settings.datastore else {
        bail!("calico.register: the datastore is Kubernetes, where nodes are Kubernetes' own");
    };
    let client = Client::new(settings).map_err(anyhow::Error::msg).context("calico.register")?;
    tokio::spawn(async move {
        for _ in 0..ATTEMPTS_MAX {
            match client.register(&registration).await {
                Ok(done) => {
                    tracing::info!(node = registration.name, outcome = ?done, "registered");
                    return;
                }
                Err(error) if error.again => {
                    tracing::warn!(%error, "not registered yet");
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => {
                    tracing::error!(%error, "not registered");
                    return;
                }
            }
        }
        tracing::error!(node = registration.name, "not registered; etcd was never there");
    });
    Ok(())
}

#[cfg(test)]
mod tests;
