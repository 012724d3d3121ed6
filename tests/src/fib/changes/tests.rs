use super::*;
use crate::net::net;

/// A message about 10.244.12.64/26: table, type of route.
fn message(kind: u16, table: u8, route: u8) -> Vec<u8> {
    let mut body = vec![2, 26, 0, 0, table, 12, 0, route, 0, 0, 0, 0];
    for (code, value) in [(15u16, [table, 0, 0, 0]), (DESTINATION, [10, 244, 12, 64])] {
        body.extend(8u16.to_ne_bytes());
        body.extend(code.to_ne_bytes());
        body.extend(value);
    }
    let len = (HEADER_LEN + body.len()) as u32;
    let mut message = len.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend([0; 10]);
    message.extend(body);
    message
}

fn changes(octets: &[u8]) -> Result<Vec<Change>> {
    let mut found = Vec::new();
    parse(octets, |change| found.push(change))?;
    Ok(found)
}

#[test]
fn routes_of_the_main_table_that_lead_somewhere_are_told_from_others() {
    let block = net("10.244.12.64/26");
    let several = [
        message(DEL_ROUTE, MAIN, UNICAST),
        message(NEW_ROUTE, MAIN, UNICAST),
        message(NEW_ROUTE, 255, UNICAST),
        // A blackhole.
        message(DEL_ROUTE, MAIN, 6),
        message(16, MAIN, UNICAST),
    ];
    let found = changes(&several.concat()).expect("messages");
    let other = Change::Other;
    assert_eq!(found, [Change::Gone(block), Change::New(block), other, other, other]);
    let whole = message(NEW_ROUTE, MAIN, UNICAST);
    assert!(changes(&whole[..whole.len() - 1]).is_err());
    assert!(changes(&whole[..9]).is_err());
}

#[test]
fn what_is_not_put_back_with_the_next_change_is_lost() {
    let (one, two, alien) = (net("10.1.0.0/16"), net("10.2.0.0/16"), net("10.3.0.0/16"));
    let expected = BTreeSet::from([one, two]);
    let (new, gone) = (Change::New, Change::Gone);
    for (script, replaced, lost) in [
        (vec![gone(one), new(one), gone(two), new(two)], 2, vec![]),
        (vec![new(one), new(alien), gone(alien)], 0, vec![]),
        (vec![gone(one), gone(two), new(two), new(one)], 1, vec![one]),
        (vec![gone(one), Change::Other, new(one)], 0, vec![one]),
        (vec![gone(one), new(alien), new(one)], 0, vec![one]),
        (vec![gone(alien), new(one), gone(two)], 0, vec![two]),
    ] {
        let mut ledger = Ledger::default();
        script.iter().for_each(|change| ledger.take(*change, &expected));
        ledger.close();
        let found: Vec<_> = ledger.lost.iter().copied().collect();
        assert_eq!((ledger.replaced, found), (replaced, lost), "{script:?}");
    }
}
