use super::*;

fn registered(said: &CalicoRegister, variables: &[(&str, &str)]) -> Result<Registration> {
    registration("rr-1", said, |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_environment_of_calicoctl_node_run_is_enough() {
    let said = CalicoRegister::default();
    let variables = [("IP", "10.0.0.9"), ("IP6", "fd00::9/64"), ("AS", "1.10")];
    let found = registered(&said, &variables).expect("a registration");
    assert_eq!(found.ipv4, Some(Ipv4Host { addr: [10, 0, 0, 9].into(), len: 32 }));
    assert_eq!(found.ipv6.map(|host| host.to_string()).as_deref(), Some("fd00::9/64"));
    assert_eq!(found.as_number, Some(Asn(65_546)));
    assert_eq!(found.cluster_id, Some(CLUSTER_ID));
}

#[test]
fn the_file_has_the_first_word() {
    let said = CalicoRegister {
        ipv4: Some("10.0.0.8/24".to_owned()),
        asn: Some(Asn(64_600)),
        cluster_id: Some(ClusterId(7)),
        labels: vec![("reflector".to_owned(), "true".to_owned())],
        ..CalicoRegister::default()
    };
    let found = registered(&said, &[("IP", "10.0.0.9"), ("AS", "x")]).expect("a registration");
    assert_eq!(found.ipv4.map(|host| host.to_string()).as_deref(), Some("10.0.0.8/24"));
    assert_eq!((found.as_number, found.cluster_id), (Some(Asn(64_600)), Some(ClusterId(7))));
    assert_eq!(found.labels["reflector"], "true");
}

#[test]
fn what_is_wrong_is_told() {
    let said = CalicoRegister::default();
    for (variables, expected) in [
        (&[][..], "calico.register: no address"),
        (&[("IP", "autodetect")], "IP: found \"autodetect\", expected an address"),
        (&[("IP6", "fd00::/129")], "IP6: found \"fd00::/129\""),
        (&[("IP", "10.0.0.9"), ("AS", "many")], "AS: found \"many\", expected an AS number"),
    ] {
        let error = format!("{:#}", registered(&said, variables).expect_err("a fault"));
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_new_node_has_an_identifier_and_a_time() {
    let (one, stamp) = birth();
    let (two, _) = birth();
    assert_ne!(one, two);
    let parts: Vec<usize> = one.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert_eq!(&one[14..15], "4", "{one}");
    assert!("89ab".contains(&one[19..20]), "{one}");
    assert_eq!((stamp.len(), &stamp[10..11], &stamp[19..]), (20, "T", "Z"));
}
