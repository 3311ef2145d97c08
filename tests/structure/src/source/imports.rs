//! The leaves of `use` trees.

use syn::UseTree;

use super::facts::{Binding, Import, WrittenPath};
use super::names::{plain, visibility_of};

/// The leaves of a `use` tree, each with its whole path.
pub(super) fn flatten(item: &syn::ItemUse) -> Vec<Import> {
    let mut leaves = Vec::new();
    let start = WrittenPath {
        absolute: item.leading_colon.is_some(),
        segments: Vec::new(),
        line: item.use_token.span.start().line,
    };
    leaves_of(&item.tree, &start, &mut leaves);
    let visibility = visibility_of(&item.vis);
    leaves.into_iter().map(|(path, binding)| Import { path, binding, visibility }).collect()
}

fn leaves_of(tree: &UseTree, before: &WrittenPath, leaves: &mut Vec<(WrittenPath, Binding)>) {
    let with = |ident: &proc_macro2::Ident| {
        let mut path = before.clone();
        path.line = ident.span().start().line;
        // `use a::{self}` names `a` itself; `use self::a` begins with it.
        if ident != "self" || path.segments.is_empty() {
            path.segments.push(plain(ident));
        }
        path
    };
    match tree {
        UseTree::Path(step) => leaves_of(&step.tree, &with(&step.ident), leaves),
        UseTree::Name(leaf) => {
            let path = with(&leaf.ident);
            let name = path.segments.last().cloned().unwrap_or_default();
            leaves.push((path, Binding::Name(name)));
        }
        UseTree::Rename(leaf) => {
            let binding = match plain(&leaf.rename) {
                name if name == "_" => Binding::Hidden,
                name => Binding::Name(name),
            };
            leaves.push((with(&leaf.ident), binding));
        }
        UseTree::Glob(star) => {
            let mut path = before.clone();
            path.line = star.star_token.spans[0].start().line;
            leaves.push((path, Binding::Glob));
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves_of(tree, before, leaves);
            }
        }
    }
}
