use super::*;

fn id(text: &str) -> Option<RouterId> {
    RouterId::from_addr(text.parse().unwrap())
}

#[test]
fn the_words_of_calico_router_id() {
    assert_eq!("".parse(), Ok(RouterIdSource::NodeIpv4));
    assert_eq!("hash".parse(), Ok(RouterIdSource::Hash));
    assert_eq!("10.9.8.7".parse(), Ok(RouterIdSource::Literal(id("10.9.8.7").unwrap())));
    for bad in ["0.0.0.0", "Hash", "7", "::1", "10.0.0"] {
        assert_eq!(bad.parse::<RouterIdSource>(), Err(ParseRouterIdError), "{bad}");
    }
}

#[test]
fn the_source_decides() {
    let ipv4 = Some("10.0.0.7".parse().unwrap());
    assert_eq!(RouterIdSource::NodeIpv4.of("w1", ipv4), id("10.0.0.7"));
    assert_eq!(RouterIdSource::NodeIpv4.of("w1", None), None);
    assert_eq!(RouterIdSource::Literal(id("1.2.3.4").unwrap()).of("w1", ipv4), id("1.2.3.4"));
}

#[test]
fn a_hashed_name_is_no_multicast_address() {
    // SHA-256("w1") begins with 60c5590f.
    assert_eq!(RouterIdSource::Hash.of("w1", None), id("96.197.89.15"));
    // That of "n13" with f4f50ded, and f4 is 244.
    assert_eq!(RouterIdSource::Hash.of("n13", None), id("212.245.13.237"));
}
