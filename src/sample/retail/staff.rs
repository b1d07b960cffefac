//! Who works where and for whom, for how much, and what the stores are to sell.

use super::places::PLACES;
use super::world::{Employee, Store, StoreTarget};
use super::{Dice, date};
use chrono::{Datelike, Days, Months, NaiveDate};

const FIRST_NAMES: [&str; 7] = ["Ada", "Jean", "Maria", "Tom", "Lin", "Sofia", "Karl"];
const LAST_NAMES: [&str; 11] = [
    "Berger", "Chen", "Dubois", "Evans", "Fischer", "Garcia", "Huber", "Ivanov", "Keller",
    "Moreau", "Wang",
];
const CLERKS: usize = 3;
/// Months with targets, from January 2023.
const MONTHS: u32 = 36;

/// The head of the group, who leads a region, who leads a store, and who works there.
pub(crate) fn employees(stores: &[Store]) -> Vec<Employee> {
    let mut staff = Staff { employees: Vec::new() };
    let head = staff.hire("Head of the group", None, None);
    let mut regions: Vec<&str> = Vec::new();
    for place in &PLACES {
        if regions.contains(&place.region) {
            continue;
        }
        regions.push(place.region);
        let lead = staff.hire("Regional manager", Some(&head), None);
        for store in stores.iter().filter(|store| store.region == place.region) {
            let manager = staff.hire("Store manager", Some(&lead), Some(store));
            for _ in 0..CLERKS {
                staff.hire("Shop assistant", Some(&manager), Some(store));
            }
        }
    }
    staff.employees
}

struct Staff {
    employees: Vec<Employee>,
}

impl Staff {
    /// Hires somebody; their number.
    fn hire(&mut self, title: &'static str, boss: Option<&str>, store: Option<&Store>) -> String {
        let n = self.employees.len();
        let first = FIRST_NAMES[n % FIRST_NAMES.len()];
        let last = LAST_NAMES[n * 5 % LAST_NAMES.len()];
        let number = format!("E{:04}", n + 1);
        self.employees.push(Employee {
            number: number.clone(),
            name: format!("{first} {last}"),
            title,
            reports_to: boss.map(str::to_owned),
            store: store.map(|store| store.number.clone()),
        });
        number
    }
}

/// The ends of the months that were paid: those of 2024 and 2025 that are over on the first day.
pub fn months_paid() -> impl Iterator<Item = NaiveDate> {
    (1..24).map(|month| date(2024, 1, 1) + Months::new(month) - Days::new(1))
}

/// What somebody gets for a month, in whole euro; a little more each year.
#[must_use]
pub fn monthly_pay(employee: &Employee, month_end: NaiveDate) -> i32 {
    let usual = match employee.title {
        "Head of the group" => 14_500,
        "Regional manager" => 7_200,
        "Store manager" => 4_300,
        _ => 2_600,
    };
    usual + (month_end.year() - 2024) * 80
}

/// What each store is to sell each month, in whole hundreds of euro.
pub(crate) fn targets(stores: &[Store], dice: &mut Dice) -> Vec<StoreTarget> {
    let mut targets = Vec::new();
    for store in stores {
        let usual = dice.between(20, 90);
        for month in 0..MONTHS {
            targets.push(StoreTarget {
                store: store.number.clone(),
                month: date(2023, 1, 1) + Months::new(month),
                amount: (usual + dice.between(-5, 10)) * 10_000,
            });
        }
    }
    targets
}
