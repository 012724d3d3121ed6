//! Recordings of BGP sessions in MRT files (RFC 6396): the UPDATEs in them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::build::{HEADER_LEN, MESSAGE_LEN_MAX, kind};
use crate::parse;

/// MRT types and subtypes that matter here.
const BGP4MP: u16 = 16;
const BGP4MP_ET: u16 = 17;
const MESSAGE: u16 = 1;
const MESSAGE_AS4: u16 = 4;

/// The UPDATEs of a recording.
#[derive(Debug, Default)]
pub struct Recording {
    /// Whole messages, in order.
    pub updates: Vec<Box<[u8]>>,
    /// Messages that cannot be replayed: of another protocol version, with two-octet AS numbers,
    /// or longer than 4,096 octets.
    pub skipped: usize,
}

/// Reads a recording, compressed by gzip or not.
///
/// # Errors
/// Where the file cannot be read, or is not MRT.
pub fn read(path: &Path) -> anyhow::Result<Recording> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    read_all(file, &mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes).with_context(|| format!("{} is no MRT recording", path.display()))
}

fn read_all(mut file: File, out: &mut Vec<u8>) -> io::Result<()> {
    let mut raw = Vec::new();
    file.read_to_end(&mut raw)?;
    if raw.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&raw[..]).read_to_end(out)?;
    } else {
        *out = raw;
    }
    Ok(())
}

/// Takes the records of a recording apart.
fn parse(mut bytes: &[u8]) -> anyhow::Result<Recording> {
    let mut out = Recording::default();
    while let Some((head, rest)) = bytes.split_first_chunk::<12>() {
        let kind = u16::from_be_bytes([head[4], head[5]]);
        let subtype = u16::from_be_bytes([head[6], head[7]]);
        let len = u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize;
        let Some((record, rest)) = rest.split_at_checked(len) else {
            bail!("a record of {len} octets ends after {}", rest.len());
        };
        bytes = rest;
        let record = match kind {
            BGP4MP => record,
            // The extended form has microseconds in front.
            BGP4MP_ET => record.get(4..).unwrap_or_default(),
            _ => continue,
        };
        let message = match subtype {
            MESSAGE_AS4 => skip_addresses(record, 8),
            MESSAGE => skip_addresses(record, 4),
            _ => continue,
        };
        let message = message.context("a record without a whole message")?;
        if message.get(18) != Some(&kind::UPDATE) {
            continue;
        }
        match parse::split(message, MESSAGE_LEN_MAX) {
            Ok(Some(whole)) if whole.len() > HEADER_LEN && subtype == MESSAGE_AS4 => {
                out.updates.push(whole.into());
            }
            _ => out.skipped += 1,
        }
    }
    if !bytes.is_empty() {
        bail!("{} octets are left after the last record", bytes.len());
    }
    Ok(out)
}

/// What follows the AS numbers, the interface and the two addresses.
fn skip_addresses(record: &[u8], as_numbers: usize) -> Option<&[u8]> {
    let family = record.get(as_numbers + 2..as_numbers + 4)?;
    let address = match family {
        [0, 1] => 4,
        [0, 2] => 16,
        _ => return None,
    };
    record.get(as_numbers + 4 + 2 * address..)
}

#[cfg(test)]
mod tests {
    use super::{parse, read};
    use crate::build::{HEADER_LEN, KEEPALIVE, end_of_rib};
    use crate::prefix::Family;
    use std::io::Write as _;

    fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 4];
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&subtype.to_be_bytes());
        out.extend_from_slice(&u32::try_from(body.len()).expect("short").to_be_bytes());
        out.extend_from_slice(body);
        out
    }

    fn body(as_numbers: usize, family: u8, message: &[u8]) -> Vec<u8> {
        let mut out = vec![0; as_numbers + 2];
        out.extend_from_slice(&[0, family]);
        out.extend_from_slice(&vec![9; if family == 1 { 8 } else { 32 }]);
        out.extend_from_slice(message);
        out
    }

    #[test]
    fn updates_are_found_and_the_rest_is_passed_over() {
        let mut update = Vec::new();
        end_of_rib(Family::V4, &mut update);
        let extended = [&[0; 4][..], &body(8, 2, &update)].concat();
        let file = [
            record(13, 1, &[1, 2, 3]),
            record(16, 5, &[0; 20]),
            record(16, 4, &body(8, 1, &update)),
            record(16, 4, &body(8, 1, &KEEPALIVE)),
            record(17, 4, &extended),
            record(16, 1, &body(4, 1, &update)),
            record(16, 4, &body(8, 1, &update[..HEADER_LEN])),
        ]
        .concat();
        let recording = parse(&file).expect("well-formed");
        assert_eq!(recording.updates, [update.clone().into_boxed_slice(), update.into()]);
        assert_eq!(recording.skipped, 2);
        assert!(parse(&file[..file.len() - 1]).is_err());
        assert!(parse(&file[..5]).is_err());
        assert!(parse(&record(16, 4, &[0; 9])).is_err());
    }

    #[test]
    fn gzip_is_undone() {
        let mut update = Vec::new();
        end_of_rib(Family::V6, &mut update);
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&record(16, 4, &body(8, 1, &update))).expect("in memory");
        file.write_all(&gzip.finish().expect("in memory")).expect("writable");
        assert_eq!(read(file.path()).expect("well-formed").updates.len(), 1);
        assert!(read(std::path::Path::new("/nonexistent")).is_err());
    }
}
