//! One rule or family of rules per file; each turns a survey into breaches.

pub(crate) mod circles;
pub(crate) mod crates;
pub(crate) mod documents;
pub(crate) mod imports;
pub(crate) mod names;
pub(crate) mod sizes;
pub(crate) mod unused;
pub(crate) mod words;

use crate::breach::Breach;
use crate::error::StructureError;
use crate::survey::Survey;

/// The rules in the order in which their breaches are shown.
const RULES: [&str; 14] = [
    "parse",
    "modules",
    "layers",
    "imports",
    "circles",
    "names",
    "module-style",
    "sizes",
    "documents",
    "vocabulary",
    "words",
    "parameters",
    "errors",
    "docs",
];

/// Every breach of a rule, sorted by rule, file and line.
///
/// # Errors
/// If cargo does not answer or a document cannot be read.
pub fn breaches(survey: &Survey) -> Result<Vec<Breach>, StructureError> {
    let mut all = survey.reading.clone();
    all.extend(crates::check(survey)?);
    all.extend(imports::check(survey));
    all.extend(circles::check(survey));
    all.extend(names::check(survey));
    all.extend(sizes::check(survey)?);
    all.extend(documents::check(survey)?);
    all.extend(words::check(survey)?);
    let weight = |rule: &str| RULES.iter().position(|known| *known == rule).unwrap_or(RULES.len());
    all.sort_by_key(|breach| (weight(breach.rule), breach.file.clone(), breach.line));
    all.dedup();
    Ok(all)
}
