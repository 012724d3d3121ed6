//! YAML 1.2 as a tree in which every node knows where it stands.
//!
//! Deserialising straight into structs would stop at the first fault and forget where values
//! came from; a tree lets the schema report every fault of a file in one run.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::diagnostic::{Fault, Place, Report};

/// Nodes of one file at most, aliases followed: enough for a hundred thousand peers written out,
/// few enough that a few nested aliases cannot fill the memory.
pub const NODES_MAX: usize = 2_000_000;

/// Lists and mappings inside of each other at most, in each of the two notations: several times
/// what any schema needs, and little enough for the stack of any thread.
pub const DEPTH_MAX: usize = 64;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Value {
    /// A single value.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping; each key once.
    Map(Vec<Entry>),
}

/// A text, and whether it stood without quotes: `true` and `"true"` are not the same.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// The text, without quotes.
    pub text: String,
    /// Whether it stood without quotes.
    pub plain: bool,
}

impl Scalar {
    /// Nothing, `~` or `null` (YAML 1.2 §10.2.1.1).
    pub fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

/// One `key: value` of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// What stands behind it.
    pub value: Node,
}

impl Node {
    /// The node in words, for faults.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Value::Scalar(scalar) => quote(&scalar.text),
            Value::List(items) if items.is_empty() => "an empty list".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// Longest text repeated in a fault, in characters.
const QUOTE_MAX: usize = 60;

/// A text of the file in back quotes, shortened, with control characters escaped.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for c in text.chars().take(QUOTE_MAX) {
        if c.is_control() {
            quoted.extend(c.escape_default());
        } else {
            quoted.push(c);
        }
    }
    if text.chars().count() > QUOTE_MAX {
        quoted.push('…');
    }
    quoted.push('`');
    quoted
}

/// The tree of a file with one document; `None` where the file is no YAML, with the fault told.
///
/// An empty file is an empty mapping. Duplicate keys are reported, and the first one counts.
pub fn parse(text: &str, report: &mut Report<'_>) -> Option<Node> {
    let mut builder = Builder { report, anchors: HashMap::new(), nodes: 0 };
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = DEPTH_MAX;
    options.block_nesting_limit = DEPTH_MAX;
    let mut events = Parser::new_from_str_with_options(text, options);
    match builder.document(&mut events) {
        Ok(node) => Some(node),
        Err(Stop::Syntax(error)) => {
            let mark = error.marker();
            let place =
                Place { line: mark.line(), column: mark.col() + 1, width: 1, variable: None };
            let fault = Fault::new(format!("a fault of syntax ({})", error.info()), "YAML 1.2");
            let line = text.lines().nth(mark.line().saturating_sub(1)).unwrap_or_default();
            let fault = if [": !", "- !"].iter().any(|tag| line.contains(tag)) {
                fault.hint(format!("{TAGS}: put it in quotes"))
            } else {
                fault
            };
            builder.report.fault(place, "", fault);
            None
        }
        Err(Stop::Reported) => None,
    }
}

enum Stop {
    Syntax(ScanError),
    Reported,
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self::Syntax(error)
    }
}

struct Builder<'r, 'a> {
    report: &'r mut Report<'a>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

type Item<'t> = Result<(Event<'t>, Span), ScanError>;

impl Builder<'_, '_> {
    fn document<'t>(&mut self, events: &mut impl Iterator<Item = Item<'t>>) -> Result<Node, Stop> {
        let mut root = None;
        let mut documents = 0;
        while let Some(next) = events.next() {
            let (event, span) = next?;
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents == 2 {
                        let fault = Fault::new("a second document", "one document in a file");
                        self.report.fault(place(&span), "", fault);
                    }
                }
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                event => {
                    let node = self.node(event, &span, events)?;
                    root.get_or_insert(node);
                }
            }
        }
        let start = Place { line: 1, column: 1, width: 1, variable: None };
        Ok(match root {
            Some(Node { value: Value::Scalar(scalar), .. }) if scalar.is_null() => {
                Node { place: start, value: Value::Map(Vec::new()) }
            }
            Some(root) => root,
            None => Node { place: start, value: Value::Map(Vec::new()) },
        })
    }

    /// What is rare is done elsewhere, because this function is on the stack once for each level.
    fn node<'t>(
        &mut self,
        event: Event<'t>,
        span: &Span,
        events: &mut impl Iterator<Item = Item<'t>>,
    ) -> Result<Node, Stop> {
        let place = place(span);
        let before = self.nodes;
        self.count(place, 1)?;
        let (value, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let scalar = Scalar { text: text.into_owned(), plain };
                (Value::Scalar(scalar), anchor, tag)
            }
            Event::SequenceStart(_, anchor, tag) => (self.list(events)?, anchor, tag),
            Event::MappingStart(_, anchor, tag) => (self.map(events)?, anchor, tag),
            Event::Alias(id) => return self.alias(id, place),
            event => unreachable!("the parser puts {event:?} where a node stands"),
        };
        if let Some(tag) = tag {
            self.refuse(&tag, &value, span);
        }
        let node = Node { place, value };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    #[inline(never)]
    fn alias(&mut self, id: usize, place: Place) -> Result<Node, Stop> {
        let Some((node, size)) = self.anchors.get(&id).cloned() else {
            let fault = Fault::new("an alias inside of what it names", "no such loop");
            self.report.fault(place, "", fault);
            return Err(Stop::Reported);
        };
        self.count(place, size)?;
        Ok(node)
    }

    #[inline(never)]
    fn refuse(&mut self, tag: &Tag, value: &Value, span: &Span) {
        let place = place(span);
        let place = span.tag_start().map_or(place, |mark| Place {
            line: mark.line(),
            column: mark.col() + 1,
            ..place
        });
        self.report.fault(place, "", tagged(tag, value));
    }

    fn list<'t>(&mut self, events: &mut impl Iterator<Item = Item<'t>>) -> Result<Value, Stop> {
        let mut items = Vec::new();
        while let Some(next) = events.next() {
            let (event, span) = next?;
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, &span, events)?);
        }
        Ok(Value::List(items))
    }

    fn map<'t>(&mut self, events: &mut impl Iterator<Item = Item<'t>>) -> Result<Value, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(next) = events.next() {
            let (event, span) = next?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, &span, events)?;
            let (event, span) = events.next().expect("the parser ends each mapping it starts")?;
            let value = self.node(event, &span, events)?;
            self.insert(&mut entries, key, value);
        }
        Ok(Value::Map(entries))
    }

    #[inline(never)]
    fn insert(&mut self, entries: &mut Vec<Entry>, key: Node, value: Node) {
        let Value::Scalar(name) = key.value else {
            let fault = Fault::new(format!("{} as a key", key.describe()), "a text as a key");
            self.report.fault(key.place, "", fault.hint("put what holds [, ] or : in quotes"));
            return;
        };
        let name = name.text;
        match entries.iter().find(|entry| entry.key == name) {
            Some(first) => {
                let found = format!("the key {} a second time", quote(&name));
                let first = self.report.line(first.place);
                let allowed = format!("it once; the first is at line {first}");
                self.report.fault(key.place, "", Fault::new(found, allowed));
            }
            None => entries.push(Entry { key: name, place: key.place, value }),
        }
    }

    fn count(&mut self, place: Place, nodes: usize) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        let allowed = format!("at most {NODES_MAX} values, aliases followed");
        self.report.fault(place, "", Fault::new("too many values", allowed));
        Err(Stop::Reported)
    }
}

/// A value with a tag. `!has(x)` without quotes is one, and the value behind it is empty.
fn tagged(tag: &Tag, value: &Value) -> Fault {
    let fault = Fault::new("a YAML tag", "values without tags");
    let Value::Scalar(Scalar { text, plain: true }) = value else { return fault };
    if tag.original_handle() != "!" {
        return fault;
    }
    let tag = format!("!{}", tag.suffix());
    let quoted = if tag.contains(['"', '\\']) {
        format!("'{}'", tag.replace('\'', "''"))
    } else {
        format!("\"{tag}\"")
    };
    let (value, write) = match &**text {
        "" => ("nothing".to_owned(), format!("write {quoted}")),
        text => (quote(text), "put all of it in quotes".to_owned()),
    };
    fault.hint(format!("without quotes {TAGS}, and reads {value} behind it: {write}"))
}

/// Why a selector with `!` in front comes to grief.
const TAGS: &str = "YAML takes what starts with ! for a tag";

fn place(span: &Span) -> Place {
    let width = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place {
        variable: None,
        line: span.start.line(),
        column: span.start.col() + 1,
        width: width.max(1),
    }
}

#[cfg(test)]
mod tests;
