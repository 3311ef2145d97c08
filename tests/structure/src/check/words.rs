//! Words that may not appear in any file that people write.

use super::sizes::has_extension;
use crate::breach::Breach;
use crate::error::StructureError;
use crate::survey::Survey;

/// A word that may not appear. It is kept in two halves, so that this file does not contain it.
struct Forbidden {
    halves: (&'static str, &'static str),
    /// Whether it has to stand alone, not within a longer word.
    whole: bool,
    advice: &'static str,
}

const MARKER: &str = "do it now, or write down where the work is planned";
const MACHINE: &str = "no path of one machine belongs into the repository";

const WORDS: [Forbidden; 8] = [
    Forbidden { halves: ("TO", "DO"), whole: false, advice: MARKER },
    Forbidden { halves: ("FIX", "ME"), whole: false, advice: MARKER },
    Forbidden { halves: ("XX", "X"), whole: true, advice: MARKER },
    Forbidden { halves: ("HA", "CK"), whole: true, advice: MARKER },
    Forbidden { halves: ("licen", "ce"), whole: false, advice: "the noun is spelt with an s here" },
    Forbidden { halves: ("Licen", "ce"), whole: false, advice: "the noun is spelt with an s here" },
    Forbidden { halves: ("/ho", "me/"), whole: false, advice: MACHINE },
    Forbidden { halves: ("/ro", "ot/"), whole: false, advice: MACHINE },
];

pub(crate) fn check(survey: &Survey) -> Result<Vec<Breach>, StructureError> {
    let kinds = ["rs", "sol", "sh", "md", "toml", "sql", "html", "js", "ts"];
    let mut breaches = Vec::new();
    for file in survey.workspace.files.iter().filter(|file| has_extension(file, &kinds)) {
        let text = survey.workspace.text_of(file)?;
        for word in &WORDS {
            let pattern = format!("{}{}", word.halves.0, word.halves.1);
            if !text.contains(&pattern) {
                continue;
            }
            let lines = text.lines().enumerate().filter(|(_, line)| word.occurs(line, &pattern));
            breaches.extend(lines.map(|(index, _)| Breach {
                rule: "words",
                file: file.clone(),
                line: index + 1,
                message: format!("the word {pattern:?} may not appear"),
                advice: word.advice.to_owned(),
            }));
        }
    }
    Ok(breaches)
}

impl Forbidden {
    fn occurs(&self, line: &str, pattern: &str) -> bool {
        line.match_indices(pattern).any(|(at, _)| {
            let letter = |c: char| c.is_alphanumeric() || c == '_';
            let after = line[at + pattern.len()..].chars().next();
            // A home path is one only if somebody's name follows.
            let path = pattern.ends_with("me/");
            let before = line[..at].chars().next_back();
            let alone =
                !after.is_some_and(letter) && (pattern.len() == 3 || !before.is_some_and(letter));
            (!self.whole || alone) && (!path || after.is_some_and(|c| c.is_ascii_lowercase()))
        })
    }
}
