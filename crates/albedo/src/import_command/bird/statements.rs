//! From words to statements: what ends with `;` or has a block, files that include others, and
//! names that stand for values.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::lex::{Token, tokens};

/// The largest file, in octets.
pub(super) const FILE_MAX: u64 = 16 * 1024 * 1024;

/// Files at most, with those that are included.
pub(super) const FILES_MAX: usize = 1_000;

/// Blocks, or includes, in each other at most.
pub(super) const NESTING_MAX: usize = 32;

/// Where something stands: file and line, from 1; 0 is the file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    file: usize,
    line: usize,
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) place: Place,
    tokens: Vec<Token>,
    /// What is in its braces.
    pub(super) body: Option<Vec<Self>>,
}

impl Statement {
    /// Its words up to its block.
    pub(super) fn words(&self) -> Vec<&str> {
        self.tokens.iter().map(|token| &*token.text).collect()
    }

    /// The only text in quotes.
    pub(super) fn quoted(&self) -> Option<&str> {
        self.tokens.iter().find(|token| token.quoted).map(|token| &*token.text)
    }
}

/// The files that were read.
#[derive(Debug, Default)]
pub(super) struct Sources {
    names: Vec<String>,
    defines: BTreeMap<String, Token>,
}

impl Sources {
    /// `file:line`, or the file as a whole.
    pub(super) fn name(&self, place: Place) -> String {
        let name = self.names.get(place.file).map_or("?", |name| name);
        if place.line == 0 { name.to_owned() } else { format!("{name}:{}", place.line) }
    }

    /// Reads a file and those that it includes.
    pub(super) fn read(&mut self, path: &Path) -> Result<Vec<Statement>, String> {
        self.read_at(path, 0)
    }

    fn read_at(&mut self, path: &Path, depth: usize) -> Result<Vec<Statement>, String> {
        let text = load(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if self.names.len() == FILES_MAX {
            return Err(format!("{}: more than {FILES_MAX} files", path.display()));
        }
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        self.parse(&path.display().to_string(), &text, folder, depth)
    }

    /// Reads a text; what it includes is looked for in a folder.
    pub(super) fn parse(
        &mut self,
        name: &str,
        text: &str,
        folder: &Path,
        depth: usize,
    ) -> Result<Vec<Statement>, String> {
        let file = self.names.len();
        self.names.push(name.to_owned());
        let at = |line| format!("{name}:{line}");
        let tokens = tokens(text).map_err(|(line, what)| format!("{}: {what}", at(line)))?;
        let mut parser = Parser { tokens: &tokens, at: 0, file, folder, sources: self };
        let statements = parser.block(0, depth, false)?;
        match parser.tokens.get(parser.at) {
            Some(token) => Err(format!("{}: a }} without its {{", at(token.line))),
            None => Ok(statements),
        }
    }
}

fn load(path: &Path) -> Result<String, String> {
    let mut octets = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut octets))
        .map_err(|error| error.to_string())?;
    if octets.len() as u64 > FILE_MAX {
        return Err(format!("more than {} MiB", FILE_MAX >> 20));
    }
    // Comments may be in any character set.
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

struct Parser<'t, 's> {
    tokens: &'t [Token],
    at: usize,
    file: usize,
    folder: &'t Path,
    sources: &'s mut Sources,
}

impl Parser<'_, '_> {
    /// Statements up to the end, or to a `}` that is left where it is. The last one of a list,
    /// such as `{ states, routes }`, has no `;`.
    fn block(
        &mut self,
        nesting: usize,
        depth: usize,
        is_list: bool,
    ) -> Result<Vec<Statement>, String> {
        let mut statements = Vec::new();
        while let Some(token) = self.tokens.get(self.at) {
            if is(token, "}") {
                break;
            }
            let line = token.line;
            let statement = self.statement(nesting, depth, is_list)?;
            match &statement.words()[..] {
                [] if statement.body.is_none() => {}
                ["include", name] => statements.extend(self.include(name, line, depth)?),
                ["define", name, "=", _] if statement.tokens.len() == 4 => {
                    let value = statement.tokens[3].clone();
                    self.sources.defines.insert((*name).to_owned(), value);
                }
                _ => statements.push(statement),
            }
        }
        Ok(statements)
    }

    fn statement(
        &mut self,
        nesting: usize,
        depth: usize,
        is_list: bool,
    ) -> Result<Statement, String> {
        let line = self.tokens.get(self.at).map_or(1, |token| token.line);
        let place = Place { file: self.file, line };
        let mut statement = Statement { place, tokens: Vec::new(), body: None };
        // Braces in brackets are ranges of lengths.
        let mut brackets = 0_usize;
        loop {
            let Some(token) = self.tokens.get(self.at) else {
                return Err(format!("{}: a statement without its end", self.sources.name(place)));
            };
            if brackets == 0 && is(token, "}") {
                if is_list {
                    return Ok(statement);
                }
                return Err(format!("{}: a statement without its ;", self.sources.name(place)));
            }
            self.at += 1;
            if is(token, ";") && brackets == 0 {
                return Ok(statement);
            }
            if is(token, "{") && brackets == 0 {
                break;
            }
            brackets += usize::from(is(token, "["));
            brackets = brackets.saturating_sub(usize::from(is(token, "]")));
            let known = self.sources.defines.get(&token.text).filter(|_| !token.quoted);
            // The name of a definition is no value.
            let naming = statement.words() == ["define"];
            let mut token = known.filter(|_| !naming).unwrap_or(token).clone();
            token.line = line;
            statement.tokens.push(token);
        }
        if nesting == NESTING_MAX {
            let text = format!("more than {NESTING_MAX} blocks in each other");
            return Err(format!("{}: {text}", self.sources.name(place)));
        }
        let is_list = matches!(statement.words()[..], ["debug" | "mrtdump", ..]);
        statement.body = Some(self.block(nesting + 1, depth, is_list)?);
        if self.tokens.get(self.at).is_none() {
            return Err(format!("{}: a {{ without its }}", self.sources.name(place)));
        }
        self.at += 1;
        if self.tokens.get(self.at).is_some_and(|token| is(token, ";")) {
            self.at += 1;
        }
        Ok(statement)
    }

    fn include(&mut self, name: &str, line: usize, depth: usize) -> Result<Vec<Statement>, String> {
        let at = self.sources.name(Place { file: self.file, line });
        if depth == NESTING_MAX {
            return Err(format!("{at}: more than {NESTING_MAX} files that include each other"));
        }
        let files = matching(&self.folder.join(name)).map_err(|error| format!("{at}: {error}"))?;
        let mut statements = Vec::new();
        for file in files {
            let read = self.sources.read_at(&file, depth + 1);
            statements.extend(read.map_err(|error| format!("{error}, included from {at}"))?);
        }
        Ok(statements)
    }
}

fn is(token: &Token, text: &str) -> bool {
    !token.quoted && token.text == text
}

/// The files of a name, the last part of which may have `*` and `?`; those in order.
fn matching(path: &Path) -> Result<Vec<PathBuf>, String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.contains(['*', '?']) {
        return Ok(vec![path.to_owned()]);
    }
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).map_err(|it| format!("{}: {it}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(|it| fits(name, it)))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    Ok(files)
}

/// Whether a name fits a pattern. Names that begin with a point are asked for by one.
fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // Which beginnings of the name fit what was seen of the pattern.
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for &c in &pattern {
        let mut next = vec![false; name.len() + 1];
        for (index, _) in fits.iter().enumerate().filter(|(_, fits)| **fits) {
            match c {
                '*' => next[index..].fill(true),
                _ if name.get(index).is_some_and(|it| c == '?' || c == *it) => {
                    next[index + 1] = true
                }
                _ => {}
            }
        }
        fits = next;
    }
    fits[name.len()]
}
