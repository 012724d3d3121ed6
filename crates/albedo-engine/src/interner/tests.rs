use albedo_wire::update::{AttrLimits, RawUpdate};

use super::*;

const LOCAL_ASN: Asn = Asn(64_512);

/// ORIGIN, an AS_PATH of two, NEXT_HOP.
const BLOCK: &[u8] = &[
    0x40, 1, 1, 0, //
    0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xea, //
    0x40, 3, 4, 192, 0, 2, 1,
];

fn source(context: &UpdateContext) -> Source {
    Source {
        router_id: RouterId::new(7).expect("not zero"),
        external: !context.internal,
        cluster: ClusterId(1),
        local_router_id: RouterId::new(1).expect("not zero"),
        local_asn: LOCAL_ASN,
        own_as_allowed: None,
        judged_by: Source::judged_by(context),
    }
}

fn interner() -> (Interner, Arc<Stats>) {
    let stats = Arc::new(Stats::new(1));
    (Interner::new(Box::default(), Arc::clone(&stats)), stats)
}

fn intern(interner: &Interner, source: &Source, context: &UpdateContext) -> Interned {
    let mut body = vec![0, 0, 0, u8::try_from(BLOCK.len()).expect("short")];
    body.extend_from_slice(BLOCK);
    let update = RawUpdate::split(&body, context).expect("well formed");
    let family = Family::Ipv4Unicast;
    let received = Received { family, next_hop: None, block: &update.block };
    interner.intern(source, &received, context, &mut Scratch::default())
}

#[test]
fn equal_blocks_are_one_set_for_as_long_as_somebody_holds_it() {
    let (interner, stats) = interner();
    let context = UpdateContext::internal(LOCAL_ASN);
    let counts = || [&stats.sets_made, &stats.sets_found].map(|n| n.load(Ordering::Relaxed));
    let Interned::Set(first) = intern(&interner, &source(&context), &context) else { panic!() };
    let Interned::Set(second) = intern(&interner, &source(&context), &context) else { panic!() };
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!((counts(), interner.len()), ([1, 1], 1));
    drop((first, second));
    assert!(interner.is_empty());
    let Interned::Set(_) = intern(&interner, &source(&context), &context) else { panic!() };
    assert_eq!(counts(), [2, 1]);
}

#[test]
fn block_that_one_session_takes_is_judged_by_the_rules_of_another_one() {
    let (interner, _) = interner();
    let lax = UpdateContext::external(LOCAL_ASN);
    let Interned::Set(held) = intern(&interner, &source(&lax), &lax) else { panic!() };
    let rules = [
        UpdateContext { limits: AttrLimits::new(1, 100), ..lax },
        UpdateContext { first_as: Some(Asn(65_009)), ..lax },
    ];
    for strict in rules {
        let judged = intern(&interner, &source(&strict), &strict);
        assert!(matches!(judged, Interned::Malformed(_)), "{judged:?}");
    }
    let looped = Source { local_asn: Asn(65_001), own_as_allowed: Some(0), ..source(&lax) };
    let judged = intern(&interner, &looped, &lax);
    assert!(matches!(judged, Interned::Looped(Loop::AsPath)), "{judged:?}");
    drop(held);
    assert!(interner.is_empty());
}

fn material(block: &[u8]) -> Material<'_> {
    Material {
        family: Family::Ipv4Unicast,
        external: false,
        as4: true,
        router_id: RouterId::new(7).expect("not zero"),
        cluster: ClusterId(1),
        next_hop: None,
        rules: 0,
        block,
    }
}

fn set(map: &Arc<Map>, hash: u64, block: &[u8]) -> Arc<AttrSet> {
    let parts = Parts {
        family: Family::Ipv4Unicast,
        summary: Summary::default(),
        external: false,
        cluster: ClusterId(1),
        block,
        mp_next_hop: None,
    };
    let home: Weak<Map> = Arc::downgrade(map);
    Arc::new(AttrSet::interned(&parts, &material(block), hash, home))
}

fn map() -> Arc<Map> {
    Arc::new(Map(DashMap::with_hasher(SeedableRandomState::random())))
}

#[test]
fn equal_hashes_do_not_make_equal_sets() {
    let (map, hash) = (map(), 5);
    let (a, b) = (set(&map, hash, b"a"), set(&map, hash, b"b"));
    let a = map.insert(hash, &material(b"a"), a);
    let b = map.insert(hash, &material(b"b"), b);
    assert_eq!(map.0.len(), 2);
    assert!(Arc::ptr_eq(&map.find(hash, &material(b"a")).unwrap(), &a));
    assert!(Arc::ptr_eq(&map.find(hash, &material(b"b")).unwrap(), &b));
    assert!(map.find(hash, &material(b"c")).is_none());
    drop(a);
    assert_eq!(map.0.len(), 1);
    assert!(map.find(hash, &material(b"a")).is_none());
    assert!(map.find(hash, &material(b"b")).is_some());
    drop(b);
    assert!(map.0.is_empty());
}

#[test]
fn whoever_comes_second_gets_the_first_ones_set() {
    let (map, hash) = (map(), 9);
    let first = map.insert(hash, &material(b"a"), set(&map, hash, b"a"));
    let second = map.insert(hash, &material(b"a"), set(&map, hash, b"a"));
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!((map.0.len(), Arc::strong_count(&first)), (1, 2));
}

/// What dies in one thread while another looks for it is made again, or found: never lost, never
/// left behind, and nobody waits for himself.
#[test]
fn sets_come_and_go_in_many_threads() {
    let map = map();
    std::thread::scope(|scope| {
        for seed in 0..4u8 {
            let map = &map;
            scope.spawn(move || {
                for n in 0..20_000u32 {
                    let block = [n.wrapping_mul(2_654_435_761).to_be_bytes()[0] % 8 + seed % 2];
                    // Four hashes for nine blocks: neighbours collide.
                    let hash = u64::from(block[0] / 2);
                    let material = material(&block);
                    let got = map
                        .find(hash, &material)
                        .unwrap_or_else(|| map.insert(hash, &material, set(map, hash, &block)));
                    assert!(got.is_of(&material));
                    assert_eq!(got.block(), block);
                }
            });
        }
    });
    assert!(map.0.is_empty());
}

#[test]
fn material_that_differs_hashes_differently() {
    let map = map();
    let one = map.hash(&material(b"a"));
    assert_eq!(one, map.hash(&material(b"a")));
    assert_ne!(one, map.hash(&material(b"b")));
    assert_ne!(one, map.hash(&Material { rules: 1, ..material(b"a") }));
    assert_ne!(one, map.hash(&Material { as4: false, ..material(b"a") }));
    assert_ne!(one, map.hash(&Material { next_hop: Some(b"a"), ..material(b"") }));
}

#[test]
fn r17_clusters_that_were_ours_stay_so_up_to_a_bound() {
    let stats = Arc::new(Stats::new(1));
    let interner = Interner::new([ClusterId(9), ClusterId(1)].into(), stats);
    let mark = interner.clusters_mark();
    assert_eq!(mark, mark_of(&[ClusterId(1), ClusterId(9)]));
    interner.add_clusters(&[ClusterId(9)]).unwrap();
    assert_eq!(interner.clusters_mark(), mark, "nothing new");
    let most = u32::try_from(CLUSTERS_MAX).unwrap();
    let all: Vec<ClusterId> = (1..=most).map(ClusterId).collect();
    interner.add_clusters(&all).unwrap();
    let full = interner.clusters_mark();
    let found = CLUSTERS_MAX + 1;
    assert_eq!(interner.add_clusters(&[ClusterId(0xffff)]), Err(TooManyClusters { found }));
    assert_eq!(interner.clusters_mark(), full);
    assert_eq!(interner.clusters().len(), CLUSTERS_MAX);
}

#[test]
fn u9_a_changed_block_is_not_the_equal_one_that_came_so() {
    let (interner, _) = interner();
    let context = UpdateContext::external(LOCAL_ASN);
    let source = source(&context);
    let body = [&[0, 0, 0, u8::try_from(BLOCK.len()).unwrap()], BLOCK].concat();
    let update = RawUpdate::split(&body, &context).unwrap();
    let received = Received { family: Family::Ipv4Unicast, next_hop: None, block: &update.block };
    let mut scratch = Scratch::default();
    // LOCAL_PREF from another AS counts for nothing, but what a policy sets does.
    let with_local_pref = [BLOCK, &[0x40, 5, 4, 0, 0, 0, 200]].concat();
    let long =
        [&[0, 0, 0, u8::try_from(with_local_pref.len()).unwrap()], &*with_local_pref].concat();
    let long = RawUpdate::split(&long, &context).unwrap();
    let came = Received { family: Family::Ipv4Unicast, next_hop: None, block: &long.block };
    let Interned::Set(came) = interner.intern(&source, &came, &context, &mut scratch) else {
        panic!("it is taken, without LOCAL_PREF");
    };
    let mut change = |to: Option<&[u8]>| {
        let change = |_: &[u8]| to.map(<[u8]>::to_vec);
        interner.intern_changed(&source, &received, &context, &mut scratch, change)
    };
    let changed = change(Some(&with_local_pref)).unwrap();
    assert_eq!((came.summary.local_pref, changed.summary.local_pref), (DEFAULT_LOCAL_PREF, 200));
    assert!(Arc::ptr_eq(&changed, &change(Some(&with_local_pref)).unwrap()));
    assert!(change(None).is_none() && change(Some(&[0x40])).is_none());
}
