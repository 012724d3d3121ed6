use albedo_config::Surroundings as ConfigSurroundings;
use albedo_types::RouterId;
use tempfile::TempDir;

use super::*;

fn config(text: &str) -> Config {
    let surroundings = ConfigSurroundings { overrides: Vec::new(), cores: 2 };
    albedo_config::parse("test", text, Path::new(""), &surroundings).expect("a configuration")
}

/// Who we are with these variables and these names in the two files.
fn identity(
    text: &str,
    variables: &[(&str, &str)],
    (node, host): (Option<&str>, Option<&str>),
) -> Result<Identity> {
    let folder = TempDir::new().expect("a folder");
    for (name, content) in [("nodename", node), ("hostname", host)] {
        if let Some(content) = content {
            std::fs::write(folder.path().join(name), content).expect("a file");
        }
    }
    let config = config(text);
    let value = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let surroundings = Surroundings {
        variable: value,
        node_name_file: &folder.path().join("nodename"),
        host_name_file: &folder.path().join("hostname"),
    };
    surroundings.identity(&config, config.calico.as_ref().expect("the key"))
}

#[test]
fn the_name_is_found_where_calicos_nodes_find_it() {
    let all = [("NODENAME", "one"), ("HOSTNAME", "Three")];
    let files = (Some("two\n"), Some("Four\n"));
    for (text, variables, files, expected) in [
        ("calico: {nodeName: rr-1}", &all[..], files, Some("rr-1")),
        ("calico: {}", &all[..], files, Some("one")),
        ("calico: {}", &[("NODENAME", "")][..], files, Some("two")),
        ("calico: {}", &all[1..], (None, Some("Four\n")), Some("three")),
        ("calico: {}", &[], (Some(" \n"), Some("Four\n")), Some("four")),
        ("calico: {}", &[], (None, None), None),
    ] {
        let found = identity(text, variables, files);
        let name = found.as_ref().ok().and_then(node_of);
        assert_eq!(name, expected, "{found:?}");
    }
}

#[test]
fn the_router_id_is_that_of_the_file_or_of_the_variable_or_the_nodes() {
    let router_id = |text: &str, value: &str| {
        let text = format!("calico: {{nodeName: rr-1}}\n{text}");
        match identity(&text, &[("CALICO_ROUTER_ID", value)], (None, None)) {
            Ok(Identity::Node { router_id, .. }) => Ok(router_id),
            other => Err(format!("{other:?}")),
        }
    };
    let literal = |id| RouterIdSource::Literal(RouterId::new(id).expect("not zero"));
    assert_eq!(router_id("routerId: 10.0.0.9", "hash"), Ok(literal(0x0a00_0009)));
    assert_eq!(router_id("", "hash"), Ok(RouterIdSource::Hash));
    assert_eq!(router_id("", "10.0.0.8"), Ok(literal(0x0a00_0008)));
    assert_eq!(router_id("", ""), Ok(RouterIdSource::NodeIpv4));
    let fault = router_id("", "0.0.0.0").expect_err("no router id");
    assert!(fault.contains("CALICO_ROUTER_ID: not a router id"), "{fault}");
}

#[test]
fn a_speaker_beside_the_cluster_is_who_the_file_says() {
    let text = "asNumber: 64600\nrouterId: 10.0.0.9\n\
                calico: {external: [10.0.0.9, \"10.0.0.9:1790\"]}";
    let found = identity(text, &[("NODENAME", "one")], (None, None)).expect("an identity");
    assert_eq!(node_of(&found), None);
    let Identity::External { addresses, asn, cluster_id, .. } = found else { panic!("{found:?}") };
    let address = std::net::IpAddr::from([10, 0, 0, 9]);
    assert_eq!(addresses, [(address, None), (address, Some(1790))]);
    assert_eq!((asn.0, cluster_id.0), (64_600, 0x0a00_0009));
}
