//! Doc comments, read line by line because a parser joins what belongs to one item only roughly.

use std::ops::RangeInclusive;

use super::facts::TextLine;

/// What [`doc_comments`] finds.
pub(super) struct DocComments {
    pub(super) count: usize,
    pub(super) brief: Vec<TextLine>,
}

/// Counts the doc comments outside of `removed` and lists those of one or two words.
pub(super) fn doc_comments(text: &str, removed: &[RangeInclusive<usize>]) -> DocComments {
    let mut found = DocComments { count: 0, brief: Vec::new() };
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().chain(std::iter::once("")).enumerate() {
        let number = index + 1;
        let line = line.trim_start();
        let doc = line
            .strip_prefix("///")
            .filter(|rest| !rest.starts_with('/'))
            .or_else(|| line.strip_prefix("//!"));
        match (doc, &mut open) {
            (Some(doc), Some((_, words))) => {
                words.push(' ');
                words.push_str(doc);
            }
            (Some(doc), None) => open = Some((number, doc.to_owned())),
            (None, _) => {
                if let Some((line, words)) = open.take() {
                    close(line, &words, removed, &mut found);
                }
            }
        }
    }
    found
}

fn close(line: usize, words: &str, removed: &[RangeInclusive<usize>], found: &mut DocComments) {
    if removed.iter().any(|lines| lines.contains(&line)) {
        return;
    }
    found.count += 1;
    if words.split_whitespace().count() <= 2 {
        found.brief.push(TextLine { line, text: words.trim().to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_comment_of_two_words_is_listed_and_test_code_is_not() {
        let text = "/// The store.\nstruct A;\n/// It holds\n/// rows.\nstruct B;\n/// Skipped.\nstruct C;\n";
        let found = doc_comments(text, &[6..=7]);
        assert_eq!(found.count, 2);
        assert_eq!(found.brief, [TextLine { line: 1, text: "The store.".to_owned() }]);
    }
}
