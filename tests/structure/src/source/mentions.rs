//! Finds the paths that code names without a `use`: in signatures, expressions, attributes and
//! the tokens of macros.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::facts::{Import, WrittenPath};
use super::imports::flatten;
use super::names::plain;

/// What a stretch of code names.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    pub(super) paths: Vec<WrittenPath>,
    /// `use` declarations inside of functions.
    pub(super) imports: Vec<Import>,
}

impl Mentions {
    fn push(&mut self, absolute: bool, segments: Vec<String>, line: usize) {
        let only_self = segments.len() == 1 && segments[0] == "self";
        if segments.is_empty() || segments[0] == "Self" || only_self {
            return;
        }
        self.paths.push(WrittenPath { absolute, segments, line });
    }

    /// Paths among the tokens of a macro: names joined by `::`, and single names in capitals.
    pub(super) fn scan(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => {
                    self.scan(group.stream());
                    at += 1;
                }
                TokenTree::Ident(first) => {
                    let line = first.span().start().line;
                    let before = &tokens[..at];
                    let absolute = ends_with_colons(before)
                        && !matches!(
                            before.len().checked_sub(3).map(|i| &before[i]),
                            Some(TokenTree::Ident(_))
                        );
                    let after_dot =
                        matches!(before.last(), Some(TokenTree::Punct(p)) if p.as_char() == '.');
                    let mut segments = vec![first.to_string()];
                    at += 1;
                    while let Some(TokenTree::Ident(next)) = joined(&tokens, at) {
                        segments.push(next.to_string());
                        at += 3;
                    }
                    let capital = segments[0].starts_with(|c: char| c.is_ascii_uppercase());
                    if !after_dot && (segments.len() > 1 || capital) {
                        self.push(absolute, segments, line);
                    }
                }
                _ => at += 1,
            }
        }
    }
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn ends_with_colons(tokens: &[TokenTree]) -> bool {
    is_colon(tokens.last()) && tokens.len() > 1 && is_colon(tokens.get(tokens.len() - 2))
}

/// The token after a `::` at `at`.
fn joined(tokens: &[TokenTree], at: usize) -> Option<&TokenTree> {
    (is_colon(tokens.get(at)) && is_colon(tokens.get(at + 1))).then(|| tokens.get(at + 2))?
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| plain(&s.ident)).collect();
        let line = path.segments.first().map_or(0, |s| s.ident.span().start().line);
        self.push(path.leading_colon.is_some(), segments, line);
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
        self.imports.extend(flatten(item, true));
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
                        let segments = path.segments.iter().map(|s| plain(&s.ident)).collect();
                        self.push(path.leading_colon.is_some(), segments, line);
                    }
                }
                _ => {}
            }
        }
    }
}
