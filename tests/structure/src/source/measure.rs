//! Measures of functions and errors: how long, and which parameters hide their meaning.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{FnArg, Pat, Type};

use super::facts::{FunctionMeasure, Visibility};
use super::names::{plain, visibility_of};

/// What [`measure`] finds in one file.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) functions: Vec<FunctionMeasure>,
    pub(super) swallowed_sources: Vec<usize>,
    /// The visibility of the trait around the function, if any.
    around: Option<Visibility>,
}

/// Measures a file whose test code is removed.
pub(super) fn measure(file: &syn::File) -> Measured {
    let mut measured = Measured::default();
    measured.visit_file(file);
    measured
}

impl Measured {
    fn function(&mut self, signature: &syn::Signature, end: usize, visibility: Visibility) {
        let start = signature.fn_token.span.start().line;
        let mut measured = FunctionMeasure {
            name: plain(&signature.ident),
            line: start,
            length: end.saturating_sub(start) + 1,
            visibility,
            tuple_parameters: 0,
            bool_parameters: Vec::new(),
        };
        for input in &signature.inputs {
            let FnArg::Typed(parameter) = input else { continue };
            if matches!(&*parameter.pat, Pat::Tuple(_)) {
                measured.tuple_parameters += 1;
            }
            let is_bool = matches!(&*parameter.ty, Type::Path(path) if path.path.is_ident("bool"));
            if let (true, Pat::Ident(name)) = (is_bool, &*parameter.pat) {
                measured.bool_parameters.push(plain(&name.ident));
            }
        }
        self.functions.push(measured);
    }

    /// Fields of an error that keep the text of a cause and lose the cause.
    fn fields_of_error(&mut self, attributes: &[syn::Attribute], fields: &syn::Fields) {
        if !derives_error(attributes) {
            return;
        }
        for field in fields {
            let Some(name) = &field.ident else { continue };
            let text = matches!(&field.ty, Type::Path(path) if path.path.is_ident("String"));
            if text && ["cause", "reason", "problem"].iter().any(|word| name == word) {
                self.swallowed_sources.push(name.span().start().line);
            }
        }
    }
}

fn derives_error(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("derive")
            && matches!(&attribute.meta, syn::Meta::List(list)
                if list.tokens.to_string().split(|c: char| !c.is_alphanumeric()).any(|w| w == "Error"))
    })
}

impl<'ast> Visit<'ast> for Measured {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let end = item.block.span().end().line;
        self.function(&item.sig, end, visibility_of(&item.vis));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let end = item.block.span().end().line;
        self.function(&item.sig, end, visibility_of(&item.vis));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let outer = self.around.replace(visibility_of(&item.vis));
        visit::visit_item_trait(self, item);
        self.around = outer;
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        let end = item.span().end().line;
        self.function(&item.sig, end, self.around.unwrap_or(Visibility::Private));
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.fields_of_error(&item.attrs, &item.fields);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        for variant in &item.variants {
            self.fields_of_error(&item.attrs, &variant.fields);
        }
    }
}
