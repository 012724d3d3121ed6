//! Received UPDATEs, read strictly: a reflector must send nothing that is not well-formed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result, bail, ensure};

use super::code;
use crate::net::{Family, Net};

/// The bit of the flags that says nothing but how the length is written.
const EXTENDED_LENGTH: u8 = 0x10;

/// One path attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute {
    /// Its type.
    pub code: u8,
    /// Optional, transitive, partial; without the extended-length bit.
    pub flags: u8,
    /// Its octets.
    pub value: Vec<u8>,
}

/// The attributes of a route in ascending order, without MP_REACH_NLRI and MP_UNREACH_NLRI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(pub Vec<Attribute>);

impl Attributes {
    /// Takes an attribute block apart.
    ///
    /// # Errors
    /// When it is cut short or has a type twice.
    pub fn parse(mut block: &[u8]) -> Result<Self> {
        let mut attributes = Vec::new();
        while !block.is_empty() {
            attributes.push(take_attribute(&mut block)?);
        }
        attributes.sort();
        for pair in attributes.windows(2) {
            ensure!(pair[0].code != pair[1].code, "attribute {} twice", pair[0].code);
        }
        Ok(Self(attributes))
    }

    /// The value of an attribute.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.0.iter().find(|attribute| attribute.code == code).map(|found| found.value.as_slice())
    }

    /// The value of an attribute of four octets.
    #[must_use]
    pub fn number(&self, code: u8) -> Option<u32> {
        self.get(code)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// ORIGINATOR_ID.
    #[must_use]
    pub fn originator(&self) -> Option<Ipv4Addr> {
        self.number(code::ORIGINATOR_ID).map(Ipv4Addr::from_bits)
    }

    /// CLUSTER_LIST, the latest first; empty when there is none.
    #[must_use]
    pub fn clusters(&self) -> Vec<Ipv4Addr> {
        let list = self.get(code::CLUSTER_LIST).unwrap_or_default();
        list.chunks_exact(4).map(|id| Ipv4Addr::new(id[0], id[1], id[2], id[3])).collect()
    }
}

/// A received UPDATE.
#[derive(Debug, Default)]
pub struct Update {
    /// What is taken back.
    pub withdrawn: Vec<Net>,
    /// What is announced.
    pub announced: Vec<Net>,
    /// With which attributes.
    pub attributes: Attributes,
    /// With which next hop.
    pub next_hop: Option<IpAddr>,
    /// The family whose End-of-RIB marker this is (RFC 4724 section 2).
    pub end_of_rib: Option<Family>,
}

impl Update {
    /// Reads the body of an UPDATE.
    ///
    /// # Errors
    /// When anything in it is not well-formed.
    pub fn parse(body: &[u8]) -> Result<Self> {
        let mut rest = body;
        let mut withdrawn = take_part(&mut rest).context("withdrawn routes")?;
        let block = take_part(&mut rest).context("path attributes")?;
        let mut update = Self::default();
        if body.len() == 4 {
            update.end_of_rib = Some(Family::V4);
            return Ok(update);
        }
        while !withdrawn.is_empty() {
            update.withdrawn.push(Net::decode(Family::V4, &mut withdrawn)?);
        }
        update.attributes = Attributes::parse(block)?;
        let plain = !rest.is_empty();
        while !rest.is_empty() {
            update.announced.push(Net::decode(Family::V4, &mut rest)?);
        }
        if plain {
            let next_hop = update.attributes.number(code::NEXT_HOP).context("no NEXT_HOP")?;
            update.next_hop = Some(Ipv4Addr::from_bits(next_hop).into());
        }
        update.multiprotocol(plain)?;
        Ok(update)
    }

    /// Moves what stands in MP_REACH_NLRI and MP_UNREACH_NLRI to where it belongs.
    fn multiprotocol(&mut self, plain: bool) -> Result<()> {
        let alone = self.attributes.0.len() == 1;
        let (mp, others) = std::mem::take(&mut self.attributes.0)
            .into_iter()
            .partition(|one| one.code == code::MP_REACH || one.code == code::MP_UNREACH);
        self.attributes.0 = others;
        let mp: Vec<Attribute> = mp;
        for attribute in mp {
            let value = attribute.value.as_slice();
            ensure!(value.len() >= 3 && value[2] == 1, "family of {value:?}");
            let afi = u16::from_be_bytes([value[0], value[1]]);
            let family = Family::from_afi(afi).with_context(|| format!("AFI {afi}"))?;
            let mut nlri = &value[3..];
            if attribute.code == code::MP_UNREACH {
                if nlri.is_empty() && alone && self.withdrawn.is_empty() && !plain {
                    self.end_of_rib = Some(family);
                }
                while !nlri.is_empty() {
                    self.withdrawn.push(Net::decode(family, &mut nlri)?);
                }
                continue;
            }
            // RFC 7606 section 5.1: a sender uses one encoding in one message.
            ensure!(!plain, "MP_REACH_NLRI beside plain NLRI");
            let (&length, tail) = nlri.split_first().context("next hop length")?;
            let (next_hop, tail) = tail.split_at_checked(length.into()).context("next hop")?;
            self.next_hop = Some(address(next_hop)?);
            nlri = tail.split_first().context("reserved octet")?.1;
            while !nlri.is_empty() {
                self.announced.push(Net::decode(family, &mut nlri)?);
            }
        }
        Ok(())
    }
}

/// The global address of a next hop field.
fn address(bytes: &[u8]) -> Result<IpAddr> {
    match bytes.len() {
        4 => Ok(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()),
        16 | 32 => {
            let octets: [u8; 16] = bytes[..16].try_into().context("sixteen octets")?;
            Ok(Ipv6Addr::from(octets).into())
        }
        length => bail!("next hop of {length} octets"),
    }
}

fn take_part<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (length, tail) = rest.split_at_checked(2).context("no length")?;
    let length = u16::from_be_bytes([length[0], length[1]]);
    let (part, tail) = tail.split_at_checked(length.into()).context("cut short")?;
    *rest = tail;
    Ok(part)
}

fn take_attribute(block: &mut &[u8]) -> Result<Attribute> {
    let [flags, code, tail @ ..] = *block else { bail!("attribute header cut short") };
    let (length, tail) = if flags & EXTENDED_LENGTH == 0 {
        let (&length, tail) = tail.split_first().context("attribute length")?;
        (usize::from(length), tail)
    } else {
        let (length, tail) = tail.split_at_checked(2).context("attribute length")?;
        (usize::from(u16::from_be_bytes([length[0], length[1]])), tail)
    };
    let (value, tail) = tail.split_at_checked(length).context("attribute value")?;
    *block = tail;
    Ok(Attribute { code: *code, flags: flags & !EXTENDED_LENGTH, value: value.to_vec() })
}
