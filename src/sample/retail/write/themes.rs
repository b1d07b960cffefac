//! Themes, and which products belong to which.

use super::Day;
use super::report::SourceReport;
use super::text::{TextFile, utf8};
use crate::error::Result;
use crate::sample::retail::themes::{THEMES, of};

const NAMES: &str = "sources/reference/themes.csv";
const PRODUCTS: &str = "sources/reference/product_themes.csv";

/// Writes both lists; of the second a row stands twice.
pub(crate) fn write(day: &Day<'_>) -> Result<Vec<SourceReport>> {
    let mut names = TextFile::new("theme", NAMES, ',', &["code", "name"]);
    for (code, name) in THEMES {
        names.row(&[code.to_owned(), name.to_owned()]);
    }
    let mut products = TextFile::new("product_theme", PRODUCTS, ',', &["sku", "theme"]);
    for (place, product) in day.now.products.iter().enumerate() {
        for theme in of(product) {
            let row = [product.sku.clone(), theme.to_owned()];
            products.row(&row);
            if place == 5 {
                products.duplicate(&row);
            }
        }
    }
    Ok(vec![names.finish(day, utf8)?, products.finish(day, utf8)?])
}
