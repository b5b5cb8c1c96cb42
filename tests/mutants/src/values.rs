//! What a function may return in the place of what it computes.

use syn::{GenericArgument, PathArguments, ReturnType, Type};

/// No more than this for one function.
const VALUES_MAX: usize = 4;

/// Expressions of the type that is returned, in the text of the core. Whether they compile is found out later.
pub(crate) fn values(returned: &ReturnType) -> Vec<String> {
    let mut values = match returned {
        ReturnType::Default => vec!["()".into()],
        ReturnType::Type(_, of) => of_type(of),
    };
    values.truncate(VALUES_MAX);
    values
}

fn of_type(of: &Type) -> Vec<String> {
    let list = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    match of {
        Type::Paren(inner) => of_type(&inner.elem),
        Type::Path(path) => of_path(&path.path),
        Type::Reference(reference) => match (&*reference.elem, reference.mutability.is_some()) {
            (Type::Path(path), false) if path.path.is_ident("str") => list(&["\"\"", "\"xyzzy\""]),
            (Type::Slice(slice), false) => {
                let one = of_type(&slice.elem).into_iter().map(|value| format!("&*alloc::vec![{value}].leak()"));
                list(&["&[]"]).into_iter().chain(one).collect()
            }
            (Type::Slice(_), true) => list(&["alloc::vec![].leak()"]),
            (elem, false) => wrap(elem, "&*alloc::boxed::Box::leak(alloc::boxed::Box::new(", "))"),
            (elem, true) => wrap(elem, "alloc::boxed::Box::leak(alloc::boxed::Box::new(", "))"),
        },
        Type::Tuple(tuple) => tuple
            .elems
            .iter()
            .fold(vec![String::from("(")], |begun, elem| {
                let parts = of_type(elem);
                begun.iter().flat_map(|begun| parts.iter().map(move |part| format!("{begun}{part}, "))).collect()
            })
            .into_iter()
            .map(|begun| format!("{})", begun.trim_end()))
            .collect(),
        // One opaque type cannot be two types in one program.
        _ => Vec::new(),
    }
}

fn of_path(path: &syn::Path) -> Vec<String> {
    let list = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    let Some(last) = path.segments.last() else { return Vec::new() };
    let inner = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(inner) => Some(inner),
            _ => None,
        }),
        _ => None,
    };
    match (last.ident.to_string().as_str(), inner) {
        ("bool", _) => list(&["true", "false"]),
        ("u8" | "u16" | "u32" | "u64" | "u128" | "usize", _) => list(&["0", "1"]),
        ("i8" | "i16" | "i32" | "i64" | "i128" | "isize", _) => list(&["0", "1", "-1"]),
        ("String", _) => list(&["alloc::string::String::new()", "alloc::string::String::from(\"xyzzy\")"]),
        ("Option", Some(inner)) => list(&["None"]).into_iter().chain(wrap(inner, "Some(", ")")).collect(),
        ("Result", Some(inner)) => wrap(inner, "Ok(", ")"),
        ("Box", Some(inner)) => wrap(inner, "alloc::boxed::Box::new(", ")"),
        ("Vec", Some(inner)) => list(&["alloc::vec![]"]).into_iter().chain(wrap(inner, "alloc::vec![", "]")).collect(),
        _ => list(&["Default::default()"]),
    }
}

fn wrap(inner: &Type, before: &str, after: &str) -> Vec<String> {
    of_type(inner).into_iter().map(|value| format!("{before}{value}{after}")).collect()
}
