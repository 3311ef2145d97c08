//! The plain data that reading a file yields.

use std::collections::HashSet;

/// A path as it stands in the source, such as `super::tree::Root`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WrittenPath {
    /// Whether it begins with `::`, so that its first segment is a crate.
    pub absolute: bool,
    /// The names between the double colons.
    pub segments: Vec<String>,
    /// The line of its first segment.
    pub line: usize,
}

/// Who may name an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// Only its module and the modules below.
    Private,
    /// `pub(crate)`, `pub(super)` or `pub(in ..)`.
    Restricted,
    /// Every crate that depends on this one: `pub`.
    Public,
}

/// The name that a `use` brings into its module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// The name after `as`, or else the last segment.
    Name(String),
    /// `as _`, which only brings the methods of a trait.
    Hidden,
    /// Every public name, by a star.
    Glob,
}

/// One leaf of a `use` tree.
#[derive(Debug, Clone)]
pub struct Import {
    /// The whole path to what is imported; for a glob, to the module before the star.
    pub path: WrittenPath,
    /// The name it gets here.
    pub binding: Binding,
    /// Who may use it through this module.
    pub visibility: Visibility,
}

/// What kind of item a definition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A `struct` with or without fields.
    Struct,
    /// An `enum` with its variants.
    Enum,
    /// A `union` of C.
    Union,
    /// A `trait` or an alias of one.
    Trait,
    /// Another name, given by `type`.
    Alias,
    /// `fn`, also one in an `impl` block.
    Function,
    /// `const` or `static`
    Constant,
    /// A macro of `macro_rules!`.
    Macro,
}

impl Kind {
    /// Whether the name stands for a type or trait, so that two of them confuse a reader.
    #[must_use]
    pub fn is_type(self) -> bool {
        !matches!(self, Self::Function | Self::Constant | Self::Macro)
    }
}

/// An item that a module defines.
#[derive(Debug, Clone)]
pub struct Item {
    /// The name of the item.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Who may name it.
    pub visibility: Visibility,
    /// The line of its definition.
    pub line: usize,
    /// The type that it belongs to, for a function or constant of an `impl` block.
    pub owner: Option<WrittenPath>,
}

/// A `mod` declaration.
#[derive(Debug, Clone)]
pub struct Child {
    /// The name of the module.
    pub name: String,
    /// Who may name it.
    pub visibility: Visibility,
    /// The line of the declaration.
    pub line: usize,
    /// The file that a `#[path]` attribute names.
    pub path: Option<String>,
    /// What stands between the braces of an inline module.
    pub body: Option<Body>,
}

/// The contents of one module without its children in other files.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Items defined here, with the functions of `impl` blocks.
    pub items: Vec<Item>,
    /// Every leaf of every `use`.
    pub imports: Vec<Import>,
    /// Paths written in signatures, expressions, attributes and macros.
    pub mentions: Vec<WrittenPath>,
    /// Names given to a macro that stands where an item could, which may define them.
    pub generated: HashSet<String>,
    /// Modules declared here.
    pub children: Vec<Child>,
}

/// A doc comment or comment that the measures name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextLine {
    /// The line, counted from 1.
    pub line: usize,
    /// The text of the comment.
    pub text: String,
}

/// One Rust file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path relative to the root of the workspace, with forward slashes.
    pub path: String,
    /// Whether the whole file exists only under `cfg(test)`.
    pub test_only: bool,
    /// The file's module.
    pub body: Body,
    /// Every identifier in the file, test code included.
    pub identifiers: HashSet<String>,
    /// Functions of production code.
    pub functions: Vec<FunctionMeasure>,
    /// Lines of fields that hold the text of an error instead of the error.
    pub swallowed_sources: Vec<usize>,
    /// How many doc comments production code has.
    pub doc_comments: usize,
    /// Lines with a `#[path]` attribute, in test code too.
    pub(crate) path_attributes: Vec<usize>,
    /// Doc comments of one or two words in production code.
    pub brief_docs: Vec<TextLine>,
}

/// One function of production code.
#[derive(Debug, Clone)]
pub struct FunctionMeasure {
    /// The name of the function.
    pub name: String,
    /// The line of its signature.
    pub line: usize,
    /// Its lines from the signature to the closing brace.
    pub length: usize,
    /// How far it is visible; the functions of a trait are as visible as the trait.
    pub visibility: Visibility,
    /// How many parameters are a tuple taken apart, such as `(key, value): (Key, Value)`.
    pub tuple_parameters: usize,
    /// The names of parameters of type `bool`.
    pub bool_parameters: Vec<String>,
}
