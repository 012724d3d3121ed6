//! What a Calico node's templates make of the datastore: the configuration of its BIRD for IPv4.
//!
//! As Calico 3.32 does it, for nodes that are no reflectors. What is not rendered is an error, so
//! that no scenario believes in something that its nodes do not do.

use std::fmt::Write as _;
use std::net::IpAddr;

use albedo_discovery::calico::expand::{Dial, Session, expand_node};
use albedo_discovery::calico::{
    BgpFilter, BlockState, CidrMatch, Cluster, FilterAction, FilterRule, MatchOperator, NextHopMode,
};
use albedo_types::{Asn, Prefix};
use anyhow::{Context as _, Result, ensure};

/// A node with what its templates read of the cluster.
struct View<'c> {
    cluster: &'c Cluster,
    asn: Asn,
    services: Vec<Prefix>,
    blocks: Vec<Prefix>,
    sessions: Vec<Session>,
}

/// The configuration of a node, and the names of its sessions.
///
/// # Errors
/// When there is no such node, or something about it is not rendered.
pub(super) fn render(cluster: &Cluster, name: &str) -> Result<(String, Vec<String>)> {
    let node = cluster.nodes().get(name).with_context(|| format!("no node {name}"))?;
    ensure!(node.cluster_id().is_none(), "{name} is a reflector");
    let id = node.ipv4().with_context(|| format!("{name} has no IPv4 address"))?;
    let view = View::new(cluster, name, node.as_number())?;
    let mut text = format!("log stderr all;\nrouter id {id};\n");
    text.push_str(&view.functions());
    text.push_str(&view.protocols());
    for session in &view.sessions {
        text.push_str(&view.session(session)?);
    }
    Ok((text, view.sessions.iter().map(|session| session.name.clone()).collect()))
}

impl<'c> View<'c> {
    fn new(cluster: &'c Cluster, name: &str, asn: Option<Asn>) -> Result<Self> {
        let mut services = Vec::new();
        if let Some(default) = cluster.default_configuration() {
            let more = [&default.service_external_ips, &default.service_load_balancer_ips];
            ensure!(more.iter().all(|ranges| ranges.is_empty()), "ranges of other services");
            ensure!(default.prefix_advertisements.is_empty(), "prefixAdvertisements");
            services.extend(default.service_cluster_ips.iter().copied().filter(is_v4));
        }
        ensure!(cluster.node_configuration(name).is_none(), "a BGPConfiguration of {name}");
        let own = cluster.blocks().filter(|block| &**block.node == name && is_v4(&block.cidr));
        let own: Vec<_> = own.collect();
        let confirmed = own.iter().all(|block| block.state == BlockState::Confirmed);
        ensure!(confirmed, "{name} has blocks that are not confirmed");
        let mut sessions = expand_node(cluster, name);
        sessions.retain(|session| session.address.is_ipv4());
        Ok(Self {
            cluster,
            asn: asn.unwrap_or_else(|| cluster.default_as()),
            services,
            blocks: own.iter().map(|block| block.cidr).collect(),
            sessions,
        })
    }

    /// What is told at all, and what the kernel is given.
    fn functions(&self) -> String {
        let mut text = String::from("function own_blocks() {\n");
        for block in &self.blocks {
            let _ = writeln!(text, "  if ( net = {block} ) then {{ accept; }}");
            let _ =
                writeln!(text, "  if ( net ~ {block} && krt_metric < 1024 ) then {{ accept; }}");
            let _ = writeln!(text, "  if ( net ~ {block} ) then {{ reject; }}");
        }
        text.push_str("}\nfunction to_peer(bool ibgp) {\n");
        let pools = || self.cluster.pools().values().filter(|pool| is_v4(&pool.cidr));
        for pool in pools().filter(|pool| pool.disable_bgp_export) {
            let _ = writeln!(text, "  if ( net ~ {} ) then {{ reject; }}", pool.cidr);
        }
        text.push_str(
            "  if (ibgp) then { if (defined(ifname)) then {
    if (ifname ~ \"*.cali\" || ifname ~ \"*.calico\") then reject; } }
  own_blocks();
",
        );
        let told = pools().filter(|pool| !pool.disable_bgp_export).map(|pool| pool.cidr);
        for prefix in self.services.iter().copied().chain(told) {
            let _ = writeln!(text, "  if ( net ~ {prefix} ) then {{ accept; }}");
        }
        text.push_str("}\nfilter to_kernel {\n");
        for services in &self.services {
            let _ = writeln!(text, "  if ( net ~ {services} ) then {{ reject; }}");
        }
        text.push_str(
            "  if (defined(source) && (source = RTS_BGP) && !defined(krt_metric)) then {
    krt_metric = 1024;
    if (defined(bgp_local_pref)) then { krt_metric = 2147483647 - bgp_local_pref; }
    if (krt_metric < 1024) then { preference = 200; }
  }
  accept;
}
",
        );
        text
    }

    /// Everything but BGP, and what all of its sessions have in common.
    fn protocols(&self) -> String {
        let own = self.blocks.iter().chain(&self.services);
        let own: String = own.map(|prefix| format!("  route {prefix} blackhole;\n")).collect();
        format!(
            "protocol device {{ scan time 2; }}
protocol direct {{ interface -\"cali*\", -\"kube-ipvs*\", \"*\"; }}
protocol kernel {{
  learn; persist; scan time 2; import all; export filter to_kernel;
  graceful restart; merge paths on;
}}
protocol static {{
{own}}}
template bgp calico {{
  local as {}; gateway recursive; add paths on; graceful restart;
  connect delay time 2; connect retry time 5; error wait time 5,30;
}}
",
            self.asn.0
        )
    }

    fn session(&self, session: &Session) -> Result<String> {
        let name = &session.name;
        ensure!(session.password.is_none(), "{name} has a password");
        let port = session.port.map_or_else(String::new, |port| format!(" port {port}"));
        let mut text = format!(
            "protocol bgp {name} from calico {{\n  neighbor {}{port} as {};\n",
            session.address, session.peer_asn.0
        );
        let mut line = |words: String| {
            let _ = writeln!(text, "  {words};");
        };
        if session.local_asn != self.asn {
            line(format!("local as {}", session.local_asn.0));
        }
        if let Some(IpAddr::V4(source)) = session.source_address {
            line(format!("source address {source}"));
        }
        line(match session.ttl_security {
            Some(hops) => format!("ttl security on; multihop {hops}"),
            None => "ttl security off; multihop".to_owned(),
        });
        if session.dial == Dial::Never {
            line("passive on".to_owned());
        }
        if let Some(time) = session.max_restart_time {
            line(format!("graceful restart time {}", time.as_secs()));
        }
        if let Some(time) = session.keepalive_time {
            line(format!("keepalive time {}", time.as_secs()));
        }
        if let Some(times) = session.allowed_local_as {
            line(format!("allow local as {times}"));
        }
        match session.next_hop_mode {
            NextHopMode::Auto => {}
            NextHopMode::Own => line("next hop self".to_owned()),
            NextHopMode::Keep => line("next hop keep".to_owned()),
        }
        let is_internal = session.peer_asn == session.local_asn;
        let _ = write!(
            text,
            "  import filter {{
{import}    if (defined(bgp_local_pref) && bgp_local_pref > 2147482623) then preference = 200;
    accept;
  }};
  export filter {{
    if (defined(source) && source = RTS_BGP && defined(bgp_local_pref)) then
      {{ krt_metric = 2147483647 - bgp_local_pref; }}
    else {{
      if (!defined(krt_metric)) then {{ krt_metric = 1024; }}
      bgp_local_pref = 2147483647 - krt_metric;
    }}
{export}    to_peer({is_internal});
    reject;
  }};
}}
",
            import = self.filters(session, |filter| &filter.import_v4)?,
            export = self.filters(session, |filter| &filter.export_v4)?,
        );
        Ok(text)
    }

    /// What the BGPFilters of a session come to, one way.
    fn filters(
        &self,
        session: &Session,
        rules: impl Fn(&BgpFilter) -> &[FilterRule],
    ) -> Result<String> {
        let mut text = String::new();
        for name in session.filters.iter() {
            let filter = self.cluster.filters().get(name).context("expanded, but not there")?;
            for rule in rules(filter) {
                text.push_str(&statement(rule).with_context(|| format!("BGPFilter {name}"))?);
            }
        }
        Ok(text)
    }
}

fn is_v4(prefix: &Prefix) -> bool {
    matches!(prefix, Prefix::V4(_))
}

/// A rule as a statement of BIRD's.
fn statement(rule: &FilterRule) -> Result<String> {
    let known = FilterRule {
        cidr: rule.cidr,
        from_remote_peers: rule.from_remote_peers,
        ..FilterRule::always(rule.action)
    };
    ensure!(*rule == known, "other criteria than cidr and source are not rendered");
    let mut conditions = Vec::new();
    if rule.from_remote_peers {
        conditions.push("( defined(source) && source = RTS_BGP )".to_owned());
    }
    conditions.extend(rule.cidr.as_ref().map(condition));
    let action = match rule.action {
        FilterAction::Accept => "accept;",
        FilterAction::Reject => "reject;",
    };
    Ok(match &conditions[..] {
        [] => format!("    {action}\n"),
        all => format!("    if ({}) then {{ {action} }}\n", all.join(" && ")),
    })
}

fn condition(cidr: &CidrMatch) -> String {
    let prefix = cidr.cidr;
    let inside = match cidr.length {
        Some(length) => format!("[ {prefix}{{{},{}}} ]", length.min, length.max),
        None => prefix.to_string(),
    };
    match cidr.operator {
        MatchOperator::Equal if cidr.length.is_none() => format!("( net = {prefix} )"),
        MatchOperator::NotEqual if cidr.length.is_none() => format!("( net != {prefix} )"),
        MatchOperator::Equal | MatchOperator::In => format!("( net ~ {inside} )"),
        MatchOperator::NotEqual | MatchOperator::NotIn => format!("( net !~ {inside} )"),
    }
}

#[cfg(test)]
mod tests;
