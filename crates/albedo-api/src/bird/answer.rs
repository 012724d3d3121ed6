//! The framing of an answer: rows with a code of four digits in front.
//!
//! The first row of a code has it and a `-`, those behind it a space; the last row of an answer
//! has its code and a space.

/// An answer, or the part of it that was not sent yet.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    out: Vec<u8>,
    code: Option<u16>,
}

impl Answer {
    /// A row that is not the last one.
    pub(crate) fn row(&mut self, code: u16, text: &str) {
        if self.code == Some(code) {
            self.out.push(b' ');
        } else {
            self.out.extend_from_slice(format!("{code:04}-").as_bytes());
            self.code = Some(code);
        }
        self.text(text);
    }

    /// The last row.
    pub(crate) fn end(&mut self, code: u16, text: &str) {
        self.out.extend_from_slice(format!("{code:04} ").as_bytes());
        self.code = None;
        self.text(text);
    }

    /// A row is a line, whatever stands in it.
    fn text(&mut self, text: &str) {
        let text = text.trim_end_matches(' ');
        for c in text.chars() {
            let c = if c.is_control() && c != '\t' { '?' } else { c };
            self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.out.push(b'\n');
    }

    /// Octets that wait to be sent.
    pub(crate) const fn len(&self) -> usize {
        self.out.len()
    }

    /// What is to be sent now; the answer goes on behind it.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}
