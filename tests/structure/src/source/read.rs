//! Reads a Rust file into plain data.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::ImplItem;
use syn::visit::Visit;

use super::condition::is_test_only;
use super::facts::{Binding, Body, Child, Import, Item, Kind, SourceFile, Visibility, WrittenPath};
use super::imports::flatten;
use super::measure::measure;
use super::mentions::Mentions;
use super::names::{plain, visibility_of, written};
use super::strip::strip_tests;
use super::text::{doc_comments, path_attributes};
use crate::error::StructureError;

/// Reads the text of one file.
///
/// # Errors
/// If it is not Rust.
pub(crate) fn read_source(path: &str, text: &str) -> Result<SourceFile, StructureError> {
    let failed = |source: syn::Error| StructureError::Parse {
        file: path.to_owned(),
        line: source.span().start().line,
        source,
    };
    let tokens: TokenStream = text.parse().map_err(|error| failed(syn::Error::from(error)))?;
    let mut file: syn::File = syn::parse2(tokens.clone()).map_err(failed)?;
    let mut identifiers = HashSet::new();
    collect_identifiers(tokens, &mut identifiers);
    let test_only = is_test_only(&file.attrs);
    let removed = strip_tests(&mut file);
    let measured = measure(&file);
    let docs = doc_comments(text, &removed);
    Ok(SourceFile {
        path: path.to_owned(),
        test_only,
        body: read_body(&file.items),
        identifiers,
        functions: measured.functions,
        swallowed_sources: measured.swallowed_sources,
        path_attributes: path_attributes(text),
        doc_comments: docs.count,
        brief_docs: docs.brief,
    })
}

fn collect_identifiers(tokens: TokenStream, into: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                into.insert(plain(&ident));
            }
            TokenTree::Group(group) => collect_identifiers(group.stream(), into),
            _ => {}
        }
    }
}

fn read_body(items: &[syn::Item]) -> Body {
    let mut body = Body::default();
    let mut mentions = Mentions::default();
    for item in items {
        match item {
            syn::Item::Mod(module) => body.children.push(read_child(module)),
            syn::Item::Use(item) => body.imports.extend(flatten(item)),
            syn::Item::ExternCrate(item) => body.imports.push(extern_crate(item)),
            other => {
                body.items.extend(definition(other));
                associated(other, &mut body.items);
                if let syn::Item::Macro(call) = other
                    && call.ident.is_none()
                {
                    collect_identifiers(call.mac.tokens.clone(), &mut body.generated);
                }
                mentions.visit_item(other);
            }
        }
    }
    body.imports.extend(mentions.imports);
    body.mentions = mentions.paths;
    body
}

fn read_child(module: &syn::ItemMod) -> Child {
    let path = module.attrs.iter().find_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
        let syn::Expr::Lit(literal) = &pair.value else { return None };
        let syn::Lit::Str(text) = &literal.lit else { return None };
        pair.path.is_ident("path").then(|| text.value())
    });
    Child {
        name: plain(&module.ident),
        visibility: visibility_of(&module.vis),
        line: module.ident.span().start().line,
        path,
        body: module.content.as_ref().map(|(_, items)| read_body(items)),
    }
}

fn extern_crate(item: &syn::ItemExternCrate) -> Import {
    let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
    let own = item.ident == "self";
    Import {
        path: WrittenPath {
            absolute: !own,
            segments: vec![if own { "crate".to_owned() } else { plain(&item.ident) }],
            line: item.ident.span().start().line,
        },
        binding: Binding::Name(plain(name)),
        visibility: visibility_of(&item.vis),
    }
}

fn definition(item: &syn::Item) -> Option<Item> {
    let (ident, visibility, kind) = match item {
        syn::Item::Struct(it) => (&it.ident, &it.vis, Kind::Struct),
        syn::Item::Enum(it) => (&it.ident, &it.vis, Kind::Enum),
        syn::Item::Union(it) => (&it.ident, &it.vis, Kind::Union),
        syn::Item::Trait(it) => (&it.ident, &it.vis, Kind::Trait),
        syn::Item::TraitAlias(it) => (&it.ident, &it.vis, Kind::Trait),
        syn::Item::Type(it) => (&it.ident, &it.vis, Kind::Alias),
        syn::Item::Fn(it) => (&it.sig.ident, &it.vis, Kind::Function),
        syn::Item::Const(it) => (&it.ident, &it.vis, Kind::Constant),
        syn::Item::Static(it) => (&it.ident, &it.vis, Kind::Constant),
        syn::Item::Macro(it) => return it.ident.as_ref().map(|ident| macro_rules(it, ident)),
        _ => return None,
    };
    let line = ident.span().start().line;
    let visibility = visibility_of(visibility);
    Some(Item { name: plain(ident), kind, visibility, line, owner: None })
}

fn macro_rules(item: &syn::ItemMacro, ident: &proc_macro2::Ident) -> Item {
    let exported = item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"));
    let visibility = if exported { Visibility::Public } else { Visibility::Private };
    let line = ident.span().start().line;
    Item { name: plain(ident), kind: Kind::Macro, visibility, line, owner: None }
}

/// Functions and constants of an `impl` block that implements no trait.
fn associated(item: &syn::Item, into: &mut Vec<Item>) {
    let syn::Item::Impl(block) = item else { return };
    if block.trait_.is_some() {
        return;
    }
    let owner = match &*block.self_ty {
        syn::Type::Path(own) => Some(written(&own.path)),
        _ => None,
    };
    for member in &block.items {
        let (ident, visibility, kind) = match member {
            ImplItem::Fn(it) => (&it.sig.ident, &it.vis, Kind::Function),
            ImplItem::Const(it) => (&it.ident, &it.vis, Kind::Constant),
            _ => continue,
        };
        into.push(Item {
            name: plain(ident),
            kind,
            visibility: visibility_of(visibility),
            line: ident.span().start().line,
            owner: owner.clone(),
        });
    }
}
