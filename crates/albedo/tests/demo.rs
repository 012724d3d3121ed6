//! The demo as somebody at a shell meets it.

use std::process::Command;

fn demo(args: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_albedo"))
        .arg("demo")
        .args(args)
        .output()
        .expect("the program runs");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[test]
fn every_scene_of_a_small_cluster_is_exact_and_told() {
    let (told, code) = demo(&["--nodes", "12", "--blocks", "2"]);
    assert_eq!(code, Some(0), "{told}");
    for scene in ["cold start", "loss of a node", "its return", "rolling restart", "churn"] {
        assert!(told.contains(&format!("ok    {scene}")), "{scene}: {told}");
    }
    assert!(told.contains("every table exact: 12 nodes"), "{told}");
}

#[test]
fn the_summary_as_json_is_json_and_nothing_else() {
    let (told, code) = demo(&["--nodes", "3", "--json"]);
    assert_eq!(code, Some(0), "{told}");
    let summary: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(summary["schema"], 1);
    assert_eq!(summary["nodes"], 3);
    let scenes = summary["scenes"].as_array().expect("scenes");
    assert!(scenes.len() == 5 && scenes.iter().all(|scene| scene["exact"] == true), "{told}");
    assert_eq!(scenes[0]["routes"], 3 * 2 * 4, "each node has the blocks of all others");
    assert_eq!(summary["nothing_left"], true);
}

#[test]
fn arguments_out_of_range_are_refused_with_the_range() {
    let output = Command::new(env!("CARGO_BIN_EXE_albedo"))
        .args(["demo", "--nodes", "1"])
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("2..=10000"));
}
