//! Framing of values that are passed on.

use super::*;
use crate::attr::table;
use crate::tests::support::{hex, internal};

/// Values of an attribute, and whether they are well-formed.
fn check(code: u8, cases: &[(&str, bool)]) {
    let row = table::row(code).unwrap();
    for (octets, good) in cases {
        let value = hex(octets);
        let found =
            row.length.allows(value.len(), true) && (row.validate)(&value, &internal()).is_ok();
        assert_eq!(found, *good, "{}: {octets}", row.name);
    }
}

#[test]
fn rfc6514_s5_tunnel_identifiers_have_the_length_of_their_type() {
    check(
        22,
        &[
            ("00 00 000000", true),
            ("00 06 000000 0a000001", true),
            ("00 06 000000 20010db8000000000000000000000001", true),
            ("00 06 000000", false),
            ("00 06 000000 0a0000", false),
            ("00 03 000000 0a000001 e0000001", true),
            ("00 03 000000 0a000001", false),
            ("00 01 000000 0a000001 0000 0001 0a000002", true),
            ("00 01 000000 0a000001", false),
            // Others are not ours to judge.
            ("00 02 000000 01", true),
            ("00 ff 000000", true),
            ("00 06 0000", false),
        ],
    );
}

#[test]
fn rfc9012_s13_tunnels_are_filled_with_their_parts() {
    check(
        23,
        &[
            ("0008 0000", true),
            ("0008 0004 01 02 aabb", true),
            ("0008 0005 80 0002 aabb", true),
            ("0008 0004 01 02 aabb 0001 0000", true),
            ("0008 0004 01 02 aa", false),
            ("0008 0005 01 02 aabb 00", false),
            ("0008 0004 01 03 aabb", false),
            ("0008 0002 80 00", false),
            ("0008 0005 80 0003 aabb", false),
            ("0008", false),
            ("", false),
        ],
    );
}

#[test]
fn rfc7311_s3_the_first_metric_has_11_octets() {
    check(
        26,
        &[
            ("01 000b 0000000000000001", true),
            ("01 000a 00000000000000", false),
            ("01 000b 00000000000000", false),
            ("02 0003", true),
            ("02 0003 01 000b 0000000000000001", true),
            // Only the first one counts.
            ("01 000b 0000000000000001 01 0003", true),
            ("01 0003", false),
            ("02 0002", false),
            ("02 0000", false),
            ("02 00", false),
        ],
    );
}

#[test]
fn rfc8669_s6_segment_identifiers() {
    check(
        40,
        &[
            ("01 0007 00 0000 00000064", true),
            ("01 0006 00 0000 000064", false),
            ("03 0008 0000 003e80 0007d0", true),
            ("03 000e 0000 003e80 0007d0 003e80 0007d0", true),
            ("03 0009 0000 003e80 0007d0 00", false),
            ("03 0002 0000", false),
            ("05 0001 00", true),
            // All zero brought sessions down in 2025.
            ("00 0000", false),
            ("00 0000 00 0000", false),
            ("01 0007 00 0000 00000064 05", false),
            ("", false),
        ],
    );
}

#[test]
fn rfc9552_rfc9015_rfc9026_elements_fill_the_value() {
    check(29, &[("", true), ("0402 0001 aa", true), ("0402 0002 aa", false), ("0402 00", false)]);
    check(
        37,
        &[("01 0000", true), ("01 0001 aa 02 0000", true), ("01 0001", false), ("01 00", false)],
    );
    check(
        38,
        &[
            ("01 00000001", true),
            ("01 00000001 01 04 0a000001", true),
            ("01 00000001 01 05 0a000001", false),
            ("01 00000001 01", false),
            ("01 000000", false),
        ],
    );
}

#[test]
fn rfc7606_s7_16_inner_attributes_fit() {
    check(
        128,
        &[
            ("0000fc00", true),
            ("0000fc00 40010100 400200", true),
            ("0000fc00 400101", false),
            ("0000fc00 4001", false),
            ("0000fc00 50010001 00", true),
            ("0000fc00 50010002 00", false),
            ("0000fc", false),
        ],
    );
}

#[test]
fn inner_faults_say_where() {
    let row = table::row(128).unwrap();
    let fault = (row.validate)(&hex("0000fc00 40010100 80090400"), &internal()).unwrap_err();
    assert_eq!(fault, UpdateFault::Inner { offset: 8, needed: 7, left: 4 });
}
