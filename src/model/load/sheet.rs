//! One document under examination: its file, and the faults found so far.

use super::super::document::Text;
use crate::yaml::{Fault, Faults, Place};

/// Where faults of one document go.
pub(super) struct Sheet<'a> {
    file: &'a str,
    faults: &'a mut Faults,
    /// Whether nothing that others may refer to had to be left out. What builds on a document
    /// that is not sound is not judged: its faults would be echoes.
    pub(super) sound: bool,
}

/// PostgreSQL's limit, which BI tools count on.
const LONGEST_NAME: usize = 63;

impl<'a> Sheet<'a> {
    pub(super) fn new(file: &'a str, faults: &'a mut Faults) -> Self {
        Self { file, faults, sound: true }
    }

    pub(super) fn fault(&mut self, place: Place, message: impl Into<String>) {
        self.faults.push(Fault::new(self.file, place, message));
    }

    pub(super) fn fault_with_hint(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.faults.push(Fault::new(self.file, place, message).hint(hint));
    }

    /// A name that nothing bears.
    pub(super) fn unknown(&mut self, what: &str, written: &Text, candidates: &[&str]) {
        let message = match candidates {
            [] => format!("unknown {what} `{}`, there is none", written.value),
            names if names.len() <= 20 => {
                format!("unknown {what} `{}`, expected one of {}", written.value, names.join(", "))
            }
            _ => format!("unknown {what} `{}`", written.value),
        };
        let fault = Fault::new(self.file, written.place, message);
        self.faults.push(fault.suggest(&written.value, candidates.iter().copied()));
    }

    /// Names are lower-case letters, digits and underscores, so that SQL never needs quotes.
    pub(super) fn name(&mut self, what: &str, name: &Text) {
        let mut letters = name.chars();
        let well_begun = letters.next().is_some_and(|first| first.is_ascii_lowercase());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !well_begun || !letters.all(allowed) {
            let message = format!(
                "{what} `{}`: names are lower-case letters, digits and underscores, and begin \
                 with a letter",
                name.value
            );
            match mended_name(&name.value) {
                Some(better) => self.fault_with_hint(name.place, message, format!("`{better}`?")),
                None => self.fault(name.place, message),
            }
        }
        if name.len() > LONGEST_NAME {
            self.fault(name.place, format!("{what} `{}` is longer than 63 letters", name.value));
        }
    }

    /// Everything is described, for whoever reads the numbers.
    pub(super) fn description(
        &mut self,
        what: &str,
        owner: &Text,
        description: Option<&Text>,
    ) -> String {
        let text = description.map(|text| text.trim()).unwrap_or_default();
        if text.is_empty() {
            let place = description.map_or(owner.place, |text| text.place);
            let message = format!("{what} `{}` has no description", owner.value);
            self.fault_with_hint(place, message, "say in `description` what it means");
        }
        text.to_owned()
    }

    /// Faults every name that stands here a second time.
    pub(super) fn unique<'t>(&mut self, what: &str, names: impl IntoIterator<Item = &'t Text>) {
        let mut seen: Vec<&Text> = Vec::new();
        for name in names {
            match seen.iter().find(|earlier| earlier.value == name.value) {
                Some(earlier) => {
                    let line = earlier.place.line;
                    let message = format!("{what} `{}` stands already in line {line}", name.value);
                    self.fault(name.place, message);
                }
                None => seen.push(name),
            }
        }
    }
}

/// `Store Name` as `store_name`, if that is a name.
fn mended_name(written: &str) -> Option<String> {
    let mut better = String::new();
    for (i, letter) in written.trim().chars().enumerate() {
        let after_small = better.ends_with(|c: char| c.is_ascii_lowercase());
        match letter {
            'A'..='Z' if i > 0 && after_small => {
                better.push('_');
                better.push(letter.to_ascii_lowercase());
            }
            'A'..='Z' | 'a'..='z' | '0'..='9' => better.push(letter.to_ascii_lowercase()),
            ' ' | '-' | '.' | '_' | '/' => better.push('_'),
            _ => return None,
        }
    }
    better.starts_with(|c: char| c.is_ascii_lowercase()).then_some(better)
}
