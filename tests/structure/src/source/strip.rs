//! Removes from a parsed file what exists only under `cfg(test)`, and remembers its lines.

use std::ops::RangeInclusive;

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ImplItem, Item, Stmt, TraitItem};

use super::condition::is_test_only;

/// Removes test code and returns the lines that it took.
pub(super) fn strip_tests(file: &mut syn::File) -> Vec<RangeInclusive<usize>> {
    let mut strip = Strip { removed: Vec::new() };
    strip.visit_file_mut(file);
    strip.removed
}

struct Strip {
    removed: Vec<RangeInclusive<usize>>,
}

impl Strip {
    /// Whether a node stays; if not, its lines are remembered.
    fn keeps(&mut self, attributes: &[Attribute], node: &impl Spanned) -> bool {
        if !is_test_only(attributes) {
            return true;
        }
        let span = node.span();
        self.removed.push(span.start().line..=span.end().line);
        false
    }

    fn filter<T: Spanned, P: Default>(
        &mut self,
        nodes: &mut Punctuated<T, P>,
        attributes: fn(&T) -> &[Attribute],
    ) {
        let all = std::mem::take(nodes);
        *nodes = all.into_iter().filter(|node| self.keeps(attributes(node), node)).collect();
    }
}

impl VisitMut for Strip {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| self.keeps(item_attributes(item), item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| self.keeps(item_attributes(item), item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        block.items.retain(|item| {
            let attributes = match item {
                ImplItem::Const(it) => &it.attrs,
                ImplItem::Fn(it) => &it.attrs,
                ImplItem::Type(it) => &it.attrs,
                ImplItem::Macro(it) => &it.attrs,
                _ => return true,
            };
            self.keeps(attributes, item)
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, block: &mut syn::ItemTrait) {
        block.items.retain(|item| {
            let attributes = match item {
                TraitItem::Const(it) => &it.attrs,
                TraitItem::Fn(it) => &it.attrs,
                TraitItem::Type(it) => &it.attrs,
                TraitItem::Macro(it) => &it.attrs,
                _ => return true,
            };
            self.keeps(attributes, item)
        });
        visit_mut::visit_item_trait_mut(self, block);
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(|statement| self.keeps(statement_attributes(statement), statement));
        visit_mut::visit_block_mut(self, block);
    }

    fn visit_fields_named_mut(&mut self, fields: &mut syn::FieldsNamed) {
        self.filter(&mut fields.named, |field| &field.attrs);
        visit_mut::visit_fields_named_mut(self, fields);
    }

    fn visit_item_enum_mut(&mut self, item: &mut syn::ItemEnum) {
        self.filter(&mut item.variants, |variant| &variant.attrs);
        visit_mut::visit_item_enum_mut(self, item);
    }

    fn visit_expr_struct_mut(&mut self, value: &mut syn::ExprStruct) {
        self.filter(&mut value.fields, |field| &field.attrs);
        visit_mut::visit_expr_struct_mut(self, value);
    }

    fn visit_expr_match_mut(&mut self, choice: &mut syn::ExprMatch) {
        choice.arms.retain(|arm| self.keeps(&arm.attrs, arm));
        visit_mut::visit_expr_match_mut(self, choice);
    }
}

fn item_attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::ExternCrate(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::ForeignMod(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::TraitAlias(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Union(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn statement_attributes(statement: &Stmt) -> &[Attribute] {
    match statement {
        Stmt::Local(local) => &local.attrs,
        Stmt::Item(item) => item_attributes(item),
        Stmt::Macro(call) => &call.attrs,
        Stmt::Expr(Expr::Block(it), _) => &it.attrs,
        Stmt::Expr(Expr::If(it), _) => &it.attrs,
        Stmt::Expr(Expr::Call(it), _) => &it.attrs,
        Stmt::Expr(Expr::MethodCall(it), _) => &it.attrs,
        Stmt::Expr(..) => &[],
    }
}
