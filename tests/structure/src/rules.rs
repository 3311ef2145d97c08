//! The file of the rules, `tests/structure/layers.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::StructureError;

/// Every rule that depends on names of this repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// What each member may depend on.
    #[serde(rename = "crate", default)]
    pub crates: Vec<CrateRule>,
    /// Which outside paths may be named where.
    #[serde(rename = "import", default)]
    pub imports: Vec<ImportRule>,
    /// Outside packages that only these members may name in their manifests.
    #[serde(default)]
    pub(crate) owners: BTreeMap<String, Vec<String>>,
    /// Modules that nothing in their crate may use, as `package::module`.
    #[serde(default)]
    pub(crate) roofs: Vec<String>,
    /// Circles that are known and not mended yet, as `package::module` above them, each with the
    /// reason.
    #[serde(default)]
    pub(crate) known_circles: BTreeMap<String, String>,
    /// Names that two public types may share, each with the reason.
    #[serde(default)]
    pub shared_names: BTreeMap<String, String>,
    /// Files in Solidity of which a macro makes public types, with the package that does and
    /// others that may mirror them.
    #[serde(default)]
    pub(crate) generated_types: BTreeMap<String, Vec<String>>,
    /// Groups of outside packages, so that `never` needs not repeat them.
    #[serde(default)]
    pub packages: BTreeMap<String, Vec<String>>,
    /// How large things may be.
    #[serde(default)]
    pub limits: Limits,
    /// The documents that are checked.
    #[serde(default)]
    pub documents: Documents,
    /// Beginnings of paths of files that are generated or only data.
    #[serde(default)]
    pub generated: Vec<String>,
}

/// What one member of the workspace may depend on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrateRule {
    /// The name of the package.
    pub name: String,
    /// The folder where it lives.
    pub folder: String,
    /// Members that it may depend on.
    #[serde(default)]
    pub depends: Vec<String>,
    /// Members that its tests may use besides.
    #[serde(default)]
    pub dev: Vec<String>,
    /// Members that its build script may use.
    #[serde(default)]
    pub build: Vec<String>,
    /// Outside packages, or groups of them, that must not be anywhere in its normal tree.
    #[serde(default)]
    pub never: Vec<String>,
    /// Whether it is a tool that no other member may depend on.
    #[serde(default)]
    pub tool: bool,
}

/// Where some outside paths may be named.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRule {
    /// What the paths are, in a few words for the message.
    pub what: String,
    /// The paths, such as `alloy::providers`; what lies below them is meant too.
    pub paths: Vec<String>,
    /// Folders and files in which production code may name them.
    pub only_in: Vec<String>,
    /// What to do instead.
    pub instead: String,
}

/// How large things may be and how many breaches a crate still has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Lines of a source file, by its ending.
    pub file_lines: BTreeMap<String, usize>,
    /// Lines of a function of production code.
    pub function_lines: usize,
    /// Columns of a comment.
    pub comment_columns: usize,
    /// Comments that are longer, in the whole repository.
    pub long_comments: usize,
    /// Fields of errors that keep a text instead of the error, in the whole repository.
    pub swallowed_sources: usize,
    /// Parameters that are a tuple taken apart, in the whole repository.
    pub tuple_parameters: usize,
    /// Parameters of type `bool` of public functions, in the whole repository.
    pub bool_parameters: usize,
    /// Doc comments of one or two words that each crate may still have; 0 where it is not named.
    pub brief_docs: BTreeMap<String, usize>,
    /// Files that may be longer, each with the reason.
    pub(crate) long_files: BTreeMap<String, String>,
    /// Functions that may be longer, as `file::name`, each with the reason.
    pub long_functions: BTreeMap<String, String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_lines: BTreeMap::new(),
            function_lines: 80,
            comment_columns: 100,
            long_comments: usize::MAX,
            swallowed_sources: usize::MAX,
            tuple_parameters: usize::MAX,
            bool_parameters: usize::MAX,
            brief_docs: BTreeMap::new(),
            long_files: BTreeMap::new(),
            long_functions: BTreeMap::new(),
        }
    }
}

/// The documents whose paths and lengths are checked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// Documents in which every path has to exist.
    #[serde(default)]
    pub with_paths: Vec<String>,
    /// The page that names every term with its type and file.
    pub vocabulary: Option<String>,
    /// How many lines a document may have.
    #[serde(default)]
    pub lines: BTreeMap<String, usize>,
    /// How many lines the README of a crate may have; each crate needs one where this is given.
    pub readme_lines: Option<usize>,
}

impl Rules {
    /// Reads the file of the rules.
    ///
    /// # Errors
    /// If the file is missing or not valid.
    pub fn read(file: &Path) -> Result<Self, StructureError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| StructureError::Read { file: file.to_owned(), source })?;
        toml::from_str(&text).map_err(|source| StructureError::Rules {
            file: file.to_owned(),
            source: Box::new(source),
        })
    }

    /// The names of outside packages that a rule means, with its groups opened.
    pub(crate) fn packages_of<'a>(&'a self, names: &'a [String]) -> Vec<&'a str> {
        names
            .iter()
            .flat_map(|name| match self.packages.get(name) {
                Some(group) => group.iter().map(String::as_str).collect(),
                None => vec![name.as_str()],
            })
            .collect()
    }
}
