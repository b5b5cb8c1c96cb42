//! Finds every mutant of a file: the operators of cargo-mutants, and conditions and statements.
//!
//! What is not mutated: tests, `Debug` and `Display`, what is computed by the compiler, and what is inside of macros.

use std::collections::BTreeMap;
use std::ops::Range;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, BinOp, Block, Expr, ItemImpl, Signature, Stmt, UnOp};

use crate::constant::Constants;
use crate::mutant::{Edit, Mutant};
use crate::values::values;

/// What is found in one file.
pub(crate) struct Found {
    /// All but the ids, in the order of the file.
    pub(crate) mutants: Vec<Mutant>,
    /// `const` of functions that the compiler never has to call: a fault is chosen when the program runs.
    pub(crate) consts: Vec<Range<usize>>,
}

/// Looks through the file `name`, which is in `folder` of the core.
pub(crate) fn find(name: &str, folder: &str, text: &str, constants: &Constants) -> syn::Result<Found> {
    let file = syn::parse_file(text)?;
    let mut finder = Finder {
        text,
        file: name,
        folder,
        constants,
        path: Vec::new(),
        counts: BTreeMap::new(),
        found: Found { mutants: Vec::new(), consts: Vec::new() },
        in_default: false,
    };
    finder.visit_file(&file);
    Ok(finder.found)
}

/// Whether these attributes say that an item is for tests only.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string().contains("test"),
        syn::Meta::NameValue(_) => false,
    })
}

struct Finder<'a> {
    text: &'a str,
    file: &'a str,
    folder: &'a str,
    constants: &'a Constants,
    /// Types and functions that are open.
    path: Vec<String>,
    counts: BTreeMap<(String, String), usize>,
    found: Found,
    in_default: bool,
}

impl Finder<'_> {
    fn source(&self, span: Span) -> &str {
        &self.text[span.byte_range()]
    }

    fn add(&mut self, at: Span, span: Range<usize>, what: String, edit: Edit) {
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        let function = self.path.join("::");
        let count = self.counts.entry((function.clone(), what.clone())).or_default();
        let occurrence = *count;
        *count += 1;
        self.found.mutants.push(Mutant {
            id: 0,
            file: self.file.into(),
            folder: self.folder.into(),
            line: at.start().line,
            function,
            what,
            occurrence,
            span,
            edit,
        });
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        if signature.constness.is_some() && self.constants.has(&signature.ident.to_string()) {
            return;
        }
        if let Some(token) = &signature.constness {
            self.found.consts.push(token.span.byte_range());
        }
        self.path.push(signature.ident.to_string());
        let open = block.brace_token.span.open().byte_range().end;
        let close = block.brace_token.span.close().byte_range().start;
        let body = self.text[open..close].trim().to_owned();
        if !self.in_default && !body.is_empty() {
            for value in values(&signature.output).into_iter().filter(|value| *value != body) {
                let what = format!("return {value}");
                self.add(signature.ident.span(), open..open, what, Edit::Return(value));
            }
        }
        visit::visit_block(self, block);
        self.path.pop();
    }

    /// A condition, or those that are joined with `let` patterns to one.
    fn condition(&mut self, condition: &Expr, kind: &str, may_be_true: bool) {
        match condition {
            Expr::Let(_) => {}
            Expr::Binary(binary) if has_let(condition) => {
                self.condition(&binary.left, kind, may_be_true);
                self.condition(&binary.right, kind, may_be_true);
            }
            _ => {
                let span = condition.span();
                let source = self.source(span).to_owned();
                if may_be_true {
                    self.add(span, span.byte_range(), format!("{kind} `{source}` is true"), Edit::True);
                }
                self.add(span, span.byte_range(), format!("{kind} `{source}` is false"), Edit::False);
            }
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        let Stmt::Expr(expression, Some(_)) = statement else { return };
        let is_effect = match expression {
            Expr::Binary(binary) => is_assignment(&binary.op),
            Expr::Call(_) | Expr::MethodCall(_) | Expr::Assign(_) | Expr::Try(_) => true,
            Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
            _ => false,
        };
        if is_effect {
            let span = statement.span();
            let source = self.source(span).to_owned();
            self.add(span, span.byte_range(), format!("without `{source}`"), Edit::Skip);
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Trait(item) => &item.attrs,
            _ => return,
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let of = item.trait_.as_ref().and_then(|(path, _)| path.segments.last()).map(|last| last.ident.to_string());
        if matches!(of.as_deref(), Some("Debug" | "Display")) {
            return;
        }
        let name = self.source(item.self_ty.span()).to_owned();
        self.path.push(name.split('<').next().unwrap_or_default().to_owned());
        self.in_default = of.as_deref() == Some("Default");
        visit::visit_item_impl(self, item);
        self.in_default = false;
        self.path.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            self.function(&item.sig, &item.block);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        let attributes = match statement {
            Stmt::Local(local) => &local.attrs[..],
            _ => &[],
        };
        if !is_test(attributes) {
            self.statement(statement);
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_expr_if(&mut self, expression: &'ast syn::ExprIf) {
        self.condition(&expression.cond, "if", true);
        visit::visit_expr_if(self, expression);
    }

    fn visit_expr_while(&mut self, expression: &'ast syn::ExprWhile) {
        self.condition(&expression.cond, "while", false);
        visit::visit_expr_while(self, expression);
    }

    fn visit_expr_match(&mut self, expression: &'ast syn::ExprMatch) {
        let has_rest = expression.arms.last().is_some_and(|arm| is_wildcard(&arm.pat));
        for (index, arm) in expression.arms.iter().enumerate() {
            let span = arm.pat.span();
            if let syn::Pat::Guard(guarded) = &arm.pat {
                self.condition(&guarded.guard, "guard", true);
            } else if has_rest && index + 1 < expression.arms.len() {
                let end = span.byte_range().end;
                let what = format!("without arm `{}`", self.source(span));
                self.add(span, end..end, what, Edit::Arm);
            }
        }
        visit::visit_expr_match(self, expression);
    }

    fn visit_expr_binary(&mut self, expression: &'ast syn::ExprBinary) {
        let whole = expression.span();
        let left = self.source(expression.left.span()).to_owned();
        let right = self.source(expression.right.span()).to_owned();
        let operator = self.source(expression.op.span()).to_owned();
        if !has_let(&expression.left) && !has_let(&expression.right) {
            for other in others(&expression.op) {
                let what = format!("`{operator}` is `{other}` in `{left} {operator} {right}`");
                let edit = Edit::Expression(format!("({left}) {other} ({right})"));
                self.add(expression.op.span(), whole.byte_range(), what, edit);
            }
        }
        visit::visit_expr_binary(self, expression);
    }

    fn visit_expr_unary(&mut self, expression: &'ast syn::ExprUnary) {
        if matches!(expression.op, UnOp::Not(_) | UnOp::Neg(_)) {
            let inner = self.source(expression.expr.span()).to_owned();
            let whole = expression.span();
            let what = format!("`{}` is `{inner}`", self.source(whole));
            self.add(whole, whole.byte_range(), what, Edit::Expression(inner));
        }
        visit::visit_expr_unary(self, expression);
    }

    fn visit_expr_struct(&mut self, expression: &'ast syn::ExprStruct) {
        if expression.rest.is_some() {
            for field in &expression.fields {
                let whole = expression.span().byte_range();
                let (start, end) = (field.span().byte_range().start, field.span().byte_range().end);
                let after = self.text[end..whole.end].trim_start_matches(',');
                let without = format!("{}{after}", &self.text[whole.start..start]);
                let what = format!("without field `{}`", self.source(field.span()));
                self.add(field.span(), whole, what, Edit::Expression(without));
            }
        }
        visit::visit_expr_struct(self, expression);
    }

    fn visit_expr_repeat(&mut self, expression: &'ast syn::ExprRepeat) {
        self.visit_expr(&expression.expr);
    }

    // What the compiler computes, patterns and types.
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_pat(&mut self, pattern: &'ast syn::Pat) {
        if let syn::Pat::Guard(guarded) = pattern {
            self.visit_expr(&guarded.guard);
        }
    }
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn is_wildcard(pattern: &syn::Pat) -> bool {
    match pattern {
        syn::Pat::Wild(_) => true,
        syn::Pat::Ident(ident) => {
            ident.subpat.is_none() && ident.ident.to_string().starts_with(|first: char| first.is_lowercase())
        }
        _ => false,
    }
}

fn is_assignment(operator: &BinOp) -> bool {
    use BinOp::*;
    matches!(
        operator,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitXorAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
            | ShlAssign(_)
            | ShrAssign(_)
    )
}

/// What takes the place of an operator.
fn others(operator: &BinOp) -> &'static [&'static str] {
    use BinOp::*;
    match operator {
        Eq(_) => &["!="],
        Ne(_) => &["=="],
        And(_) => &["||"],
        Or(_) => &["&&"],
        Lt(_) => &["==", ">", "<="],
        Gt(_) => &["==", "<", ">="],
        Le(_) => &[">"],
        Ge(_) => &["<"],
        Add(_) => &["-", "*"],
        Sub(_) => &["+", "/"],
        Mul(_) => &["+", "/"],
        Div(_) => &["%", "*"],
        Rem(_) => &["/", "+"],
        Shl(_) => &[">>"],
        Shr(_) => &["<<"],
        BitAnd(_) => &["|", "^"],
        BitOr(_) => &["&", "^"],
        BitXor(_) => &["|", "&"],
        AddAssign(_) => &["-=", "*="],
        SubAssign(_) => &["+=", "/="],
        MulAssign(_) => &["+=", "/="],
        DivAssign(_) => &["%=", "*="],
        RemAssign(_) => &["/=", "+="],
        ShlAssign(_) => &[">>="],
        ShrAssign(_) => &["<<="],
        BitAndAssign(_) => &["|="],
        BitOrAssign(_) => &["&="],
        BitXorAssign(_) => &["|=", "&="],
        _ => &[],
    }
}
