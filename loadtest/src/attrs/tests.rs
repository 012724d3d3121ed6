use super::{Attributes, Form, code, flag, read_one};

const REFLECTED: Form = Form { own_cluster: true, zero_med_is_absent: false };

fn sample() -> Attributes<'static> {
    let mut set = Attributes { next_hop: vec![10, 0, 0, 1].into(), ..Attributes::default() };
    set.push(flag::TRANSITIVE, code::LOCAL_PREF, vec![0, 0, 0, 200]);
    set.push(flag::TRANSITIVE, code::ORIGIN, vec![0]);
    set.push(flag::TRANSITIVE, code::AS_PATH, vec![]);
    set
}

#[test]
fn written_in_order_with_the_next_hop_at_its_place() {
    let mut out = Vec::new();
    sample().write(&mut out);
    let mut rest = &out[..];
    let mut codes = Vec::new();
    while !rest.is_empty() {
        codes.push(read_one(&mut rest).expect("well-formed").code);
    }
    assert_eq!(codes, [1, 2, 3, 5]);
}

#[test]
fn a_long_value_gets_two_length_octets() {
    let mut out = Vec::new();
    super::write_one(&mut out, flag::OPTIONAL, 32, &[7; 256]);
    let read = read_one(&mut &out[..]).expect("well-formed");
    assert_eq!((read.flags, read.value.len()), (flag::OPTIONAL, 256));
    assert!(read_one(&mut &out[..200]).is_err());
    assert!(read_one(&mut &out[..2]).is_err());
}

#[test]
fn reflection_fills_in_but_never_overwrites() {
    let plain = sample().reflected(7);
    assert_eq!(plain.get(code::ORIGINATOR_ID), Some(&[0, 0, 0, 7][..]));
    assert_eq!(plain.get(code::LOCAL_PREF), Some(&[0, 0, 0, 200][..]));
    let mut set = sample();
    set.remove(code::LOCAL_PREF);
    set.push(flag::OPTIONAL, code::ORIGINATOR_ID, vec![9; 4]);
    set.push(flag::OPTIONAL, 200, vec![1]);
    set.push(flag::OPTIONAL | flag::TRANSITIVE, 201, vec![1]);
    let again = set.reflected(7).with_cluster(1);
    assert_eq!(again.get(code::ORIGINATOR_ID), Some(&[9; 4][..]));
    assert_eq!(again.get(code::LOCAL_PREF), Some(&[0, 0, 0, 100][..]));
    assert_eq!(again.get(200), None);
    assert_eq!(again.get(201), Some(&[1][..]));
    assert_eq!(again.with_cluster(2).get(code::CLUSTER_LIST), Some(&[0, 0, 0, 2, 0, 0, 0, 1][..]));
}

#[test]
fn the_normal_form_forgets_what_says_nothing_and_keeps_the_rest() {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut one = sample();
    one.push(flag::OPTIONAL | flag::TRANSITIVE, 99, vec![1, 2]);
    let mut two = sample();
    two.push(flag::OPTIONAL | flag::TRANSITIVE | 0x20 | flag::EXTENDED, 99, vec![1, 2]);
    assert_eq!(one.normalise(REFLECTED, &mut a), None);
    assert_eq!(two.with_cluster(5).normalise(REFLECTED, &mut b), Some(5));
    assert_eq!(a, b);
    assert_eq!(two.with_cluster(5).normalise(Form::FULL, &mut b), None);
    assert_ne!(a, b);
    assert_eq!(Attributes::from_normal(&a), one);
    two.next_hop = vec![10, 0, 0, 2].into();
    two.normalise(REFLECTED, &mut b);
    assert_ne!(a, b);
}

#[test]
fn a_link_local_half_of_zeros_is_ignored() {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let short = Attributes { next_hop: vec![1; 16].into(), ..Attributes::default() };
    let mut padded = vec![1; 16];
    padded.extend([0; 16]);
    let long = Attributes { next_hop: padded.into(), ..Attributes::default() };
    short.normalise(REFLECTED, &mut a);
    long.normalise(REFLECTED, &mut b);
    assert_eq!(a, b);
}

#[test]
fn differences_are_named() {
    let want = sample().reflected(7).with_cluster(0x0a00_0001);
    let mut got = want.clone();
    got.next_hop = vec![10, 0, 0, 9].into();
    got.remove(code::LOCAL_PREF);
    got.push(flag::OPTIONAL, code::MED, vec![0, 0, 0, 3]);
    assert_eq!(
        want.difference(&got),
        "next hop is 10.0.0.9, expected 10.0.0.1; MED 3 was not expected; \
         LOCAL_PREF is missing, expected 200"
    );
}

#[test]
fn a_zero_med_counts_as_none_only_where_that_was_said() {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let lenient = Form { own_cluster: false, zero_med_is_absent: true };
    sample().normalise(Form::FULL, &mut without);
    for (med, form, is_equal) in [(0, Form::FULL, false), (0, lenient, true), (1, lenient, false)] {
        let mut set = sample();
        set.push(flag::OPTIONAL, code::MED, vec![0, 0, 0, med]);
        set.normalise(form, &mut with);
        assert_eq!(with == without, is_equal, "{med} {form:?}");
    }
}

#[test]
fn communities_are_a_set() {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for (octets, code) in [(4, 8), (8, 16), (12, 32)] {
        let mut one = sample();
        let mut two = sample();
        let word = |n: u8| vec![n; octets];
        one.push(flag::OPTIONAL | flag::TRANSITIVE, code, [word(2), word(1), word(2)].concat());
        two.push(flag::OPTIONAL | flag::TRANSITIVE, code, [word(1), word(2)].concat());
        one.normalise(Form::FULL, &mut a);
        two.normalise(Form::FULL, &mut b);
        assert_eq!(a, b);
        two.remove(code);
        two.push(flag::OPTIONAL | flag::TRANSITIVE, code, word(1));
        two.normalise(Form::FULL, &mut b);
        assert_ne!(a, b);
    }
}

#[test]
fn as_zero_is_found_in_any_segment_and_never_reflected_as_aggregator() {
    let path = |octets: &[u8]| {
        let mut set = Attributes::default();
        set.push(flag::TRANSITIVE, code::AS_PATH, octets.to_vec());
        set.has_as_zero()
    };
    assert!(!path(&[]));
    assert!(!path(&[2, 1, 0, 0, 0, 9, 1, 1, 0, 1, 0, 0]));
    assert!(path(&[2, 1, 0, 0, 0, 9, 1, 2, 0, 0, 0, 1, 0, 0, 0, 0]));
    for (asn, is_kept) in [(0, false), (7, true)] {
        let mut set = sample();
        let value = vec![0, 0, 0, asn, 10, 0, 0, 1];
        set.push(flag::OPTIONAL | flag::TRANSITIVE, code::AGGREGATOR, value);
        assert_eq!(set.reflected(1).get(code::AGGREGATOR).is_some(), is_kept);
    }
}
