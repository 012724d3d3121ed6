//! `albedo check`: tells every fault of a configuration, or what it comes to.

use std::process::ExitCode;

use albedo_config::{CalicoIdentity, Config, PeerSettings};
use albedo_rib::Policy;
use anyhow::Result;

use crate::cli::{self, ConfigArgs};

/// Reads the file as `run` would.
#[expect(clippy::unnecessary_wraps, reason = "all commands have the same shape")]
pub(crate) fn run(args: &ConfigArgs) -> Result<ExitCode> {
    Ok(match args.load() {
        Ok(config) => {
            cli::answer(&format!("{}: good\n{}", args.name(), summary(&config)));
            ExitCode::SUCCESS
        }
        Err(faults) => {
            cli::complain(&faults.to_string());
            ExitCode::FAILURE
        }
    })
}

/// What the settings come to, in a few lines.
fn summary(config: &Config) -> String {
    let Config { asn, router_id, cluster_id, .. } = config;
    let is_node = config
        .calico
        .as_ref()
        .is_some_and(|calico| matches!(calico.identity, CalicoIdentity::Node(_)));
    let mut text = if is_node {
        "  AS, router id and cluster id are those of the Calico Node".to_owned()
    } else {
        format!("  AS {asn}, router id {router_id}, cluster id {cluster_id}")
    };
    for listen in &config.listen {
        text.push_str(&format!("\n  listens on {listen}"));
    }
    for group in &config.groups {
        let settings = &group.settings;
        let peers = config.peers.iter().filter(|peer| peer.group.as_ref() == Some(&group.name));
        text.push_str(&format!(
            "\n  group {}: {}, {} ranges, {} peers, hold time {}",
            group.name,
            settings.role,
            group.ranges.len(),
            peers.count(),
            settings.hold_time
        ));
    }
    for (name, settings) in members(config) {
        for (direction, rules) in
            [("import", &settings.import_policy), ("export", &settings.export_policy)]
        {
            let Some(rules) = rules else { continue };
            let asked = Policy::compile(rules).map_or(0, |policy| policy.len());
            let rest = if rules.accepts_rest { "accept" } else { "reject" };
            text.push_str(&format!(
                "\n  {name}: {direction} policy of {} rules, {asked} to be asked, then {rest}",
                rules.rules.len()
            ));
        }
    }
    let alone = config.peers.iter().filter(|peer| peer.group.is_none()).count();
    if alone > 0 {
        text.push_str(&format!("\n  {alone} peers without a group"));
    }
    text
}

/// Groups, and those peers whose policies are not their group's.
fn members(config: &Config) -> Vec<(String, &PeerSettings)> {
    let group_of = |name: Option<&String>| {
        config.groups.iter().find(|group| Some(&group.name) == name).map(|group| &group.settings)
    };
    let policies =
        |settings: &PeerSettings| (settings.import_policy.clone(), settings.export_policy.clone());
    let groups =
        config.groups.iter().map(|group| (format!("group {}", group.name), &group.settings));
    let own = config.peers.iter().filter(|peer| {
        group_of(peer.group.as_ref())
            .is_none_or(|group| policies(group) != policies(&peer.settings))
    });
    groups.chain(own.map(|peer| (format!("peer {}", peer.address), &peer.settings))).collect()
}
