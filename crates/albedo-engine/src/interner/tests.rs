use super::*;

fn source() -> Source {
    let router_id = RouterId::new(0x0a00_0002).unwrap();
    Source {
        router_id,
        external: false,
        cluster: ClusterId(0x0a00_0001),
        local_router_id: RouterId::new(0x0a00_0001).unwrap(),
        local_asn: Asn(64512),
        own_as_allowed: None,
    }
}

fn material(block: &[u8]) -> Material<'_> {
    Material {
        family: Family::Ipv4Unicast,
        external: false,
        as4: true,
        router_id: source().router_id,
        cluster: source().cluster,
        next_hop: None,
        block,
    }
}

fn set(map: &Arc<Map>, hash: u64, block: &[u8]) -> Arc<AttrSet> {
    let parts = Parts {
        family: Family::Ipv4Unicast,
        summary: Summary::default(),
        external: false,
        cluster: source().cluster,
        block,
        mp_next_hop: None,
    };
    let home: Weak<Map> = Arc::downgrade(map);
    Arc::new(AttrSet::interned(&parts, &material(block), hash, home))
}

fn map() -> Arc<Map> {
    Arc::new(Map(DashMap::with_hasher(foldhash::fast::RandomState::default())))
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
    assert_ne!(one, map.hash(&Material { as4: false, ..material(b"a") }));
    assert_ne!(one, map.hash(&Material { next_hop: Some(b"a"), ..material(b"") }));
}
