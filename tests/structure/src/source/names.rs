//! Identifiers and visibilities as plain data.

use super::facts::{Visibility, WrittenPath};

/// An identifier without the `r#` of a raw one.
pub(super) fn plain(ident: &proc_macro2::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or_else(|| text.clone(), str::to_owned)
}

/// How far an item is visible.
pub(super) fn visibility_of(visibility: &syn::Visibility) -> Visibility {
    match visibility {
        syn::Visibility::Public(_) => Visibility::Public,
        syn::Visibility::Restricted(_) => Visibility::Restricted,
        syn::Visibility::Inherited => Visibility::Private,
    }
}

/// A parsed path as plain data, without its generic arguments.
pub(super) fn written(path: &syn::Path) -> WrittenPath {
    WrittenPath {
        absolute: path.leading_colon.is_some(),
        segments: path.segments.iter().map(|segment| plain(&segment.ident)).collect(),
        line: path.segments.first().map_or(0, |segment| segment.ident.span().start().line),
    }
}
