//! Attributes on their way out: ascending by type, known ones with canonical headers, unknown
//! ones as they came in but for the Partial bit.
//!
//! RFC 4271 §4.3 and §5, RFC 4456 §8, RFC 6793 §4.2.2.

use alloc::vec::Vec;

use super::{
    Attributes, Communities, EXTENDED_LENGTH, Edit, LocalPrefEdit, NextHopEdit, OPTIONAL, PARTIAL,
    RawAttr, TRANSITIVE, code, table,
};

/// Flags that mean something; the others have to be zero when sent (RFC 4271 §4.3).
const DEFINED: u8 = OPTIONAL | TRANSITIVE | PARTIAL | EXTENDED_LENGTH;

/// Octets of the header of an attribute with a length field of one octet.
const HEADER_LEN: usize = 3;

/// Types that can appear though the route came without them, in ascending order.
const ADDABLE: [u8; 6] = [
    code::NEXT_HOP,
    code::LOCAL_PREF,
    code::ORIGINATOR_ID,
    code::CLUSTER_LIST,
    code::AS4_PATH,
    code::AS4_AGGREGATOR,
];

/// The same where communities are added.
const ADDABLE_MARKED: [u8; 7] = [
    code::NEXT_HOP,
    code::LOCAL_PREF,
    code::COMMUNITIES,
    code::ORIGINATOR_ID,
    code::CLUSTER_LIST,
    code::AS4_PATH,
    code::AS4_AGGREGATOR,
];

impl Attributes<'_> {
    /// Appends the attributes, changed as `edit` says, without `MP_REACH_NLRI` and
    /// `MP_UNREACH_NLRI`.
    ///
    /// Each type appears once, in ascending order.
    /// Whoever packs the block judges its length.
    pub fn encode(&self, edit: &Edit, out: &mut Vec<u8>) {
        if edit.mark.is_empty() {
            self.encode_with(ADDABLE, edit, out);
        } else {
            self.encode_with(ADDABLE_MARKED, edit, out);
        }
    }

    fn encode_with<const N: usize>(&self, addable: [u8; N], edit: &Edit, out: &mut Vec<u8>) {
        let mut addable = addable.into_iter().peekable();
        for attr in self.raw() {
            while let Some(code) = addable.next_if(|code| *code < attr.code) {
                self.add(code, edit, out);
            }
            addable.next_if_eq(&attr.code);
            self.pass_on(attr, edit, out);
        }
        for code in addable {
            self.add(code, edit, out);
        }
    }

    /// Writes an attribute that the route came without, if it has to have it.
    fn add(&self, code: u8, edit: &Edit, out: &mut Vec<u8>) {
        match code {
            code::NEXT_HOP => {
                if let NextHopEdit::Set(addr) = edit.next_hop {
                    put_known(out, code, 0, &addr.octets());
                }
            }
            code::LOCAL_PREF => {
                if let LocalPrefEdit::Default(value) | LocalPrefEdit::Set(value) = edit.local_pref {
                    put_known(out, code, 0, &value.to_be_bytes());
                }
            }
            code::COMMUNITIES if !edit.mark.is_empty() => {
                put(out, flags_of(code), code, |out| edit.mark.write(out));
            }
            code::ORIGINATOR_ID if !edit.drop_reflection => {
                if let Some(id) = edit.originator_id {
                    put_known(out, code, 0, &id.get().to_be_bytes());
                }
            }
            code::CLUSTER_LIST if !edit.drop_reflection => {
                if let Some(cluster) = edit.prepend_cluster {
                    put_known(out, code, 0, &cluster.0.to_be_bytes());
                }
            }
            code::AS4_PATH if !edit.as4 => {
                let prepended = edit.prepend_as.is_some_and(|asn| asn.0 > u32::from(u16::MAX));
                if prepended || self.as_path.needs_as4() {
                    put(out, flags_of(code), code, |out| {
                        self.as_path.write_as4(out, edit.prepend_as);
                    });
                }
            }
            code::AS4_AGGREGATOR if !edit.as4 => {
                if let Some(aggregator) = self.aggregator.filter(super::Aggregator::is_wide) {
                    put(out, flags_of(code), code, |out| {
                        out.extend_from_slice(&aggregator.asn.0.to_be_bytes());
                        out.extend_from_slice(&aggregator.addr.octets());
                    });
                }
            }
            _ => {}
        }
    }

    /// Writes an attribute that the route came with.
    fn pass_on(&self, attr: &RawAttr<'_>, edit: &Edit, out: &mut Vec<u8>) {
        let RawAttr { flags, code, value } = *attr;
        match code {
            code::AS_PATH => put(out, flags_of(code), code, |out| {
                self.as_path.write(out, edit.prepend_as, edit.as4);
            }),
            code::NEXT_HOP => match edit.next_hop {
                NextHopEdit::Keep => put_known(out, code, flags, value),
                NextHopEdit::Drop => {}
                NextHopEdit::Set(addr) => put_known(out, code, flags, &addr.octets()),
            },
            code::MULTI_EXIT_DISC if edit.drop_med => {}
            code::AIGP | code::PREFIX_SID if edit.drop_domain => {}
            code::LOCAL_PREF => match edit.local_pref {
                LocalPrefEdit::Keep | LocalPrefEdit::Default(_) => {
                    put_known(out, code, flags, value);
                }
                LocalPrefEdit::Set(value) => put_known(out, code, flags, &value.to_be_bytes()),
                LocalPrefEdit::Drop => {}
            },
            code::COMMUNITIES if !edit.mark.is_empty() => {
                let present = Communities(value).well_known();
                put(out, flags_of(code) | flags & PARTIAL, code, |out| {
                    out.extend_from_slice(value);
                    edit.mark.without(present).write(out);
                });
            }
            code::AGGREGATOR => self.put_aggregator(flags, edit.as4, out),
            code::ORIGINATOR_ID | code::CLUSTER_LIST if edit.drop_reflection => {}
            code::CLUSTER_LIST => put(out, flags_of(code), code, |out| {
                if let Some(cluster) = edit.prepend_cluster {
                    out.extend_from_slice(&cluster.0.to_be_bytes());
                }
                out.extend_from_slice(value);
            }),
            code::LARGE_COMMUNITIES => {
                let flags = flags_of(code) | flags & PARTIAL;
                put(out, flags, code, |out| match &self.large_communities {
                    Some(communities) => communities.write_unique(out),
                    None => out.extend_from_slice(value),
                });
            }
            _ if table::row(code).is_some() => put_known(out, code, flags, value),
            _ => put_unknown(out, attr),
        }
    }

    fn put_aggregator(&self, flags: u8, as4: bool, out: &mut Vec<u8>) {
        let Some(aggregator) = self.aggregator else {
            return;
        };
        let flags = flags_of(code::AGGREGATOR) | flags & PARTIAL;
        put(out, flags, code::AGGREGATOR, |out| {
            if as4 {
                out.extend_from_slice(&aggregator.asn.0.to_be_bytes());
            } else {
                out.extend_from_slice(&aggregator.asn.to_two_octets().to_be_bytes());
            }
            out.extend_from_slice(&aggregator.addr.octets());
        });
    }
}

/// The flags of a known type.
fn flags_of(code: u8) -> u8 {
    table::row(code).map_or(OPTIONAL, |row| row.flags)
}

/// Appends a known attribute; of the flags it came with, the Partial bit stays where it means
/// something.
fn put_known(out: &mut Vec<u8>, code: u8, came_with: u8, value: &[u8]) {
    let mut flags = flags_of(code);
    if flags == OPTIONAL | TRANSITIVE {
        flags |= came_with & PARTIAL;
    }
    put(out, flags, code, |out| out.extend_from_slice(value));
}

/// Appends an unknown transitive attribute: its header and value stay, and the Partial bit says
/// that somebody passed it on without knowing it (RFC 4271 §5).
fn put_unknown(out: &mut Vec<u8>, attr: &RawAttr<'_>) {
    let flags = attr.flags & DEFINED | PARTIAL;
    let length = u16::try_from(attr.value.len()).unwrap_or(u16::MAX).to_be_bytes();
    let [_, low] = length;
    out.extend_from_slice(&[flags, attr.code]);
    if flags & EXTENDED_LENGTH == 0 {
        out.push(low);
    } else {
        out.extend_from_slice(&length);
    }
    out.extend_from_slice(attr.value);
}

/// Appends an attribute whose value is appended by `write`; the length field has two octets only
/// where it must.
fn put(out: &mut Vec<u8>, flags: u8, code: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[flags, code, 0]);
    write(out);
    patch_header(out, start);
}

/// Writes the length of the attribute that starts at `start`, has a header of three octets and
/// goes to the end; where the length needs two octets, the value moves up by one.
pub(crate) fn patch_header(out: &mut Vec<u8>, start: usize) {
    let value = start.saturating_add(HEADER_LEN);
    let length = out.len().saturating_sub(value);
    if let Ok(short) = u8::try_from(length) {
        if let Some([_, _, field]) =
            out.get_mut(start..value).and_then(|head| head.first_chunk_mut())
        {
            *field = short;
        }
        return;
    }
    // A longer one would not fit any message, and whoever packs the block finds that out.
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let end = out.len();
    out.push(0);
    out.copy_within(value..end, value.saturating_add(1));
    let head = out.get_mut(start..).and_then(|head| head.first_chunk_mut());
    if let Some([flags, _, first, second]) = head {
        *flags |= EXTENDED_LENGTH;
        *first = high;
        *second = low;
    }
}

#[cfg(test)]
mod tests;
