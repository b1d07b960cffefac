//! What was said of members: before this load, and by it.

use super::history::{INFERRED_US, Observation, settle};
use super::intern::encode;
use super::pool::Pool;
use super::{Members, Refused};
use crate::error::Result;
use crate::etl::job::Missing;
use arrow::row::Rows;
use std::collections::{HashMap, HashSet};

/// Settled observations.
#[derive(Debug)]
pub(super) struct Seen {
    /// Those before this load.
    pub(super) before: Vec<Observation>,
    /// All of them.
    pub(super) all: Vec<Observation>,
    /// Whether what was said before was in a change log.
    pub(super) is_logged: bool,
    /// Members that this load found missing and closed.
    pub(super) closed: u64,
    /// Incoming rows that contradict a row of the same member and moment.
    pub(super) contradictions: u64,
}

/// Gathers what was said.
pub(super) fn observe(members: &Members<'_>, pool: &Pool) -> Result<Seen> {
    let before = match members.log {
        Some(_) => settle(from_log(pool).chain(inferred(pool)).collect()),
        None => settle(from_table(pool)),
    };
    let last: HashMap<u32, Observation> = before.iter().map(|seen| (seen.member, *seen)).collect();
    let mut all = before.clone();
    let newest = newest(members, pool);
    let new = pool.incoming.clone().filter_map(|row| incoming(members, pool, &last, &newest, row));
    let mut new: Vec<Observation> = new.collect();
    // Of one moment's rows that which says that the member is gone outweighs.
    new.sort_by_key(|seen| seen.row.is_none());
    let contradictions = contradictions(pool, new.clone());
    all.extend(new);
    let mut closed = 0;
    if members.missing != Missing::Keep {
        let refused = RefusedMembers::new(members.refused, pool)?;
        let gone = last.values().filter(|seen| !seen.is_inferred()).filter(|seen| {
            let row = seen.row.filter(|_| !newest.contains_key(&seen.member));
            row.is_some_and(|row| !refused.has(row))
        });
        for seen in gone {
            let at_us = members.as_of_us.max(seen.at_us + 1);
            all.push(Observation { member: seen.member, at_us, row: None });
            closed += 1;
        }
    }
    let mut all = settle(all);
    if members.forgets {
        all = since_deletion(&all);
    }
    Ok(Seen { before, all, is_logged: members.log.is_some(), closed, contradictions })
}

/// What is left where a deletion takes with it all that was said before: that, and what came after.
/// The deletion itself stays, so that what comes late of the time before it is left out as well.
fn since_deletion(settled: &[Observation]) -> Vec<Observation> {
    let members = settled.chunk_by(|a, b| a.member == b.member);
    let since = members.flat_map(|seen| {
        let last = seen.iter().rposition(|seen| seen.row.is_none());
        &seen[last.unwrap_or(0)..]
    });
    since.copied().collect()
}

/// Each incoming member's latest moment; the run's where rows do not say since when they hold.
fn newest(members: &Members<'_>, pool: &Pool) -> HashMap<u32, i64> {
    let mut newest: HashMap<u32, i64> = HashMap::new();
    for row in pool.incoming.clone() {
        let at_us = effective_us(members, pool, row);
        let latest = newest.entry(pool.member[row as usize]).or_insert(at_us);
        *latest = at_us.max(*latest);
    }
    newest
}

fn effective_us(members: &Members<'_>, pool: &Pool, row: u32) -> i64 {
    match members.effective_us {
        Some(effective) => effective[(row - pool.incoming.start) as usize],
        None => members.as_of_us,
    }
}

/// Who was refused, by natural key.
enum RefusedMembers {
    /// These keys, beside those of the pool's rows.
    These(HashSet<Box<[u8]>>, Rows),
    Anybody,
}

impl RefusedMembers {
    fn new(refused: &Refused, pool: &Pool) -> Result<Self> {
        let keys = match refused {
            Refused::Nobody => HashSet::new(),
            Refused::These(keys) => {
                encode(keys.columns())?.iter().map(|key| key.as_ref().into()).collect()
            }
            Refused::Anybody(_) => return Ok(Self::Anybody),
        };
        Ok(Self::These(keys, encode(&pool.rows.columns()[..pool.keys])?))
    }

    fn has(&self, row: u32) -> bool {
        match self {
            Self::These(keys, rows) => keys.contains(rows.row(row as usize).as_ref()),
            Self::Anybody => true,
        }
    }
}

fn from_log(pool: &Pool) -> impl Iterator<Item = Observation> {
    let entry = |logged: &super::pool::Logged| Observation {
        member: pool.member[logged.row as usize],
        at_us: logged.at_us,
        row: (!logged.deleted).then_some(logged.row),
    };
    pool.logged.iter().map(entry)
}

/// Members of whom no source has told yet.
fn inferred(pool: &Pool) -> impl Iterator<Item = Observation> {
    let inferred = pool.stored.iter().filter(|version| version.is_inferred);
    inferred.map(|version| Observation {
        member: version.member,
        at_us: INFERRED_US,
        row: Some(version.row),
    })
}

/// Without a log, the versions themselves say what was seen: values since their start, a deletion
/// at an end where no other version begins (which, standing later in the list, outweighs it).
fn from_table(pool: &Pool) -> Vec<Observation> {
    let told = || pool.stored.iter().filter(|version| !version.is_inferred);
    let ended = told().filter(|version| version.to_us != super::OPEN_END_US);
    let ends = ended.map(|v| Observation { member: v.member, at_us: v.to_us, row: None });
    let starts = told().map(|version| Observation {
        member: version.member,
        at_us: version.from_us,
        row: Some(version.row),
    });
    ends.chain(starts).chain(inferred(pool)).collect()
}

/// What an incoming row says; nothing where it repeats what is known.
fn incoming(
    members: &Members<'_>,
    pool: &Pool,
    last: &HashMap<u32, Observation>,
    newest: &HashMap<u32, i64>,
    row: u32,
) -> Option<Observation> {
    let member = pool.member[row as usize];
    let mut at_us = effective_us(members, pool, row);
    if members.inferred {
        return Some(Observation { member, at_us: INFERRED_US, row: Some(row) });
    }
    if members.is_deleted(row - pool.incoming.start) {
        return Some(Observation { member, at_us, row: None });
    }
    let is_newest = newest.get(&member) == Some(&at_us);
    if let Some(last) = last.get(&member) {
        match last.row {
            // The run's time says nothing new of a member whose values are the same.
            Some(known)
                if members.effective_us.is_none()
                    && !last.is_inferred()
                    && last.at_us <= at_us
                    && same_values(pool, known, row) =>
            {
                return None;
            }
            // To be in a full snapshot again is to come back, whenever the row was last changed.
            // What else the snapshot says of the member is its past.
            None if members.missing != Missing::Keep && is_newest && at_us <= last.at_us => {
                at_us = members.as_of_us.max(last.at_us + 1);
            }
            _ => {}
        }
    }
    Some(Observation { member, at_us, row: Some(row) })
}

/// How many rows say other things than the row after them of the same member and moment.
fn contradictions(pool: &Pool, mut new: Vec<Observation>) -> u64 {
    new.sort_by_key(|seen| (seen.member, seen.at_us));
    let contradict = |pair: &&[Observation]| {
        let same_time = (pair[0].member, pair[0].at_us) == (pair[1].member, pair[1].at_us);
        let rows = pair[0].row.zip(pair[1].row);
        same_time && rows.is_some_and(|(a, b)| !same_values(pool, a, b))
    };
    new.windows(2).filter(contradict).count() as u64
}

fn same_values(pool: &Pool, a: u32, b: u32) -> bool {
    let (a, b) = (a as usize, b as usize);
    pool.tracked_value[a] == pool.tracked_value[b]
        && pool.overwritten_value[a] == pool.overwritten_value[b]
}
