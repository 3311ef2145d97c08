//! Text that the project writes itself, from a small grammar of stories and facts.
//!
//! The grammar has several hundred words with many alternatives at most positions, so a model of
//! this text has wide next-token distributions: what fingerprints need beyond their nucleus.

use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::ModelError;

const SOURCE: &str = include_str!("../../assets/corpus/grammar.txt");

/// Deeper expansions mean that a rule contains itself.
const MAX_DEPTH: usize = 12;

/// How a nonterminal expands.
#[derive(Debug)]
enum Rule {
    /// One of these words, the first ones more often.
    Words(Vec<String>),
    /// One of these sequences of symbols, equally often.
    Sequences(Vec<Vec<String>>),
}

/// A generator of English-like documents.
#[derive(Debug)]
pub struct Corpus {
    rules: BTreeMap<String, Rule>,
}

/// What stays fixed within a document.
struct Scene {
    pronouns: [&'static str; 3],
    bound: BTreeMap<String, String>,
}

impl Corpus {
    /// The project's own grammar.
    ///
    /// # Errors
    /// `Config` if the grammar is not well-formed, which its tests rule out.
    pub fn new() -> Result<Self, ModelError> {
        Self::parse(SOURCE)
    }

    fn parse(source: &str) -> Result<Self, ModelError> {
        let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
        for line in source.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            let symbols = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            if let Some((name, words)) = line.split_once(" : ") {
                rules.insert(name.to_owned(), Rule::Words(symbols(words)));
            } else if let Some((name, sequence)) = line.split_once(" = ") {
                match rules.entry(name.to_owned()).or_insert_with(|| Rule::Sequences(Vec::new())) {
                    Rule::Sequences(all) => all.push(symbols(sequence)),
                    Rule::Words(_) => return Err(malformed(line)),
                }
            } else {
                return Err(malformed(line));
            }
        }
        Ok(Self { rules })
    }

    /// Writes one document: a story, or a paragraph of facts.
    ///
    /// # Errors
    /// `Config` if the grammar names a rule it does not define.
    pub fn document(&self, rng: &mut impl Rng) -> Result<String, ModelError> {
        let girl = rng.random_bool(0.5);
        let mut scene = Scene {
            pronouns: if girl { ["she", "her", "her"] } else { ["he", "him", "his"] },
            bound: BTreeMap::new(),
        };
        let mut hero = Vec::new();
        self.expand(if girl { "girl" } else { "boy" }, &mut scene, rng, &mut hero, 0)?;
        scene.bound.insert("hero".to_owned(), hero.concat());
        let mut symbols = Vec::new();
        if rng.random_bool(0.7) {
            self.expand("opening", &mut scene, rng, &mut symbols, 0)?;
            for _ in 0..rng.random_range(3..8) {
                self.expand("middle", &mut scene, rng, &mut symbols, 0)?;
            }
            self.expand("ending", &mut scene, rng, &mut symbols, 0)?;
        } else {
            for _ in 0..rng.random_range(4..9) {
                self.expand("fact", &mut scene, rng, &mut symbols, 0)?;
            }
        }
        Ok(typeset(&symbols))
    }

    fn expand(
        &self,
        name: &str,
        scene: &mut Scene,
        rng: &mut impl Rng,
        out: &mut Vec<String>,
        depth: usize,
    ) -> Result<(), ModelError> {
        let missing = || ModelError::config(format!("grammar: rule `{name}` cannot be expanded"));
        if depth > MAX_DEPTH {
            return Err(missing());
        }
        match self.rules.get(name).ok_or_else(missing)? {
            Rule::Words(words) => out.push(words[favoring_first(words.len(), rng)].clone()),
            Rule::Sequences(all) => {
                for symbol in &all[rng.random_range(0..all.len())] {
                    self.symbol(symbol, scene, rng, out, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn symbol(
        &self,
        symbol: &str,
        scene: &mut Scene,
        rng: &mut impl Rng,
        out: &mut Vec<String>,
        depth: usize,
    ) -> Result<(), ModelError> {
        let Some(name) = symbol.strip_prefix('<').and_then(|s| s.strip_suffix('>')) else {
            out.push(symbol.to_owned());
            return Ok(());
        };
        match (name, name.strip_prefix('$')) {
            ("he", _) => out.push(scene.pronouns[0].to_owned()),
            ("him", _) => out.push(scene.pronouns[1].to_owned()),
            ("his", _) => out.push(scene.pronouns[2].to_owned()),
            (_, Some(variable)) => {
                if !scene.bound.contains_key(variable) {
                    let mut words = Vec::new();
                    self.expand(variable, scene, rng, &mut words, depth)?;
                    scene.bound.insert(variable.to_owned(), words.join(" "));
                }
                out.extend(scene.bound.get(variable).cloned());
            }
            (name, None) => self.expand(name, scene, rng, out, depth)?,
        }
        Ok(())
    }
}

/// The project's list of common English words, sorted: what keys may start with.
#[must_use]
pub fn word_list() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let lines = SOURCE.lines().filter(|line| !line.starts_with('#'));
        let bodies = lines.filter_map(|line| line.split_once(" : ").or(line.split_once(" = ")));
        let words = bodies.flat_map(|(_, body)| body.split_whitespace());
        let plain = words.filter(|w| w.len() > 1 && w.chars().all(char::is_alphabetic));
        plain.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    })
}

fn malformed(line: &str) -> ModelError {
    ModelError::config(format!("grammar: cannot read `{line}`"))
}

/// Index below `len` with weights falling like `1 / (rank + 8)`.
fn favoring_first(len: usize, rng: &mut impl Rng) -> usize {
    let weight = |rank: usize| 1.0 / (u32::try_from(rank).map_or(f64::MAX, f64::from) + 8.0);
    let total: f64 = (0..len).map(weight).sum();
    let mut left = rng.random::<f64>() * total;
    for rank in 0..len {
        left -= weight(rank);
        if left <= 0.0 {
            return rank;
        }
    }
    len - 1
}

/// Joins symbols to text: articles, capitals, blanks around punctuation.
fn typeset(symbols: &[String]) -> String {
    let mut text = String::new();
    let (mut capital, mut glue, mut quoted) = (true, true, false);
    for (index, symbol) in symbols.iter().enumerate() {
        let word = match symbol.as_str() {
            "a~" => article(symbols.get(index + 1)),
            "i" => "I",
            other => other,
        };
        let opens = word == "\"" && !quoted;
        let closes = matches!(word, "." | "," | "!" | "?") || (word == "\"" && quoted);
        if !closes && !glue {
            text.push(' ');
        }
        if capital && word != "\"" {
            text.extend(word.chars().take(1).flat_map(char::to_uppercase));
            text.extend(word.chars().skip(1));
        } else {
            text.push_str(word);
        }
        quoted ^= word == "\"";
        glue = opens;
        capital = opens || matches!(word, "." | "!" | "?") || (capital && word == "\"");
        // A quoted sentence goes on: `"Look!" said Tom.`
        if closes && word == "\"" {
            capital = symbols.get(index + 1).is_none_or(|next| !is_saying(symbols, index, next));
        }
    }
    text
}

/// Whether the quotation that closes at `index` is followed by who said it.
fn is_saying(symbols: &[String], index: usize, next: &str) -> bool {
    let opening = symbols[..index].iter().rposition(|s| s == "\"").unwrap_or(0);
    let introduced = opening > 0 && symbols[opening - 1] == ",";
    !introduced && next.chars().all(char::is_lowercase)
}

fn article(next: Option<&String>) -> &'static str {
    let vowel = next.and_then(|w| w.chars().next()).is_some_and(|c| "aeiou".contains(c));
    if vowel { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn documents_are_varied_typeset_english() {
        let corpus = Corpus::new().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let documents: Vec<String> = (0..500).map(|_| corpus.document(&mut rng).unwrap()).collect();
        for text in &documents {
            assert!(text.starts_with(|c: char| c.is_uppercase() || c == '"'), "{text}");
            assert!(!text.contains(['<', '>', '~', '$']), "{text}");
            assert!(!text.contains(" .") && !text.contains(" ,") && !text.contains("  "), "{text}");
        }
        let words: BTreeSet<&str> = documents
            .iter()
            .flat_map(|t| t.split(|c: char| !c.is_alphabetic()))
            .filter(|w| !w.is_empty())
            .collect();
        assert!(words.len() > 550, "only {} distinct words", words.len());
        let distinct: BTreeSet<&String> = documents.iter().collect();
        assert_eq!(distinct.len(), documents.len());
    }

    #[test]
    fn same_seed_writes_the_same() {
        let corpus = Corpus::new().unwrap();
        let write = |seed| corpus.document(&mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        assert_eq!(write(7), write(7));
        assert_ne!(write(7), write(8));
    }

    #[test]
    fn undefined_and_endless_rules_are_errors() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for source in
            ["girl : A\nboy : B\nfact = <no>\nopening = <no>", "girl = <girl>\nboy = <boy>"]
        {
            assert!(Corpus::parse(source).unwrap().document(&mut rng).is_err());
        }
        assert!(Corpus::parse("no separator").is_err());
    }

    #[test]
    fn word_list_is_large_and_plain() {
        assert!(word_list().len() > 550);
        assert!(word_list().iter().all(|w| w.chars().all(char::is_alphabetic)));
    }
}
