//! What a single value can be: each kind says in words what it allows and reads one text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroU8, NonZeroU16};
use std::sync::Arc;
use std::time::Duration;

use albedo_types::policy::Community;
use albedo_types::{Asn, ClusterId, Prefix};
use albedo_yaml::node::Scalar;
use albedo_yaml::suggest;

use super::coerce;
use super::reader::Kind;
use crate::calico::{InterfacePattern, Ipv4Host, Ipv6Host, Selector};

type Read<T> = Result<T, Option<String>>;

pub(super) const BOOL: Kind<bool> = Kind { allowed: "true or false", read: boolean };

pub(super) const TEXT: Kind<Box<str>> =
    Kind { allowed: "a text", read: |scalar| Ok(coerce::text(scalar).into()) };

pub(super) const NAME: Kind<Arc<str>> = Kind {
    allowed: "a name of at most 253 characters: lower-case letters, digits, - and . with a letter \
              or digit around each .",
    read: name,
};

/// Longest value of a Secret's reference, in octets.
const REFERENCE_MAX: usize = 253;

pub(super) const REFERENCE: Kind<Arc<str>> = Kind {
    allowed: "a text of 1 to 253 letters, digits, -, _ and .",
    read: |scalar| {
        let text = coerce::text(scalar);
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if text.len() > REFERENCE_MAX || text.is_empty() || !text.bytes().all(known) {
            return Err(None);
        }
        Ok(text.into())
    },
};

/// 0 is "not set".
pub(super) const ASN: Kind<Option<Asn>> = Kind {
    allowed: "an AS number, 0 to 4294967295 or in quotes \"1.10\"",
    read: |scalar| asn(scalar).map(|asn| (asn != Asn::RESERVED).then_some(asn)),
};

pub(super) const ASN_SET: Kind<Asn> = Kind {
    allowed: "an AS number, 1 to 4294967295 or in quotes \"1.10\"",
    read: |scalar| {
        asn(scalar).and_then(|asn| if asn == Asn::RESERVED { Err(None) } else { Ok(asn) })
    },
};

pub(super) const IP: Kind<IpAddr> =
    Kind { allowed: "an IP address", read: |scalar| scalar.text.parse().map_err(|_| None) };

pub(super) const IPV4: Kind<Ipv4Addr> =
    Kind { allowed: "an IPv4 address", read: |scalar| scalar.text.parse().map_err(|_| None) };

pub(super) const IPV6: Kind<Ipv6Addr> =
    Kind { allowed: "an IPv6 address", read: |scalar| scalar.text.parse().map_err(|_| None) };

pub(super) const IPV4_HOST: Kind<Ipv4Host> = Kind {
    allowed: "an IPv4 address, alone or with the length of its subnet such as 10.0.0.7/24",
    read: |scalar| {
        let (addr, len) = host(&scalar.text, 32)?;
        Ok(Ipv4Host { addr: addr.parse().map_err(|_| None)?, len })
    },
};

pub(super) const IPV6_HOST: Kind<Ipv6Host> = Kind {
    allowed: "an IPv6 address, alone or with the length of its subnet such as fd00::7/64",
    read: |scalar| {
        let (addr, len) = host(&scalar.text, 128)?;
        Ok(Ipv6Host { addr: addr.parse().map_err(|_| None)?, len })
    },
};

/// An address that may have a length, which does not matter.
pub(super) const IP_OF_HOST: Kind<IpAddr> = Kind {
    allowed: "an IP address, alone or with the length of its subnet",
    read: |scalar| {
        let addr: IpAddr = host(&scalar.text, 128)?.0.parse().map_err(|_| None)?;
        match host(&scalar.text, 32) {
            Err(hint) if addr.is_ipv4() => Err(hint),
            _ => Ok(addr),
        }
    },
};

pub(super) const CLUSTER_ID: Kind<ClusterId> = Kind {
    allowed: "four octets such as 244.0.0.1, without 0.0.0.0",
    read: |scalar| {
        let Ok((addr, _)) = host(&scalar.text, 32) else { return Err(None) };
        match addr.parse::<Ipv4Addr>() {
            Ok(Ipv4Addr::UNSPECIFIED) => Err(None),
            Ok(addr) => Ok(ClusterId(addr.to_bits())),
            Err(_) => Err(scalar.text.parse::<u32>().ok().map(|number| {
                format!("a number is not taken: write {}", Ipv4Addr::from_bits(number))
            })),
        }
    },
};

/// Bits beyond the length are zero.
pub(super) const CIDR: Kind<Prefix> = Kind {
    allowed: "a prefix such as 10.0.0.0/8 whose bits beyond the length are zero",
    read: |scalar| {
        let prefix = prefix(scalar)?;
        let (addr, _) = scalar.text.split_once('/').ok_or(None)?;
        match addr.parse::<IpAddr>() {
            Ok(addr) if prefix.addr() == addr => Ok(prefix),
            _ => Err(Some(format!("write {prefix}"))),
        }
    },
};

/// Bits beyond the length are cleared.
pub(super) const LOOSE_CIDR: Kind<Prefix> =
    Kind { allowed: "a prefix such as 10.0.0.0/8", read: prefix };

/// The longest selector of a field, in characters.
const SELECTOR_MAX: usize = 1_024;

pub(super) const SELECTOR: Kind<Selector> = Kind {
    allowed: "a selector of at most 1024 characters such as has(reflector) && zone == \"a\"",
    read: |scalar| {
        if scalar.text.chars().count() > SELECTOR_MAX {
            return Err(None);
        }
        // A selector of one word cannot be, so what YAML 1.1 would make of it does not matter.
        Selector::parse(&scalar.text).map_err(|error| Some(error.to_string()))
    },
};

pub(super) const PEER_IP: Kind<(IpAddr, Option<u16>)> = Kind {
    allowed: "an IP address, IPv4:port, or \"[IPv6]:port\" in quotes, with a port from 1 to 65535",
    read: peer_ip,
};

pub(super) const PORT: Kind<NonZeroU16> = Kind {
    allowed: "a port from 1 to 65535",
    read: |scalar| {
        let port = u16::try_from(integer(scalar, 0, 65_535)?).map_err(|_| None)?;
        NonZeroU16::new(port).ok_or(None)
    },
};

pub(super) const HOPS: Kind<Option<NonZeroU8>> = Kind {
    allowed: "0 (off) or a number of hops from 1 to 255",
    read: |scalar| {
        let hops = u8::try_from(integer(scalar, 0, 255)?).map_err(|_| None)?;
        Ok(NonZeroU8::new(hops))
    },
};

pub(super) const COUNT: Kind<u32> = Kind {
    allowed: "a number from 0 to 2147483647",
    read: |scalar| integer(scalar, 0, i32::MAX.unsigned_abs()),
};

/// Of a route; the largest one is left out so that one more still fits into `LOCAL_PREF`.
pub(super) const PRIORITY: Kind<u32> = Kind {
    allowed: "a number from 1 to 2147483646",
    read: |scalar| integer(scalar, 1, 2_147_483_646),
};

pub(super) const PREFIX_LENGTH: Kind<u8> = Kind {
    allowed: "a length in bits from 0 to 128",
    read: |scalar| u8::try_from(integer(scalar, 0, 128)?).map_err(|_| None),
};

pub(super) const DURATION: Kind<Duration> =
    Kind { allowed: "a duration such as 90s or 1m30s", read: duration };

pub(super) const COMMUNITY: Kind<Community> = Kind {
    allowed: "a community: two numbers up to 65535 such as 64512:100, or three up to 4294967295",
    read: |scalar| match scalar.text.starts_with(|c: char| c.is_ascii_digit()) {
        true => scalar.text.parse().map_err(|_| None),
        // Names of well-known ones are not Calico's.
        false => Err(None),
    },
};

/// Longest name of an interface, in octets.
const INTERFACE_MAX: usize = 15;

pub(super) const INTERFACE: Kind<InterfacePattern> = Kind {
    allowed: "1 to 15 letters, digits, _, ., - and *, which stands for any characters",
    read: |scalar| {
        let text = coerce::text(scalar);
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'*' | b'-');
        if text.is_empty() || text.len() > INTERFACE_MAX || !text.bytes().all(known) {
            return Err(None);
        }
        Ok(InterfacePattern(text.into()))
    },
};

/// One of some words; for another one, the nearest of them.
pub(super) fn word<T: Copy>(scalar: &Scalar, words: &[(&str, T)]) -> Read<T> {
    match words.iter().find(|(name, _)| *name == scalar.text) {
        Some((_, value)) => Ok(*value),
        None => Err(suggest::nearest(&scalar.text, words.iter().map(|(name, _)| *name))
            .map(|name| format!("did you mean {name}?"))),
    }
}

/// The same without regard to case.
pub(super) fn any_case<T: Copy>(scalar: &Scalar, words: &[(&str, T)]) -> Read<T> {
    let found = words.iter().find(|(name, _)| name.eq_ignore_ascii_case(&scalar.text));
    found.map_or_else(|| word(scalar, words), |(_, value)| Ok(*value))
}

fn boolean(scalar: &Scalar) -> Read<bool> {
    match coerce::boolean(scalar) {
        Some(value) => Ok(value),
        None if matches!(&*scalar.text, "true" | "false") => {
            Err(Some("leave out the quotes".to_owned()))
        }
        None => Err(None),
    }
}

fn name(scalar: &Scalar) -> Read<Arc<str>> {
    let text = coerce::text(scalar);
    if is_name(&text) {
        return Ok(text.into());
    }
    let lower = text.to_ascii_lowercase().replace('_', "-");
    Err((is_name(&lower)).then(|| format!("write {lower}")))
}

/// Whether it is a DNS subdomain (RFC 1123): what Calico takes as a name.
pub(super) fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        !part.is_empty()
            && part.bytes().all(|b| known(b) || b == b'-')
            && part.bytes().next().is_some_and(known)
            && part.bytes().last().is_some_and(known)
    };
    text.len() <= 253 && text.split('.').all(part)
}

fn asn(scalar: &Scalar) -> Read<Asn> {
    let text = &*scalar.text;
    if let Some(rest) = text.strip_prefix("AS") {
        return Err(rest.parse::<Asn>().ok().map(|asn| format!("write {asn}")));
    }
    if scalar.plain && text.contains('.') {
        // To a YAML reader the plain 1.10 is the number 1.1.
        return Err(text.parse::<Asn>().ok().map(|_| format!("write \"{text}\"")));
    }
    if scalar.plain {
        return integer(scalar, 0, u32::MAX).map(Asn);
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return text.parse().map_err(|_| None);
    }
    Err(None)
}

/// A whole number in decimal. What YAML versions read differently is refused, not guessed.
fn integer(scalar: &Scalar, min: u32, max: u32) -> Read<u32> {
    let text = &*scalar.text;
    if !scalar.plain {
        return Err(text.parse::<u32>().ok().map(|_| "leave out the quotes".to_owned()));
    }
    if text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Some("a leading 0 means octal to some readers: leave it out".to_owned()));
    }
    match text.parse() {
        Ok(value) if (min..=max).contains(&value) && !text.starts_with('+') => Ok(value),
        _ => Err(None),
    }
}

/// Bits beyond the length are cleared.
fn prefix(scalar: &Scalar) -> Read<Prefix> {
    // A sign is no digit, whatever the standard library thinks.
    if scalar.text.contains('+') { Err(None) } else { scalar.text.parse().map_err(|_| None) }
}

/// Address and length of `address` or `address/length`.
fn host(text: &str, max: u8) -> Read<(&str, u8)> {
    let Some((addr, len)) = text.split_once('/') else { return Ok((text, max)) };
    match len.parse::<u8>() {
        Ok(len) if len <= max && !text.contains('+') => Ok((addr, len)),
        _ => Err(Some(format!("the length is from 0 to {max}"))),
    }
}

fn peer_ip(scalar: &Scalar) -> Read<(IpAddr, Option<u16>)> {
    let text = &*scalar.text;
    if let Ok(ip) = text.parse() {
        return Ok((ip, None));
    }
    if let Ok(at) = text.parse::<std::net::SocketAddr>() {
        return if at.port() == 0 { Err(None) } else { Ok((at.ip(), Some(at.port()))) };
    }
    let prefix = text.split_once('/').and_then(|(addr, _)| addr.parse::<IpAddr>().ok());
    Err(prefix.map(|addr| format!("a length has no place here: write {addr}")))
}

/// Units of Go's durations in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Numbers, each with its unit; they may have fractions. Zero needs no unit.
fn duration(scalar: &Scalar) -> Read<Duration> {
    let text = &*scalar.text;
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.parse::<u64>().is_ok() {
        return Err(Some(format!("a unit is missing: {text}s, {text}m or {text}h")));
    }
    let mut rest = text;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let (number, tail) = rest.split_at(rest.find(|c| !is_number(c)).ok_or(None)?);
        let (unit, tail) = tail.split_at(tail.find(is_number).unwrap_or(tail.len()));
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(Some("units are ms, s, m and h".to_owned()));
        };
        let part = quantity(number, *scale).ok_or(None)?;
        nanos = nanos.checked_add(part).filter(|sum| *sum <= i64::MAX as u64).ok_or(None)?;
        rest = tail;
    }
    Ok(Duration::from_nanos(nanos))
}

/// `1.5` times a unit, in nanoseconds, rounded down.
fn quantity(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        // Beyond a nanosecond there is nothing to add. Units are multiples of powers of ten and
        // of six, so what is rounded off here is less than one for each digit.
        let (value, next) = (u64::from(digit - b'0') * place / 10, place / 10);
        nanos = nanos.checked_add(value)?;
        place = next;
    }
    Some(nanos)
}

#[cfg(test)]
mod tests;
