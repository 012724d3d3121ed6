//! One UPDATE for each type, with flags and lengths that have brought daemons down: none may cost
//! more than its routes, and what is passed on must be harmless to the next speaker.

use super::*;

/// Octets that look random but are the same in every run.
fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut rng = albedo_types::Rng::new(u64::try_from(seed).unwrap());
    (0..len).map(|_| u8::try_from(rng.below(256)).unwrap()).collect()
}

#[test]
fn every_type_with_every_sort_of_flags_and_lengths_never_resets() {
    let mut seen = 0;
    for code in (0..=u8::MAX).filter(|code| !matches!(code, 14 | 15)) {
        for flags in [0x40, 0x80, 0xc0, 0xd0, 0xe0] {
            for len in [0, 1, 3, 4, 255, 256, 3000] {
                for fill in [noise(usize::from(code) + len, len), vec![0; len], vec![0xff; len]] {
                    seen += 1;
                    let wide = flags & EXTENDED_LENGTH != 0;
                    let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
                    let more = if wide {
                        [&[flags, code, high, low][..], &fill].concat()
                    } else {
                        attr(flags, code, &fill)
                    };
                    for ctx in [internal(), external()] {
                        step(&more, &ctx);
                    }
                }
            }
        }
    }
    assert_eq!(seen, 254 * 5 * 7 * 3);
}

/// Judges one block; what would be passed on is judged again as the next speaker would.
fn step(more: &[u8], ctx: &UpdateContext) {
    let block = [&mandatory(), more].concat();
    let found = Attributes::decode(&block, PLAIN, ctx);
    assert!(found.treatment < Some(Treatment::DisableFamily), "{:?}", found.errors);
    if found.treatment >= Some(TreatAsWithdraw) {
        return;
    }
    let edit = Edit {
        as4: true,
        originator_id: albedo_types::RouterId::new(1),
        prepend_cluster: Some(albedo_types::ClusterId(1)),
        local_pref: LocalPrefEdit::Default(100),
        ..Edit::default()
    };
    let mut out = vec![];
    found.attributes.encode(&edit, &mut out);
    let next = Attributes::decode(&out, PLAIN, &internal());
    assert_eq!(next.treatment, None, "{more:02x?}: {:?}", next.errors);
}
