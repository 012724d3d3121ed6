//! Recordings in MRT (RFC 6396): the BGP messages that a peer sent.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::read::MultiGzDecoder;

use crate::bgp::{HEADER, UPDATE};

/// MRT types: messages with a time stamp in seconds, and with microseconds.
const BGP4MP: u16 = 16;
const BGP4MP_ET: u16 = 17;

/// The subtype of a message whose AS numbers have four octets.
const MESSAGE_AS4: u16 = 4;

/// All UPDATEs of a gzipped recording that come from 4-octet AS sessions over IPv4, each a whole
/// message, in order.
///
/// # Errors
/// When the file cannot be read or a record is cut short.
pub fn updates(path: &Path) -> Result<Vec<Vec<u8>>> {
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let mut bytes = Vec::new();
    MultiGzDecoder::new(file).read_to_end(&mut bytes).context("gzip")?;
    read(&bytes)
}

fn read(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut updates = Vec::new();
    while !bytes.is_empty() {
        let (header, rest) = bytes.split_at_checked(12).context("record header")?;
        let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let length = usize::from(number(8)) << 16 | usize::from(number(10));
        let (record, rest) = rest.split_at_checked(length).context("record")?;
        bytes = rest;
        let body = match number(4) {
            BGP4MP => record,
            BGP4MP_ET => record.get(4..).context("microseconds")?,
            _ => continue,
        };
        if number(6) == MESSAGE_AS4 {
            // Two AS numbers, interface, family, two IPv4 addresses.
            let message = body.get(20..).context("message")?;
            ensure!(message.len() >= HEADER, "message of {} octets", message.len());
            if message[18] == UPDATE {
                updates.push(message.to_vec());
            }
        }
    }
    Ok(updates)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::bgp::end_of_rib;

    fn record(kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).expect("short");
        [&[0; 4][..], &kind.to_be_bytes(), &subtype.to_be_bytes(), &length.to_be_bytes(), body]
            .concat()
    }

    #[test]
    fn updates_are_found_among_other_records() {
        let message = [&[0; 24][..], &end_of_rib()].concat();
        let file = [record(17, 5, &[0; 8]), record(17, 4, &message), record(13, 1, &[])].concat();
        assert_eq!(read(&file).expect("whole records"), [end_of_rib()]);
        assert!(read(&file[..file.len() - 1]).is_err());
    }
}
