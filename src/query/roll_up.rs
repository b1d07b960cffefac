//! Roll up: which grouping sets the totals of a cube query, or a GROUP BY in SQL, ask for.

use super::Totals;
use datafusion::logical_expr::{Expr, GroupingSet};

/// The grouping sets over `rows` (each a run of group positions that belong to one row name) and
/// `columns`, which every set keeps. `None` where no totals are asked.
pub(super) fn grouping_sets(
    totals: Totals,
    rows: &[Vec<usize>],
    columns: &[usize],
) -> Option<Vec<Vec<usize>>> {
    let kept: Vec<Vec<bool>> = match totals {
        Totals::None => return None,
        Totals::Grand => vec![vec![true; rows.len()], vec![false; rows.len()]],
        Totals::Rollup => {
            (0..=rows.len()).rev().map(|n| (0..rows.len()).map(|row| row < n).collect()).collect()
        }
        Totals::Cube => (0..1_usize << rows.len())
            .rev()
            .map(|mask| {
                (0..rows.len()).map(|row| mask >> (rows.len() - 1 - row) & 1 == 1).collect()
            })
            .collect(),
    };
    let set = |flags: &Vec<bool>| {
        let shown = rows.iter().zip(flags).filter(|(_, keep)| **keep);
        shown.flat_map(|(row, _)| row.iter().copied()).chain(columns.iter().copied()).collect()
    };
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for flags in &kept {
        let next = set(flags);
        if !sets.contains(&next) {
            sets.push(next);
        }
    }
    Some(sets)
}

/// The grouping sets of a GROUP BY, as places in the list of what it groups by; `None` where it is
/// a plain one.
pub(super) fn grouping_sets_of(group_expr: &[Expr], grouped: &[Expr]) -> Option<Vec<Vec<usize>>> {
    let place = |expr: &Expr| grouped.iter().position(|group| group == expr);
    match group_expr {
        [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => {
            Some(sets.iter().map(|set| set.iter().filter_map(place).collect()).collect())
        }
        [Expr::GroupingSet(GroupingSet::Rollup(exprs))] => {
            let all: Vec<usize> = exprs.iter().filter_map(place).collect();
            Some((0..=all.len()).rev().map(|n| all[..n].to_vec()).collect())
        }
        [Expr::GroupingSet(GroupingSet::Cube(exprs))] => {
            let all: Vec<usize> = exprs.iter().filter_map(place).collect();
            let kept = |mask: usize| {
                let shown = all.iter().enumerate().filter(move |(bit, _)| mask >> bit & 1 == 1);
                shown.map(|(_, group)| *group).collect()
            };
            Some((0..1_usize << all.len()).rev().map(kept).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollup_keeps_leading_rows_and_all_columns() {
        let sets = grouping_sets(Totals::Rollup, &[vec![0, 1], vec![2]], &[3]);
        assert_eq!(sets, Some(vec![vec![0, 1, 2, 3], vec![0, 1, 3], vec![3]]));
    }

    #[test]
    fn cube_keeps_every_combination() {
        let sets = grouping_sets(Totals::Cube, &[vec![0], vec![1]], &[]);
        assert_eq!(sets, Some(vec![vec![0, 1], vec![0], vec![1], vec![]]));
    }

    #[test]
    fn a_grand_total_without_rows_is_the_answer_itself() {
        assert_eq!(grouping_sets(Totals::Grand, &[], &[]), Some(vec![Vec::<usize>::new()]));
    }
}
