//! How long files, functions and comments may be, and how many breaches a crate may still have.

use std::collections::{BTreeMap, BTreeSet};

use crate::breach::Breach;
use crate::error::StructureError;
use crate::source::{FunctionMeasure, SourceFile, Visibility};
use crate::survey::Survey;

pub(crate) fn check(survey: &Survey) -> Result<Vec<Breach>, StructureError> {
    let mut breaches = files(survey)?;
    breaches.extend(functions(survey));
    breaches.extend(brief_docs(survey));
    let limits = &survey.rules.limits;
    let places = long_comments(survey)?;
    let advice = "break the line at 100 columns";
    breaches.extend(over("comments", "comments are longer", limits.long_comments, &places, advice));
    let places = swallowed_sources(survey);
    let advice = "keep the error itself in a #[source] field";
    let what = "errors keep a text instead of their cause";
    breaches.extend(over("errors", what, limits.swallowed_sources, &places, advice));
    let places = tuple_parameters(survey);
    let advice = "pass a struct whose fields have names";
    let what = "parameters are a tuple taken apart";
    breaches.extend(over("parameters", what, limits.tuple_parameters, &places, advice));
    let places = bool_parameters(survey);
    let advice = "pass an enum whose variants say what is meant";
    let what = "public functions take a bare bool";
    breaches.extend(over("parameters", what, limits.bool_parameters, &places, advice));
    Ok(breaches)
}

/// A breach of a limit on the whole repository, shown with its places.
fn over(
    rule: &'static str,
    what: &str,
    limit: usize,
    places: &[(String, usize)],
    advice: &str,
) -> Vec<Breach> {
    if places.len() <= limit {
        return Vec::new();
    }
    let breach = |(file, line): &(String, usize)| Breach {
        rule,
        file: file.clone(),
        line: *line,
        message: format!("{} {what}, the limit is {limit}", places.len()),
        advice: advice.to_owned(),
    };
    places.iter().map(breach).collect()
}

fn files(survey: &Survey) -> Result<Vec<Breach>, StructureError> {
    let limits = &survey.rules.limits;
    let mut stale: BTreeSet<&String> = limits.long_files.keys().collect();
    let mut breaches = Vec::new();
    for file in &survey.workspace.files {
        let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
        let Some(limit) = limits.file_lines.get(ending) else { continue };
        if survey.is_generated(file) {
            continue;
        }
        let lines = survey.workspace.text_of(file)?.lines().count();
        if lines > *limit && !stale.remove(file) {
            breaches.push(Breach {
                rule: "sizes",
                file: file.clone(),
                line: 0,
                message: format!("the file has {lines} lines, {limit} is the limit"),
                advice: "split it into files that each do one thing".to_owned(),
            });
        }
    }
    breaches.extend(stale.into_iter().map(|file| over_no_more(file, "long_files")));
    Ok(breaches)
}

/// An exception that nothing needs any more.
fn over_no_more(key: &str, list: &str) -> Breach {
    Breach {
        rule: "sizes",
        file: "tests/structure/layers.toml".to_owned(),
        line: 0,
        message: format!("{key} is not longer than the limit any more"),
        advice: format!("take the entry out of {list}"),
    }
}

/// Functions of production code, with the package and the file of each.
pub(crate) fn all_functions(
    survey: &Survey,
) -> impl Iterator<Item = (&str, &SourceFile, &FunctionMeasure)> {
    survey.production_files().flat_map(|(package, source)| {
        source.functions.iter().map(move |function| (package, source, function))
    })
}

fn functions(survey: &Survey) -> Vec<Breach> {
    let limits = &survey.rules.limits;
    let mut breaches = Vec::new();
    let mut unused: Vec<&String> = limits.long_functions.keys().collect();
    for (_, source, function) in all_functions(survey) {
        if function.length <= limits.function_lines {
            continue;
        }
        let key = format!("{}::{}", source.path, function.name);
        if limits.long_functions.contains_key(&key) {
            unused.retain(|other| **other != key);
            continue;
        }
        breaches.push(Breach {
            rule: "sizes",
            file: source.path.clone(),
            line: function.line,
            message: format!(
                "{} has {} lines, {} is the limit",
                function.name, function.length, limits.function_lines
            ),
            advice: "give each step a function with a name".to_owned(),
        });
    }
    breaches.extend(unused.into_iter().map(|key| over_no_more(key, "long_functions")));
    breaches
}

fn brief_docs(survey: &Survey) -> Vec<Breach> {
    let mut by_package: BTreeMap<&str, Vec<(&SourceFile, usize, &str)>> = BTreeMap::new();
    for (package, source) in survey.production_files() {
        let brief = source.brief_docs.iter().map(|doc| (source, doc.line, doc.text.as_str()));
        by_package.entry(package).or_default().extend(brief);
    }
    let mut breaches = Vec::new();
    for (package, docs) in by_package {
        let limit = survey.rules.limits.brief_docs.get(package).copied().unwrap_or(0);
        if docs.len() <= limit {
            continue;
        }
        breaches.extend(docs.iter().map(|(source, line, text)| Breach {
            rule: "docs",
            file: source.path.clone(),
            line: *line,
            message: format!("the comment {text:?} says nothing ({} in {package})", docs.len()),
            advice:
                "say what it is for, its unit or its invariant, or name the item better".to_owned(),
        }));
    }
    breaches
}

/// Comments beyond the last column, in code, scripts, manifests and documents.
pub(crate) fn long_comments(survey: &Survey) -> Result<Vec<(String, usize)>, StructureError> {
    let mut places = Vec::new();
    let production = |file: &str| !survey.is_generated(file);
    let columns = survey.rules.limits.comment_columns;
    for file in survey.workspace.files.iter().filter(|file| production(file)) {
        if !has_extension(file, &["rs", "sol", "sh", "md", "toml"]) {
            continue;
        }
        let text = survey.workspace.text_of(file)?;
        let prose = file.ends_with(".md");
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            let start = line.trim_start();
            fenced ^= prose && start.starts_with("```");
            let exempt = start.starts_with('|') || line.contains("://") || fenced;
            if line.chars().count() > columns && !exempt && is_comment(file, line) {
                places.push((file.clone(), index + 1));
            }
        }
    }
    Ok(places)
}

fn is_comment(file: &str, line: &str) -> bool {
    let start = line.trim_start();
    if file.ends_with(".md") {
        true
    } else if has_extension(file, &["sh", "toml"]) {
        start.starts_with('#')
    } else {
        start.starts_with("//") || start.starts_with("* ") || line.contains(" // ")
    }
}

/// Fields of errors that keep a text where the error belongs.
pub(crate) fn swallowed_sources(survey: &Survey) -> Vec<(String, usize)> {
    survey
        .production_files()
        .flat_map(|(_, source)| {
            source.swallowed_sources.iter().map(|line| (source.path.clone(), *line))
        })
        .collect()
}

/// Functions with a tuple among their parameters.
pub(crate) fn tuple_parameters(survey: &Survey) -> Vec<(String, usize)> {
    all_functions(survey)
        .filter(|(_, _, function)| function.tuple_parameters > 0)
        .map(|(_, source, function)| (source.path.clone(), function.line))
        .collect()
}

/// Public functions with a bare `bool` among their parameters.
pub(crate) fn bool_parameters(survey: &Survey) -> Vec<(String, usize)> {
    all_functions(survey)
        .filter(|(_, _, function)| {
            function.visibility == Visibility::Public && !function.bool_parameters.is_empty()
        })
        .map(|(_, source, function)| (source.path.clone(), function.line))
        .collect()
}

pub(crate) fn has_extension(file: &str, extensions: &[&str]) -> bool {
    file.rsplit_once('.').is_some_and(|(_, end)| extensions.contains(&end))
}
