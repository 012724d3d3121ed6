//! The table of families and sets of them.

use std::string::ToString;
use std::vec::Vec;

use super::*;

#[test]
fn rows_stand_in_the_order_of_the_enum() {
    for (n, family) in Family::ALL.into_iter().enumerate() {
        assert_eq!(family.index(), n);
        assert_eq!(family.row().family, family);
        assert_eq!(Family::from_wire(family.afi(), family.safi()), Some(family));
        assert_eq!(family.to_string().parse(), Ok(family));
    }
    assert_eq!(Family::from_wire(Afi(1), Safi(2)), None);
}

#[test]
fn sets_hold_what_was_put_in() {
    let set: FamilySet = [Family::Ipv6Unicast].into_iter().collect();
    assert!(!set.contains(Family::Ipv4Unicast));
    assert_eq!(set.iter().collect::<Vec<_>>(), [Family::Ipv6Unicast]);
    assert_eq!(set.intersection(FamilySet::of(Family::Ipv4Unicast)), FamilySet::EMPTY);
    assert_eq!(FamilySet::ALL.iter().count(), Family::COUNT);
}
