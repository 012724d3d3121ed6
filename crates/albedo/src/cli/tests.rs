//! The command line as it is typed.

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::*;

#[test]
fn is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn reads_the_subcommands() {
    let cli = Cli::try_parse_from(["albedo", "check", "--config", "a.yaml"]).unwrap();
    assert!(matches!(cli.command, Command::Check(args) if args.name() == "a.yaml"));
    let cli = Cli::try_parse_from(["albedo", "run", "-c", "b.yaml"]).unwrap();
    assert!(matches!(cli.command, Command::Run(args) if args.name() == "b.yaml"));
}

#[test]
fn refuses_what_it_does_not_know() {
    for (args, kind) in [
        (vec!["albedo"], ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        (vec!["albedo", "rum"], ErrorKind::InvalidSubcommand),
        (vec!["albedo", "run", "--confg", "x"], ErrorKind::UnknownArgument),
        (vec!["albedo", "completions", "perl"], ErrorKind::InvalidValue),
    ] {
        assert_eq!(Cli::try_parse_from(&args).unwrap_err().kind(), kind, "{args:?}");
    }
}
