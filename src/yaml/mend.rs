//! Mending a tree where a fault was found, so that reading it again finds the next one.

use super::problem::{Nature, Problem};
use super::tree::{Entry, Kind, Node};

/// What a problem was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mended {
    /// Whether it stood where a fault had been mended before, and so is nobody's fault.
    pub(super) echo: bool,
    /// Whether the tree changed, so that reading again makes sense.
    pub(super) changed: bool,
}

/// Mends the node that a problem is about. Every mend leaves less to be read, so that mending
/// and reading again comes to an end. `fresh` is an id that no node has.
pub(super) fn mend(root: &mut Node, problem: &Problem, fresh: usize) -> Mended {
    let id = problem.node();
    let Some(node) = find(root, id) else {
        return Mended { echo: false, changed: remove_key(root, id) };
    };
    if matches!(node.kind, Kind::Anything) {
        return Mended { echo: true, changed: remove_item_around(root, id) };
    }
    match (problem.nature(), &mut node.kind) {
        (Nature::MissingKey(name), Kind::Mapping(entries)) => {
            let kind = Kind::Scalar { text: name.to_owned(), plain: true };
            let key = Node { id: fresh, place: node.place, kind };
            let value = Node { id: fresh, place: node.place, kind: Kind::Anything };
            entries.push(Entry { key, value });
        }
        _ => node.kind = Kind::Anything,
    }
    Mended { echo: false, changed: true }
}

/// The node of that id, keys left aside.
fn find(node: &mut Node, id: usize) -> Option<&mut Node> {
    if node.id == id {
        return Some(node);
    }
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().find_map(|item| find(item, id)),
        Kind::Mapping(entries) => entries.iter_mut().find_map(|entry| find(&mut entry.value, id)),
        _ => None,
    }
}

/// Removes the entry whose key has that id.
fn remove_key(node: &mut Node, id: usize) -> bool {
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().any(|item| remove_key(item, id)),
        Kind::Mapping(entries) => {
            let before = entries.len();
            entries.retain(|entry| entry.key.id != id);
            entries.len() < before
                || entries.iter_mut().any(|entry| remove_key(&mut entry.value, id))
        }
        _ => false,
    }
}

/// Removes the innermost list item that holds the node of that id.
fn remove_item_around(node: &mut Node, id: usize) -> bool {
    match &mut node.kind {
        Kind::List(items) => {
            if items.iter_mut().any(|item| remove_item_around(item, id)) {
                return true;
            }
            let before = items.len();
            items.retain_mut(|item| find(item, id).is_none());
            items.len() < before
        }
        Kind::Mapping(entries) => {
            entries.iter_mut().any(|entry| remove_item_around(&mut entry.value, id))
        }
        _ => false,
    }
}
