//! Links of a cube: roles of which a fact's row has several members, by a bridge or by ancestry.

use super::super::document::{CubeDocument, LinkFields};
use super::super::{Bridge, CubeDimension, Link, LinkedBy};
use super::cube::Scope;
use super::sheet::Sheet;

/// The roles that links add to the cube.
pub(super) fn links(
    document: &CubeDocument,
    scope: &Scope<'_>,
    sheet: &mut Sheet<'_>,
) -> Vec<CubeDimension> {
    sheet.unique("link", document.links.iter().map(|link| &link.role));
    let mut links: Vec<CubeDimension> = Vec::new();
    for fields in &document.links {
        sheet.name("link", &fields.role);
        let taken = |offered: &CubeDimension| offered.role == fields.role.value;
        if scope.dimensions.iter().any(taken) {
            let message = format!("`{}` is a role of the cube already", fields.role.value);
            sheet.fault_with_hint(fields.role.place, message, "choose another name for the link");
        } else if !links.iter().any(taken) {
            links.extend(link(fields, scope, sheet));
        }
    }
    links
}

fn link(fields: &LinkFields, scope: &Scope<'_>, sheet: &mut Sheet<'_>) -> Option<CubeDimension> {
    let of_facts: Vec<&CubeDimension> = scope
        .dimensions
        .iter()
        .filter(|offered| offered.view.is_none() && offered.dimension.is_some())
        .collect();
    let Some(start) = of_facts.iter().find(|offered| offered.role == fields.of.value) else {
        let roles: Vec<&str> = of_facts.iter().map(|offered| offered.role.as_str()).collect();
        sheet.unknown("role of the cube", &fields.of, &roles);
        return None;
    };
    let start = start.dimension.as_deref()?;
    let (dimension, by) = match (&fields.bridge, fields.ancestors.is_some_and(|yes| yes.value)) {
        (Some(_), true) | (None, false) => {
            let message = format!("the link `{}` does not say what leads there", fields.role.value);
            let hint = "add either `bridge:` with the name of one, or `ancestors: true`";
            sheet.fault_with_hint(fields.role.place, message, hint);
            return None;
        }
        (Some(name), false) => {
            let bridge = scope.known.bridge(name, sheet)?;
            check_start(fields, bridge, start, sheet)?;
            (bridge.to.clone(), LinkedBy::Bridge(bridge.name.clone()))
        }
        (None, true) => {
            let dimension = scope.known.sound_dimension(start)?;
            if dimension.parent_child.is_none() {
                let message = format!("the members of `{start}` have no ancestors");
                let hint = "`parent_child` in the dimension says who is above whom";
                sheet.fault_with_hint(fields.of.place, message, hint);
                return None;
            }
            (start.to_owned(), LinkedBy::Ancestors)
        }
    };
    Some(CubeDimension {
        role: fields.role.value.clone(),
        dimension: Some(dimension),
        view: None,
        link: Some(Link { of: fields.of.value.clone(), by }),
    })
}

/// A bridge begins where the role's members are.
fn check_start(
    fields: &LinkFields,
    bridge: &Bridge,
    start: &str,
    sheet: &mut Sheet<'_>,
) -> Option<()> {
    if bridge.from == start {
        return Some(());
    }
    let message = format!(
        "the bridge `{}` leads from `{}`, and `{}` is played by `{start}`",
        bridge.name, bridge.from, fields.of.value
    );
    sheet.fault(fields.of.place, message);
    None
}
