//! From text to words: comments go, strings are one word each.

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Without quotes.
    pub(super) text: String,
    /// Whether it stood in quotes.
    pub(super) quoted: bool,
    /// From 1.
    pub(super) line: usize,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '%')
}

/// Reads all words; the error is the line and what is wrong there.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, (usize, &'static str)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("/*") {
            let end = rest.find("*/").ok_or((line, "a comment without an end"))?;
            line += lines(&rest[..end]);
            rest = &rest[end + 2..];
        } else if c == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if c == '"' || c == '\'' {
            let inner = &rest[1..];
            let end = inner.find(c).filter(|end| !inner[..*end].contains('\n'));
            let end = end.ok_or((line, "a text without its second quote"))?;
            tokens.push(Token { text: inner[..end].to_owned(), quoted: c == '"', line });
            rest = &inner[end + 1..];
        } else if is_word(c) && !rest.starts_with("/*") {
            // A comment may stand right behind a word.
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let end = if rest[end..].starts_with('*') && rest[..end].ends_with('/') {
                end - 1
            } else {
                end
            };
            tokens.push(Token { text: rest[..end].to_owned(), quoted: false, line });
            rest = &rest[end..];
        } else {
            if !c.is_whitespace() {
                tokens.push(Token { text: c.to_string(), quoted: false, line });
            }
            line += usize::from(c == '\n');
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(tokens)
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'\n').count()
}
