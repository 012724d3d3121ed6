//! The commands: words to a value, or to a refusal in BIRD's codes.

use std::net::IpAddr;

use albedo_types::{Family, Ipv4Prefix, Ipv6Prefix, Prefix};

use crate::routes::RouteSelect;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// An empty line.
    Nothing,
    /// `show status`.
    Status,
    /// `show protocols [all] [NAME]`.
    Protocols { all: bool, which: Option<Pattern> },
    /// `show route …`.
    Route(RouteCommand),
    /// `restrict`: nothing may be changed from here on; nothing may be anyway.
    Restrict,
    /// `echo …`: there are no lines of the log here.
    Echo,
}

/// `show route …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteCommand {
    pub(crate) all: bool,
    pub(crate) best_only: bool,
    pub(crate) count: bool,
    pub(crate) protocol: Option<String>,
    pub(crate) select: RouteSelect,
    /// The one table, where one is named.
    pub(crate) family: Option<Family>,
}

/// Why a command is not done: BIRD's code, and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) text: String,
}

/// What does not match the grammar.
pub(crate) const SYNTAX: u16 = 9001;
/// What may not be done here.
pub(crate) const DENIED: u16 = 8007;

/// A name, with `*` for any characters and `?` for one where it stood in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    is_glob: bool,
}

impl Pattern {
    fn new(word: &Word) -> Self {
        Self { text: word.text.clone(), is_glob: word.is_quoted }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        if !self.is_glob {
            return self.text == name;
        }
        let (pattern, name) = (self.text.as_bytes(), name.as_bytes());
        // Where the last star stood, and how much it holds.
        let (mut p, mut n, mut star) = (0, 0, None);
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    star = Some((p, n));
                    p += 1;
                }
                Some(c) if *c == b'?' || *c == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => {
                    let Some((at, held)) = star else { return false };
                    star = Some((at, held + 1));
                    (p, n) = (at + 1, held + 1);
                }
            }
        }
        pattern[p..].iter().all(|c| *c == b'*')
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    text: String,
    is_quoted: bool,
}

fn words(line: &str) -> Result<Vec<Word>, Refusal> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (text, behind, is_quoted) = match rest.strip_prefix('"') {
            Some(quoted) => match quoted.split_once('"') {
                Some((text, behind)) => (text, behind, true),
                None => return Err(syntax("an open quote, expected a closing one")),
            },
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (&rest[..end], &rest[end..], false)
            }
        };
        words.push(Word { text: text.to_owned(), is_quoted });
        rest = behind.trim_start();
    }
    Ok(words)
}

fn syntax(found: &str) -> Refusal {
    Refusal { code: SYNTAX, text: format!("syntax error, unexpected {found}") }
}

fn unexpected(word: &Word, allowed: &str) -> Refusal {
    syntax(&format!("`{}`, expected {allowed}", word.text))
}

/// What changes something in BIRD, and is nothing to be done over this socket.
const CHANGING: [&str; 9] =
    ["configure", "disable", "enable", "restart", "reload", "down", "debug", "mrtdump", "graceful"];

const KNOWN: &str = "show status, show protocols, show route, restrict or echo";

/// Reads a line.
pub(crate) fn parse(line: &str) -> Result<Command, Refusal> {
    let words = words(line)?;
    let Some((first, rest)) = words.split_first() else { return Ok(Command::Nothing) };
    match (&*first.text, rest) {
        ("restrict", []) => Ok(Command::Restrict),
        ("echo", _) => Ok(Command::Echo),
        ("show", rest) => show(rest),
        (word, _) if CHANGING.contains(&word) => {
            let text = format!("Access denied: `{word}` is not done here, only shown is {KNOWN}");
            Err(Refusal { code: DENIED, text })
        }
        _ => Err(unexpected(first, KNOWN)),
    }
}

fn show(words: &[Word]) -> Result<Command, Refusal> {
    const SHOWN: &str = "status, protocols or route";
    let Some((what, rest)) = words.split_first() else {
        return Err(syntax(&format!("end of the line, expected {SHOWN}")));
    };
    match &*what.text {
        "status" => match rest.first() {
            None => Ok(Command::Status),
            Some(word) => Err(unexpected(word, "nothing behind status")),
        },
        "protocols" => protocols(rest),
        "route" => route(rest).map(Command::Route),
        _ => Err(unexpected(what, SHOWN)),
    }
}

fn protocols(words: &[Word]) -> Result<Command, Refusal> {
    let all = words.first().is_some_and(|word| word.text == "all");
    match &words[usize::from(all)..] {
        [] => Ok(Command::Protocols { all, which: None }),
        [name] => Ok(Command::Protocols { all, which: Some(Pattern::new(name)) }),
        [_, more, ..] => Err(unexpected(more, "one name, or a pattern in quotes")),
    }
}

fn route(words: &[Word]) -> Result<RouteCommand, Refusal> {
    const ALLOWED: &str = "all, primary, count, for, in, protocol, table, a prefix or an address";
    let mut command = RouteCommand {
        all: false,
        best_only: false,
        count: false,
        protocol: None,
        select: RouteSelect::All,
        family: None,
    };
    let mut words = words.iter();
    let select = |old: RouteSelect, new: RouteSelect, word: &Word| match old {
        RouteSelect::All => Ok(new),
        _ => Err(unexpected(word, "one prefix or address")),
    };
    while let Some(word) = words.next() {
        let mut argument = |what: &str| {
            words.next().ok_or_else(|| syntax(&format!("end of the line, expected {what}")))
        };
        match &*word.text {
            "all" => command.all = true,
            "primary" => command.best_only = true,
            "count" => command.count = true,
            "stats" => command.count = true,
            "protocol" => command.protocol = Some(argument("a protocol's name")?.text.clone()),
            "table" => {
                let name = argument("a table")?;
                command.family = match &*name.text {
                    "master" => None,
                    "master4" => Some(Family::Ipv4Unicast),
                    "master6" => Some(Family::Ipv6Unicast),
                    _ => return Err(unexpected(name, "master, master4 or master6")),
                };
            }
            "for" => {
                let place = argument("an address or a prefix")?;
                let chosen = RouteSelect::Longest(prefix(place)?);
                command.select = select(command.select, chosen, place)?;
            }
            "in" => {
                let place = argument("a prefix")?;
                let chosen = RouteSelect::Within(prefix(place)?);
                command.select = select(command.select, chosen, place)?;
            }
            text if text.contains(['.', ':']) => {
                let chosen = RouteSelect::Exact(prefix(word)?);
                command.select = select(command.select, chosen, word)?;
            }
            _ => return Err(unexpected(word, ALLOWED)),
        }
    }
    Ok(command)
}

/// A prefix; an address is the prefix of itself.
fn prefix(word: &Word) -> Result<Prefix, Refusal> {
    if let Ok(address) = word.text.parse::<IpAddr>() {
        let host = match address {
            IpAddr::V4(addr) => Ipv4Prefix::new(addr, 32).map(Prefix::V4),
            IpAddr::V6(addr) => Ipv6Prefix::new(addr, 128).map(Prefix::V6),
        };
        return host.ok_or_else(|| unexpected(word, "an address"));
    }
    word.text.parse().map_err(|_| unexpected(word, "an address, or address/length"))
}
