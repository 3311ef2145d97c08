//! Documents name only what exists, and stay short.

use std::collections::BTreeSet;

use crate::breach::Breach;
use crate::error::StructureError;
use crate::survey::Survey;

pub(crate) fn check(survey: &Survey) -> Result<Vec<Breach>, StructureError> {
    let documents = &survey.rules.documents;
    let mut breaches = Vec::new();
    let paths = Paths::of(survey);
    for document in &documents.with_paths {
        breaches.extend(dead_paths(survey, document, &paths)?);
    }
    for (document, limit) in &documents.lines {
        breaches.extend(length(survey, document, *limit)?);
    }
    if let Some(limit) = documents.readme_lines {
        for package in &survey.workspace.packages {
            let readme = survey.workspace.folder_of(package) + "README.md";
            breaches.extend(length(survey, &readme, limit)?);
        }
    }
    if let Some(page) = &documents.vocabulary {
        breaches.extend(vocabulary(survey, page, &paths)?);
    }
    Ok(breaches)
}

fn length(survey: &Survey, file: &str, limit: usize) -> Result<Option<Breach>, StructureError> {
    let found = |message: String, advice: &str| {
        Some(Breach {
            rule: "documents",
            file: file.to_owned(),
            line: 0,
            message,
            advice: advice.to_owned(),
        })
    };
    if !survey.workspace.files.iter().any(|known| known == file) {
        let advice = "say what it is for, its rooms, what it must not know, how to test it alone";
        return Ok(found("the document does not exist".to_owned(), advice));
    }
    let lines = survey.workspace.text_of(file)?.lines().count();
    if lines <= limit {
        return Ok(None);
    }
    Ok(found(format!("{lines} lines, {limit} is the limit"), "leave out what a reader can find"))
}

/// Every file and folder, so that a short path such as `libraries/Leaves.sol` can be found.
struct Paths {
    all: BTreeSet<String>,
}

impl Paths {
    fn of(survey: &Survey) -> Self {
        let mut all = BTreeSet::new();
        for file in &survey.workspace.files {
            let mut path = file.as_str();
            all.insert(path.to_owned());
            while let Some((folder, _)) = path.rsplit_once('/') {
                all.insert(folder.to_owned());
                path = folder;
            }
        }
        Self { all }
    }

    /// Whole paths that a written one means: from the root, or else the end of a longer one.
    fn meant(&self, written: &str) -> Vec<&str> {
        let written = written.trim_end_matches('/');
        if let Some(exact) = self.all.get(written) {
            return vec![exact];
        }
        let end = format!("/{written}");
        self.all.iter().filter(|path| path.ends_with(&end)).map(String::as_str).collect()
    }

    fn is_top(&self, name: &str) -> bool {
        self.all.contains(name)
    }
}

fn dead_paths(survey: &Survey, file: &str, paths: &Paths) -> Result<Vec<Breach>, StructureError> {
    if !survey.workspace.files.iter().any(|known| known == file) {
        return Ok(length(survey, file, 0)?.into_iter().collect());
    }
    let mut breaches = Vec::new();
    for (line, written) in code_spans(&survey.workspace.text_of(file)?) {
        for path in opened(&written) {
            if looks_like_path(&path, paths) && paths.meant(&path).is_empty() {
                breaches.push(Breach {
                    rule: "documents",
                    file: file.to_owned(),
                    line,
                    message: format!("names {path}, which does not exist"),
                    advice: "write the path as it is today".to_owned(),
                });
            }
        }
    }
    Ok(breaches)
}

/// What stands between backticks outside of fenced blocks, with its line.
fn code_spans(text: &str) -> Vec<(usize, String)> {
    let mut spans = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        spans.extend(line.split('`').skip(1).step_by(2).map(|span| (index + 1, span.to_owned())));
    }
    spans
}

/// The paths that a code span stands for: braces are opened and a line number is cut off.
fn opened(written: &str) -> Vec<String> {
    if let (Some(open), Some(close)) = (written.find('{'), written.rfind('}'))
        && open < close
    {
        let (before, after) = (&written[..open], &written[close + 1..]);
        return alternatives(&written[open + 1..close])
            .iter()
            .flat_map(|middle| opened(&format!("{before}{middle}{after}")))
            .collect();
    }
    let path = match written.rsplit_once(':') {
        Some((path, line)) if line.chars().all(|c| c.is_ascii_digit() || c == '-') => path,
        _ => written,
    };
    vec![path.to_owned()]
}

/// The parts of a brace expression, split at the commas that are not in inner braces.
fn alternatives(inside: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    for c in inside.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

fn looks_like_path(written: &str, paths: &Paths) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if written.is_empty() || written.starts_with(['/', '.']) || !written.chars().all(plain) {
        return false;
    }
    let known = ["rs", "sol", "md", "toml", "sh", "json", "sql", "py", "ts"];
    let extension = written
        .rsplit_once('.')
        .is_some_and(|(name, end)| known.contains(&end) && !name.is_empty());
    let top = written.split('/').next().unwrap_or_default();
    extension || (written.contains('/') && (written.ends_with('/') || paths.is_top(top)))
}

/// Every row of the vocabulary names a type and the file that defines it.
fn vocabulary(survey: &Survey, page: &str, paths: &Paths) -> Result<Vec<Breach>, StructureError> {
    if !survey.workspace.files.iter().any(|known| known == page) {
        return Ok(length(survey, page, 0)?.into_iter().collect());
    }
    let text = survey.workspace.text_of(page)?;
    let mut breaches = Vec::new();
    let mut terms = BTreeSet::new();
    let rows = text.lines().enumerate().filter(|(_, line)| line.starts_with('|'));
    for (index, row) in rows {
        let cells: Vec<&str> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
        let heading = cells.iter().all(|cell| cell.chars().all(|c| "-: ".contains(c)));
        if heading || cells.first().is_some_and(|cell| cell.eq_ignore_ascii_case("term")) {
            continue;
        }
        let mut wrong = |message: String, advice: &str| {
            breaches.push(Breach {
                rule: "vocabulary",
                file: page.to_owned(),
                line: index + 1,
                message,
                advice: advice.to_owned(),
            });
        };
        let [term, _, types, files] = cells.as_slice() else {
            wrong(format!("the row has {} cells", cells.len()), "term | meaning | type | file");
            continue;
        };
        if !terms.insert(term.to_lowercase()) {
            wrong(format!("the term {term} stands here twice"), "say every term once");
        }
        let files: Vec<String> =
            code_spans(files).iter().flat_map(|(_, span)| opened(span)).collect();
        let types = code_spans(types);
        if types.is_empty() || files.is_empty() {
            wrong(format!("{term} has no type or no file"), "name both in backticks");
        }
        let texts = definitions_in(survey, &files, paths);
        for (file, _) in texts.iter().filter(|(_, text)| text.is_none()) {
            wrong(format!("names {file}, which is no file"), "write the path from the root");
        }
        for (_, name) in &types {
            if !texts.iter().any(|(_, text)| text.as_ref().is_some_and(|t| defines(t, name))) {
                wrong(format!("{name} is not defined in {}", files.join(", ")), "correct the row");
            }
        }
    }
    Ok(breaches)
}

fn definitions_in(
    survey: &Survey,
    files: &[String],
    paths: &Paths,
) -> Vec<(String, Option<String>)> {
    files
        .iter()
        .map(|file| {
            let meant = paths.meant(file);
            let text = meant.first().and_then(|path| survey.workspace.text_of(path).ok());
            (file.clone(), text)
        })
        .collect()
}

/// Whether a text in Rust or Solidity defines this type, or lets a macro define it.
fn defines(text: &str, name: &str) -> bool {
    let words = [
        "struct",
        "enum",
        "trait",
        "type",
        "union",
        "contract",
        "interface",
        "library",
        "fn",
        "function",
        "event",
        "const",
        "mod",
        "macro_rules!",
    ];
    let name = name.rsplit("::").next().unwrap_or(name).trim_end_matches("()");
    text.lines().any(|line| {
        let line = line.trim_start();
        if line.starts_with("//") || line.starts_with('*') {
            return false;
        }
        let tokens: Vec<&str> = line
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '!'))
            .filter(|token| !token.is_empty())
            .collect();
        let defined = tokens.windows(2).any(|pair| words.contains(&pair[0]) && pair[1] == name);
        defined || line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(": "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_open_and_line_numbers_go() {
        assert_eq!(opened("a/{b,c/{d,e}}.rs"), ["a/b.rs", "a/c/d.rs", "a/c/e.rs"]);
        assert_eq!(opened("a/b.rs:12-14"), ["a/b.rs"]);
        assert_eq!(opened("a::b"), ["a::b"]);
    }

    #[test]
    fn a_type_is_defined_by_its_keyword() {
        assert!(defines("pub struct Root([u8; 32]);", "Root"));
        assert!(defines("    CaseId: 32;", "CaseId"));
        assert!(defines("library EValue {", "EValue"));
        assert!(!defines("// struct Root", "Root"));
        assert!(!defines("pub struct Rooted;", "Root"));
    }
}
