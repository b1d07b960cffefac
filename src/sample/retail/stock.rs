//! What lies in the stores at the ends of months: a level, which adds up over stores and products, and
//! not over time.

use super::Dice;
use super::staff::months_paid;
use super::trade::Stock;
use super::world::World;

/// Products that a store keeps.
const KEPT: usize = 12;

/// The stock of each store at the ends of the months that are over on the first day.
pub(crate) fn history(world: &mut World, dice: &mut Dice) {
    let mut stock = Vec::new();
    for store in &world.stores {
        // Others in each store, and each once.
        let first = dice.below(world.products.len() as u64) as usize;
        let kept = (0..KEPT).map(|n| &world.products[(first + n * 7) % world.products.len()]);
        for product in kept {
            let usual = dice.between(4, 60);
            let mut pieces = usual;
            for month_end in months_paid().filter(|day| store.opened_on <= *day) {
                stock.push(Stock {
                    month_end,
                    store: store.number.clone(),
                    sku: product.sku.clone(),
                    pieces: pieces as i32,
                    value: pieces * product.cost,
                });
                // Sold, and filled up again as soon as little is left.
                pieces -= dice.between(0, usual / 2 + 1);
                if pieces < usual / 4 {
                    pieces = usual;
                }
            }
        }
    }
    stock.sort_by(|a, b| (a.month_end, &a.store, &a.sku).cmp(&(b.month_end, &b.store, &b.sku)));
    world.stock = stock;
}
