use albedo_api::{ForeignRoute, NodeFamily, WrongNextHop};
use clap::Parser as _;

use super::*;
use crate::admin_client::tests::script;
use crate::cli::Cli;

fn well() -> CalicoVerify {
    CalicoVerify {
        connected: true,
        mesh: true,
        ok: true,
        nodes: 50,
        nodes_connected: 50,
        blocks: 200,
        ..CalicoVerify::default()
    }
}

fn told<T>(count: usize, one: impl Fn(usize) -> T) -> Told<T> {
    Told { count, first: (0..count.min(100)).map(one).collect() }
}

#[test]
fn one_line_where_all_is_well() {
    let line = "safe to disable mesh: 50/50 nodes connected, 0 blocks missing\n";
    assert_eq!(text(&well()), line);
    let line = "all is well without the mesh: 50/50 nodes connected, 0 blocks missing\n";
    assert_eq!(text(&CalicoVerify { mesh: false, ..well() }), line);
    let more = CalicoVerify { nodes_elsewhere: 7, borrowed: 3, others: 2, ..well() };
    let lines = "7 nodes have other reflectors only: verify those too\n2/2 other peers connected\n\
                 3 borrowed addresses, as it should be\n";
    assert!(text(&more).ends_with(lines), "{}", text(&more));
}

#[test]
fn what_is_wrong_where() {
    let node = |n: usize| format!("w{n:03}");
    let prefix = |n| NodePrefix { node: node(n), prefix: format!("10.244.{n}.0/26") };
    let verdict = CalicoVerify {
        ok: false,
        nodes_connected: 48,
        sessions_down: told(1, |_| SessionDown {
            node: Some("w2".to_owned()),
            session: "Node_10_0_0_12".to_owned(),
            reason: "active: no answer".to_owned(),
        }),
        nodes_without_session: told(1, |n| NodeFamily { node: node(n), family: "IPv6".to_owned() }),
        blocks_missing: told(130, prefix),
        blocks_foreign: told(2, |n| ForeignRoute {
            node: "w1".to_owned(),
            prefix: "10.244.9.0/26".to_owned(),
            owner: (n > 0).then(|| "w9".to_owned()),
        }),
        next_hops_wrong: told(1, |_| WrongNextHop {
            node: "w1".to_owned(),
            prefix: "10.244.1.0/26".to_owned(),
            next_hop: "10.0.0.99".to_owned(),
        }),
        services_missing: told(1, prefix),
        sessions_guarded: 4,
        ..well()
    };
    let text = text(&verdict);
    let lines: Vec<_> = text.lines().collect();
    let headline = "NOT safe to disable mesh: 48/50 nodes connected, 130 blocks missing";
    assert_eq!(lines[0], headline);
    for line in [
        "a change that ends 4 sessions is held back: see albedo calico confirm",
        "sessions with nodes not up: 1",
        "  w2  Node_10_0_0_12  active: no answer",
        "  w000  IPv6",
        "blocks missing: 130",
        "  w019  10.244.19.0/26",
        "  and 110 more",
        "  w1  10.244.9.0/26  owned by nobody",
        "  w1  10.244.9.0/26  owned by w9",
        "  w1  10.244.1.0/26  via 10.0.0.99",
        "ranges of services missing: 1",
    ] {
        assert!(lines.contains(&line), "no {line:?} in\n{text}");
    }
    assert!(!text.contains("w020"), "{text}");
}

#[test]
fn exit_codes() {
    let bad = CalicoVerify { ok: false, ..well() };
    let answers = [well(), bad].map(|it| (200, serde_json::to_string(&it).unwrap()));
    let (admin, server) = script(answers.into());
    let run = |output| {
        let admin = admin.to_string();
        let words = ["albedo", "calico", "verify", "--admin", &admin, "-o", output];
        let cli = Cli::try_parse_from(words).unwrap();
        let cli::Command::Calico(args) = cli.command else { unreachable!() };
        super::super::run(&args).unwrap()
    };
    assert_eq!(run("text"), ExitCode::SUCCESS);
    assert_eq!(run("json"), ExitCode::FAILURE);
    assert!(server.join().unwrap()[0].starts_with("GET /api/v1/calico/verify HTTP/1.1\r\n"));
}
