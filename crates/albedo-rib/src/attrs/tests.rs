use super::*;
use core::sync::atomic::{AtomicU64, Ordering};

/// A home that remembers what it was told.
#[derive(Default)]
struct Told(AtomicU64);

impl Home for Told {
    fn forget(&self, hash: u64) {
        self.0.store(hash, Ordering::Relaxed);
    }
}

const ROUTER_7: RouterId = RouterId::new(7).expect("not zero");
const ROUTER_8: RouterId = RouterId::new(8).expect("not zero");
const ORIGIN_AND_PATH: [u8; 7] = [0x40, 1, 1, 0, 0x40, 2, 0];
const LOCAL_PREF: [u8; 7] = [0x40, 5, 4, 0, 0, 0, 100];
const COMMUNITY: [u8; 7] = [0xc0, 8, 4, 1, 2, 3, 4];
const REFLECTED: [u8; 14] = [0x80, 9, 4, 10, 0, 0, 1, 0x80, 10, 4, 10, 0, 0, 9];

#[test]
fn a4_the_next_hop_of_a_set_is_found_wherever_it_stands() {
    const NEXT_HOP: [u8; 7] = [0x40, 3, 4, 192, 0, 2, 9];
    let v6: [u8; 32] = core::array::from_fn(|n| n as u8);
    let long_path = [&[0x40, 1, 1, 0, 0x50, 2, 1, 0][..], &[0; 256], &NEXT_HOP].concat();
    let plain = [&ORIGIN_AND_PATH[..], &NEXT_HOP, &LOCAL_PREF].concat();
    let without = [&ORIGIN_AND_PATH[..], &LOCAL_PREF].concat();
    let hop = |block: &[u8], mp: Option<&[u8]>| {
        AttrSet::new(&parts(block, mp)).next_hop().map(<[u8]>::to_vec)
    };
    assert_eq!(hop(&plain, None).as_deref(), Some(&[192, 0, 2, 9][..]));
    assert_eq!(hop(&long_path, None).as_deref(), Some(&[192, 0, 2, 9][..]));
    assert_eq!(hop(&without, Some(&[10, 0, 0, 1])).as_deref(), Some(&[10, 0, 0, 1][..]));
    assert_eq!(hop(&without, Some(&v6)).as_deref(), Some(&v6[..16]), "the global one");
    assert_eq!(hop(&without, None), None);
    assert_eq!(hop(&ORIGIN_AND_PATH, None), None);
}

fn parts<'a>(block: &'a [u8], mp_next_hop: Option<&'a [u8]>) -> Parts<'a> {
    Parts {
        family: Family::Ipv4Unicast,
        summary: Summary::default(),
        external: false,
        cluster: ClusterId(1),
        block,
        mp_next_hop,
    }
}

const fn material<'a>(block: &'a [u8], next_hop: Option<&'a [u8]>) -> Material<'a> {
    Material {
        family: Family::Ipv4Unicast,
        external: false,
        as4: true,
        router_id: ROUTER_7,
        cluster: ClusterId(1),
        next_hop,
        rules: 3,
        block,
    }
}

fn interned(finished: &[u8], received: &[u8], hop: Option<&[u8]>) -> AttrSet {
    let home: Weak<dyn Home> = Weak::<Told>::new();
    AttrSet::interned(&parts(finished, hop), &material(received, hop), 1, home)
}

#[test]
fn what_was_only_added_to_is_kept_once() {
    let received = [&ORIGIN_AND_PATH[..], &LOCAL_PREF, &COMMUNITY].concat();
    let finished = [&ORIGIN_AND_PATH[..], &LOCAL_PREF, &COMMUNITY, &REFLECTED].concat();
    let between = [&ORIGIN_AND_PATH[..], &REFLECTED, &LOCAL_PREF, &COMMUNITY].concat();
    for finished in [&finished, &between, &received] {
        let set = interned(finished, &received, None);
        assert_eq!(set.octets.len(), finished.len());
        assert_eq!((set.block(), set.mp_next_hop()), (finished.as_slice(), None));
        assert!(set.is_of(&material(&received, None)));
    }
}

#[test]
fn what_was_rewritten_is_kept_beside_it() {
    // Out of order: the finished block is in ascending order.
    let received = [&COMMUNITY[..], &LOCAL_PREF, &ORIGIN_AND_PATH].concat();
    let finished = [&ORIGIN_AND_PATH[..], &LOCAL_PREF, &COMMUNITY, &REFLECTED].concat();
    let hop = [10, 0, 0, 1];
    for hop in [None, Some(&hop[..])] {
        let set = interned(&finished, &received, hop);
        assert_eq!((set.block(), set.mp_next_hop()), (finished.as_slice(), hop));
        assert!(set.is_of(&material(&received, hop)));
        assert!(!set.is_of(&material(&finished, hop)));
    }
    // A finished block that is shorter: something was dropped.
    let set = interned(&ORIGIN_AND_PATH, &received, None);
    assert!(set.is_of(&material(&received, None)) && set.block() == ORIGIN_AND_PATH);
}

#[test]
fn every_part_of_the_material_counts() {
    let received = [&ORIGIN_AND_PATH[..], &LOCAL_PREF].concat();
    let finished = [&ORIGIN_AND_PATH[..], &LOCAL_PREF, &REFLECTED].concat();
    let set = interned(&finished, &received, Some(&[1, 2, 3, 4]));
    let same = material(&received, Some(&[1, 2, 3, 4]));
    assert!(set.is_of(&same));
    let mut shorter = received.clone();
    shorter.pop();
    let mut other = received.clone();
    other[3] = 2;
    let longer = [&received[..], &REFLECTED].concat();
    let others = [
        Material { family: Family::Ipv6Unicast, ..same },
        Material { external: true, ..same },
        Material { as4: false, ..same },
        Material { router_id: ROUTER_8, ..same },
        Material { cluster: ClusterId(2), ..same },
        Material { next_hop: None, ..same },
        Material { rules: 4, ..same },
        Material { next_hop: Some(&[1, 2, 3, 5]), ..same },
        Material { block: &shorter, ..same },
        Material { block: &other, ..same },
        Material { block: &longer, ..same },
    ];
    for other in others {
        assert!(!set.is_of(&other), "{other:?}");
    }
    assert!(!AttrSet::new(&parts(&finished, None)).is_of(&material(&received, None)));
}

#[test]
fn the_home_is_told_of_the_end() {
    let home = Arc::new(Told::default());
    let weak: Weak<Told> = Arc::downgrade(&home);
    let (parts, material) = (parts(&LOCAL_PREF, None), material(&LOCAL_PREF, None));
    let set = Arc::new(AttrSet::interned(&parts, &material, 77, weak));
    drop(Arc::clone(&set));
    assert_eq!(home.0.load(Ordering::Relaxed), 0);
    drop(set);
    assert_eq!(home.0.load(Ordering::Relaxed), 77);
}

/// What a distinct set costs beside its octets: docs/adr/0003 counts with it.
#[test]
fn a_set_is_small() {
    assert!(size_of::<AttrSet>() <= 96, "{}", size_of::<AttrSet>());
}
