//! The second phase of reading an UPDATE: every attribute judged by its row.
//!
//! RFC 7606 §3, RFC 6793 §4.2.3, RFC 4271 §5 and §6.3.

use alloc::borrow::Cow;
use core::net::Ipv4Addr;

use albedo_types::Asn;
use smallvec::SmallVec;

use super::table::{self, AttrRow, Source};
use super::{
    Aggregator, AsPath, AttrError, AttrErrors, Attributes, ClusterList, CodeSet, Communities,
    Decoded, ExtendedCommunities, Kept, LargeCommunities, Need, OPTIONAL, Origin, RawAttr,
    TRANSITIVE, WellKnown, as_path, check_flags, code, is_multiprotocol, take_raw,
};
use crate::error::Treatment;
use crate::update::{UpdateContext, UpdateFault};

/// Faults of one block that are kept. Of more, one of the strongest treatment always is: what the
/// message costs is concluded from them.
pub const ERRORS_KEPT_MAX: usize = 16;

impl<'a> Attributes<'a> {
    /// Judges a block of attributes: what [`crate::update::RawBlock`] holds, in one piece.
    ///
    /// The result is a function of the block, of what the message demands and of the context, so
    /// it can be kept for the next message with the same block.
    #[must_use]
    pub fn decode(block: &'a [u8], need: Need, ctx: &UpdateContext) -> Decoded<'a> {
        let mut decoder = Decoder {
            ctx,
            need,
            attributes: Self::none(),
            errors: SmallVec::new(),
            worst: None,
            seen: CodeSet::EMPTY,
            as4_path: None,
            as4_aggregator: None,
        };
        let mut rest = block;
        while !rest.is_empty() {
            let offset = block.len().saturating_sub(rest.len());
            match take_raw(rest) {
                Ok((attr, behind)) => {
                    decoder.take(offset, attr);
                    rest = behind;
                }
                Err((code, fault)) => {
                    decoder.report(offset, code, fault, fault.treatment());
                    break;
                }
            }
        }
        decoder.finish()
    }

    fn none() -> Self {
        Self {
            origin: Origin::Incomplete,
            as_path: AsPath::default(),
            next_hop: None,
            med: None,
            local_pref: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: None,
            well_known: WellKnown::default(),
            originator_id: None,
            cluster_list: None,
            extended_communities: None,
            large_communities: None,
            kept: Kept::new(),
        }
    }
}

struct Decoder<'a, 'c> {
    ctx: &'c UpdateContext,
    need: Need,
    attributes: Attributes<'a>,
    errors: AttrErrors,
    worst: Option<Treatment>,
    seen: CodeSet,
    as4_path: Option<&'a [u8]>,
    as4_aggregator: Option<Aggregator>,
}

/// A value of four octets as a number; its length was checked.
fn number(value: &[u8]) -> Option<u32> {
    value.first_chunk::<4>().map(|octets| u32::from_be_bytes(*octets))
}

impl<'a> Decoder<'a, '_> {
    #[cold]
    fn report(&mut self, offset: usize, code: u8, fault: UpdateFault, treatment: Treatment) {
        let found = AttrError { offset, code, fault, treatment };
        if self.errors.len() < ERRORS_KEPT_MAX {
            self.errors.push(found);
        } else if self.worst < Some(treatment)
            && let Some(last) = self.errors.last_mut()
        {
            *last = found;
        }
        self.worst = self.worst.max(Some(treatment));
    }

    /// Judges one attribute, and keeps it if it is good.
    fn take(&mut self, offset: usize, attr: RawAttr<'a>) {
        let code = attr.code;
        if !self.seen.insert(code) {
            let fault = UpdateFault::Repeated { code };
            return self.report(offset, code, fault, Treatment::Discard);
        }
        if self.ctx.discard.contains(code) {
            return self.report(offset, code, UpdateFault::ByPolicy, Treatment::Discard);
        }
        if self.ctx.treat_as_withdraw.contains(code) {
            return self.report(offset, code, UpdateFault::ByPolicy, Treatment::TreatAsWithdraw);
        }
        let judged = match table::row(code) {
            Some(row) => self.judge(row, &attr),
            None => self.judge_unknown(&attr),
        };
        match judged {
            Ok(true) => self.keep(attr),
            Ok(false) => {}
            Err((fault, treatment)) => self.report(offset, code, fault, treatment),
        }
    }

    /// Whether a known attribute is kept.
    fn judge(&self, row: &AttrRow, attr: &RawAttr<'_>) -> Result<bool, (UpdateFault, Treatment)> {
        let ctx = self.ctx;
        let welcome = match row.source {
            Source::Anybody => true,
            Source::Internal => ctx.internal,
            Source::InternalOrAccepted => ctx.internal || ctx.accept_external.contains(row.code),
            Source::TwoOctetSpeaker => !ctx.as4,
        };
        if !welcome || is_multiprotocol(row.code) {
            return Err((UpdateFault::NotFromThisPeer, Treatment::Discard));
        }
        // What is not needed is ignored, whatever it holds (RFC 4760 §3).
        if row.code == code::NEXT_HOP && !self.need.plain_next_hop {
            return Ok(false);
        }
        check_flags(attr).map_err(|fault| (fault, row.flags_fault))?;
        let treatment = row.treatment(ctx.internal);
        let found = attr.value.len();
        if !row.length.allows(found, ctx.as4) {
            return Err((UpdateFault::Length { found, expected: row.length }, treatment));
        }
        match (row.validate)(attr.value, ctx) {
            Ok(()) => Ok(true),
            // A limit protects us; it says nothing about the attribute (bounds are not faults
            // that could be survived by leaving it out). A set in AS4_PATH costs what one in
            // AS_PATH does (RFC 9774 §3).
            Err(fault @ (UpdateFault::TooMany { .. } | UpdateFault::AsSet)) => {
                Err((fault, treatment.max(Treatment::TreatAsWithdraw)))
            }
            Err(fault) => Err((fault, treatment)),
        }
    }

    /// Whether an unknown attribute is kept, by its flags (RFC 4271 §5, §6.3).
    fn judge_unknown(&self, attr: &RawAttr<'_>) -> Result<bool, (UpdateFault, Treatment)> {
        if attr.code == 0 {
            return Err((UpdateFault::ReservedType, Treatment::Discard));
        }
        if attr.flags & OPTIONAL == 0 {
            // Departure from RFC 4271 §6.3, which resets: a route that resets every session it
            // comes by must not be a weapon.
            let treatment = if self.ctx.reset_on_unknown_well_known {
                Treatment::Reset
            } else {
                Treatment::TreatAsWithdraw
            };
            return Err((UpdateFault::UnknownWellKnown { code: attr.code }, treatment));
        }
        Ok(attr.flags & TRANSITIVE != 0)
    }

    /// Takes over a good attribute.
    fn keep(&mut self, attr: RawAttr<'a>) {
        let value = attr.value;
        let attributes = &mut self.attributes;
        match attr.code {
            code::ORIGIN => {
                let origin = value.first().and_then(|value| Origin::from_wire(*value));
                attributes.origin = origin.unwrap_or(Origin::Incomplete);
            }
            code::AS_PATH => {
                attributes.as_path = AsPath::checked(if self.ctx.as4 {
                    Cow::Borrowed(value)
                } else {
                    Cow::Owned(as_path::widen(value))
                });
            }
            code::NEXT_HOP => attributes.next_hop = number(value).map(Ipv4Addr::from_bits),
            code::MULTI_EXIT_DISC => attributes.med = number(value),
            code::LOCAL_PREF => attributes.local_pref = number(value),
            code::ATOMIC_AGGREGATE => attributes.atomic_aggregate = true,
            code::AGGREGATOR => attributes.aggregator = Aggregator::read(value),
            code::COMMUNITIES => {
                let communities = Communities(value);
                attributes.well_known = communities.well_known();
                attributes.communities = Some(communities);
            }
            code::ORIGINATOR_ID => attributes.originator_id = number(value),
            code::CLUSTER_LIST => attributes.cluster_list = Some(ClusterList(value)),
            code::EXTENDED_COMMUNITIES => {
                attributes.extended_communities = Some(ExtendedCommunities(value));
            }
            code::LARGE_COMMUNITIES => {
                attributes.large_communities = Some(LargeCommunities(value));
            }
            // These two live on in what they complete, and are made anew for who needs them.
            code::AS4_PATH => {
                self.as4_path = Some(value);
                return;
            }
            code::AS4_AGGREGATOR => {
                self.as4_aggregator = Aggregator::read(value);
                return;
            }
            _ => {}
        }
        // Nearly everybody sends them in order.
        let kept = &mut attributes.kept;
        if kept.last().is_none_or(|last| last.code < attr.code) {
            kept.push(attr);
        } else {
            let place = kept.partition_point(|earlier| earlier.code < attr.code);
            kept.insert(place, attr);
        }
    }

    /// Joins what a speaker of two-octet numbers had to send in two attributes each.
    fn merge_as4(&mut self) {
        let Attributes { aggregator, as_path, .. } = &mut self.attributes;
        if let (Some(narrow), Some(wide)) = (&mut *aggregator, self.as4_aggregator) {
            if narrow.asn != Asn::TRANS {
                // Somebody without four-octet numbers has aggregated since; both are stale.
                return;
            }
            *narrow = wide;
        }
        let merged = self.as4_path.and_then(|wide| as_path::merge(as_path.as_bytes(), wide));
        if let Some(merged) = merged {
            *as_path = AsPath::checked(Cow::Owned(merged));
        }
    }

    fn finish(mut self) -> Decoded<'a> {
        if self.as4_path.is_some() || self.as4_aggregator.is_some() {
            self.merge_as4();
        }
        let mandatory = [
            (code::ORIGIN, self.need.announces),
            (code::AS_PATH, self.need.announces),
            (code::NEXT_HOP, self.need.plain_next_hop),
        ];
        for (code, needed) in mandatory {
            // One that is there but faulty was reported before, except where it was dropped by
            // configuration, which leaves a hole all the same.
            let absent = !self.seen.contains(code) || self.ctx.discard.contains(code);
            if needed && absent {
                let fault = UpdateFault::Missing { code };
                self.report(0, code, fault, Treatment::TreatAsWithdraw);
            }
        }
        Decoded { attributes: self.attributes, treatment: self.worst, errors: self.errors }
    }
}
