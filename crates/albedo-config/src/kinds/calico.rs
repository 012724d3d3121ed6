//! Kinds of values under `calico`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use super::{Kind, duration, word};
use crate::settings::{CalicoExport, ExternalAddress, IpamCheck};

/// The longest name of a Kubernetes object, in characters (RFC 1123).
const NAME_LEN_MAX: usize = 253;

pub(crate) const NODE_NAME: Kind<String> = Kind {
    allowed: "the name of a Node: up to 253 lower-case letters, digits, - and .",
    read: |scalar| {
        let text = &scalar.text;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = |c: char| good(c) || c == '-' || c == '.';
        let ends = text.starts_with(good) && text.ends_with(good);
        if ends && text.len() <= NAME_LEN_MAX && text.chars().all(inner) {
            Ok(text.clone())
        } else {
            Err(None)
        }
    },
};

pub(crate) const EXTERNAL: Kind<ExternalAddress> = Kind {
    allowed: "an address as BGPPeers have it in peerIP: 10.0.0.9, \"10.0.0.9:1790\" or \
              \"[2001:db8::9]:1790\"",
    read: |scalar| {
        let text = &scalar.text;
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(ExternalAddress { address, port: None });
        }
        let socket: SocketAddr = text.parse().map_err(|_| None)?;
        let port = NonZeroU16::new(socket.port()).ok_or(None)?;
        Ok(ExternalAddress { address: socket.ip(), port: Some(port) })
    },
};

pub(crate) const EXPORT: Kind<CalicoExport> = Kind {
    allowed: "all or calico",
    read: |scalar| word(scalar, &[("all", CalicoExport::All), ("calico", CalicoExport::Calico)]),
};

pub(crate) const IPAM_CHECK: Kind<IpamCheck> = Kind {
    allowed: "off, warn or reject",
    read: |scalar| {
        let words =
            [("off", IpamCheck::Off), ("warn", IpamCheck::Warn), ("reject", IpamCheck::Reject)];
        word(scalar, &words)
    },
};

pub(crate) const HOST_ADDRESS: Kind<String> = Kind {
    allowed: "an IP address, with or without the length of its subnet, such as 10.0.0.9/24",
    read: |scalar| {
        let text = &scalar.text;
        let (address, len) = text.split_once('/').unwrap_or((text, "0"));
        let longest = match address.parse::<IpAddr>().map_err(|_| None)? {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        match len.parse::<u8>() {
            Ok(len) if len <= longest => Ok(text.clone()),
            _ => Err(None),
        }
    },
};

pub(crate) const LABEL: Kind<String> = Kind {
    allowed: "a text; in quotes where it looks like a number or a truth value",
    read: |scalar| {
        let is_other = matches!(&*scalar.text, "true" | "false" | "yes" | "no" | "on" | "off");
        let is_number = scalar.text.parse::<f64>().is_ok();
        if scalar.plain && (is_other || is_number) {
            return Err(Some(format!("write \"{}\"", scalar.text)));
        }
        Ok(scalar.text.clone())
    },
};

pub(crate) const GUARD_HOLD: Kind<Duration> = Kind {
    allowed: "a duration of at most 24h, such as 10m; 0 waits for a confirmation",
    read: |scalar| match duration(scalar)? {
        hold if hold <= Duration::from_secs(86_400) => Ok(hold),
        _ => Err(None),
    },
};
