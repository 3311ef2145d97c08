//! Finds the paths that code names without a `use`: in signatures, expressions, attributes and
//! the tokens of macros.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::facts::{Import, WrittenPath};
use super::imports::flatten;
use super::names::{plain, written};

/// What a stretch of code names.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    pub(super) paths: Vec<WrittenPath>,
    /// `use` declarations inside of functions.
    pub(super) imports: Vec<Import>,
}

impl Mentions {
    fn push(&mut self, path: WrittenPath) {
        let only_self = path.segments.len() == 1 && path.segments[0] == "self";
        if !path.segments.is_empty() && path.segments[0] != "Self" && !only_self {
            self.paths.push(path);
        }
    }

    /// Paths among the tokens of a macro: names joined by `::`, and single names in capitals.
    pub(super) fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.scan(group.stream()),
                TokenTree::Ident(first) => {
                    let before = &tokens[..at];
                    let mut segments = vec![plain(first)];
                    while let Some(TokenTree::Ident(next)) = joined(&tokens, at + 1) {
                        segments.push(plain(next));
                        at += 3;
                    }
                    let capital = segments[0].starts_with(|c: char| c.is_ascii_uppercase());
                    if !is_punct(before.last(), '.') && (segments.len() > 1 || capital) {
                        let line = first.span().start().line;
                        self.push(WrittenPath { absolute: begins_path(before), segments, line });
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// Whether the tokens end with a `::` that no name stands before.
fn begins_path(before: &[TokenTree]) -> bool {
    let from_end = |back: usize| before.len().checked_sub(back).map(|index| &before[index]);
    is_punct(from_end(1), ':')
        && is_punct(from_end(2), ':')
        && !matches!(from_end(3), Some(TokenTree::Ident(_)))
}

/// The token after a `::` at `at`.
fn joined(tokens: &[TokenTree], at: usize) -> Option<&TokenTree> {
    let colons = is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':');
    colons.then(|| tokens.get(at + 2))?
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.push(written(path));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.scan(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        if let syn::Meta::List(list) = &attribute.meta {
            self.scan(list.tokens.clone());
            self.scan_literals(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.imports.extend(flatten(item));
    }

    // A restricted visibility contains a path that uses nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

impl Mentions {
    /// Paths in texts, as in `#[serde(with = "crate::hex_text")]`.
    fn scan_literals(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.scan_literals(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) else {
                        continue;
                    };
                    let Ok(path) = syn::parse_str::<syn::Path>(&text.value()) else { continue };
                    if path.segments.len() > 1 {
                        self.push(WrittenPath { line, ..written(&path) });
                    }
                }
                _ => {}
            }
        }
    }
}
