//! BIRD's configuration: text, then statements, then sessions, then ours.
//!
//! Every statement that is not known here is told, so that nothing gets lost in silence.

mod bgp;
mod lex;
mod options;
mod render;
mod statements;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use options::Options;
use render::Top;
use statements::{Place, Sources, Statement};

/// What came of it.
#[derive(Debug)]
pub(super) struct Imported {
    /// Our configuration.
    pub(super) text: String,
    /// Files to write, with the passwords.
    pub(super) passwords: BTreeMap<PathBuf, String>,
    /// What could not be taken over, each with file and line.
    pub(super) left_out: Vec<String>,
}

/// Reads files. With a folder, passwords go there.
///
/// The error is a text: where, and what is no configuration of BIRD.
pub(super) fn import(files: &[PathBuf], folder: Option<&Path>) -> Result<Imported, String> {
    let mut sources = Sources::default();
    let mut statements = Vec::new();
    for file in files {
        statements.extend(sources.read(file)?);
    }
    Ok(interpret(&statements, &sources, folder))
}

/// What is known while the statements are gone through.
#[derive(Debug, Default)]
struct Reader {
    top: Top,
    templates: BTreeMap<String, Options>,
    sessions: Vec<Options>,
    left_out: Vec<(Place, String)>,
}

impl Reader {
    fn left_out(&mut self, place: Place, text: impl Into<String>) {
        self.left_out.push((place, text.into()));
    }
}

fn interpret(statements: &[Statement], sources: &Sources, folder: Option<&Path>) -> Imported {
    let mut reader = Reader::default();
    for statement in statements {
        top(statement, &mut reader);
    }
    let rendered = render::render(&mut reader, folder);
    // What is in a template is told once, not for each of its sessions.
    reader.left_out.sort();
    reader.left_out.dedup();
    let left_out = reader.left_out.iter();
    let left_out = left_out.map(|(place, text)| format!("{}: {text}", sources.name(*place)));
    Imported { text: rendered.0, passwords: rendered.1, left_out: left_out.collect() }
}

fn top(statement: &Statement, reader: &mut Reader) {
    let words = statement.words();
    let place = statement.place;
    match words[..] {
        ["router", "id", id] if let Some(id) = four_octets(id) => match reader.top.router_id {
            Some(before) if before != id => {
                reader.left_out(place, format!("another router id, {id}: {before} counts"));
            }
            _ => reader.top.router_id = Some(id),
        },
        ["listen", "bgp", ref rest @ ..] => listen(rest, place, reader),
        ["graceful", "restart", "wait", seconds] if let Ok(seconds) = seconds.parse() => {
            match seconds {
                1..=600_u32 => reader.top.deferral = Some(seconds),
                _ => reader.left_out(place, "graceful restart wait: 1 to 600 seconds here"),
            }
        }
        // They concern BIRD's own log, clock and interfaces, and no session.
        ["log" | "debug" | "mrtdump" | "timeformat" | "watchdog" | "eval" | "hostname", ..]
        | ["protocol" | "template", "device", ..] => {}
        ["protocol", "bgp", ref rest @ ..] => {
            if let Some(options) = bgp::protocol(statement, rest, reader) {
                reader.sessions.push(options);
            }
        }
        ["template", "bgp", ref rest @ ..] => {
            if let (Some(options), Some(name)) =
                (bgp::protocol(statement, rest, reader), rest.first())
            {
                reader.templates.insert((*name).to_owned(), options);
            }
        }
        ["protocol" | "template", kind, ..] => {
            let text =
                format!("the protocol {kind}: Albedo speaks BGP only, and touches no kernel");
            reader.left_out(place, text);
        }
        ["filter", name, ..] => {
            reader.left_out(
                place,
                format!("the filter {name}: write it as importPolicy or exportPolicy"),
            );
        }
        ["function", name, ..] => reader.left_out(place, format!("the function {name}")),
        _ => reader.left_out(place, shown(&words)),
    }
}

/// An identifier of BGP, which is not 0.
fn four_octets(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok().filter(|id: &Ipv4Addr| !id.is_unspecified())
}

/// A statement as it is told; not its passwords.
fn shown(words: &[&str]) -> String {
    let secret = words.iter().any(|word| word.contains("password") || *word == "key");
    let shown = if secret { &words[..1] } else { &words[..words.len().min(8)] };
    let text: String = shown.join(" ").chars().take(80).collect();
    if text.is_empty() { "a block without a name".to_owned() } else { format!("`{text}`") }
}

/// `listen bgp [address A] [port P] [dual] [v6only]`.
fn listen(words: &[&str], place: Place, reader: &mut Reader) {
    let mut address = None;
    let mut port = 179;
    let mut rest = words;
    loop {
        rest = match rest {
            [] => break,
            ["address", value, rest @ ..] if let Ok(value) = value.parse() => {
                address = Some(value);
                rest
            }
            ["port", value, rest @ ..] if let Ok(value @ 1..) = value.parse::<u16>() => {
                port = value;
                rest
            }
            ["dual" | "v6only", rest @ ..] => rest,
            _ => return reader.left_out(place, format!("listen bgp {}", words.join(" "))),
        };
    }
    reader.top.listen.push((address, port));
}

#[cfg(test)]
mod tests;
