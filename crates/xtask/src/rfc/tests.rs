//! Names, rows, and what is missing.

use super::*;

const SOURCE: &str = "
#[test]
fn g6_k2_a_second_loss() {}
fn g7_a_helper() {}
#[tokio::test(flavor = \"multi_thread\")]
#[expect(clippy::unwrap_used)]
async fn s1_keys() {}
proptest! {
    #[test]
    fn u9_equals<T>(x: u8) {}
}
#[test]
fn a_peer_of_2_octets() {}
#[cfg(test)]
fn x1_no_test() {}
#[test]
fn g7_unknown() {}
";

fn tests() -> Vec<Test> {
    let test = |name: &str| Test { name: name.to_owned(), file: String::new() };
    names(SOURCE).map(test).collect()
}

#[test]
fn only_tests_count_and_only_letters_at_the_head() {
    let tests = tests();
    let names: Vec<&str> = tests.iter().map(|test| &*test.name).collect();
    let all = ["g6_k2_a_second_loss", "s1_keys", "u9_equals", "a_peer_of_2_octets", "g7_unknown"];
    assert_eq!(names, all);
    let table = rows("| G1 | |\n| K1 | of |\n| G1 | of |\n| S1 | of |\n");
    let shown = by_letter(&table, &tests);
    // No row speaks of u, so that the word may be any.
    assert_eq!(shown.keys().copied().collect::<Vec<_>>(), ["g6", "g7", "k2", "s1"]);
    for word in ["a", "2", "rfc4456", "v4", "ipv4", "s7"] {
        assert_eq!(is_letter(word), ["v4", "s7"].contains(&word), "{word}");
    }
}

#[test]
fn rows_without_tests_and_letters_without_rows_are_told() {
    let table = "
| Letter | Demand |
| --- | --- |
| G6 | something |
| S1 | *left out*: not wanted |
| S5 | *left out*: no kernel |
| X2 | counts |
";
    let rows = rows(table);
    let letters: Vec<&str> = rows.iter().map(|row| &*row.letter).collect();
    assert_eq!(letters, ["g6", "s1", "s5", "x2"]);
    let tests = tests();
    let told = faults(&rows, &by_letter(&rows, &tests));
    assert_eq!(
        told,
        [
            "s1 is left out and has a test",
            "x2 has no test",
            "g7 of g7_unknown is not in docs/REQUIREMENTS.md",
        ]
    );
}

#[test]
fn the_table_has_every_family_of_letters() {
    let text = include_str!("../../../../docs/REQUIREMENTS.md");
    let letters: Vec<String> = rows(text).into_iter().map(|row| row.letter).collect();
    let families =
        [("g", 17), ("k", 9), ("rr", 3), ("a", 7), ("s", 9), ("x", 2), ("c", 5), ("v", 2)];
    let all = families
        .into_iter()
        .flat_map(|(family, last)| (1..=last).map(move |number| format!("{family}{number}")));
    let single = ["e14", "e15", "u9", "r1", "r17", "f14", "f19", "f20"].map(str::to_owned);
    let mut wanted: Vec<String> = all.chain(single).collect();
    let mut found = letters;
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted);
}
