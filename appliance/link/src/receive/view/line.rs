//! Lines that fit a screen.

/// How a screen is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Characters of a line, at least 40.
    pub columns: usize,
    /// Lines, if there is an end to them.
    pub rows: Option<usize>,
    /// Whether there are colours.
    pub color: bool,
}

impl Shape {
    /// For a stream of text: 100 columns, as many lines as it takes, no colours.
    #[must_use]
    pub const fn text() -> Self {
        Self { columns: 100, rows: None, color: false }
    }
}

/// How a line is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    /// A heading.
    Head,
    /// A person must act.
    Alarm,
    /// Something to know.
    Advice,
    /// Well.
    Good,
}

impl Tone {
    const fn on(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Head => "\x1b[1m",
            Self::Alarm => "\x1b[1;31m",
            Self::Advice => "\x1b[33m",
            Self::Good => "\x1b[32m",
        }
    }
}

/// One line, of escaped text.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    tone: Tone,
    text: String,
}

impl Line {
    pub(super) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }

    fn render(&self, shape: Shape) -> String {
        let text = cut(&self.text, shape.columns);
        match self.tone.on() {
            on if shape.color && !on.is_empty() => format!("{on}{text}\x1b[0m\n"),
            _ => format!("{text}\n"),
        }
    }
}

/// All lines that there is room for; the last one says how many more there are.
pub(super) fn render(mut lines: Vec<Line>, shape: Shape) -> String {
    if let Some(rows) = shape.rows.filter(|rows| lines.len() > *rows) {
        let shown = rows.saturating_sub(1);
        let more = lines.len().saturating_sub(shown);
        lines.truncate(shown);
        lines.push(Line::new(Tone::Advice, format!("... {more} more lines: make the terminal higher")));
    }
    lines.iter().map(|line| line.render(shape)).collect()
}

/// At most so many characters; what is cut off is shown as `>`.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['>']).collect()
}

/// Text in lines of the screen's width, broken between words; all but the first are indented by more than the first.
pub(super) fn wrap(tone: Tone, text: &str, shape: Shape) -> Vec<Line> {
    let indent = text.chars().take_while(|c| *c == ' ').count();
    let further = if text.trim_start().starts_with("-> ") { indent + 3 } else { indent + 2 };
    let mut lines: Vec<String> = vec![" ".repeat(indent)];
    let mut empty = true;
    for word in text.split_whitespace() {
        let length = lines.last().map_or(0, |line| line.chars().count());
        if !empty && length + 1 + word.chars().count() > shape.columns {
            lines.push(" ".repeat(further));
            empty = true;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if empty { "" } else { " " });
            line.push_str(word);
        }
        empty = false;
    }
    lines.into_iter().map(|text| Line::new(tone, text)).collect()
}
