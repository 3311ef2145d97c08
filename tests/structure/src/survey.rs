//! Everything that the checks look at, read once.

use std::path::Path;

use crate::breach::Breach;
use crate::error::StructureError;
use crate::modules::{House, Sources, load};
use crate::rules::Rules;
use crate::source::{SourceFile, read_source};
use crate::workspace::{TargetUse, Workspace};

/// The workspace, its rules and its parsed sources.
#[derive(Debug)]
pub struct Survey {
    /// The packages and files.
    pub workspace: Workspace,
    /// The rules that it has to keep.
    pub rules: Rules,
    /// Every Rust file that parses.
    pub sources: Sources,
    /// The module trees.
    pub house: House,
    /// What was found while reading: files that do not parse, modules without a file.
    pub reading: Vec<Breach>,
}

impl Survey {
    /// Reads the workspace at `root` under the rules in `rules`.
    ///
    /// # Errors
    /// If cargo or git does not answer or a file cannot be read.
    pub fn read(root: &Path, rules: &Path) -> Result<Self, StructureError> {
        let rules = Rules::read(rules)?;
        let workspace = Workspace::read(root)?;
        let (sources, mut reading) = read_all(&workspace)?;
        let (house, missing) = load(&workspace, &sources);
        reading.extend(missing);
        Ok(Self { workspace, rules, sources, house, reading })
    }

    /// Whether a file is generated or only data, so that nobody wrote its lines.
    pub(crate) fn is_generated(&self, file: &str) -> bool {
        self.rules.generated.iter().any(|start| file.starts_with(start.as_str()))
    }

    /// The files of production code with the package of each.
    pub(crate) fn production_files(&self) -> impl Iterator<Item = (&str, &SourceFile)> {
        self.house.files.iter().filter_map(|(file, unit)| {
            let unit = self.house.unit(*unit);
            let source = self.sources.get(file)?;
            (unit.purpose != TargetUse::Trial).then_some((unit.package.as_str(), source))
        })
    }
}

/// Parses every Rust file, on all processors.
fn read_all(workspace: &Workspace) -> Result<(Sources, Vec<Breach>), StructureError> {
    let files: Vec<&String> = workspace.files.iter().filter(|file| file.ends_with(".rs")).collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = files.len().div_ceil(workers).max(1);
    let parts: Vec<Vec<Result<SourceFile, StructureError>>> = std::thread::scope(|scope| {
        let read = |file: &String| read_source(file, &workspace.text_of(file)?);
        let running: Vec<_> = files
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(|file| read(file)).collect()))
            .collect();
        running.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let mut sources = Sources::new();
    let mut breaches = Vec::new();
    for parsed in parts.into_iter().flatten() {
        match parsed {
            Ok(source) => {
                sources.insert(source.path.clone(), source);
            }
            Err(StructureError::Parse { file, line, source }) => breaches.push(Breach {
                rule: "parse",
                file,
                line,
                message: format!("this is not Rust: {source}"),
                advice: "mend the file or take it out of the workspace".to_owned(),
            }),
            Err(other) => return Err(other),
        }
    }
    Ok((sources, breaches))
}
