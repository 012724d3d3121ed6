//! `protocol bgp` and `template bgp`.

use std::net::IpAddr;

use albedo_types::{Family, Prefix};

use super::options::{Channel, Limit, Neighbour, NextHop, Options, PeerAs};
use super::statements::{Place, Statement};
use super::{Reader, four_octets, shown};

/// Reads one; `None` where nothing of it can be used, which was told.
pub(super) fn protocol(
    statement: &Statement,
    words: &[&str],
    reader: &mut Reader,
) -> Option<Options> {
    let place = statement.place;
    let (name, template) = match words {
        ["from", template] => (None, Some(*template)),
        [name, "from", template] => (Some(*name), Some(*template)),
        [name] => (Some(*name), None),
        [] => (None, None),
        _ => {
            reader.left_out(place, format!("bgp {}", shown(words)));
            return None;
        }
    };
    let mut options = match template.map(|name| reader.templates.get(name).ok_or(name)) {
        Some(Ok(template)) => template.clone(),
        Some(Err(name)) => {
            reader.left_out(
                place,
                format!("a protocol from the template {name}, which is not there"),
            );
            return None;
        }
        None => Options::default(),
    };
    options.place = place;
    options.name = name.map(str::to_owned);
    for inner in statement.body.iter().flatten() {
        if !option(inner, &mut options, reader) {
            reader.left_out(inner.place, shown(&inner.words()));
        }
    }
    Some(options)
}

/// Takes a statement in, or says that it cannot.
fn option(statement: &Statement, options: &mut Options, reader: &mut Reader) -> bool {
    let words = statement.words();
    let place = statement.place;
    if let Some(body) = &statement.body {
        let family = match words[..] {
            ["ipv4"] => Family::Ipv4Unicast,
            ["ipv6"] => Family::Ipv6Unicast,
            ["debug" | "mrtdump"] => return true,
            _ => return filtered(&words, place, &mut options.whole, reader),
        };
        let mut channel = options.channels.get(&family).copied().unwrap_or_default();
        for inner in body {
            let words = inner.words();
            let taken = match inner.body {
                None => in_channel(&words, inner.place, &mut channel, reader),
                Some(_) => filtered(&words, inner.place, &mut channel, reader),
            };
            if !taken {
                reader.left_out(inner.place, shown(&words));
            }
        }
        options.channels.insert(family, channel);
        return true;
    }
    match words[..] {
        ["ipv4"] => {
            options.channels.entry(Family::Ipv4Unicast).or_default();
        }
        ["ipv6"] => {
            options.channels.entry(Family::Ipv6Unicast).or_default();
        }
        ["local", ref rest @ ..] => return local(rest, options),
        ["neighbor", ref rest @ ..] => return neighbour(rest, options),
        ["password", ..] => match statement.quoted() {
            Some(password) => options.password = Some((place, password.to_owned())),
            None => return false,
        },
        ["description", ..] => match statement.quoted() {
            Some(text) if (1..=255).contains(&text.chars().count()) => {
                options.description = Some(text.to_owned());
            }
            _ => return false,
        },
        ["source", "address", address] => match address.parse() {
            Ok(address) => options.local_address = Some(address),
            Err(_) => return false,
        },
        _ => {
            return numbers(&words, options)
                || switches(&words, options)
                || in_channel(&words, place, &mut options.whole, reader);
        }
    }
    true
}

/// `[ADDRESS] [port PORT] [as AS]`.
fn local(words: &[&str], options: &mut Options) -> bool {
    let mut rest = words;
    if let [address, more @ ..] = rest
        && let Ok(address) = address.parse::<IpAddr>()
    {
        options.local_address = Some(address);
        rest = more;
    }
    if let ["port", port, more @ ..] = rest
        && let Ok(port @ 1..) = port.parse::<u16>()
    {
        options.local_port = Some(port);
        rest = more;
    }
    if let ["as", asn, more @ ..] = rest
        && let Some(asn) = number(asn)
    {
        options.local_as = Some(asn);
        rest = more;
    }
    rest.is_empty() && !words.is_empty()
}

/// `ADDRESS`, or `range PREFIX`, then `[port PORT]` and `[as AS | internal | external]`.
fn neighbour(words: &[&str], options: &mut Options) -> bool {
    let mut rest = words;
    match rest {
        ["range", range, more @ ..] => match range.parse::<Prefix>() {
            Ok(range) => {
                options.neighbour = Some(Neighbour::Range(range));
                rest = more;
            }
            Err(_) => return false,
        },
        [address, more @ ..] => {
            if let Ok(address) = address.parse::<IpAddr>() {
                options.neighbour = Some(Neighbour::One(address));
                rest = more;
            }
        }
        [] => return false,
    }
    if let ["port", port, more @ ..] = rest
        && let Ok(port @ 1..) = port.parse::<u16>()
    {
        options.port = Some(port);
        rest = more;
    }
    rest = match rest {
        ["as", asn, more @ ..] => match number(asn) {
            Some(asn) => {
                options.peer_as = Some(PeerAs::Number(asn));
                more
            }
            None => return false,
        },
        ["internal", more @ ..] => {
            options.peer_as = Some(PeerAs::Internal);
            more
        }
        ["external", more @ ..] => {
            options.peer_as = Some(PeerAs::External);
            more
        }
        _ => rest,
    };
    rest.is_empty()
}

/// An AS number that somebody can have: not 0 (RFC 7607), not 23456 (RFC 6793).
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| !matches!(number, 0 | 23_456))
}

/// Times and other numbers, within what we can have.
fn numbers(words: &[&str], options: &mut Options) -> bool {
    let (words, number) = match words {
        [words @ .., number, "s"] => (words, number),
        [words @ .., number] => (words, number),
        [] => return false,
    };
    let Ok(number) = number.parse::<u32>() else { return false };
    let (slot, allowed) = match words {
        ["hold", "time"] if number == 0 => (&mut options.hold, 0..=0),
        ["hold", "time"] => (&mut options.hold, 3..=65_535),
        ["keepalive", "time"] => (&mut options.keepalive, 1..=21_845),
        ["connect", "retry", "time"] => (&mut options.retry, 1..=3_600),
        ["connect" | "start", "delay", "time"] => (&mut options.delay, 0..=3_600),
        ["graceful", "restart", "time"] => (&mut options.restart_time, 1..=4_095),
        ["long", "lived", "stale", "time"] => (&mut options.stale_time, 0..=16_777_215),
        ["allow", "local", "as"] => (&mut options.own_as, 0..=255),
        ["multihop"] => match u8::try_from(number) {
            Ok(hops @ 1..=254) => {
                options.hops = Some(hops);
                return true;
            }
            _ => return false,
        },
        _ => return false,
    };
    if allowed.contains(&number) {
        *slot = Some(number);
    }
    allowed.contains(&number)
}

/// How far a peer may be if BIRD is not told.
const HOPS_DEFAULT: u8 = 64;

fn switches(words: &[&str], options: &mut Options) -> bool {
    let (words, on) = match words {
        [words @ .., "on" | "yes" | "true" | "1"] => (words, true),
        [words @ .., "off" | "no" | "false" | "0"] => (words, false),
        words => (words, true),
    };
    match words {
        ["rr", "client"] => options.client = on,
        ["rr", "cluster", "id", id] => match four_octets(id) {
            Some(id) => options.cluster_id = Some(id),
            None => return false,
        },
        ["multihop"] => options.hops = Some(HOPS_DEFAULT),
        ["direct"] => options.hops = Some(1),
        ["passive"] => options.passive = on,
        ["disabled"] => options.disabled = on,
        ["ttl", "security"] => options.ttl = on,
        ["graceful", "restart"] => options.restart = Some(on),
        ["graceful", "restart", "aware"] => options.restart = None,
        ["long", "lived", "graceful", "restart"] => options.long_lived = Some(on),
        ["long", "lived", "graceful", "restart", "aware"] => options.long_lived = None,
        ["allow", "local", "as"] => options.own_as = Some(1),
        // What we always do.
        ["enable", "route" | "as4" | "extended" | "enhanced", ..] | ["capabilities"] => return on,
        // Names of what comes up, BIRD's log, and what BIRD does with next hops before it writes
        // them into a kernel.
        ["dynamic", "name", ..]
        | ["debug" | "mrtdump", ..]
        | ["gateway", "direct" | "recursive"]
        | ["igp", ..]
        | ["missing", "lladdr", ..] => {}
        _ => return false,
    }
    true
}

/// What BIRD 1.6 has in the protocol, and BIRD 2 in the channel.
fn in_channel(words: &[&str], place: Place, channel: &mut Channel, reader: &mut Reader) -> bool {
    match words {
        ["import", "all"] => channel.import = Some(true),
        ["import", "none"] => channel.import = Some(false),
        ["export", "all"] => channel.export = Some(true),
        ["export", "none"] => channel.export = Some(false),
        ["import" | "export", "filter" | "where", ..] => {
            return filtered(words, place, channel, reader);
        }
        ["import" | "receive", "limit", "off"] => channel.limit = None,
        ["import" | "receive", "limit", number, rest @ ..] => {
            let Ok(prefixes @ 1..) = number.parse() else { return false };
            let action = match rest {
                [] | ["action", "disable"] => "shutdown",
                ["action", "restart"] => "restart",
                ["action", "warn"] => "warn",
                _ => return false,
            };
            channel.limit = Some(Limit { prefixes, action, rejected_too: words[0] == "receive" });
        }
        ["next", "hop", "self"] | ["next", "hop", "self", "on" | "yes"] => {
            channel.next_hop = Some(NextHop::Own);
        }
        ["next", "hop", "keep"] | ["next", "hop", "keep", "on" | "yes"] => {
            channel.next_hop = Some(NextHop::Keep);
        }
        ["next", "hop", "self" | "keep", "off" | "no"] => channel.next_hop = None,
        // We take several paths from everybody who sends them.
        ["add", "paths", how] => match *how {
            "tx" | "on" | "yes" | "true" => channel.add_paths = true,
            "rx" | "off" | "no" | "false" => channel.add_paths = false,
            _ => return false,
        },
        ["add", "paths"] => channel.add_paths = true,
        ["gateway", "direct" | "recursive"] | ["igp", ..] | ["missing", "lladdr", ..] => {}
        _ => return false,
    }
    true
}

/// A filter: nothing goes through until somebody has written a policy.
fn filtered(words: &[&str], place: Place, channel: &mut Channel, reader: &mut Reader) -> bool {
    let (slot, key) = match words {
        ["import", "filter" | "where", ..] => (&mut channel.import, "importPolicy"),
        ["export", "filter" | "where", ..] => (&mut channel.export, "exportPolicy"),
        _ => return false,
    };
    *slot = Some(false);
    let text = format!("{}: {key} rejects everything until it is written there", shown(words));
    reader.left_out(place, text);
    true
}
