use proptest::prelude::*;

use super::*;

#[test]
fn each_kind_of_change_is_told() {
    let there = BTreeMap::from([("a", 1), ("b", 1), ("c", 1)]);
    let wanted = BTreeMap::from([("b", 1), ("c", 2), ("d", 1)]);
    let changes = reconcile(&there, &wanted);
    assert_eq!(changes.added, ["d"]);
    assert_eq!(changes.removed, ["a"]);
    assert_eq!(changes.changed, ["c"]);
    assert_eq!(changes.kept, 1);
    assert_eq!(changes.to_string(), "1 added, 1 removed, 1 changed, 1 kept");
}

proptest! {
    #[test]
    fn carrying_out_the_changes_gives_what_is_wanted(
        there: BTreeMap<u8, u8>, wanted: BTreeMap<u8, u8>
    ) {
        let changes = reconcile(&there, &wanted);
        let mut result = there;
        for key in &changes.removed {
            prop_assert!(result.remove(key).is_some());
        }
        for key in &changes.added {
            prop_assert!(result.insert(*key, wanted[key]).is_none());
        }
        for key in &changes.changed {
            prop_assert!(result.insert(*key, wanted[key]).is_some());
        }
        prop_assert_eq!(&result, &wanted);
        prop_assert_eq!(changes.kept + changes.added.len() + changes.changed.len(), wanted.len());
        prop_assert!(reconcile(&wanted, &wanted).is_empty());
    }
}
