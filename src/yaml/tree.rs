//! A YAML document as a tree that remembers where everything stands.

use super::problem::Problem;
use super::{Located, Place};
use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, ScanError, Span, StrInput};

/// Something in a document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Tells nodes of one document apart.
    pub(super) id: usize,
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Text as written, escapes resolved; `plain` without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// Stands where a fault was found, and passes for whatever is asked of it, so that reading
    /// goes on to the next fault.
    Anything,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Node,
    pub(super) value: Node,
}

impl Node {
    /// What it is, for "expected ..., found ...".
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Kind::Scalar { text, .. } => format!("`{}`", shortened(text)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
            Kind::Anything => "anything".to_owned(),
        }
    }

    /// Whether it is YAML's null: `~`, `null` or nothing at all, without quotes.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar, with its place.
    pub(super) fn located_text(&self) -> Option<Located<&str>> {
        self.text().map(|value| Located { value, place: self.place })
    }

    /// The entries of a mapping; none for other nodes.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// Reads the one document of a text.
pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let options = granit_parser::options! { emit_comments: false };
    let parser = Parser::new_from_str_with_options(text.trim_start_matches('\u{feff}'), options);
    let mut reader = Reader { parser, next_id: 0 };
    let root = loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            (Event::StreamEnd, _) => {
                return Err(Problem::new("the file holds nothing").at(0, Place::default()));
            }
            (event, span) => break reader.node(event, span)?,
        }
    };
    loop {
        match reader.next()? {
            (Event::DocumentEnd, _) => {}
            (Event::StreamEnd, _) => return Ok(root),
            (_, span) => {
                return Err(Problem::new("a second document begins here, expected one a file")
                    .at(0, place(span)));
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    next_id: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    /// The node that begins with an event.
    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Problem> {
        let id = self.next_id;
        self.next_id += 1;
        let place = place(span);
        let kind = match event {
            // The parser gives `~` where nothing was written.
            Event::Scalar(_, ScalarStyle::Plain, ..) if span.start == span.end => {
                Kind::Scalar { text: String::new(), plain: true }
            }
            Event::Scalar(text, style, ..) => {
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(..) => Kind::List(self.items()?),
            Event::MappingStart(..) => Kind::Mapping(self.pairs()?),
            Event::Alias(_) => {
                return Err(Problem::new("anchors and aliases are not understood here")
                    .hint("write the value out")
                    .at(id, place));
            }
            _ => return Err(Problem::new("not understood as YAML").at(id, place)),
        };
        Ok(Node { id, place, kind })
    }

    fn items(&mut self) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn pairs(&mut self) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                (event, span) => self.node(event, span)?,
            };
            let Some(name) = key.text() else {
                let message = format!("expected a name as key, found {}", key.describe());
                return Err(Problem::new(message).at(key.id, key.place));
            };
            if entries.iter().any(|entry| entry.key.text() == Some(name)) {
                let message = format!("key `{name}` stands here a second time");
                return Err(Problem::new(message).at(key.id, key.place));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            entries.push(Entry { key, value });
        }
    }
}

fn place(span: Span) -> Place {
    marker(span.start.line(), span.start.col())
}

fn marker(line: usize, column: usize) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { line: number(line), column: number(column).saturating_add(1) }
}

fn syntax(error: &ScanError) -> Problem {
    let place = marker(error.marker().line(), error.marker().col());
    Problem::new(format!("not valid YAML: {}", error.info())).at(0, place)
}
