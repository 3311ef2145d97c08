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
    let mut open: Option<Open> = None;
    for (index, line) in text.lines().chain(std::iter::once("")).enumerate() {
        let doc = doc_of(line.trim_start());
        if let (Some((marker, words)), Some(block)) = (doc, &mut open)
            && block.marker == marker
        {
            block.words.push(' ');
            block.words.push_str(words);
            continue;
        }
        if let Some(block) = open.take() {
            block.close(removed, &mut found);
        }
        open = doc.map(|(marker, words)| Open { line: index + 1, marker, words: words.to_owned() });
    }
    found
}

/// Lines with a `#[path]` attribute, also one under a condition.
pub(super) fn path_attributes(text: &str) -> Vec<usize> {
    let lines = text.lines().enumerate();
    let marked = lines.filter(|(_, line)| {
        let line = line.trim_start();
        line.starts_with("#[path") || (line.starts_with("#[cfg_attr") && line.contains("path ="))
    });
    marked.map(|(index, _)| index + 1).collect()
}

/// The marker of a doc comment and the text behind it.
fn doc_of(line: &str) -> Option<(&'static str, &str)> {
    let outer = line.strip_prefix("///").filter(|rest| !rest.starts_with('/'));
    outer.map(|rest| ("///", rest)).or_else(|| Some(("//!", line.strip_prefix("//!")?)))
}

/// A doc comment whose end is not read yet.
struct Open {
    line: usize,
    marker: &'static str,
    words: String,
}

impl Open {
    fn close(self, removed: &[RangeInclusive<usize>], found: &mut DocComments) {
        if removed.iter().any(|lines| lines.contains(&self.line)) {
            return;
        }
        found.count += 1;
        if self.words.split_whitespace().count() <= 2 {
            let text = self.words.trim().to_owned();
            found.brief.push(TextLine { line: self.line, text });
        }
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
