//! Themes across the shelves: a product belongs to several, or to none.

use super::world::Product;

/// A theme's code and name.
pub const THEMES: [(&str, &str); 5] = [
    ("GIFT", "Gifts"),
    ("TRAV", "Travel"),
    ("SCHO", "Back to school"),
    ("WINT", "Winter at home"),
    ("OUTD", "Fresh air"),
];

/// The codes of a product's themes: by its department, and every third product is a gift.
#[must_use]
pub fn of(product: &Product) -> Vec<&'static str> {
    let number: usize = product.sku.trim_start_matches("SKU-").parse().unwrap_or_default();
    let of_department: &[&str] = match product.category {
        "Outdoor" => &["TRAV", "OUTD"],
        "Electronics" => &["TRAV", "SCHO"],
        "Home" => &["WINT"],
        "Toys" => &["OUTD"],
        _ => &[],
    };
    let gift = number.is_multiple_of(3).then_some("GIFT");
    // Not everything in a department is of its theme.
    let of_department = of_department.iter().filter(|_| number % 4 != 1).copied();
    gift.into_iter().chain(of_department).collect()
}
