//! The README as somebody new follows it: each of its commands is run, and what it shows is what
//! comes out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use albedo_tests::lab::{Host, Lab, Node};
use albedo_tests::net::net;
use albedo_tests::peers::{Bird, Version};
use albedo_tests::process::{Daemon, output};
use albedo_tests::reflector::Reflector;
use albedo_tests::tools::{albedo, repository};
use albedo_tests::wait::eventually;
use anyhow::{Context as _, Result, bail, ensure};

/// Where the README's reflector is, and two nodes of its cluster: the addresses are those that its
/// examples show.
const REFLECTOR: Host = Host(1);
const SECOND: Host = Host(12);
const THIRD: Host = Host(13);

/// A block of code: its language and its lines.
type Block = (String, Vec<String>);

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => open = Some((language.to_owned(), Vec::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    blocks
}

/// A command without what is said about it.
fn commands(blocks: &[Block]) -> Vec<String> {
    let shell = blocks.iter().filter(|(language, _)| language == "sh");
    let lines = shell.flat_map(|(_, lines)| lines);
    let bare = lines.map(|line| line.split('#').next().unwrap_or_default().trim().to_owned());
    bare.filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_command_of_the_readme_runs() {
    let Some(mut lab) = Lab::new("every_command_of_the_readme_runs") else { return };
    scenario(&mut lab).expect("the README");
}

struct Reader {
    node: Node,
    blocks: Vec<Block>,
    /// What was begun in the background.
    background: Vec<Daemon>,
}

fn scenario(lab: &mut Lab) -> Result<()> {
    let text = fs::read_to_string(repository().join("README.md")).context("README.md")?;
    let blocks = blocks(&text);
    let node = lab.node(REFLECTOR)?;
    let mut reader = Reader { node, blocks, background: Vec::new() };
    let (of_reflector, others): (Vec<_>, Vec<_>) =
        commands(&reader.blocks).into_iter().partition(|command| asks(command));
    ensure!(of_reflector.len() >= 5 && others.len() >= 6, "{of_reflector:?}, {others:?}");
    for command in &others {
        reader.run(command).with_context(|| command.clone())?;
    }
    reader.background.clear();
    // What is asked of a reflector is asked of one with the README's own configuration, but that a
    // policy keeps something back for the explanation.
    let config = reader.yaml("asNumber: 64512")?;
    let second = format!(
        "peers:\n  - address: {}\n    group: nodes\n    description: second\n    \
         exportPolicy: {{rules: [{{prefixes: [10.244.13.64/26], action: reject}}]}}\n",
        SECOND.v4()
    );
    let reflector = Reflector::start_with(&reader.node, &format!("{config}{second}"))?;
    let mut birds = Vec::new();
    for host in [SECOND, THIRD] {
        let node = lab.node(host)?;
        let block = net(&format!("10.244.{}.64/26", host.0));
        birds.push(Bird::start(&node, Version::Calico, &[REFLECTOR], &[block])?);
    }
    eventually("the explanation that the README shows", || reader.explains())?;
    for command in &of_reflector {
        reader.ask(command).with_context(|| command.clone())?;
    }
    drop((birds, reflector));
    Ok(())
}

/// Whether a command asks a running reflector.
fn asks(command: &str) -> bool {
    let words = ["status", "get", "explain", "reload", "top"];
    let second = command.strip_prefix("albedo ").and_then(|rest| rest.split(' ').next());
    second.is_some_and(|word| words.contains(&word))
}

impl Reader {
    fn program(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = self.node.command(program);
        command.current_dir(repository()).args(words);
        command
    }

    /// A block of YAML that begins so.
    fn yaml(&self, head: &str) -> Result<String> {
        let found = self.blocks.iter().find(|(language, lines)| {
            language == "yaml" && lines.first().is_some_and(|line| line == head)
        });
        Ok(found.with_context(|| format!("no block that begins with {head}"))?.1.join("\n") + "\n")
    }

    /// Runs a command of the README, in the way that is written beside it.
    fn run(&mut self, command: &str) -> Result<()> {
        let albedo = albedo()?;
        let words: Vec<&str> = command.split(' ').collect();
        match words.as_slice() {
            ["cargo", "run", "--release", "--", "demo"] => self.demo(&albedo),
            // It is what runs this test.
            ["cargo", "xtask", "test"] => Ok(()),
            ["cargo", "run", "--release", "--", "run", rest @ .., "&"] => {
                // A daemon starts in a folder of its own.
                let file = |word: &&str| match word.ends_with(".yaml") {
                    true => repository().join(word).to_string_lossy().into_owned(),
                    false => (*word).to_owned(),
                };
                let rest: Vec<String> = rest.iter().map(file).collect();
                let words = ["run"].into_iter().chain(rest.iter().map(String::as_str));
                let mut run = self.program(&albedo, &words.collect::<Vec<_>>());
                let mut daemon = Daemon::start("loopback", &self.node.folder, &mut run)?;
                eventually("it listens", || {
                    ensure!(daemon.listens_on(1790)?, "not yet:\n{}", daemon.log());
                    Ok(())
                })?;
                self.background.push(daemon);
                Ok(())
            }
            ["cargo", "run", "--release", "-p", "albedo-loadtest", "--", rest @ ..] => {
                let program = albedo.with_file_name("albedo-loadtest");
                // A tenth of it: this is no release build.
                let fewer = |word: &&str| match word.parse::<u32>() {
                    Ok(n) => (n / 10).to_string(),
                    Err(_) => (*word).to_owned(),
                };
                let rest: Vec<String> = rest.iter().map(fewer).collect();
                let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
                output(&mut self.program(&program, &rest)).map(drop)
            }
            ["albedo", verb @ ("check" | "run"), "--config", "FILE"] => {
                let file = self.node.folder.join("readme.yaml");
                fs::write(&file, self.yaml("asNumber: 64512")?)?;
                self.checked_or_run(&albedo, verb, &file)
            }
            ["albedo", "import", "bird", "FILE"] => {
                let sample = repository().join("crates/albedo/tests/bird");
                let sample = first_sample(&sample)?;
                let words = ["import", "bird", &*sample.to_string_lossy()];
                output(&mut self.program(&albedo, &words)).map(drop)
            }
            ["albedo", "calico", "plan", "--help"] => {
                output(&mut self.program(&albedo, &words[1..])).map(drop)
            }
            _ => bail!("no test runs this"),
        }
    }

    fn checked_or_run(&mut self, albedo: &Path, verb: &str, file: &Path) -> Result<()> {
        let file = file.to_string_lossy();
        let mut command = self.program(albedo, &[verb, "--config", &file]);
        if verb == "check" {
            return output(&mut command).map(drop);
        }
        let mut daemon = Daemon::start("readme", &self.node.folder, &mut command)?;
        eventually("it listens", || {
            ensure!(daemon.listens_on(179)?, "not yet:\n{}", daemon.log());
            Ok(())
        })
    }

    /// The demo, whose lines are those of the README but for the numbers.
    fn demo(&self, albedo: &Path) -> Result<()> {
        let told = output(&mut self.program(albedo, &["demo"]))?;
        let shown = self.blocks.iter().find(|(language, lines)| {
            language == "text" && lines.first().is_some_and(|line| line.contains("cold start"))
        });
        let shown = &shown.context("no output of the demo")?.1;
        let told: Vec<String> = told.lines().skip(1).map(without_numbers).collect();
        let shown: Vec<String> = shown.iter().map(|line| without_numbers(line)).collect();
        ensure!(told == shown, "the demo says {told:#?}, the README {shown:#?}");
        Ok(())
    }

    /// Whether the explanation begins as the README shows it.
    fn explains(&self) -> Result<()> {
        let command = format!("albedo explain 10.244.13.64/26 --to {}", SECOND.v4());
        let told = self.ask(&command)?;
        let shown = self.blocks.iter().find(|(language, lines)| {
            language == "text" && lines.first().is_some_and(|line| line.ends_with(": one route"))
        });
        let shown = shown.context("no explanation")?.1.join("\n");
        ensure!(told.starts_with(&shown), "{told}\ninstead of\n{shown}");
        Ok(())
    }

    /// Asks the reflector; what it answers.
    fn ask(&self, command: &str) -> Result<String> {
        let albedo = albedo()?;
        // The peer is called by its name in the README, and by its address here.
        let command = command.replace("node-12", &SECOND.v4().to_string());
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        if words == ["top"] {
            let refused = self.program(&albedo, &words).output().context("top")?;
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            ensure!(said.contains("needs a terminal"), "{said}");
            return Ok(said);
        }
        output(&mut self.program(&albedo, &words))
    }
}

fn first_sample(folder: &Path) -> Result<PathBuf> {
    let mut samples: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .collect();
    samples.sort();
    samples.into_iter().next().context("no sample")
}

/// A line with each number, and the unit of time behind it, replaced.
fn without_numbers(line: &str) -> String {
    let mut out = String::new();
    for word in line.split(' ') {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        let is_unit = ["s", "ms", "µs", "s,", "ms,", "µs,"].contains(&word);
        out.push_str(match (is_number, is_unit) {
            (true, _) => "N",
            (_, true) => "unit",
            _ => word,
        });
        out.push(' ');
    }
    out
}
