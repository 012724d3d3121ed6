//! Kinds of values that policies are made of.

use albedo_types::policy::{Community, Side, Then};
use albedo_types::{Asn, Prefix};

use super::{Kind, asn, integer, range, word};

/// AS numbers that one rule prepends at most.
pub(crate) const PREPEND_MAX: usize = 10;

pub(crate) const DEFAULT: Kind<bool> = Kind {
    allowed: "accept or reject",
    read: |scalar| word(scalar, &[("accept", true), ("reject", false)]),
};

pub(crate) const ACTION: Kind<Then> = Kind {
    allowed: "accept, reject or next",
    read: |scalar| {
        let words = [("accept", Then::Accept), ("reject", Then::Reject), ("next", Then::Next)];
        word(scalar, &words)
    },
};

pub(crate) const SIDE: Kind<Side> = Kind {
    allowed: "internal or external",
    read: |scalar| word(scalar, &[("internal", Side::Internal), ("external", Side::External)]),
};

pub(crate) const COMMUNITY: Kind<Community> = Kind {
    allowed: "a community such as \"64512:100\" or \"64512:1:2\", or a well-known one by its name",
    read: |scalar| {
        scalar.text.parse().map_err(|_| match scalar.text.split(':').count() {
            2 => Some("each half is at most 65535; a large community has three parts".to_owned()),
            _ => None,
        })
    },
};

pub(crate) const PREFIX: Kind<Prefix> = Kind {
    allowed: "a prefix such as 10.0.0.0/8 whose bits beyond the length are zero, or a mapping \
              with prefix, ge, le",
    read: range,
};

pub(crate) const LENGTH: Kind<u8> = Kind {
    allowed: "a prefix length from 0 to 128",
    read: |scalar| u8::try_from(integer(scalar, 0, 128)?).map_err(|_| None),
};

pub(crate) const NUMBER: Kind<u32> =
    Kind { allowed: "a number from 0 to 4294967295", read: |scalar| integer(scalar, 0, u32::MAX) };

pub(crate) const PATH_ASN: Kind<Asn> =
    Kind { allowed: "an AS number from 1 without the reserved 23456", read: asn };

/// Attributes that rules can leave alone are 4 to 255; without the others no route is one.
pub(crate) const ATTRIBUTES: Kind<(u8, u8)> = Kind {
    allowed: "a type from 4 to 255 or a range such as \"20-23\", without 14 and 15",
    read: |scalar| {
        let number = |text: &str| match text.parse::<u8>() {
            Ok(code) if text.as_bytes()[0].is_ascii_digit() => Ok(code),
            _ => Err(None),
        };
        let (first, last) = match scalar.text.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(&scalar.text)?, number(&scalar.text)?),
        };
        let needed = [1, 2, 3, 14, 15].into_iter().find(|code| (first..=last).contains(code));
        match needed {
            _ if first > last => Err(Some(format!("write {last}-{first}"))),
            Some(code) => Err(Some(format!("without type {code} no route can be read"))),
            None if first == 0 => Err(None),
            None => Ok((first, last)),
        }
    },
};

pub(crate) const PERCENT: Kind<u8> = Kind {
    allowed: "a share in percent, from 1 to 100",
    read: |scalar| u8::try_from(integer(scalar, 1, 100)?).map_err(|_| None),
};

pub(crate) const ELEMENTS: Kind<u32> =
    Kind { allowed: "a number from 1 to 8192", read: |scalar| integer(scalar, 1, 8_192) };
