//! Roll up: which grouping sets the totals of a cube query, or a GROUP BY in SQL, ask for.

use super::Totals;
use crate::error::{Error, Result, did_you_mean};
use datafusion::logical_expr::{Expr, GroupingSet};

/// The grouping sets over `rows` (each a run of group positions that belong to one row name) and
/// `columns`, which every set keeps. `None` where no totals are asked.
///
/// # Errors
/// User errors where a set names what is no row; `names` are the rows' names.
pub(super) fn grouping_sets(
    totals: &Totals,
    names: &[&str],
    rows: &[Vec<usize>],
    columns: &[usize],
) -> Result<Option<Vec<Vec<usize>>>> {
    let kept: Vec<Vec<bool>> = match totals {
        Totals::None => return Ok(None),
        Totals::Sets(sets) => {
            let mut kept = vec![vec![true; rows.len()]];
            for set in sets {
                kept.push(flags(set, names)?);
            }
            kept
        }
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
    Ok(Some(sets))
}

/// Which rows a list of them has.
fn flags(set: &[String], names: &[&str]) -> Result<Vec<bool>> {
    if let Some(name) = set.iter().find(|name| !names.contains(&name.as_str())) {
        let error = Error::user(format!("totals are asked by `{name}`, which is not in `rows`"));
        return Err(match did_you_mean(name, names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("each set lists names of `rows`, as they stand there"),
        });
    }
    Ok(names.iter().map(|name| set.iter().any(|kept| kept == name)).collect())
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

    fn sets(totals: &Totals, rows: &[Vec<usize>], columns: &[usize]) -> Vec<Vec<usize>> {
        grouping_sets(totals, &["a", "b"], rows, columns).unwrap().unwrap()
    }

    #[test]
    fn rollup_keeps_leading_rows_and_all_columns() {
        let sets = sets(&Totals::Rollup, &[vec![0, 1], vec![2]], &[3]);
        assert_eq!(sets, [vec![0, 1, 2, 3], vec![0, 1, 3], vec![3]]);
    }

    #[test]
    fn cube_keeps_every_combination() {
        let sets = sets(&Totals::Cube, &[vec![0], vec![1]], &[]);
        assert_eq!(sets, [vec![0, 1], vec![0], vec![1], vec![]]);
    }

    #[test]
    fn a_grand_total_without_rows_is_the_answer_itself() {
        assert_eq!(sets(&Totals::Grand, &[], &[]), [Vec::<usize>::new()]);
    }

    #[test]
    fn any_level_may_have_a_subtotal() {
        let totals = Totals::Sets(vec![vec!["b".to_owned()], Vec::new()]);
        assert_eq!(sets(&totals, &[vec![0, 1], vec![2]], &[]), [vec![0, 1, 2], vec![2], vec![]]);
    }

    #[test]
    fn totals_by_what_is_no_row_are_refused() {
        let totals = Totals::Sets(vec![vec!["bb".to_owned()]]);
        let error = grouping_sets(&totals, &["aa", "b"], &[vec![0], vec![1]], &[]).unwrap_err();
        assert!(error.to_string().contains("`bb`"), "{error}");
    }
}
