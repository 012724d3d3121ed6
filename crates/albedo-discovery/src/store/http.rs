//! Answers of HTTP servers, read within bounds: a whole body, or line by line.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;

/// A whole answer at most, in bytes: a page of hundreds of large objects.
pub(super) const ANSWER_MAX_BYTES: usize = 64 << 20;

/// A line of a watch at most, in bytes: one object, or the changes of one transaction of etcd.
pub(super) const LINE_MAX_BYTES: usize = 16 << 20;

/// How much of an answer that tells an error is shown, in bytes.
const SHOWN_BYTES: usize = 300;

/// A connection that says nothing is asked whether it is still there after so long, and then in
/// steps of [`KEEPALIVE_STEP`]; after [`KEEPALIVE_STEPS`] without an answer it is lost.
pub(super) const KEEPALIVE: Duration = Duration::from_secs(30);
/// See [`KEEPALIVE`].
pub(super) const KEEPALIVE_STEP: Duration = Duration::from_secs(10);
/// See [`KEEPALIVE`].
pub(super) const KEEPALIVE_STEPS: u32 = 3;

/// How long making a connection may take.
pub(super) const DIAL_PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer may take, from sending the request to its last byte.
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// A connector for plain TCP with these limits.
pub(super) fn connector() -> hyper_util::client::legacy::connect::HttpConnector {
    let mut connector = hyper_util::client::legacy::connect::HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(DIAL_PATIENCE));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE_STEP));
    connector.set_keepalive_retries(Some(KEEPALIVE_STEPS));
    connector
}

/// An error with all that it comes from, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// What a server said where it should have said something else, cut to what a person reads.
pub(super) fn shown(answer: &[u8]) -> String {
    let cut = &answer[..answer.len().min(SHOWN_BYTES)];
    String::from_utf8_lossy(cut).trim().escape_debug().to_string()
}

/// Reads a body of at most [`ANSWER_MAX_BYTES`].
pub(super) async fn whole<B>(body: B) -> Result<Bytes, String>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    let mut lines = Lines { body, waiting: BytesMut::new(), searched: 0, max: ANSWER_MAX_BYTES };
    while lines.more().await? {}
    Ok(lines.waiting.freeze())
}

/// The lines of a body that goes on.
#[derive(Debug)]
pub(super) struct Lines<B> {
    body: B,
    waiting: BytesMut,
    /// How much of what waits is known to have no end of line.
    searched: usize,
    max: usize,
}

impl<B> Lines<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    pub(super) fn new(body: B) -> Self {
        Self { body, waiting: BytesMut::new(), searched: 0, max: LINE_MAX_BYTES }
    }

    /// The next line without its end, or `None` at the end of the body. Nothing is lost if it is
    /// dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            let found = self.waiting[self.searched..].iter().position(|byte| *byte == b'\n');
            if let Some(at) = found {
                let line = self.waiting.split_to(self.searched + at + 1).freeze();
                self.searched = 0;
                let line = line.slice(..line.len() - 1);
                if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
                    return Ok(Some(line));
                }
                continue;
            }
            self.searched = self.waiting.len();
            if !self.more().await? {
                let rest = std::mem::take(&mut self.waiting).freeze();
                self.searched = 0;
                return Ok((!rest.is_empty()).then_some(rest));
            }
        }
    }

    /// Reads a piece; false at the end.
    async fn more(&mut self) -> Result<bool, String> {
        let Some(frame) = self.body.frame().await else { return Ok(false) };
        let frame = frame.map_err(|error| format!("the answer broke off: {error}"))?;
        if let Ok(data) = frame.into_data() {
            if self.waiting.len() + data.len() > self.max {
                return Err(format!("an answer of more than {} bytes at once", self.max));
            }
            self.waiting.extend_from_slice(&data);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;
    use proptest::prelude::*;

    use super::*;

    struct Pieces(VecDeque<Vec<u8>>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece.into()))))
        }
    }

    fn lines(pieces: &[&[u8]]) -> Lines<Pieces> {
        Lines::new(Pieces(pieces.iter().map(|piece| piece.to_vec()).collect()))
    }

    async fn all(mut lines: Lines<Pieces>) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(line) = lines.next().await.expect("a line") {
            seen.push(String::from_utf8(line.to_vec()).expect("text"));
        }
        seen
    }

    proptest! {
        #[test]
        fn where_a_text_is_cut_does_not_matter(
            text in "[ab\n]{0,40}",
            sizes in proptest::collection::vec(1_usize..6, 0..20),
        ) {
            let mut rest = text.as_bytes();
            let mut pieces = Vec::new();
            for size in sizes {
                let piece;
                (piece, rest) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
            }
            pieces.push(rest);
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let seen = runtime.block_on(all(lines(&pieces)));
            let expected: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(seen, expected);
        }
    }

    #[tokio::test]
    async fn lines_are_put_together_from_pieces() {
        let seen = all(lines(&[b"on", b"e\ntw", b"o\n\n", b"three\nfour"])).await;
        assert_eq!(seen, ["one", "two", "three", "four"]);
    }

    #[tokio::test]
    async fn a_line_beyond_the_bound_is_an_error() {
        let mut lines = lines(&[b"0123456789", b"0123456789\n"]);
        lines.max = 16;
        let error = lines.next().await.expect_err("a line that is too long");
        assert_eq!(error, "an answer of more than 16 bytes at once");
    }
}
