use super::*;

fn plain(text: &str) -> String {
    super::text(&Scalar { text: text.to_owned(), plain: true })
}

#[test]
fn plain_words_and_numbers_become_what_yaml_1_1_reads() {
    for (written, read) in [
        ("yes", "true"),
        ("Off", "false"),
        ("y", "true"),
        ("N", "false"),
        ("TRUE", "true"),
        ("~", ""),
        ("", ""),
        ("010", "8"),
        ("08", "8"),
        ("-010", "-8"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("0b11", "3"),
        ("1_000", "1000"),
        ("+7", "7"),
        ("-0", "0"),
        ("1.10", "1.1"),
        ("1.0", "1"),
        (".5", "0.5"),
        ("1e3", "1000"),
        ("1000000.0", "1e+06"),
        ("0.00001", "1e-05"),
        ("18446744073709551616", "1.8446744073709552e+19"),
    ] {
        assert_eq!(plain(written), read, "{written}");
    }
}

#[test]
fn everything_else_stays() {
    for text in [
        "a",
        "yEs",
        "1.2.3",
        "10.0.0.1",
        "1.10.2",
        "v1",
        "0x",
        "0xg",
        "1-2",
        "--1",
        "+-1",
        "-",
        ".",
        "1e",
        "e3",
        "2001-01-01",
        "fd00::1",
        "64600:77",
        "1.e",
        "zone_a",
        "0b2",
        "_1",
    ] {
        assert_eq!(plain(text), text);
    }
    let quoted = Scalar { text: "yes".to_owned(), plain: false };
    assert_eq!(text(&quoted), "yes");
    assert_eq!(boolean(&quoted), None);
}
