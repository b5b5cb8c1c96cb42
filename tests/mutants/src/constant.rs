//! Which functions the compiler calls itself, and so cannot ask at run time whether they are wrong.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// The names of such functions. By name only, so some more than necessary.
#[derive(Default)]
pub(crate) struct Constants {
    needed: BTreeSet<String>,
    /// What each `const fn` calls.
    calls: BTreeMap<String, BTreeSet<String>>,
}

impl Constants {
    /// Takes in a file of any crate that uses the core, or of the core.
    pub(crate) fn read(&mut self, text: &str) -> syn::Result<()> {
        self.visit_file(&syn::parse_file(text)?);
        Ok(())
    }

    /// Adds what the needed functions call themselves.
    pub(crate) fn close(&mut self) {
        let mut todo: Vec<String> = self.needed.iter().cloned().collect();
        while let Some(name) = todo.pop() {
            for called in self.calls.get(&name).into_iter().flatten() {
                if self.needed.insert(called.clone()) {
                    todo.push(called.clone());
                }
            }
        }
    }

    /// Whether a function of this name has to stay `const`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.needed.contains(name)
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        if signature.constness.is_some() {
            let mut names = Names::default();
            names.visit_block(block);
            self.calls.entry(signature.ident.to_string()).or_default().extend(names.0);
        }
    }

    fn expression(&mut self, expression: &syn::Expr) {
        let mut names = Names::default();
        names.visit_expr(expression);
        self.needed.extend(names.0);
    }
}

impl<'ast> Visit<'ast> for Constants {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.expression(&item.expr);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.expression(&item.expr);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.expression(&item.expr);
    }

    fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
        self.expression(&array.len);
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.expression(&repeat.len);
        self.visit_expr(&repeat.expr);
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        let mut names = Names::default();
        names.visit_block(&block.block);
        self.needed.extend(names.0);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if let Some((_, value)) = &variant.discriminant {
            self.expression(value);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

/// Every name in an expression, also in macros.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(name) => drop(self.0.insert(name.to_string())),
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
        self.0.insert(ident.to_string());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
    }
}
