use super::*;

fn told(text: &str, before: usize) -> String {
    let mut report = Report::of_part("f", text, before);
    let tree = parse(text, &mut report);
    report.finish(tree).map(|tree| format!("{tree:?}")).unwrap_or_else(|faults| faults.to_string())
}

#[test]
fn depth_has_a_bound() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        let nested = |depth: usize| format!("{}x{}", open.repeat(depth), close.repeat(depth));
        assert!(!told(&nested(DEPTH_MAX), 0).contains("syntax"), "{open}");
        let deeper = told(&nested(DEPTH_MAX + 1), 0);
        assert!(deeper.contains("a fault of syntax (recursion limit exceeded)"), "{deeper}");
        assert!(told(&open.repeat(100_000), 0).ends_with("1 fault"), "{open}");
    }
    let both = format!("{}{}x", "- ".repeat(DEPTH_MAX), "[".repeat(DEPTH_MAX));
    assert!(told(&both, 0).ends_with("1 fault"));
    // What has ended does not count.
    let wide = "- [[[x]]]\n- {a: {b: c}}\n".repeat(100);
    assert!(told(&wide, 0).starts_with("Node"));
}

#[test]
fn places_of_a_part_are_those_of_the_file() {
    assert_eq!(
        told("a: 1\na: 2\n", 40),
        "f:42:1: found the key `a` a second time, expected it once; the first is at line 41\n   42 \
         | a: 2\n      | ^\n1 fault"
    );
}

#[test]
fn a_text_that_became_a_tag_is_explained() {
    for (text, hint) in [
        ("a: !has(x)", "and reads nothing behind it: write \"!has(x)\""),
        ("a: !x == 'y'", "and reads `== 'y'` behind it: put all of it in quotes"),
        ("a: !has(x) || y", "= YAML takes what starts with ! for a tag: put it in quotes"),
    ] {
        let told = told(text, 0);
        assert!(told.contains(hint), "{told}");
    }
    // Other tags are not meant as text.
    assert!(!told("a: !!str x", 0).contains("quotes"));
}
