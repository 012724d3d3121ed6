//! Plots as SVG: lines over two axes, and events as vertical lines.

use std::fmt::Write as _;

use crate::outcome::{Figure, Mark};
use crate::report::scale::Axis;

/// Width of a plot in its own units; the page scales it.
const WIDTH: f64 = 800.0;
/// Height of the part with the lines.
const HEIGHT: f64 = 240.0;
/// Room to the left of it, for ticks and the label.
const LEFT: f64 = 72.0;
/// Room to the right of it.
const RIGHT: f64 = 20.0;
/// Room above it, where there are no events.
const TOP: f64 = 12.0;
/// Room below it.
const BOTTOM: f64 = 46.0;
/// Height of a row of event labels.
const ROW: f64 = 15.0;
/// Rows of event labels at most; an event that finds no room has a line only.
const ROWS_MAX: usize = 4;
/// Events drawn at most.
const EVENTS_MAX: usize = 200;
/// Characters of an event's label at most.
const LABEL_CHARS_MAX: usize = 32;
/// Width of a character of a label, about.
const CHAR: f64 = 6.2;
/// Room between an event's line and its label, and between two labels.
const GAP: f64 = 4.0;
/// Colours there are; further lines begin anew with dashes.
pub const COLOURS: usize = 6;

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The median over the repetitions.
    Median,
    /// One repetition of several.
    One,
}

/// A line of a plot.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it shows; lines of one name share colour and entry in the legend.
    pub name: String,
    /// Which colour, counted from 0.
    pub colour: usize,
    /// What it stands for.
    pub weight: Weight,
    /// Whether a value holds until the next one.
    pub is_stepped: bool,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its name within the page.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What it shows, for those who do not see it.
    pub description: String,
    /// To the right.
    pub x: Axis,
    /// Upward.
    pub y: Axis,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Its events, with places on the x axis.
    pub events: Vec<Mark>,
}

/// Where an event's label goes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Label {
    /// Counted from the lines upward.
    row: usize,
    left: f64,
    right: f64,
    is_left_of_line: bool,
}

/// Escapes text for HTML and SVG, in text and in quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in documents at all.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

impl Plot {
    /// The plot with heading and legend.
    #[must_use]
    pub fn figure(&self) -> String {
        let (id, title) = (self.id, escape(&self.title));
        let mut out = format!("<figure>\n<figcaption><h2>{title}</h2>\n");
        out.push_str(&self.legend());
        let _ = writeln!(out, "</figcaption>\n{}</figure>", self.svg(id));
        out
    }

    fn legend(&self) -> String {
        let mut names: Vec<(&str, usize)> = Vec::new();
        for line in &self.lines {
            if !names.iter().any(|(name, _)| *name == line.name) {
                names.push((&line.name, line.colour));
            }
        }
        names.sort_by_key(|(_, colour)| *colour);
        let mut out = String::from("<ul class=\"legend\">\n");
        for (name, colour) in names {
            let _ = writeln!(
                out,
                "<li><svg width=\"26\" height=\"10\" aria-hidden=\"true\"><path class=\"median \
                 {}\" d=\"M1 5H25\"/></svg>{}</li>",
                class(colour),
                escape(name)
            );
        }
        if self.lines.iter().any(|line| line.weight == Weight::One) {
            out.push_str("<li class=\"hint\">thin: each run, bold: the median</li>\n");
        }
        out + "</ul>\n"
    }

    fn svg(&self, id: &str) -> String {
        let placed = self.placed_events();
        let rows = placed.iter().filter_map(|(_, _, label)| Some(label.as_ref()?.row + 1));
        #[expect(clippy::cast_precision_loss, reason = "a few rows")]
        let top = TOP + rows.max().unwrap_or(0) as f64 * ROW;
        let height = top + HEIGHT + BOTTOM;
        let mut out = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-description\">\n\
             <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-description\">{}</desc>\n",
            escape(&self.title),
            escape(&self.description)
        );
        self.draw_axes(top, &mut out);
        for (mark, x, label) in &placed {
            draw_event(mark, *x, label.as_ref(), top, &mut out);
        }
        // Thin lines lie below.
        for weight in [Weight::One, Weight::Median] {
            for line in self.lines.iter().filter(|line| line.weight == weight) {
                self.draw_line(line, top, &mut out);
            }
        }
        out + "</svg>\n"
    }

    fn draw_axes(&self, top: f64, out: &mut String) {
        let (bottom, right) = (top + HEIGHT, WIDTH - RIGHT);
        for (value, label) in &self.y.ticks {
            let y = self.y_of(*value, top);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                escape(label)
            );
        }
        for (value, label) in &self.x.ticks {
            let x = self.x_of(*value);
            let _ = writeln!(
                out,
                "<path class=\"axis\" d=\"M{x:.1} {bottom}v5\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                escape(label)
            );
        }
        let _ = writeln!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {bottom}H{right}\"/>\
             <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"label\" transform=\"translate(14 {:.1}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>",
            LEFT.midpoint(right),
            bottom + 38.0,
            escape(&self.x.label),
            top + HEIGHT / 2.0,
            escape(&self.y.label)
        );
    }

    fn draw_line(&self, line: &Line, top: f64, out: &mut String) {
        let weight = if line.weight == Weight::Median { "median" } else { "one" };
        let class = class(line.colour);
        let places = line.points.iter().map(|&(x, y)| (self.x_of(x), self.y_of(y, top)));
        let mut path = String::new();
        let mut last: Option<(f64, f64)> = None;
        for (x, y) in places {
            let _ = match last {
                None => write!(path, "M{x:.1} {y:.1}"),
                Some(_) if line.is_stepped => write!(path, "H{x:.1}V{y:.1}"),
                Some(_) => write!(path, "L{x:.1} {y:.1}"),
            };
            last = Some((x, y));
        }
        let name = escape(&line.name);
        match (line.points.len(), last) {
            (0, _) | (_, None) => {}
            (1, Some((x, y))) => {
                let _ = writeln!(
                    out,
                    "<circle class=\"{weight} {class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\">\
                     <title>{name}</title></circle>"
                );
            }
            _ => {
                let _ = writeln!(
                    out,
                    "<path class=\"{weight} {class}\" d=\"{path}\"><title>{name}</title></path>"
                );
            }
        }
    }

    fn x_of(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - RIGHT - LEFT)
    }

    fn y_of(&self, value: f64, top: f64) -> f64 {
        top + (1.0 - self.y.place(value)) * HEIGHT
    }

    /// The events with their places, from left to right.
    fn placed_events(&self) -> Vec<(&Mark, f64, Option<Label>)> {
        let mut events: Vec<&Mark> = self.events.iter().take(EVENTS_MAX).collect();
        events.sort_by(|a, b| a.at.total_cmp(&b.at));
        let xs: Vec<f64> = events.iter().map(|mark| self.x_of(mark.at)).collect();
        let width = |mark: &&Mark| {
            #[expect(clippy::cast_precision_loss, reason = "a few characters")]
            let chars = short(&mark.what).chars().count() as f64;
            chars * CHAR
        };
        let widths: Vec<f64> = events.iter().map(width).collect();
        let labels = place_labels(&xs, &widths);
        events.into_iter().zip(xs).zip(labels).map(|((mark, x), label)| (mark, x, label)).collect()
    }
}

/// Finds room for labels beside their lines, so that none lies over another or over a line.
fn place_labels(xs: &[f64], widths: &[f64]) -> Vec<Option<Label>> {
    let mut placed: Vec<Option<Label>> = vec![None; xs.len()];
    // From right to left: a label reaches to the right, over lines that were placed before.
    for n in (0..xs.len()).rev() {
        let (x, width) = (xs[n], widths[n]);
        // A label on the left stands in the way of those placed after it: only where it has to.
        let candidates = [false, true].into_iter().flat_map(|is_left_of_line| {
            let left = if is_left_of_line { x - GAP - width } else { x + GAP };
            (0..ROWS_MAX).map(move |row| Label { row, left, right: left + width, is_left_of_line })
        });
        let is_free = |label: &Label| {
            label.left >= 0.0
                && label.right <= WIDTH
                && xs.iter().zip(&placed).all(|(&other_x, other)| {
                    other.as_ref().is_none_or(|other| !collide(label, x, other, other_x))
                })
        };
        placed[n] = candidates.into_iter().find(is_free);
    }
    placed
}

/// Whether two labels, or one of them and the other's line, lie over each other. A line reaches up
/// to the row of its label.
fn collide(a: &Label, a_x: f64, b: &Label, b_x: f64) -> bool {
    let overlap = a.row == b.row && a.left < b.right + GAP && b.left < a.right + GAP;
    let crosses = |x: f64, of: &Label, over: &Label| {
        of.row >= over.row && x > over.left - 1.0 && x < over.right + 1.0
    };
    overlap || crosses(a_x, a, b) || crosses(b_x, b, a)
}

fn draw_event(mark: &Mark, x: f64, label: Option<&Label>, top: f64, out: &mut String) {
    let bottom = top + HEIGHT;
    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    let from = label.map_or(top, |label| top - label.row as f64 * ROW - ROW);
    let words = escape(&format!("{} at {}", mark.what, Figure::seconds(mark.at)));
    let _ = writeln!(
        out,
        "<path class=\"event\" d=\"M{x:.1} {from:.1}V{bottom}\"><title>{words}</title></path>"
    );
    if let Some(label) = label {
        let (at, anchor) =
            if label.is_left_of_line { (label.right, "end") } else { (label.left, "start") };
        let _ = writeln!(
            out,
            "<text class=\"event-label\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}\
             <title>{words}</title></text>",
            from + 9.0,
            escape(&short(&mark.what))
        );
    }
}

/// A label that is not too long.
fn short(text: &str) -> String {
    if text.chars().count() <= LABEL_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(LABEL_CHARS_MAX - 1).chain(['…']).collect()
}

fn class(colour: usize) -> String {
    let dashed = if colour >= COLOURS { " dashed" } else { "" };
    format!("c{}{dashed}", colour % COLOURS)
}

#[cfg(test)]
mod tests;
