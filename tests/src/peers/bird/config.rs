//! The configuration of each BIRD, as text.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Version;
use crate::lab::{ASN, Host};
use crate::net::{Family, Net};
use crate::peers::Guard;

pub(super) fn render(
    version: Version,
    host: Host,
    reflectors: &[Host],
    blocks: &BTreeSet<Net>,
) -> String {
    match version {
        Version::Two => two(host, reflectors, blocks),
        Version::Calico | Version::CalicoOld | Version::CalicoPassive | Version::CalicoV6 => {
            calico(version, host, reflectors, blocks)
        }
    }
}

/// The same with guarded sessions.
pub(super) fn guarded(text: String, guard: Guard) -> String {
    let mut lines = String::new();
    if let Some(password) = guard.password {
        let _ = writeln!(lines, "  password \"{password}\";");
    }
    let open = "  ttl security off; multihop;\n";
    lines.push_str(if guard.ttl_security { "  ttl security on; multihop 1;\n" } else { open });
    text.replace(open, &lines)
}

/// The parts in which the generations of Calico differ.
struct Generation {
    kernel_metric: &'static str,
    import: &'static str,
    export_metric: &'static str,
}

/// From 3.32 on: LOCAL_PREF is 2147483647 less the kernel metric, both ways.
const NEW: Generation = Generation {
    kernel_metric: "    krt_metric = 1024;
    if (defined(bgp_local_pref)) then { krt_metric = 2147483647 - bgp_local_pref; }
    if (krt_metric < 1024) then { preference = 200; }
",
    import: "filter {
    if (defined(bgp_local_pref) && bgp_local_pref > 2147482623) then preference = 200;
    accept;
  };",
    export_metric: "    if (defined(source) && source = RTS_BGP && defined(bgp_local_pref)) then
      { krt_metric = 2147483647 - bgp_local_pref; }
    else {
      if (!defined(krt_metric)) then { krt_metric = 1024; }
      bgp_local_pref = 2147483647 - krt_metric;
    }
",
};

/// Up to 3.31.
const OLD: Generation =
    Generation { kernel_metric: "", import: "filter { accept; };", export_metric: "" };

/// What a Calico node's templates make of a cluster with these reflectors.
fn calico(version: Version, host: Host, reflectors: &[Host], blocks: &BTreeSet<Net>) -> String {
    let family = version.families()[0];
    let generation = if version == Version::CalicoOld { OLD } else { NEW };
    let (pool, services) = match family {
        Family::V4 => ("10.244.0.0/16", "10.96.0.0/12"),
        Family::V6 => ("fd00:244::/32", "fd00:96::/112"),
    };
    let statics: String =
        blocks.iter().map(|block| format!("  route {block} blackhole;\n")).collect();
    let mut text = format!(
        "log stderr all;
router id {id};
{functions}filter to_kernel {{
  if ( net ~ {services} ) then {{ reject; }}
  if (defined(source) && (source = RTS_BGP) && !defined(krt_metric)) then {{
{kernel_metric}  }}
  accept;
}}
protocol device {{ scan time 2; }}
protocol direct {{ interface -\"cali*\", -\"kube-ipvs*\", \"*\"; }}
protocol kernel {{
  learn; persist; scan time 2; import all; export filter to_kernel;
  graceful restart; merge paths on;
}}
protocol static {{
{statics}}}
template bgp calico {{
  local as {ASN}; gateway recursive; add paths on; graceful restart;
  connect delay time 2; connect retry time 5; error wait time 5,30;
}}
",
        id = host.v4(),
        functions = functions(version, blocks, pool, services),
        kernel_metric = generation.kernel_metric,
    );
    for reflector in reflectors {
        let _ = write!(
            text,
            "protocol bgp Node_{number} from calico {{
  neighbor {peer} as {ASN}; source address {own};
  ttl security off; multihop;{passive}
  import {import}
  export filter {{
{export_metric}    to_peer(true);
    reject;
  }};
}}
",
            passive = if version == Version::CalicoPassive { " passive on;" } else { "" },
            number = reflector.0,
            peer = reflector.address(family),
            own = host.address(family),
            import = generation.import,
            export_metric = generation.export_metric,
        );
    }
    text
}

/// What a node exports: its own blocks, and what else lies in a pool or a service range.
fn functions(version: Version, blocks: &BTreeSet<Net>, pool: &str, services: &str) -> String {
    let mut own = String::new();
    for block in blocks {
        let _ = writeln!(own, "  if ( net = {block} ) then {{ accept; }}");
        if version != Version::CalicoOld {
            let _ = writeln!(own, "  if ( net ~ {block} && krt_metric < 1024 ) then {{ accept; }}");
        }
        let _ = writeln!(own, "  if ( net ~ {block} ) then {{ reject; }}");
    }
    format!(
        "function own_blocks() {{
{own}}}
function to_peer(bool ibgp) {{
  if (ibgp) then {{ if (defined(ifname)) then {{
    if (ifname ~ \"*.cali\" || ifname ~ \"*.calico\") then reject; }} }}
  own_blocks();
  if ( net ~ {services} ) then {{ accept; }}
  if ( net ~ {pool} ) then {{ accept; }}
}}
"
    )
}

fn two(host: Host, reflectors: &[Host], blocks: &BTreeSet<Net>) -> String {
    let mut text = format!(
        "log stderr all;\nrouter id {};\nprotocol device {{}}\nprotocol direct {{ ipv4; ipv6; }}\n",
        host.v4()
    );
    for (family, channel) in [(Family::V4, "ipv4"), (Family::V6, "ipv6")] {
        let _ = writeln!(text, "protocol static {{\n  {channel};");
        for block in blocks.iter().filter(|block| block.family() == family) {
            let _ = writeln!(text, "  route {block} blackhole;");
        }
        text.push_str("}\n");
        for reflector in reflectors {
            let _ = write!(
                text,
                "protocol bgp {channel}x{number} {{
  local {own} as {ASN}; neighbor {peer} as {ASN}; multihop; allow local as 10;
  connect delay time 1; connect retry time 2; error wait time 1, 5;
  {channel} {{
    import all; export where source = RTS_STATIC; gateway recursive; add paths rx;
  }};
}}
",
                number = reflector.0,
                own = host.address(family),
                peer = reflector.address(family),
            );
        }
    }
    text
}
