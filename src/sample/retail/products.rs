//! Products.

use super::world::{CategoryTarget, Product};
use super::{Dice, at, date};
use chrono::Months;
use std::collections::BTreeSet;

/// Category, subcategory, what is sold in it, and its usual price in euro.
type Shelf = (&'static str, &'static str, [&'static str; 5], i64);

const SHELVES: [Shelf; 20] = [
    ("Outdoor", "Tents", ["Dome Tent", "Tunnel Tent", "Tarp", "Awning", "Bivouac"], 180),
    ("Outdoor", "Backpacks", ["Daypack", "Trekking Pack", "Duffel", "Rain Cover", "Belt Bag"], 90),
    ("Outdoor", "Camping", ["Stove", "Lantern", "Folding Chair", "Cool Box", "Camp Bed"], 60),
    ("Outdoor", "Cycling", ["Helmet", "Pump", "Pannier", "Lock", "Light Set"], 45),
    ("Kitchen", "Cookware", ["Frying Pan", "Saucepan", "Casserole", "Wok", "Lid Set"], 55),
    ("Kitchen", "Knives", ["Chef Knife", "Bread Knife", "Peeler", "Steel", "Knife Block"], 40),
    ("Kitchen", "Tableware", ["Plate Set", "Bowl Set", "Mug Set", "Cutlery", "Carafe"], 35),
    ("Kitchen", "Small Appliances", ["Kettle", "Toaster", "Blender", "Grinder", "Scale"], 65),
    ("Home", "Bedding", ["Duvet", "Pillow", "Sheet Set", "Blanket", "Topper"], 70),
    ("Home", "Lighting", ["Desk Lamp", "Floor Lamp", "Pendant", "String Lights", "Bulb Pack"], 50),
    ("Home", "Storage", ["Shelf", "Basket", "Box Set", "Hook Rail", "Shoe Rack"], 40),
    ("Home", "Textiles", ["Towel Set", "Curtain", "Rug", "Cushion", "Throw"], 38),
    ("Electronics", "Audio", ["Headphones", "Earbuds", "Speaker", "Radio", "Soundbar"], 110),
    ("Electronics", "Wearables", ["Watch", "Fitness Band", "Heart Strap", "Tag", "Ring"], 130),
    ("Electronics", "Accessories", ["Charger", "Cable", "Power Bank", "Stand", "Hub"], 28),
    ("Electronics", "Cameras", ["Action Camera", "Tripod", "Lens", "Flash", "Camera Bag"], 210),
    ("Toys", "Building Sets", ["Castle", "Train", "Bridge", "Crane", "Farm"], 48),
    ("Toys", "Board Games", ["Strategy Game", "Card Game", "Quiz", "Puzzle", "Dice Game"], 27),
    ("Toys", "Plush", ["Bear", "Rabbit", "Panda", "Whale", "Fox"], 22),
    ("Toys", "Outdoor Play", ["Kite", "Ball", "Scooter", "Sand Set", "Swing"], 42),
];

const BRANDS: [&str; 10] = [
    "Norrlund",
    "Halden",
    "Veridia",
    "Kestrel",
    "Morrow",
    "Lumen",
    "Tallow",
    "Brightwater",
    "Ostara",
    "Pinecrest",
];

/// Ten products a shelf: five things of two brands each.
pub(crate) fn products(dice: &mut Dice) -> Vec<Product> {
    let mut products = Vec::new();
    for (shelf, (category, subcategory, things, usual)) in SHELVES.iter().enumerate() {
        for n in 0..things.len() * 2 {
            let brand = BRANDS[(shelf * 3 + n % 2 * 5 + n / 4) % BRANDS.len()];
            let list_price = usual * dice.between(55, 190) / 10 * 10 + 99;
            products.push(Product {
                sku: format!("SKU-{:04}", products.len() + 1),
                name: format!("{brand} {}", things[n / 2]),
                brand,
                subcategory,
                category,
                list_price,
                cost: list_price * dice.between(45, 72) / 100,
                updated_at: at(date(2022, 12, 1), 9, 0),
            });
        }
    }
    products
}

/// Months with targets, from January 2023.
const MONTHS: u32 = 36;

/// What is to be sold of each category each month, in whole hundreds of euro.
pub(crate) fn targets(products: &[Product], dice: &mut Dice) -> Vec<CategoryTarget> {
    let categories: BTreeSet<&str> = products.iter().map(|product| product.category).collect();
    let mut targets = Vec::new();
    for category in categories {
        let usual = dice.between(120, 400);
        for month in 0..MONTHS {
            targets.push(CategoryTarget {
                category: category.to_owned(),
                month: date(2023, 1, 1) + Months::new(month),
                amount: (usual + dice.between(-30, 50)) * 10_000,
            });
        }
    }
    targets
}
