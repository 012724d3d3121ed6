//! The first phase of reading an UPDATE: where everything is.
//!
//! Nothing is copied and nothing allocated.
//! What is found here is what makes NLRI impossible to locate, and is fatal, or a break in the
//! walk over attribute headers, which is not.
//!
//! RFC 4271 §4.3, RFC 4760 §3 and §4, RFC 7606 §3 to §5, RFC 4724 §2.

use albedo_types::{Afi, Family, Ipv4Prefix, Safi};
use smallvec::SmallVec;

use super::multiprotocol::{split_reach, split_unreach};
use super::{MpReach, MpUnreach, RawBlock, UpdateContext, UpdateFault};
use crate::attr::{self, AttrError, Need, RawAttr, code};
use crate::error::{DecodeError, Treatment};
use crate::nlri::{Nlri, NlriField};

/// Octets of the length field of withdrawn routes, and of that of attributes.
const LENGTH_LEN: usize = 2;

/// What the walk finds that is not fatal: at most one break in the headers, one note for each of
/// the three places where routes can be of a family that was not agreed on, and one for the flags
/// of each multiprotocol attribute.
///
/// One is held in place; more are rare, and not worth making every message larger.
pub type WalkErrors = SmallVec<[AttrError; 1]>;

/// An UPDATE, split into its fields.
#[derive(Clone, Debug)]
pub struct RawUpdate<'a> {
    /// Withdrawn IPv4 routes of the old style; empty if IPv4 unicast was not agreed on.
    pub withdrawn: &'a [u8],
    /// Announced IPv4 routes of the old style; empty if IPv4 unicast was not agreed on.
    pub announced: &'a [u8],
    /// `MP_REACH_NLRI`.
    pub mp_reach: Option<MpReach<'a>>,
    /// `MP_UNREACH_NLRI`.
    pub mp_unreach: Option<MpUnreach<'a>>,
    /// All other attributes.
    pub block: RawBlock<'a>,
    /// What the walk found; offsets count from the start of the message body.
    pub walk_errors: WalkErrors,
    announced_offset: usize,
    /// Whether the message announces anything, of whatever family.
    reachable: bool,
    /// Whether the message is the four zero octets that end the RIB of IPv4 unicast.
    blank: bool,
}

impl<'a> RawUpdate<'a> {
    /// Splits the body of an UPDATE, which is what stands behind the message header.
    ///
    /// # Errors
    ///
    /// Length fields that contradict each other, a multiprotocol attribute twice, cut short or
    /// beyond the attributes: the routes cannot be located (RFC 7606 §3b, §3g, §5.3).
    pub fn split(body: &'a [u8], ctx: &UpdateContext) -> Result<Self, DecodeError> {
        let fields = Fields::of(body)?;
        let mut update = Self {
            withdrawn: fields.withdrawn,
            announced: fields.announced,
            mp_reach: None,
            mp_unreach: None,
            block: RawBlock::default(),
            walk_errors: SmallVec::new(),
            announced_offset: body.len().saturating_sub(fields.announced.len()),
            reachable: !fields.announced.is_empty(),
            blank: body == [0; 2 * LENGTH_LEN],
        };
        update.walk(fields.attributes, fields.attributes_offset, ctx)?;
        let classic = !update.withdrawn.is_empty() || !update.announced.is_empty();
        if classic && !ctx.families.contains(Family::Ipv4Unicast) {
            update.withdrawn = &[];
            update.announced = &[];
            update.note_family(0, Family::Ipv4Unicast.afi(), Family::Ipv4Unicast.safi());
        }
        Ok(update)
    }

    /// Walks the attribute headers, and takes the multiprotocol attributes out.
    fn walk(
        &mut self,
        attributes: &'a [u8],
        base: usize,
        ctx: &UpdateContext,
    ) -> Result<(), DecodeError> {
        let mut rest = attributes;
        // Where the piece that is being walked over starts.
        let mut piece = attributes;
        let place = |rest: &[u8]| base.saturating_add(attributes.len()).saturating_sub(rest.len());
        while !rest.is_empty() {
            let offset = place(rest);
            let (found, behind) = match attr::take_raw(rest) {
                Ok(taken) => taken,
                Err((code, fault)) => {
                    let treatment = fault.treatment();
                    if treatment >= Treatment::Reset {
                        return Err(DecodeError::update(offset, fault));
                    }
                    // The rest stays in the block, so that the second phase fails as well.
                    self.walk_errors.push(AttrError { offset, code, fault, treatment });
                    break;
                }
            };
            if attr::is_multiprotocol(found.code) {
                let before = piece.len().saturating_sub(rest.len());
                self.block.push(piece.get(..before).unwrap_or_default(), place(piece));
                piece = behind;
                self.take_multiprotocol(
                    &found,
                    offset,
                    rest.len().saturating_sub(behind.len()),
                    ctx,
                )?;
            }
            rest = behind;
        }
        self.block.push(piece, place(piece));
        Ok(())
    }

    /// Takes `MP_REACH_NLRI` or `MP_UNREACH_NLRI`, which stands at `offset` and has `whole`
    /// octets with its header.
    fn take_multiprotocol(
        &mut self,
        found: &RawAttr<'a>,
        offset: usize,
        whole: usize,
        ctx: &UpdateContext,
    ) -> Result<(), DecodeError> {
        let code = found.code;
        let fail = |fault| DecodeError::update(offset, fault);
        let end = offset.saturating_add(whole);
        if let Err(fault) = attr::check_flags(found) {
            let treatment = Treatment::TreatAsWithdraw;
            self.walk_errors.push(AttrError { offset, code, fault, treatment });
        }
        if code == code::MP_REACH_NLRI {
            if self.mp_reach.is_some() {
                return Err(fail(UpdateFault::Repeated { code }));
            }
            let reach = split_reach(found.value, end, ctx).map_err(fail)?;
            self.reachable |= !reach.nlri.is_empty();
            if reach.family.is_none() {
                self.note_family(offset, reach.afi, reach.safi);
            }
            self.mp_reach = Some(reach);
        } else {
            if self.mp_unreach.is_some() {
                return Err(fail(UpdateFault::Repeated { code }));
            }
            let unreach = split_unreach(found.value, end, ctx).map_err(fail)?;
            if unreach.family.is_none() {
                self.note_family(offset, unreach.afi, unreach.safi);
            }
            self.mp_unreach = Some(unreach);
        }
        Ok(())
    }

    #[cold]
    fn note_family(&mut self, offset: usize, afi: Afi, safi: Safi) {
        self.walk_errors.push(AttrError {
            offset,
            code: 0,
            fault: UpdateFault::FamilyNotNegotiated { afi, safi },
            treatment: Treatment::Discard,
        });
    }

    /// The withdrawn prefixes of the old style.
    #[must_use]
    pub const fn withdrawn_prefixes(&self, ctx: &UpdateContext) -> Nlri<'a, Ipv4Prefix> {
        let add_path = ctx.add_path.contains(Family::Ipv4Unicast);
        Nlri::at(self.withdrawn, add_path, NlriField::Withdrawn, LENGTH_LEN)
    }

    /// The announced prefixes of the old style.
    #[must_use]
    pub const fn announced_prefixes(&self, ctx: &UpdateContext) -> Nlri<'a, Ipv4Prefix> {
        let add_path = ctx.add_path.contains(Family::Ipv4Unicast);
        Nlri::at(self.announced, add_path, NlriField::Announced, self.announced_offset)
    }

    /// What the message demands of its attributes.
    #[must_use]
    pub fn need(&self) -> Need {
        let plain = !self.announced.is_empty();
        let multi =
            self.mp_reach.is_some_and(|reach| reach.family.is_some() && !reach.nlri.is_empty());
        Need { announces: plain || multi, plain_next_hop: plain }
    }

    /// The family whose End-of-RIB marker the message is (RFC 4724 §2), if it is one.
    ///
    /// A message that carries any other attribute is none.
    #[must_use]
    pub fn is_end_of_rib(&self, ctx: &UpdateContext) -> Option<Family> {
        if self.blank {
            return ctx.families.iter().find(|family| *family == Family::Ipv4Unicast);
        }
        let unreach = self.mp_unreach.as_ref()?;
        let bare = self.block.is_empty()
            && self.mp_reach.is_none()
            && !self.reachable
            && self.withdrawn.is_empty()
            && unreach.nlri.is_empty();
        unreach.family.filter(|_| bare)
    }

    /// What the message as a whole costs, given what [`crate::attr::Attributes::decode`] found in
    /// its block: the strongest of all.
    ///
    /// # Errors
    ///
    /// What resets the session: an attribute that the configuration is strict about, or routes
    /// that should be treated as withdrawn where the message has none, so that it must be feared
    /// that they were not found (RFC 7606 §5.2).
    pub fn conclude(&self, errors: &[AttrError]) -> Result<Option<Treatment>, DecodeError> {
        let all = || self.walk_errors.iter().chain(errors);
        let Some(worst) = all().map(|error| error.treatment).max() else {
            return Ok(None);
        };
        if worst >= Treatment::DisableFamily {
            let is_worst = |error: &&AttrError| error.treatment == worst;
            let walked = self.walk_errors.iter().find(is_worst);
            let judged = errors.iter().find(is_worst);
            // Offsets of the latter count from the start of the block.
            let error = walked
                .map(|error| (error.offset, error.fault))
                .or_else(|| judged.map(|error| (self.block.in_body(error.offset), error.fault)));
            let (offset, fault) = error.unwrap_or((0, UpdateFault::NothingToWithdraw));
            return Err(DecodeError::update(offset, fault));
        }
        let attributed = !self.block.is_empty() || self.mp_reach.is_some();
        if worst == Treatment::TreatAsWithdraw && !self.reachable && attributed {
            return Err(DecodeError::update(0, UpdateFault::NothingToWithdraw));
        }
        Ok(Some(worst))
    }
}

/// The three variable fields of an UPDATE.
pub(super) struct Fields<'a> {
    withdrawn: &'a [u8],
    pub(super) attributes: &'a [u8],
    /// Offset of the attributes in the message body.
    pub(super) attributes_offset: usize,
    announced: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(body: &'a [u8]) -> Result<Self, DecodeError> {
        let short = DecodeError::update(0, UpdateFault::TooShort { found: body.len() });
        let (length, rest) = body.split_first_chunk::<LENGTH_LEN>().ok_or(short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let overrun = || {
            let room = rest.len().saturating_sub(LENGTH_LEN);
            DecodeError::update(0, UpdateFault::WithdrawnOverrun { length, room })
        };
        let (withdrawn, rest) = rest.split_at_checked(length).ok_or_else(overrun)?;
        let (length, rest) = rest.split_first_chunk::<LENGTH_LEN>().ok_or_else(overrun)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let attributes_offset = body.len().saturating_sub(rest.len());
        let Some((attributes, announced)) = rest.split_at_checked(length) else {
            let fault = UpdateFault::AttributesOverrun { length, room: rest.len() };
            return Err(DecodeError::update(attributes_offset.saturating_sub(LENGTH_LEN), fault));
        };
        Ok(Self { withdrawn, attributes, attributes_offset, announced })
    }
}

#[cfg(test)]
mod tests;
