//! AS numbers as text and as octets.

use super::*;

#[test]
fn asplain_and_asdot_are_read() {
    assert_eq!("64512".parse(), Ok(Asn(64512)));
    assert_eq!("1.10".parse(), Ok(Asn(65546)));
    for bad in ["", "-1", "4294967296", "1.65536", "1.2.3", "AS1"] {
        assert_eq!(bad.parse::<Asn>(), Err(ParseAsnError), "{bad}");
    }
}

#[test]
fn rfc6793_s9_wide_numbers_become_as_trans() {
    assert_eq!(Asn(65535).to_two_octets(), 65535);
    assert_eq!(Asn(65536).to_two_octets(), 23456);
}
