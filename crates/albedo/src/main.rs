//! Albedo, a BGP route reflector for clusters of thousands of nodes: the program.
//!
//! Here things are put together: command line, configuration, threads, lifecycle.
//! What a reflector does is in the crates below.

mod admin_client;
mod ask_command;
mod assemble;
mod bundle_command;
mod calico;
mod calico_command;
mod change_command;
mod check;
mod cli;
mod completions;
mod demo;
mod doors;
mod drain;
mod drain_command;
mod explain_command;
mod import_command;
mod keeper;
mod lifecycle;
mod logging;
mod man_command;
mod memory;
mod reflector;
mod reload;
mod roster;
mod serve;
mod service;
mod source;
mod top_command;
mod words;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    memory::give_back_at_once();
    let result = match Cli::parse().command {
        Command::Run(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Status(args) => ask_command::status(&args),
        Command::Get(args) => ask_command::get(&args),
        Command::Describe(args) => ask_command::describe(&args),
        Command::Explain(args) => explain_command::run(&args),
        Command::Top(args) => top_command::run(&args),
        Command::Reset(args) => change_command::reset(&args),
        Command::Reload(args) => change_command::reload(&args),
        Command::LogLevel(args) => change_command::log_level(&args),
        Command::Man(args) => man_command::run(&args),
        Command::Debug(args) => bundle_command::run(&args),
        Command::Calico(args) => calico_command::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Import(args) => import_command::run(&args),
        Command::Drain(args) => drain_command::run(&args),
        Command::Completions(args) => completions::run(args.shell),
    };
    result.unwrap_or_else(|error| {
        cli::complain(&format!("albedo: {error:#}"));
        ExitCode::FAILURE
    })
}
