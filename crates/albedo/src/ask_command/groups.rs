//! `albedo get groups` and `albedo get shards`.

use std::process::ExitCode;

use albedo_api::{GroupRow, Status};
use anyhow::Result;
use clap::Args;

use super::table::{Table, or_nothing};
use super::{Output, print_for_programs};
use crate::admin_client::{AdminArgs, Ask};
use crate::cli;
use crate::words::{age, bytes};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// How to print them.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    /// Without the line of headings.
    #[arg(long)]
    no_headers: bool,
}

impl ListArgs {
    fn print(&self, table: &Table) {
        for line in table.lines(!self.no_headers) {
            cli::answer(&line);
        }
    }
}

pub(super) fn run_groups(args: &ListArgs) -> Result<ExitCode> {
    let groups: Vec<GroupRow> = Ask::get("/api/v1/groups").send(&args.admin.target())?;
    match args.output {
        Output::Json | Output::Yaml => print_for_programs(args.output, "GroupList", &groups)?,
        Output::Name => groups.iter().for_each(|group| cli::answer(&format!("group/{}", group.id))),
        Output::Table | Output::Wide => args.print(&table(&groups, args.output)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn table(groups: &[GroupRow], output: Output) -> Table {
    let narrow = ["GROUP", "FAMILY", "ROLE", "MEMBERS", "CURRENT", "LOG", "PATHS", "POLICY"];
    let wide = ["CLUSTER", "NEXT-HOP", "MESSAGE-MAX", "AS-OCTETS"];
    let is_wide = output == Output::Wide;
    let head: Vec<_> = narrow.into_iter().chain(wide.into_iter().filter(|_| is_wide)).collect();
    let mut table = Table::new(&head);
    for group in groups {
        let mut cells = vec![
            group.id.to_string(),
            group.family.clone(),
            group.role.clone(),
            group.members.to_string(),
            group.current.to_string(),
            bytes(group.log_bytes),
            group.paths.clone(),
            if group.export_policy { "yes" } else { "no" }.to_owned(),
        ];
        if is_wide {
            cells.extend([
                group.cluster_id.clone(),
                or_nothing(group.next_hop.as_ref()),
                group.message_bytes_max.to_string(),
                if group.four_octet_as { "4" } else { "2" }.to_owned(),
            ]);
        }
        table.row(cells);
    }
    table
}

pub(super) fn run_shards(args: &ListArgs) -> Result<ExitCode> {
    let status: Status = Ask::get("/api/v1/status").send(&args.admin.target())?;
    let shards = &status.shards;
    match args.output {
        Output::Json | Output::Yaml => print_for_programs(args.output, "ShardList", shards)?,
        Output::Name => (0..shards.len()).for_each(|n| cli::answer(&format!("shard/{n}"))),
        Output::Table | Output::Wide => {
            let mut table = Table::new(&["SHARD", "BUSY", "SHARE", "WAITING", "LAST-TURN"]);
            for (n, shard) in shards.iter().enumerate() {
                let share = shard.busy_seconds / status.uptime_seconds.max(0.001) * 100.0;
                table.row(vec![
                    n.to_string(),
                    age(shard.busy_seconds),
                    format!("{share:.1}%"),
                    shard.channel_depth.to_string(),
                    age(shard.heartbeat_age_seconds),
                ]);
            }
            args.print(&table);
        }
    }
    Ok(ExitCode::SUCCESS)
}
