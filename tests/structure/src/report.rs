//! Figures about the workspace, for tables that compare two states.

use std::fmt::Write;

use crate::check::{circles, names, sizes, unused};
use crate::error::StructureError;
use crate::source::Visibility;
use crate::survey::Survey;

/// Every circle with its arrows.
#[must_use]
pub fn circle_report(survey: &Survey) -> String {
    let mut text = String::new();
    for breach in circles::check(survey) {
        let _ = writeln!(text, "{breach}");
    }
    text
}

/// Which types a report about names lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameScope {
    /// Types that another crate can name.
    Public,
    /// Every type but private ones.
    Workspace,
}

/// Types of one name.
#[must_use]
pub fn name_report(survey: &Survey, scope: NameScope) -> String {
    let mut text = String::new();
    for (name, types) in names::duplicates(survey) {
        let public = names::public_ones(&types).len();
        if public < 2 && scope == NameScope::Public {
            continue;
        }
        let _ = writeln!(text, "{name}: {} types, {public} of them public", types.len());
        for each in types {
            let reach = if each.public { "public" } else { "within the crate" };
            let _ = writeln!(text, "    {} {}:{} ({reach})", each.package, each.file, each.line);
        }
    }
    text
}

/// Public items that no other crate names, by library.
#[must_use]
pub fn unused_report(survey: &Survey) -> String {
    let mut text = String::new();
    for (package, items) in unused::public_items(survey) {
        let (unused, all) = (items.unused.len(), items.all);
        let share = (100 * unused).checked_div(all).unwrap_or(0);
        let _ = writeln!(text, "{package}: {unused} of {all} public items ({share} %) unused");
        for item in items.unused {
            let _ = writeln!(text, "    {item}");
        }
    }
    text
}

/// Every place that a measure names.
///
/// # Errors
/// If a file cannot be read.
pub fn measure_report(survey: &Survey) -> Result<String, StructureError> {
    let mut text = String::new();
    let mut list = |what: &str, places: Vec<String>| {
        let _ = writeln!(text, "{what}: {}", places.len());
        for place in places {
            let _ = writeln!(text, "    {place}");
        }
    };
    let at = |places: Vec<(String, usize)>| {
        places.into_iter().map(|(file, line)| format!("{file}:{line}")).collect::<Vec<_>>()
    };
    for limit in [80, 50] {
        let functions = sizes::all_functions(survey)
            .filter(|(_, _, function)| function.length > limit)
            .map(|(_, source, f)| format!("{}:{} {} ({})", source.path, f.line, f.name, f.length));
        list(&format!("functions over {limit} lines"), functions.collect());
    }
    let docs = survey.production_files().flat_map(|(_, source)| {
        source
            .brief_docs
            .iter()
            .map(move |doc| format!("{}:{} {}", source.path, doc.line, doc.text))
    });
    list("doc comments of one or two words", docs.collect());
    list("comments over the last column", at(sizes::long_comments(survey)?));
    list("functions that take a tuple apart", at(sizes::tuple_parameters(survey)));
    let bools = |public: bool| {
        sizes::all_functions(survey)
            .filter(move |(_, _, f)| (f.visibility == Visibility::Public) == public)
            .filter(|(_, _, f)| !f.bool_parameters.is_empty())
            .map(|(_, s, f)| {
                format!("{}:{} {}({})", s.path, f.line, f.name, f.bool_parameters.join(", "))
            })
            .collect::<Vec<_>>()
    };
    list("public functions that take a bare bool", bools(true));
    list("other functions that take a bare bool", bools(false));
    list("errors that keep a text for their cause", at(sizes::swallowed_sources(survey)));
    Ok(text)
}

/// One line per figure.
///
/// # Errors
/// If a file cannot be read.
pub fn summary(survey: &Survey) -> Result<String, StructureError> {
    let mut text = String::new();
    let mut line = |what: &str, count: usize| {
        let _ = writeln!(text, "{count:6}  {what}");
    };
    let duplicates = names::duplicates(survey);
    let public = duplicates.values().filter(|all| names::public_ones(all).len() > 1);
    let functions =
        |limit| sizes::all_functions(survey).filter(|(_, _, f)| f.length > limit).count();
    let docs: usize = survey.production_files().map(|(_, source)| source.doc_comments).sum();
    let brief: usize = survey.production_files().map(|(_, source)| source.brief_docs.len()).sum();
    let bools = sizes::all_functions(survey).filter(|(_, _, f)| !f.bool_parameters.is_empty());
    let knots = circles::circles(survey);
    line("circles between modules", knots.len());
    let largest = knots.iter().map(|(_, circle)| circle.rooms.len()).max().unwrap_or(0);
    line("modules in the largest circle", largest);
    let tied = knots.iter().map(|(_, circle)| circle.rooms.len()).sum();
    line("modules in circles", tied);
    line("names of several public types", public.count());
    line("names of several types that are not private", duplicates.len());
    line("functions over 50 lines", functions(50));
    line("functions over 80 lines", functions(80));
    line("doc comments", docs);
    line("doc comments of one or two words", brief);
    line("functions that take a tuple apart", sizes::tuple_parameters(survey).len());
    line("public functions that take a bare bool", sizes::bool_parameters(survey).len());
    line("functions that take a bare bool", bools.count());
    line("errors that keep a text for their cause", sizes::swallowed_sources(survey).len());
    let long = sizes::long_comments(survey)?;
    for kind in ["rs", "sol", "sh", "toml", "md"] {
        let count = long.iter().filter(|(file, _)| sizes::has_extension(file, &[kind])).count();
        line(&format!("comments over the last column in .{kind}"), count);
    }
    for (package, items) in unused::public_items(survey) {
        line(&format!("unused public items of {package} (of {})", items.all), items.unused.len());
    }
    Ok(text)
}
