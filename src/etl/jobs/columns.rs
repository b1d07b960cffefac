//! Jobs without a transformation: their only source must have the columns that are loaded.

use super::Written;
use crate::yaml::Faults;

/// Checks that the only source of a job without transformation has these columns. What a SQL
/// transformation yields is known when it is planned, and checked then.
pub(super) fn check_columns<'a>(
    written: &Written,
    wanted: impl Iterator<Item = &'a String>,
    path: &[&str],
    faults: &mut Faults,
) {
    let ([source], None) = (written.job.sources.as_slice(), &written.job.transform) else {
        return;
    };
    for name in wanted {
        if !source.yields().any(|(own, _)| own == name) {
            let message = format!("the source `{}` has no column `{name}`", source.name);
            let names = source.yields().map(|(own, _)| own);
            faults.push(written.fault(path, message).suggest(name, names));
        }
    }
}
