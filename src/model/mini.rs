//! Mini-dimensions (Kimball's types 4 and 5): what changes fast of a large dimension's members, cut
//! into bands and kept apart, so that the large one does not grow by a version a change.

use super::{Attribute, Dimension, DimensionKind, History, Model};

/// The column of a dimension that leads to its members' present row in a mini-dimension.
pub(super) fn outrigger_column(mini: &str) -> String {
    format!("current_{mini}_key")
}

/// The name of the dimension that says when members had which row of a mini-dimension.
pub(super) fn history_name(mini: &str) -> String {
    format!("{mini}_history")
}

impl Model {
    /// The mini-dimensions of the dimension of that name.
    pub fn minis_of<'a>(&'a self, base: &'a str) -> impl Iterator<Item = &'a Dimension> {
        let is_mini =
            move |d: &&Dimension| matches!(&d.kind, DimensionKind::MiniOf(of) if of == base);
        self.dimensions.iter().filter(is_mini)
    }

    /// Of a mini-dimension: when members of its base had which of its rows. The model does not offer
    /// it to facts; they find a row by the member and the moment in it.
    pub fn band_history(&self, mini: &Dimension) -> Option<Dimension> {
        let DimensionKind::MiniOf(base) = &mini.kind else { return None };
        let base = self.dimension(base)?;
        let tracked = |attribute: &Attribute| Attribute {
            history: History::NewVersion,
            order_by: None,
            ..attribute.clone()
        };
        Some(Dimension {
            name: history_name(&mini.name),
            description: format!("when members of {} had which {}", base.name, mini.name),
            kind: DimensionKind::Loaded,
            natural_key: base.natural_key.clone(),
            attributes: mini.attributes.iter().map(tracked).collect(),
            hierarchies: Vec::new(),
            infers_members: false,
            parent_child: None,
            outriggers: Vec::new(),
        })
    }
}
