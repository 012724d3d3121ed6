use super::*;

fn args(line: &str) -> Result<Target> {
    use clap::Parser as _;
    let words = ["albedo", "calico", "plan", "--files", "x"].into_iter().chain(line.split(' '));
    let cli = cli::Cli::try_parse_from(words)?;
    let cli::Command::Calico(args) = cli.command else { unreachable!() };
    let Command::Plan(args) = args.command else { unreachable!() };
    target(&args)
}

#[test]
fn who_the_reflector_is() {
    let nodes = args("--as node r1 --as node r2 --cluster-id 1.2.3.4 --label role=rr").unwrap();
    let label = Some(("role".to_owned(), "rr".to_owned()));
    let names = vec!["r1".into(), "r2".into()];
    assert_eq!(nodes, Target::Nodes { names, cluster_id: ClusterId(0x0102_0304), label });
    let external = args("--as external 10.0.0.9:1790 --as external fd00::9 --asn 65000").unwrap();
    let addresses =
        vec![("10.0.0.9".parse().unwrap(), Some(1790)), ("fd00::9".parse().unwrap(), None)];
    assert_eq!(external, Target::External { addresses, asn: Some(Asn(65_000)) });
}

#[test]
fn what_does_not_go_together() {
    for line in [
        "--as node",
        "--as nobody r1",
        "--as node r1 --as external 10.0.0.9",
        "--as external rr-1",
        "--as external 10.0.0.9:0",
        "--as external 10.0.0.9 --label a=b",
        "--as node r1 --asn 65000",
        "--as node r1 --label a=b\"c",
        "--as node r1 --cluster-id x",
    ] {
        assert!(args(line).is_err(), "{line}");
    }
}
