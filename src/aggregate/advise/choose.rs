//! Which of many aggregates are worth their bytes. Pure.
//!
//! Greedily, by benefit for each byte: Harinarayan, Rajaraman and Ullman, "Implementing Data Cubes
//! Efficiently" (1996), who show that this has at least 63 % of the best choice's benefit, less what
//! the largest aggregate takes of the budget. To lose less there, the greedy choice is begun with
//! each of the most promising aggregates in turn, as Khuller, Moss and Naor do for weighted coverage
//! (1999), and the best of these choices is taken. It is then improved as long as taking in one
//! aggregate, in place of another or beside all, makes it better. Of few aggregates all choices are
//! weighed.

/// So many aggregates are tried as the first.
const FIRSTS: usize = 24;

/// All choices are weighed where that takes so many weighings of a need at most.
const WEIGHINGS: usize = 1 << 22;

/// A choice is improved so often at most.
const IMPROVEMENTS: usize = 200;

/// What saves less of all that is read is not worth another table.
const WORTH_A_TABLE: f64 = 0.000_2;

/// What questions need, aggregates that could be kept, and room.
#[derive(Debug, Clone, Default)]
pub(super) struct Problem {
    /// What is asked.
    pub(super) needs: Vec<Need>,
    /// What could be kept, or is.
    pub(super) views: Vec<View>,
    /// Bytes for those that are chosen.
    pub(super) room: f64,
}

/// Something that is asked.
#[derive(Debug, Clone)]
pub(super) struct Need {
    /// How often.
    pub(super) times: f64,
    /// The rows that are read where no aggregate answers.
    pub(super) rows: f64,
    /// The views that answer.
    pub(super) served_by: Vec<usize>,
}

/// An aggregate.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Its rows.
    pub(super) rows: f64,
    /// Its bytes.
    pub(super) bytes: f64,
    /// The rows that are read and written to keep it up to date, while all that is asked is asked.
    pub(super) upkeep: f64,
    /// Whether it is declared, and so kept whatever it is worth.
    pub(super) is_given: bool,
}

impl Problem {
    /// The views to keep beside those given, about in the order in which they were chosen.
    pub(super) fn choose(&self) -> Vec<usize> {
        self.best_of_few().unwrap_or_else(|| self.near_the_best())
    }

    /// The best choice, where there are few.
    fn best_of_few(&self) -> Option<Vec<usize>> {
        let serves = self.serves();
        let start = self.read(&self.given());
        let least = self.least(&start);
        let fits =
            |view: &usize| !self.views[*view].is_given && self.views[*view].bytes <= self.room;
        // What a view saves beside others is never more than what it saves alone.
        let views: Vec<usize> = (0..self.views.len())
            .filter(fits)
            .filter(|view| self.gain(*view, &serves[*view], &start) > least)
            .collect();
        let choices = 1_usize.checked_shl(u32::try_from(views.len()).ok()?)?;
        if choices.checked_mul(self.needs.len().max(1))? > WEIGHINGS {
            return None;
        }
        let choice = |number: usize| -> Vec<usize> {
            let is_in = |place: &usize| number >> place & 1 == 1;
            (0..views.len()).filter(is_in).map(|place| views[place]).collect()
        };
        let mut best = (0.0, Vec::new());
        for chosen in (0..choices).map(choice) {
            let bytes: f64 = chosen.iter().map(|view| self.views[*view].bytes).sum();
            if bytes <= self.room {
                // Another table must be worth it.
                let worth = self.worth(&chosen) - least * chosen.len() as f64;
                if worth > best.0 {
                    best = (worth, chosen);
                }
            }
        }
        Some(best.1)
    }

    /// A choice that is near the best: greedy, from each of the most promising views.
    pub(super) fn near_the_best(&self) -> Vec<usize> {
        let serves = self.serves();
        let start = self.read(&self.given());
        let mut firsts: Vec<(f64, usize)> = (0..self.views.len())
            .filter(|view| !self.views[*view].is_given && self.views[*view].bytes <= self.room)
            .map(|view| (self.gain(view, &serves[view], &start), view))
            .filter(|(gain, _)| *gain > 0.0)
            .collect();
        firsts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        firsts.truncate(FIRSTS);
        let firsts = firsts.into_iter().map(|(_, view)| vec![view]);
        let mut best = (0.0, Vec::new());
        for begun in std::iter::once(Vec::new()).chain(firsts) {
            let chosen = self.filled(begun, &serves, &start);
            let chosen = self.filled(self.without_surpassed(chosen), &serves, &start);
            let chosen = self.without_surpassed(chosen);
            let worth = self.worth(&chosen);
            // By a hair is not better: of equal choices the greedy one is taken.
            if worth > best.0 * (1.0 + 1e-9) {
                best = (worth, chosen);
            }
        }
        self.improved(best.1, &serves, &start)
    }

    /// A choice that no single view makes better, in place of another or beside all.
    fn improved(&self, mut chosen: Vec<usize>, serves: &[Vec<usize>], start: &[f64]) -> Vec<usize> {
        let least = self.least(start);
        for _ in 0..IMPROVEMENTS {
            let standing = Standing::new(self, &chosen, start);
            let new = (0..self.views.len()).filter(|view| {
                let View { bytes, is_given, .. } = self.views[*view];
                !is_given && bytes <= self.room && !chosen.contains(view)
            });
            let better = new.filter_map(|view| {
                let (gain, left_out) = standing.exchange(view, &serves[view]);
                (gain > least).then_some((gain, view, left_out))
            });
            let best = better.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            let Some((_, view, left_out)) = best else { break };
            chosen.retain(|other| Some(*other) != left_out);
            chosen = self.filled([&chosen[..], &[view]].concat(), serves, start);
        }
        self.without_surpassed(chosen)
    }

    /// The views that are kept whatever they are worth.
    pub(super) fn given(&self) -> Vec<usize> {
        (0..self.views.len()).filter(|view| self.views[*view].is_given).collect()
    }

    /// A choice that was begun, and what is worth most for each byte until nothing more fits.
    fn filled(&self, begun: Vec<usize>, serves: &[Vec<usize>], start: &[f64]) -> Vec<usize> {
        let (mut read, mut chosen, mut room) = (start.to_vec(), Vec::new(), self.room);
        let least = self.least(start);
        let mut next = begun;
        loop {
            for view in next.drain(..) {
                room -= self.views[view].bytes;
                for need in &serves[view] {
                    read[*need] = read[*need].min(self.views[view].rows);
                }
                chosen.push(view);
            }
            let fits = |view: &usize| {
                let View { bytes, is_given, .. } = self.views[*view];
                !is_given && bytes <= room && !chosen.contains(view)
            };
            let rated = (0..self.views.len()).filter(fits).filter_map(|view| {
                let gain = self.gain(view, &serves[view], &read);
                (gain > least).then(|| (gain / self.views[view].bytes.max(1.0), view))
            });
            let best = rated.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            match best {
                Some((_, view)) => next.push(view),
                None => return chosen,
            }
        }
    }

    /// What a view must save at least.
    fn least(&self, start: &[f64]) -> f64 {
        let all = self.needs.iter().zip(start).map(|(need, rows)| need.times * rows);
        all.sum::<f64>() * WORTH_A_TABLE
    }

    /// A choice without those views that later ones have made superfluous.
    fn without_surpassed(&self, mut chosen: Vec<usize>) -> Vec<usize> {
        let mut worth = self.worth(&chosen);
        let mut place = 0;
        while place < chosen.len() {
            let view = chosen.remove(place);
            let without = self.worth(&chosen);
            if without >= worth {
                worth = without;
            } else {
                chosen.insert(place, view);
                place += 1;
            }
        }
        chosen
    }

    /// The needs that each view serves.
    fn serves(&self) -> Vec<Vec<usize>> {
        let mut serves = vec![Vec::new(); self.views.len()];
        for (place, need) in self.needs.iter().enumerate() {
            for view in &need.served_by {
                serves[*view].push(place);
            }
        }
        serves
    }

    /// The rows that each need reads, where views are kept.
    pub(super) fn read(&self, kept: &[usize]) -> Vec<f64> {
        let (needs, kept) = (self.needs.iter(), self.among(kept));
        needs.map(|need| self.answering(need, &kept).map_or(need.rows, |(rows, _)| rows)).collect()
    }

    /// Which of all views are among these.
    pub(super) fn among(&self, views: &[usize]) -> Vec<bool> {
        let mut among = vec![false; self.views.len()];
        views.iter().for_each(|view| among[*view] = true);
        among
    }

    /// The view kept that answers a need by the fewest rows, if one does by fewer than the fact has.
    pub(super) fn answering(&self, need: &Need, kept: &[bool]) -> Option<(f64, usize)> {
        let kept = need.served_by.iter().filter(|view| kept[**view]);
        let rows = kept.map(|view| (self.views[*view].rows, *view));
        rows.filter(|(rows, _)| *rows <= need.rows)
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
    }

    /// What a view would save, less its upkeep.
    fn gain(&self, view: usize, serves: &[usize], read: &[f64]) -> f64 {
        let View { rows, upkeep, .. } = self.views[view];
        let saved =
            serves.iter().map(|need| self.needs[*need].times * (read[*need] - rows).max(0.0));
        saved.sum::<f64>() - upkeep
    }

    /// What a choice saves beside the views given, less its upkeep.
    pub(super) fn worth(&self, chosen: &[usize]) -> f64 {
        let given = self.given();
        let all: Vec<usize> = given.iter().chain(chosen).copied().collect();
        let (before, after) = (self.read(&given), self.read(&all));
        let saved = self.needs.iter().zip(before.iter().zip(&after));
        let saved: f64 = saved.map(|(need, (before, after))| need.times * (before - after)).sum();
        saved - chosen.iter().map(|view| self.views[*view].upkeep).sum::<f64>()
    }
}

/// A choice as it stands: what each need reads, and would read without the view that answers it.
struct Standing<'a> {
    problem: &'a Problem,
    chosen: &'a [usize],
    room: f64,
    read: Vec<f64>,
    /// Of each view chosen, what is lost without it.
    lost: Vec<f64>,
    /// Of each need, the view chosen that answers it, and what it reads without.
    otherwise: Vec<(Option<usize>, f64)>,
}

impl<'a> Standing<'a> {
    fn new(problem: &'a Problem, chosen: &'a [usize], start: &[f64]) -> Self {
        let among = problem.among(chosen);
        let (mut read, mut otherwise) = (start.to_vec(), Vec::with_capacity(start.len()));
        let mut lost: Vec<f64> = chosen.iter().map(|view| -problem.views[*view].upkeep).collect();
        for (need, read) in problem.needs.iter().zip(&mut read) {
            let (mut first, mut second) = ((None, *read), *read);
            for view in need.served_by.iter().filter(|view| among[**view]) {
                let rows = problem.views[*view].rows;
                if rows < first.1 {
                    (first, second) = ((Some(*view), rows), first.1);
                } else {
                    second = second.min(rows);
                }
            }
            *read = first.1;
            otherwise.push((first.0, second));
            let place = first.0.and_then(|view| chosen.iter().position(|other| *other == view));
            if let Some(place) = place {
                lost[place] += need.times * (second - first.1);
            }
        }
        let bytes: f64 = chosen.iter().map(|view| problem.views[*view].bytes).sum();
        Self { problem, chosen, room: problem.room - bytes, read, lost, otherwise }
    }

    /// What taking in a view is worth, and which of those chosen is best left out for it: none where
    /// there is room.
    fn exchange(&self, view: usize, serves: &[usize]) -> (f64, Option<usize>) {
        let View { rows, bytes, .. } = self.problem.views[view];
        let gain = self.problem.gain(view, serves, &self.read);
        let beside = if bytes <= self.room { gain } else { f64::NEG_INFINITY };
        let mut best = (beside, None);
        for (place, other) in self.chosen.iter().enumerate() {
            if bytes > self.room + self.problem.views[*other].bytes {
                continue;
            }
            // What the other answered, the new one may answer.
            let again = serves.iter().filter(|need| self.otherwise[**need].0 == Some(*other));
            let again = again.map(|need| {
                let (before, without) = (self.read[*need], self.otherwise[*need].1);
                self.problem.needs[*need].times * (without - rows.max(before)).max(0.0)
            });
            let worth = gain - self.lost[place] + again.sum::<f64>();
            if worth > best.0 {
                best = (worth, Some(*other));
            }
        }
        best
    }
}
