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
