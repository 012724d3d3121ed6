//! `show protocols`, with and without all that is known of each.

use albedo_types::Family;

use super::answer::Answer;
use super::command::Pattern;
use super::source::{Counts, Daemon, Protocol};
use super::{Dialect, View, time};

impl View {
    /// Whether a peer is shown here: BIRD 1 is a daemon for each family of addresses.
    pub(crate) fn shows(self, protocol: &Protocol) -> bool {
        match self.family {
            None => true,
            Some(Family::Ipv4Unicast) => protocol.address.is_ipv4(),
            Some(Family::Ipv6Unicast) => protocol.address.is_ipv6(),
        }
    }
}

/// What is shown.
pub(crate) struct Shown<'a> {
    pub(crate) view: View,
    pub(crate) daemon: &'a Daemon,
    /// Where all is to be told; within, the routes of each peer if they are known.
    pub(crate) all: Option<Option<&'a Counts>>,
}

/// Protocols to an answer without its end; how many were shown.
pub(crate) fn render(
    answer: &mut Answer,
    protocols: &[Protocol],
    which: Option<&Pattern>,
    shown: &Shown<'_>,
) -> usize {
    let mut count = 0;
    for protocol in protocols {
        let is_meant = which.is_none_or(|pattern| pattern.matches(&protocol.name));
        if !(shown.view.shows(protocol) && is_meant) {
            continue;
        }
        if count == 0 {
            head(answer, shown.view.dialect);
        }
        count += 1;
        row(answer, protocol, shown);
        if let Some(counts) = shown.all {
            details(answer, protocol, counts, shown);
        }
    }
    count
}

/// The headings, which Calico's readers want to the letter.
pub(crate) fn head(answer: &mut Answer, dialect: Dialect) {
    match dialect {
        Dialect::Calico => {
            answer.row(2002, "name     proto    table    state  since       info");
        }
        Dialect::Bird2 => {
            answer.row(2002, "Name       Proto      Table      State  Since         Info");
        }
    }
}

fn row(answer: &mut Answer, protocol: &Protocol, shown: &Shown<'_>) {
    let state = if protocol.is_up() { "up" } else { "start" };
    let reason = protocol.last_reason.as_deref().filter(|_| !protocol.is_up()).unwrap_or_default();
    let info = format!("{:<13} {reason}", protocol.state);
    let name = &protocol.name;
    let text = match shown.view.dialect {
        Dialect::Calico => {
            let since = time::short(protocol.since, shown.daemon.now);
            format!("{name:<8} BGP      master   {state:<6} {since:<10}  {info}")
        }
        // As with `timeformat protocol iso long`, the only one that exporters read as a time.
        Dialect::Bird2 => {
            let since = time::long(protocol.since);
            format!("{name:<10} BGP        ---        {state:<6} {since:<12}  {info}")
        }
    };
    answer.row(1002, &text);
}

fn details(answer: &mut Answer, protocol: &Protocol, counts: Option<&Counts>, shown: &Shown<'_>) {
    let mut line = |text: &str| answer.row(1006, text);
    if let Some(description) = &protocol.description {
        line(&format!("  Description:    {description}"));
    }
    match shown.view.dialect {
        Dialect::Calico => {
            let family = shown.view.family.unwrap_or(Family::Ipv4Unicast);
            channel(&mut line, "  ", protocol, counts, family);
            session(&mut line, protocol, Dialect::Calico);
        }
        Dialect::Bird2 => {
            session(&mut line, protocol, Dialect::Bird2);
            for family in Family::ALL {
                if !protocol.families.contains(family) && protocol.is_up() {
                    continue;
                }
                let (channel_name, table) = match family {
                    Family::Ipv4Unicast => ("ipv4", "master4"),
                    Family::Ipv6Unicast => ("ipv6", "master6"),
                };
                line(&format!("  Channel {channel_name}"));
                let state = if protocol.is_up() { "UP" } else { "DOWN" };
                line(&format!("    State:          {state}"));
                line(&format!("    Table:          {table}"));
                channel(&mut line, "    ", protocol, counts, family);
            }
        }
    }
    line("");
}

fn channel(
    line: &mut impl FnMut(&str),
    indent: &str,
    protocol: &Protocol,
    counts: Option<&Counts>,
    family: Family,
) {
    let filter = |has: bool| if has { "(unnamed)" } else { "ACCEPT" };
    let [import, export] = protocol.has_policy;
    line(&format!("{indent}Preference:     100"));
    line(&format!("{indent}Input filter:   {}", filter(import)));
    line(&format!("{indent}Output filter:  {}", filter(export)));
    if let Some(counts) = counts {
        let routes = counts.of(protocol.peer, family);
        line(&format!(
            "{indent}Routes:         {} imported, {} exported, {} preferred",
            routes.imported, routes.exported, routes.preferred
        ));
    }
    // Changes are not counted by peer, and a number that is not known is no zero.
    line(&format!(
        "{indent}Route change stats:     received   rejected   filtered    ignored   accepted"
    ));
    for what in ["Import updates:  ", "Import withdraws:", "Export updates:  ", "Export withdraws:"]
    {
        let unknown = "        ---".repeat(5);
        line(&format!("{indent}  {what}{unknown}"));
    }
}

fn session(line: &mut impl FnMut(&str), protocol: &Protocol, dialect: Dialect) {
    line(&format!("  BGP state:          {}", protocol.state));
    line(&format!("    Neighbor address: {}", protocol.address));
    if let Some(asn) = protocol.asn {
        line(&format!("    Neighbor AS:      {asn}"));
    }
    if dialect == Dialect::Bird2 {
        line(&format!("    Local AS:         {}", protocol.local_asn));
    }
    if protocol.is_up() {
        if let Some(id) = &protocol.router_id {
            line(&format!("    Neighbor ID:      {id}"));
        }
        let kind = if protocol.is_external { "external" } else { "internal" };
        let client = if protocol.is_client { " route-reflector" } else { "" };
        line(&format!("    Session:          {kind} multihop{client} AS4"));
        if let Some(local) = protocol.local {
            line(&format!("    Source address:   {local}"));
        }
        if let Some(hold) = protocol.hold_time {
            line(&format!("    Hold timer:       ---/{hold}"));
            line(&format!("    Keepalive timer:  ---/{}", hold / 3));
        }
    } else if let Some(reason) = &protocol.last_reason {
        line(&format!("    Last error:       {reason}"));
    }
}
