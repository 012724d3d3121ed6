use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What comes of a text that is in no file.
fn read(text: &str) -> Result<Imported, String> {
    let mut sources = Sources::default();
    let statements = sources.parse("text", text, Path::new("/nowhere"), 0)?;
    Ok(interpret(&statements, &sources, None))
}

/// Ours is always good, whatever theirs is.
fn good(imported: &Imported) {
    let surroundings = albedo_config::Surroundings { overrides: Vec::new(), cores: 1 };
    let read = albedo_config::parse("ours", &imported.text, Path::new(""), &surroundings);
    read.unwrap_or_else(|faults| panic!("{faults}\n{}", imported.text));
}

/// Options, good and bad.
fn option() -> impl Strategy<Value = String> {
    let number = || prop_oneof![0..300_u32, any::<u32>(), 64_510..64_514_u32];
    let counted = [
        "local as",
        "hold time",
        "keepalive time",
        "connect retry time",
        "connect delay time",
        "graceful restart time",
        "long lived stale time",
        "multihop",
        "allow local as",
        "import limit",
        "receive limit",
        "local port",
        "neighbor as",
        "ttl security",
    ];
    let fixed = [
        "local as 64512",
        "rr client",
        "rr cluster id 1.2.3.4",
        "rr cluster id 0.0.0.0",
        "graceful restart",
        "graceful restart off",
        "long lived graceful restart on",
        "import all",
        "import none",
        "export all",
        "export filter x",
        "import where net = 1.0.0.0/8",
        "passive",
        "ttl security on",
        "add paths tx",
        "next hop self",
        "next hop keep",
        "direct",
        "source address 10.0.0.1",
        "source address fd00::1",
        "local 10.0.0.1 as 64512",
        "description \"a b\"",
        "description \"\"",
        "password \"x\"",
        "ipv4",
        "ipv6",
        "multihop",
        "ipv4 { import all; export all; add paths on; }",
        "ipv6 { import none; receive limit 5; }",
        "ipv4 { import limit 7 action restart; }",
        "disabled",
        "bfd",
        "x { y; }",
        "'",
    ];
    prop_oneof![
        3 => select(fixed.to_vec()).prop_map(str::to_owned),
        2 => (select(counted.to_vec()), number()).prop_map(|(key, value)| format!("{key} {value}")),
        1 => (0..9_u8, number()).prop_map(|(host, asn)| format!("neighbor 10.0.0.{host} as {asn}")),
        1 => (0..9_u8).prop_map(|host| format!("neighbor 10.0.0.{host} as 64512")),
        1 => (0..9_u8).prop_map(|host| format!("neighbor fd00::{host} internal")),
        1 => (8..=32_u8).prop_map(|len| format!("neighbor range 10.0.0.0/{len} as 64512")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_octets_are_read_or_refused(octets in vec(any::<u8>(), 0..300)) {
        if let Ok(imported) = read(&String::from_utf8_lossy(&octets)) {
            good(&imported);
        }
    }

    #[test]
    fn any_marks_are_read_or_refused(text in "[a-c0-9 .:;{}\\[\\]\"'#/*\n-]{0,200}") {
        if let Ok(imported) = read(&text) {
            good(&imported);
        }
    }

    #[test]
    fn any_options_come_to_something_good(
        sessions in vec(vec(option(), 0..12), 1..6),
        top in select(vec!["", "router id 9.9.9.9;", "listen bgp address 10.0.0.1 port 1790;",
                           "router id 0.0.0.0;", "listen bgp v6only;"]),
    ) {
        let mut text = top.to_owned();
        for (index, options) in sessions.iter().enumerate() {
            text.push_str(&format!("\nprotocol bgp s{index} {{\n{};\n}}", options.join(";\n")));
        }
        if let Ok(imported) = read(&text) {
            good(&imported);
        }
    }
}

#[test]
fn nothing_gets_lost_in_silence() {
    let imported = read(
        "router id 1.2.3.4;\nprotocol bgp a {\nlocal as 1; neighbor 10.0.0.1 as 1;\nsome thing \
         new;\n}\nprotocol ospf { }\nroa table x;\n",
    )
    .unwrap();
    let told: Vec<&str> = imported.left_out.iter().map(|line| &**line).collect();
    assert_eq!(told[0], "text:4: `some thing new`");
    assert!(told[1].starts_with("text:6: the protocol ospf"), "{told:?}");
    assert_eq!(told[2], "text:7: `roa table x`");
}

#[test]
fn a_password_is_never_told() {
    let imported =
        read("protocol bgp a { password s3cret; \npassword; \npassword \"s3cret\" port; }");
    let imported = imported.unwrap();
    assert!(!format!("{imported:?}").contains("s3cret"), "{imported:?}");
}
