//! What a single value can be: each kind says in words what it allows and reads one text.

pub(crate) mod calico;
pub(crate) mod policy;

mod duration;
pub(crate) use duration::duration;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use albedo_types::{
    Asn, ClusterId, Family, HoldTime, PATHS_MAX, ParsePrefixError, PathsMode, PeerRole, Prefix,
    RouterId,
};

use crate::node::Scalar;
use crate::settings::{LimitAction, LogFormat, LogLevel, NextHopMode, PeerAs, ShutdownMode};
use crate::suggest;

/// A kind of value.
pub(crate) struct Kind<T> {
    /// What is allowed, in words.
    pub(crate) allowed: &'static str,
    /// Reads one; the error is what was probably meant, if that can be told.
    pub(crate) read: fn(&Scalar) -> Result<T, Option<String>>,
}

pub(crate) const BOOL: Kind<bool> = Kind { allowed: "true or false", read: boolean };

pub(crate) const TEXT: Kind<String> =
    Kind { allowed: "a text of 1 to 255 characters without control characters", read: text };

pub(crate) const ASN: Kind<Asn> = Kind {
    allowed: "an AS number, 1 to 4294967295 or in quotes \"1.10\", without the reserved 23456",
    read: asn,
};

pub(crate) const PEER_AS: Kind<PeerAs> = Kind {
    allowed: "an AS number from 1 without the reserved 23456, or internal, external or any",
    read: peer_as,
};

pub(crate) const ROUTER_ID: Kind<RouterId> = Kind {
    allowed: "four octets such as 10.0.0.1, without 0.0.0.0",
    read: |scalar| scalar.text.parse().ok().and_then(RouterId::from_addr).ok_or(None),
};

pub(crate) const CLUSTER_ID: Kind<ClusterId> = Kind {
    allowed: "four octets such as 10.0.0.1 or a number from 1 to 4294967295, without 0.0.0.0",
    read: cluster_id,
};

pub(crate) const ADDRESS: Kind<IpAddr> =
    Kind { allowed: "a unicast IP address without a port", read: address };

pub(crate) const LISTEN: Kind<SocketAddr> = Kind {
    allowed: "address:port such as \"10.0.0.1:179\" or \"[::]:179\", with a port from 1 to 65535",
    read: |scalar| socket(scalar).and_then(|at| if at.port() == 0 { Err(None) } else { Ok(at) }),
};

pub(crate) const HTTP: Kind<Option<SocketAddr>> = Kind {
    allowed: "address:port such as \"127.0.0.1:9179\", or off",
    read: |scalar| if is_off(scalar) { Ok(None) } else { socket(scalar).map(Some) },
};

pub(crate) const GRPC_LISTEN: Kind<Option<SocketAddr>> = Kind {
    allowed: "address:port such as \"127.0.0.1:50051\", or off",
    read: |scalar| if is_off(scalar) { Ok(None) } else { socket(scalar).map(Some) },
};

pub(crate) const RANGE: Kind<Prefix> = Kind {
    allowed: "a prefix such as 10.0.0.0/8 whose bits beyond the length are zero",
    read: range,
};

pub(crate) const FAMILY: Kind<Family> = Kind {
    allowed: "ipv4-unicast or ipv6-unicast",
    read: |scalar| word(scalar, &Family::ALL.map(|family| (family.row().name, family))),
};

pub(crate) const ROLE: Kind<PeerRole> = Kind {
    allowed: "client, nonClient or external",
    read: |scalar| word(scalar, &PeerRole::ALL.map(|role| (role.name(), role))),
};

pub(crate) const LOG_LEVEL: Kind<LogLevel> = Kind {
    allowed: "error, warn, info or debug",
    read: |scalar| {
        word(
            scalar,
            &[
                ("error", LogLevel::Error),
                ("warn", LogLevel::Warn),
                ("info", LogLevel::Info),
                ("debug", LogLevel::Debug),
            ],
        )
    },
};

pub(crate) const LOG_FORMAT: Kind<LogFormat> = Kind {
    allowed: "text or json",
    read: |scalar| word(scalar, &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
};

pub(crate) const HOLD_TIME: Kind<HoldTime> = Kind {
    allowed: "0 (no hold timer) or whole seconds from 3s to 65535s",
    read: |scalar| {
        let secs = whole_seconds(scalar, 0, 65_535)?;
        let secs = u16::try_from(secs.as_secs()).map_err(|_| None)?;
        HoldTime::from_secs(secs).map_err(|_| None)
    },
};

pub(crate) const KEEPALIVE: Kind<Duration> = Kind {
    allowed: "whole seconds from 1s to 21845s",
    read: |scalar| whole_seconds(scalar, 1, 21_845),
};

pub(crate) const CONNECT_RETRY: Kind<Duration> =
    Kind { allowed: "whole seconds from 1s to 1h", read: |scalar| whole_seconds(scalar, 1, 3_600) };

pub(crate) const CONNECT_DELAY: Kind<Duration> =
    Kind { allowed: "0 or whole seconds up to 1h", read: |scalar| whole_seconds(scalar, 0, 3_600) };

pub(crate) const RESTART_TIME: Kind<Duration> = Kind {
    allowed: "whole seconds from 1s to 4095s",
    read: |scalar| whole_seconds(scalar, 1, 4_095),
};

pub(crate) const LONG_LIVED_STALE_TIME: Kind<Duration> = Kind {
    allowed: "0 (off) or whole seconds up to 16777215s",
    read: |scalar| whole_seconds(scalar, 0, 0xff_ffff),
};

pub(crate) const DEFERRAL_MAX: Kind<Duration> = Kind {
    allowed: "0 (off) or a duration from 1s to 10m",
    read: |scalar| match duration(scalar)? {
        time if time.is_zero() => Ok(time),
        time if (1..=600).contains(&time.as_secs()) && time <= Duration::from_secs(600) => Ok(time),
        _ => Err(None),
    },
};

pub(crate) const QUIET_TIME: Kind<Duration> = Kind {
    allowed: "a duration from 100ms to 1m",
    read: |scalar| match duration(scalar)? {
        time if (100..=60_000).contains(&time.as_millis()) => Ok(time),
        _ => Err(None),
    },
};

pub(crate) const SHUTDOWN_MODE: Kind<ShutdownMode> = Kind {
    allowed: "auto, graceful or final",
    read: |scalar| {
        word(
            scalar,
            &[
                ("auto", ShutdownMode::Auto),
                ("graceful", ShutdownMode::Graceful),
                ("final", ShutdownMode::Final),
            ],
        )
    },
};

pub(crate) const NEXT_HOP_MODE: Kind<NextHopMode> = Kind {
    allowed: "auto, self or keep",
    read: |scalar| {
        let words =
            [("auto", NextHopMode::Auto), ("self", NextHopMode::Own), ("keep", NextHopMode::Keep)];
        word(scalar, &words)
    },
};

pub(crate) const OWN_AS: Kind<u8> = Kind {
    allowed: "a number from 0 to 255",
    read: |scalar| u8::try_from(integer(scalar, 0, 255)?).map_err(|_| None),
};

/// Zero keeps nothing beyond what is long-lived.
pub(crate) const SEND_PATHS: Kind<u8> = Kind {
    allowed: "1 (the best one), 2 to 16, or all (16 at most)",
    read: |scalar| match &*scalar.text {
        "all" => Ok(PATHS_MAX),
        text => match text.parse() {
            Ok(paths) if (1..=PATHS_MAX).contains(&paths) => Ok(paths),
            _ => Err(None),
        },
    },
};

pub(crate) const SEND_PATHS_MODE: Kind<PathsMode> = Kind {
    allowed: "best, equal, perNeighborAs or diverse",
    read: |scalar| {
        word(
            scalar,
            &[
                ("best", PathsMode::Best),
                ("equal", PathsMode::Equal),
                ("perNeighborAs", PathsMode::PerNeighbourAs),
                ("diverse", PathsMode::Diverse),
            ],
        )
    },
};

/// As wide as it is on the wire; 0 would say nothing.
pub(crate) const RECEIVE_PATHS: Kind<u16> = Kind {
    allowed: "a number of paths from 1 to 65535",
    read: |scalar| u16::try_from(integer(scalar, 1, u16::MAX.into())?).map_err(|_| None),
};

pub(crate) const REFRESH_INTERVAL: Kind<Duration> = Kind {
    allowed: "0 (off) or a duration up to 1h",
    read: |scalar| match duration(scalar)? {
        interval if interval <= Duration::from_secs(3_600) => Ok(interval),
        _ => Err(None),
    },
};

pub(crate) const PEER_RESTART_TIME_MAX: Kind<Duration> = Kind {
    allowed: "0 or whole seconds up to 4095s",
    read: |scalar| whole_seconds(scalar, 0, 4_095),
};

pub(crate) const STALE_PATH_TIME: Kind<Duration> = Kind {
    allowed: "whole seconds from 1s to 3600s",
    read: |scalar| whole_seconds(scalar, 1, 3_600),
};

pub(crate) const PACING_MAX: Kind<Duration> = Kind {
    allowed: "0 (off) or a duration up to 1s",
    read: |scalar| match duration(scalar)? {
        time if time <= Duration::from_secs(1) => Ok(time),
        _ => Err(None),
    },
};

pub(crate) const PORT: Kind<u16> = Kind {
    allowed: "a port from 1 to 65535",
    read: |scalar| {
        let port = integer(scalar, 1, 65_535)?;
        u16::try_from(port).map_err(|_| None)
    },
};

pub(crate) const TTL_SECURITY: Kind<Option<u8>> = Kind {
    allowed: "0 (off) or a number of hops from 1 to 254",
    read: |scalar| {
        let hops = u8::try_from(integer(scalar, 0, 254)?).map_err(|_| None)?;
        Ok((hops > 0).then_some(hops))
    },
};

pub(crate) const MAX_PREFIXES: Kind<NonZeroU32> = Kind {
    allowed: "a number from 1 to 4294967295",
    read: |scalar| NonZeroU32::new(integer(scalar, 1, u32::MAX)?).ok_or(None),
};

pub(crate) const LIMIT_ACTION: Kind<LimitAction> = Kind {
    allowed: "restart, shutdown or warn",
    read: |scalar| {
        let words = [
            ("restart", LimitAction::Restart),
            ("shutdown", LimitAction::Shutdown),
            ("warn", LimitAction::Warn),
        ];
        word(scalar, &words)
    },
};

/// More shards than any table needs; each is a thread.
pub(crate) const SHARDS_MAX: u32 = 64;

pub(crate) const SHARDS: Kind<u32> =
    Kind { allowed: "a number from 1 to 64", read: |scalar| integer(scalar, 1, SHARDS_MAX) };

pub(crate) const LIMIT: Kind<u32> =
    Kind { allowed: "a number from 1 to 1000000", read: |scalar| integer(scalar, 1, 1_000_000) };

/// Whether the value is the word `off`.
pub(crate) fn is_off(scalar: &Scalar) -> bool {
    scalar.plain && scalar.text == "off"
}

fn boolean(scalar: &Scalar) -> Result<bool, Option<String>> {
    let meant = match &*scalar.text.to_ascii_lowercase() {
        "true" => true,
        "false" => false,
        "yes" | "on" | "y" | "1" => return Err(Some("write true".to_owned())),
        "no" | "off" | "n" | "0" => return Err(Some("write false".to_owned())),
        _ => return Err(None),
    };
    if scalar.plain { Ok(meant) } else { Err(Some("leave out the quotes".to_owned())) }
}

/// Longest text, in characters.
const TEXT_MAX: usize = 255;

fn text(scalar: &Scalar) -> Result<String, Option<String>> {
    let length = scalar.text.chars().count();
    if length == 0 || length > TEXT_MAX || scalar.text.chars().any(char::is_control) {
        return Err(None);
    }
    Ok(scalar.text.clone())
}

fn asn(scalar: &Scalar) -> Result<Asn, Option<String>> {
    let text = scalar.text.strip_prefix("AS").unwrap_or(&scalar.text);
    match text.parse() {
        Ok(Asn::RESERVED | Asn::TRANS) | Err(_) => Err(None),
        // To a YAML reader the plain 1.10 is the number 1.1.
        Ok(_) if scalar.plain && text.contains('.') => Err(Some(format!("write \"{text}\""))),
        Ok(asn) if text == scalar.text => Ok(asn),
        Ok(asn) => Err(Some(format!("write {asn}"))),
    }
}

fn peer_as(scalar: &Scalar) -> Result<PeerAs, Option<String>> {
    if scalar.text.starts_with(|c: char| c.is_ascii_digit()) || scalar.text.starts_with("AS") {
        return asn(scalar).map(PeerAs::Is);
    }
    word(
        scalar,
        &[("internal", PeerAs::Internal), ("external", PeerAs::External), ("any", PeerAs::Any)],
    )
}

fn cluster_id(scalar: &Scalar) -> Result<ClusterId, Option<String>> {
    let id = match scalar.text.parse::<Ipv4Addr>() {
        Ok(addr) => addr.to_bits(),
        Err(_) => integer(scalar, 1, u32::MAX)?,
    };
    if id == 0 { Err(None) } else { Ok(ClusterId(id)) }
}

fn address(scalar: &Scalar) -> Result<IpAddr, Option<String>> {
    let Ok(address) = scalar.text.parse::<IpAddr>() else {
        let port = scalar.text.parse::<SocketAddr>().ok();
        return Err(port.map(|at| format!("write {}, and the port with the key port", at.ip())));
    };
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        return Err(Some(format!("write {v4}")));
    }
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return Err(None);
    }
    if let IpAddr::V6(v6) = address
        && v6.is_unicast_link_local()
    {
        // Without its interface nobody can be reached there, and this has no place to name one.
        let hint = "it counts on one link only; nodes of a link can be a range of a group";
        return Err(Some(hint.to_owned()));
    }
    Ok(address)
}

fn socket(scalar: &Scalar) -> Result<SocketAddr, Option<String>> {
    if let Ok(at) = scalar.text.parse() {
        return Ok(at);
    }
    if let Ok(address) = scalar.text.parse::<IpAddr>() {
        return Err(Some(match address {
            IpAddr::V4(v4) => format!("the port is missing: {v4}:PORT"),
            IpAddr::V6(v6) => format!("the port is missing: [{v6}]:PORT"),
        }));
    }
    match scalar.text.strip_prefix(':').map(str::parse::<u16>) {
        Some(Ok(port)) => Err(Some(format!("for all addresses write \"0.0.0.0:{port}\""))),
        _ => Err(None),
    }
}

fn range(scalar: &Scalar) -> Result<Prefix, Option<String>> {
    let prefix: Prefix = scalar.text.parse().map_err(|error| match error {
        ParsePrefixError::NoLength => match scalar.text.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => Some(format!("for the one address write {v4}/32")),
            Ok(IpAddr::V6(v6)) => Some(format!("for the one address write {v6}/128")),
            Err(_) => None,
        },
        error => Some(error.to_string()),
    })?;
    let (addr, _) = scalar.text.split_once('/').expect("a prefix holds a slash");
    let addr: IpAddr = addr.parse().expect("what stands before the slash was read as an address");
    if addr == prefix.addr() { Ok(prefix) } else { Err(Some(format!("write {prefix}"))) }
}

/// One of some words; for another one, the nearest of them.
fn word<T: Copy>(scalar: &Scalar, words: &[(&str, T)]) -> Result<T, Option<String>> {
    match words.iter().find(|(name, _)| *name == scalar.text) {
        Some((_, value)) => Ok(*value),
        None => Err(suggest::nearest(&scalar.text, words.iter().map(|(name, _)| *name))
            .map(|name| format!("did you mean {name}?"))),
    }
}

/// A whole number in decimal. What other YAML versions read otherwise is refused, not guessed.
fn integer(scalar: &Scalar, min: u32, max: u32) -> Result<u32, Option<String>> {
    let text = &*scalar.text;
    if !scalar.plain {
        return Err(text.parse::<u32>().ok().map(|_| "leave out the quotes".to_owned()));
    }
    if text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Some("a leading 0 means octal to some readers: leave it out".to_owned()));
    }
    if text.contains('_') {
        return Err(Some("write the number without _".to_owned()));
    }
    if text.starts_with('+') {
        return Err(Some("write the number without +".to_owned()));
    }
    match text.parse() {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(None),
    }
}

fn whole_seconds(scalar: &Scalar, min: u64, max: u64) -> Result<Duration, Option<String>> {
    let time = duration(scalar)?;
    if time.subsec_nanos() == 0 && (min..=max).contains(&time.as_secs()) {
        Ok(time)
    } else {
        Err(None)
    }
}
