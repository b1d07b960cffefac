//! YAML as people write it, read into types with every fault located.
//!
//! [`parse`] reads a text into any type that serde can deserialise. Serde stops at the first
//! error; here the document is first a tree, and after a fault the tree is mended at that place
//! and read again, so that one reading reports all faults. Within a type, [`Located`] keeps the
//! place of a value for faults found later ("unknown dimension"), and [`NameOr`] allows a short
//! form. Not understood, on purpose: anchors, aliases, several documents in one file.

mod access;
mod anything;
mod de;
mod fault;
mod located;
mod mend;
mod problem;
mod tree;

pub use fault::{Fault, Faults, Place};
pub use located::{Located, NameOr};

use de::NodeReader;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use tree::Node;

/// A text that is YAML, before it is known what it describes.
#[derive(Debug, Clone)]
pub struct Document {
    file: String,
    root: Node,
}

/// Reads a text into a type. `file` names it in faults.
///
/// # Errors
/// Every fault: what is no YAML, or not of this type's form.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Faults> {
    Document::read(file, text)?.parse()
}

impl Document {
    /// Reads a text. `file` names it in faults.
    ///
    /// # Errors
    /// The first place where it is no YAML.
    pub fn read(file: &str, text: &str) -> Result<Self, Faults> {
        let root = tree::read(text).map_err(|problem| Faults::from(problem.into_fault(file)))?;
        Ok(Self { file: file.to_owned(), root })
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where its content begins.
    pub fn place(&self) -> Place {
        self.root.place
    }

    /// The top-level keys, each with its value where that is text, in the order written.
    pub fn keys(&self) -> impl Iterator<Item = (Located<&str>, Option<Located<&str>>)> {
        self.root
            .entries()
            .iter()
            .filter_map(|entry| Some((entry.key.located_text()?, entry.value.located_text())))
    }

    /// Reads it into a type.
    ///
    /// # Errors
    /// Every place where it is not of this type's form.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Faults> {
        let mut root = self.root.clone();
        let mut faults = Faults::default();
        let mut fresh = usize::MAX;
        loop {
            let unknown_keys = RefCell::new(Vec::new());
            let outcome = T::deserialize(NodeReader { node: &root, unknown_keys: &unknown_keys });
            for problem in unknown_keys.into_inner() {
                faults.push(problem.into_fault(&self.file));
            }
            match outcome {
                Ok(value) => return faults.or(value),
                Err(problem) => {
                    let mended = mend::mend(&mut root, &problem, fresh);
                    fresh -= 1;
                    if !mended.echo {
                        faults.push(problem.into_fault(&self.file));
                    }
                    if !mended.changed {
                        return Err(faults.sorted());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
