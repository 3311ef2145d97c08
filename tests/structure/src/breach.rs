//! One breach of one rule, as it is shown to the person who has to mend it.

use std::fmt;

/// A breach of a rule at a place in the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// The name of the rule, as the rules file and the README call it.
    pub rule: &'static str,
    /// The file, relative to the root of the workspace.
    pub file: String,
    /// The line, counted from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong, in one sentence or several lines.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}: {}", self.rule, self.message.replace('\n', "\n    "))?;
        write!(f, "\n    {}", self.advice)
    }
}
