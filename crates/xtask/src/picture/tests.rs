use super::*;

#[test]
fn a_line_is_where_and_when_it_came() {
    let lines = [
        (Duration::from_millis(250), "  ok    <cold> & start".to_owned()),
        (Duration::from_millis(1_500), "next: more".to_owned()),
    ];
    let picture = draw(&lines);
    for part in [
        "<text x=\"18\" y=\"49\" class=\"typed\">$ cargo run --release -- demo</text>\n",
        "<text x=\"18\" y=\"70\" class=\"ok\" style=\"animation: hidden 0.25s\">  ok    \
         &lt;cold&gt; &amp; start</text>\n",
        "<text x=\"18\" y=\"91\" style=\"animation: hidden 1.50s\">next: more</text>\n",
    ] {
        assert!(picture.contains(part), "{part} in {picture}");
    }
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
}

/// What stands before the figures of a line.
fn step(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("ok")?.trim_start().split_once(':').map(|(step, _)| step)
}

#[test]
fn the_picture_is_one_of_what_the_readme_says() {
    let repo = Repo::here();
    let picture = fs::read_to_string(repo.root().join(FILE)).expect("`cargo xtask picture`");
    assert!(picture.len() <= BYTES_MAX, "{} octets", picture.len());
    let readme = fs::read_to_string(repo.root().join("README.md")).expect("the README");
    assert!(readme.contains(FILE), "the README shows it");
    let steps: Vec<&str> = readme.lines().filter_map(step).collect();
    assert!(steps.len() >= 4, "{steps:?}");
    for step in steps {
        assert!(picture.contains(&format!("{step}:")), "{step}");
    }
    assert!(picture.contains("every table exact"));
}
