//! `albedo top`: how a running reflector stands, full-screen and live.

mod screen;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::admin_client::{AdminArgs, Target};
use crate::ask_command::Overview;
use screen::{Order, Screen};

/// How long a key is waited for before the screen is drawn again.
const KEY: Duration = Duration::from_millis(100);

/// How to watch.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Seconds between two looks.
    #[arg(long, short, default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=60))]
    interval: u64,
}

/// Watches until it is told to stop.
pub(crate) fn run(args: &TopArgs) -> Result<ExitCode> {
    if !std::io::stdout().is_terminal() {
        bail!("top: needs a terminal; `albedo status` and `albedo get peers -w` do without");
    }
    let target = args.admin.target();
    // Whatever is wrong is told before the screen is taken.
    let mut screen = Screen::new(target.to_string());
    screen.take(Instant::now(), Overview::read(&target)?);
    let mut terminal = ratatui::init();
    let result = watch(&mut terminal, &mut screen, &target, Duration::from_secs(args.interval));
    ratatui::restore();
    result
}

fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    screen: &mut Screen,
    target: &Target,
    interval: Duration,
) -> Result<ExitCode> {
    let mut looked = Instant::now();
    loop {
        terminal.draw(|frame| screen.draw(frame))?;
        if event::poll(KEY)?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            let is_interrupt =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                _ if is_interrupt => return Ok(ExitCode::SUCCESS),
                KeyCode::Char('q') | KeyCode::Esc => return Ok(ExitCode::SUCCESS),
                KeyCode::Char('s') => screen.order(Order::State),
                KeyCode::Char('i') => screen.order(Order::Received),
                KeyCode::Char('o') => screen.order(Order::Sent),
                KeyCode::Char('a') => screen.order(Order::Address),
                KeyCode::Down | KeyCode::Char('j') => screen.scroll(1),
                KeyCode::Up | KeyCode::Char('k') => screen.scroll(-1),
                KeyCode::PageDown => screen.scroll(20),
                KeyCode::PageUp => screen.scroll(-20),
                _ => {}
            }
        }
        if looked.elapsed() >= interval {
            looked = Instant::now();
            match Overview::read(target) {
                Ok(seen) => screen.take(looked, seen),
                Err(error) => screen.lose(&format!("{error:#}")),
            }
        }
    }
}
