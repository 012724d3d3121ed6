//! Commands, their codes, and what is asked of the source for them.

use super::*;
use crate::bird::command::{Command, Pattern, parse};
use crate::socket::Prepared;

#[tokio::test]
async fn refusals_have_birds_codes_and_say_what_is_allowed() {
    for (command, code, word) in [
        ("foo", "9001", "show status"),
        ("show", "9001", "status, protocols or route"),
        ("show memory", "9001", "status, protocols or route"),
        ("show status all", "9001", "nothing"),
        ("show route for", "9001", "an address"),
        ("show route 10.0.0.0/33", "9001", "address/length"),
        ("show route 10.0.0.0/8 10.0.0.0/9", "9001", "one prefix"),
        ("show route table t1", "9001", "master4"),
        ("show route protocol nobody", "9001", "nobody"),
        ("show route export Node_10_0_0_7", "9001", "primary"),
        ("show protocols a b", "9001", "one name"),
        ("show protocols \"a", "9001", "closing"),
        ("configure", "8007", "not done"),
        ("disable Node_10_0_0_7", "8007", "not done"),
        ("show protocols nobody", "8003", "No protocols match"),
    ] {
        let answer = ask(cluster(), V4, command).await;
        let (found, text) = answer.split_once(' ').unwrap();
        assert_eq!(found, code, "{command}: {answer}");
        assert!(text.contains(word), "{command}: {answer}");
        assert_eq!(answer.lines().count(), 1, "{answer}");
    }
    for (command, answer) in
        [("restrict", "0016 Access restricted\n"), ("echo all", "0000\n"), ("echo off", "0000\n")]
    {
        let found = ask(cluster(), V4, command).await;
        assert_eq!(found.replace("0000 \n", "0000\n"), answer);
    }
}

#[test]
fn empty_lines_are_no_commands() {
    assert_eq!(parse("\r\n"), Ok(Command::Nothing));
    assert_eq!(parse("  show \t status \n"), Ok(Command::Status));
}

#[test]
fn names_in_quotes_are_patterns() {
    let pattern = |text: &str| match parse(&format!("show protocols {text}")).unwrap() {
        Command::Protocols { which: Some(pattern), .. } => pattern,
        other => panic!("{other:?}"),
    };
    let matches = |pattern: &Pattern, name: &str| pattern.matches(name);
    let node = pattern("\"Node_*_7\"");
    assert!(matches(&node, "Node_10_0_0_7") && matches(&node, "Node_7_7_7"));
    assert!(!matches(&node, "Node_10_0_0_8") && !matches(&node, "Node_7"));
    assert!(matches(&pattern("\"*\""), "") && matches(&pattern("\"a?c\""), "abc"));
    assert!(!matches(&pattern("\"a?c\""), "ac"));
    assert!(!matches(&pattern("Node_*"), "Node_1"), "not in quotes it is a name");
}

#[tokio::test]
async fn options_of_show_route_reach_the_source() {
    let prefix = |text: &str| text.parse::<Prefix>().unwrap();
    let v4 = Family::Ipv4Unicast;
    let plain =
        RouteAsk { family: v4, select: RouteSelect::All, from: None, to: None, best_only: false };
    let for_one = RouteSelect::Longest(prefix("10.1.2.3/32"));
    for (options, expected) in [
        ("", plain),
        ("primary", RouteAsk { best_only: true, ..plain }),
        ("for 10.1.2.3", RouteAsk { select: for_one, ..plain }),
        ("10.1.0.0/26", RouteAsk { select: RouteSelect::Exact(prefix("10.1.0.0/26")), ..plain }),
        ("in 10.0.0.0/8", RouteAsk { select: RouteSelect::Within(prefix("10.0.0.0/8")), ..plain }),
        ("protocol Node_10_0_0_7", RouteAsk { from: Some(PeerId(1)), ..plain }),
        ("all table master primary count", RouteAsk { best_only: true, ..plain }),
    ] {
        let source = Arc::new(cluster());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bird.ctl");
        let prepared = Prepared::new(&[place(&path, V4)], &[]).unwrap();
        let shared: Arc<dyn BirdSource> = Arc::<Fake>::clone(&source);
        let server = BirdServer::start(prepared, &shared, &Arc::default()).unwrap();
        let mut stream = UnixStream::connect(&path).await.unwrap();
        read_answer(&mut stream).await;
        stream.write_all(format!("show route {options}\n").as_bytes()).await.unwrap();
        read_answer(&mut stream).await;
        assert_eq!(*source.asked.lock().unwrap(), [expected], "{options}");
        server.stop().await;
    }
}

#[tokio::test]
async fn nothing_is_asked_for_what_cannot_be_there() {
    // A peer without a session, and a prefix of the other socket's family.
    let answer = ask(cluster(), V4, "show route protocol Node_10_0_0_8").await;
    assert_eq!(answer.trim_end(), "0000");
    assert!(ask(cluster(), V4, "show route for fd00::1").await.starts_with("8001 "));
    let mut source = cluster();
    source.pages = Default::default();
    assert_eq!(ask(source, V4, "show route 10.9.0.0/16").await, "8001 Network not in table\n");
    let mut source = cluster();
    source.pages = Default::default();
    assert_eq!(ask(source, BOTH, "show route 10.9.0.0/16").await, "8001 Network not found\n");
}

#[tokio::test]
async fn routes_are_counted_without_being_shown() {
    let answer = ask(cluster(), V4, "show route count").await;
    assert_eq!(answer, "0014 3 of 8 routes for 2 networks\n");
    let answer = ask(cluster(), BOTH, "show route count").await;
    assert_eq!(answer, "0014 4 of 16 routes for 3 networks in 2 tables\n");
    let answer = ask(cluster(), BOTH, "show route table master6 count").await;
    assert_eq!(answer, "0014 1 of 8 routes for 1 networks in table master6\n");
}

#[tokio::test]
async fn all_attributes_are_told_in_birds_words() {
    let attributes = RouteAttributes {
        origin: 2,
        as_path: "64600 {64601 64602}".to_owned(),
        origin_as: None,
        next_hop: vec!["10.0.0.9".parse().unwrap()],
        med: Some(5),
        local_pref: Some(100),
        atomic_aggregate: true,
        aggregator: Some((64_600, "10.0.0.3".parse().unwrap())),
        communities: vec![0xfc00_0001, 0xffff_ff01],
        extended_communities: vec![
            [0, 2, 0xfc, 0, 0, 0, 0, 7],
            [1, 3, 10, 0, 0, 1, 0, 8],
            [2, 2, 0, 1, 0, 0, 0, 9],
            [0x43, 0, 0, 0, 0, 0, 0, 1],
        ],
        large_communities: vec![[1, 2, 3]],
        originator_id: Some("10.0.0.7".parse().unwrap()),
        cluster_list: vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()],
    };
    let mut row = route("10.1.0.0/26", 1, true);
    row.attributes = Arc::new(attributes);
    row.is_stale = true;
    let mut source = cluster();
    source.pages[0] = vec![vec![row]];
    let answer = ask(source, V4, "show route all").await;
    let expected = "\
1007-10.1.0.0/26        via 10.0.0.9 on - [Node_10_0_0_7 22:11:40 from 10.0.0.7] * (100s) [?]
1008-\tType: BGP unicast univ
1012-\tBGP.origin: Incomplete
 \tBGP.as_path: 64600 {64601 64602}
 \tBGP.next_hop: 10.0.0.9
 \tBGP.med: 5
 \tBGP.local_pref: 100
 \tBGP.atomic_aggr:
 \tBGP.aggregator: 10.0.0.3 AS64600
 \tBGP.community: (64512,1) (65535,65281)
 \tBGP.originator_id: 10.0.0.7
 \tBGP.cluster_list: 10.0.0.1 10.0.0.2
 \tBGP.ext_community: (rt, 64512, 7) (ro, 10.0.0.1, 8) (rt, 65536, 9) (generic, 0x43000000, 0x1)
 \tBGP.large_community: (1, 2, 3)
";
    assert_eq!(answer.trim_end().trim_end_matches("0000"), expected);
}

#[tokio::test]
async fn bird_2_has_a_heading_for_each_table() {
    let answer = ask(cluster(), BOTH, "show route primary").await;
    let tables: Vec<&str> = answer.lines().filter(|line| line.contains("Table ")).collect();
    assert_eq!(tables, ["1007-Table master4:", " Table master6:"]);
    let row =
        " fd00:1::/122         unicast [Node_fd00__7 22:11:40] * (100) [i]\n \tvia fd00::7 on -\n";
    assert!(answer.contains(row), "{answer}");
}

#[tokio::test]
async fn who_may_not_ask_now_is_told_why() {
    let mut source = cluster();
    source.refusal = Some("64 questions are open already".to_owned());
    let answer = ask(source, V4, "show route").await;
    assert_eq!(answer, "8007 64 questions are open already\n");
}
