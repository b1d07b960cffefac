//! The types of jobs and models, as their source has them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use syn::{
    Attribute, Expr, ExprLit, Fields, Item, ItemEnum, ItemFn, ItemStruct, Lit, Stmt, Visibility,
};

/// All types, by name.
pub(crate) struct Types(BTreeMap<String, Type>);

/// A type: keys of a mapping, or forms to choose from.
#[derive(Debug, Clone)]
pub(crate) struct Type {
    pub(crate) docs: String,
    pub(crate) is_choice: bool,
    pub(crate) parts: Vec<Part>,
}

/// A key, or a form.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) docs: String,
    /// What stands there; nothing in a form that is a word alone.
    pub(crate) shape: Option<Shape>,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// What it is where it is left out, as it is written.
    pub(crate) default: Option<String>,
}

/// What stands at a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Text,
    Character,
    Whole,
    Number,
    Boolean,
    List(Box<Shape>),
    Map(Box<Shape>),
    /// A name alone, or this.
    NameOr(Box<Shape>),
    Named(String),
}

/// Types that are written in a way of their own; how, the schema says by hand.
pub(crate) const SPECIAL: [&str; 5] = ["ColumnType", "Allowance", "Setting", "Quote", "BlockKey"];

impl Types {
    pub(crate) fn read(files: &[PathBuf]) -> Self {
        let mut types = BTreeMap::new();
        for file in files {
            let parsed = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
            let functions: BTreeMap<String, &ItemFn> = parsed
                .items
                .iter()
                .filter_map(|item| match item {
                    Item::Fn(function) => Some((function.sig.ident.to_string(), function)),
                    _ => None,
                })
                .collect();
            for item in &parsed.items {
                match item {
                    Item::Struct(item) if is_public(&item.vis) && has_keys(item) => {
                        types.insert(item.ident.to_string(), keys(item, &functions));
                    }
                    Item::Enum(item) if is_public(&item.vis) => {
                        types.insert(item.ident.to_string(), forms(item));
                    }
                    _ => {}
                }
            }
        }
        let mut types = Self(types);
        types.fill_defaults();
        types
    }

    pub(crate) fn get(&self, name: &str) -> &Type {
        self.0.get(name).unwrap_or_else(|| panic!("no type {name}: is its file read?"))
    }

    /// The types that some lead to, in the order in which they do; special ones are apart.
    pub(crate) fn reached(&self, roots: &[&str]) -> Vec<&str> {
        self.walk(roots).0
    }

    /// The special types among them, in their own order.
    pub(crate) fn special(&self, roots: &[&str]) -> Vec<&'static str> {
        let (_, special) = self.walk(roots);
        SPECIAL.into_iter().filter(|name| special.contains(*name)).collect()
    }

    fn walk(&self, roots: &[&str]) -> (Vec<&str>, BTreeSet<String>) {
        let (mut order, mut seen, mut special) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let mut queue: VecDeque<String> = roots.iter().map(|root| (*root).to_owned()).collect();
        while let Some(name) = queue.pop_front() {
            if SPECIAL.contains(&name.as_str()) {
                special.insert(name);
                continue;
            }
            if !seen.insert(name.clone()) {
                continue;
            }
            let (name, found) = self.0.get_key_value(&name).unwrap_or_else(|| panic!("no {name}"));
            order.push(name.as_str());
            queue.extend(found.parts.iter().filter_map(|part| part.shape.as_ref()?.named()));
        }
        (order, special)
    }

    /// What `#[serde(default)]` means for types of our own.
    fn fill_defaults(&mut self) {
        let defaults: BTreeMap<String, String> = self
            .0
            .iter()
            .filter_map(|(name, ty)| {
                let form = ty.parts.iter().find(|part| ty.is_choice && part.default.is_some())?;
                Some((name.clone(), form.name.clone()))
            })
            .collect();
        for part in self.0.values_mut().filter(|ty| !ty.is_choice).flat_map(|ty| &mut ty.parts) {
            if let (None, Some(Shape::Named(name)), false) =
                (&part.default, &part.shape, part.required)
            {
                part.default = defaults.get(name).cloned();
            }
        }
    }
}

impl Shape {
    pub(crate) fn named(&self) -> Option<String> {
        match self {
            Self::List(inner) | Self::Map(inner) | Self::NameOr(inner) => inner.named(),
            Self::Named(name) => Some(name.clone()),
            _ => None,
        }
    }
}

/// What is not public is a type on the way to one that is.
fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn has_keys(item: &ItemStruct) -> bool {
    matches!(item.fields, Fields::Named(_))
}

fn keys(item: &ItemStruct, functions: &BTreeMap<String, &ItemFn>) -> Type {
    let written = item.fields.iter().filter(|field| !Serde::of(&field.attrs).is_skipped);
    let parts = written.map(|field| {
        let serde = Serde::of(&field.attrs);
        let (mut shape, is_optional) = shape(&field.ty);
        // models keep the place of a type's name, and read it later
        if serde.rename.as_deref() == Some("type") {
            shape = Shape::Named("ColumnType".to_owned());
        }
        let own = field.ident.as_ref().unwrap().to_string();
        let default = match &serde.default {
            Some(Some(function)) => Some(returned(functions[function])),
            Some(None) if shape == Shape::Boolean && !is_optional => Some("false".to_owned()),
            _ => None,
        };
        Part {
            name: serde.rename.unwrap_or(own),
            docs: docs(&field.attrs),
            shape: Some(shape),
            required: serde.default.is_none() && !is_optional,
            default,
        }
    });
    Type { docs: docs(&item.attrs), is_choice: false, parts: parts.collect() }
}

fn forms(item: &ItemEnum) -> Type {
    let parts = item.variants.iter().map(|variant| {
        let is_default = variant.attrs.iter().any(|attribute| attribute.path().is_ident("default"));
        Part {
            name: Serde::of(&variant.attrs).rename.unwrap_or(snake(&variant.ident.to_string())),
            docs: docs(&variant.attrs),
            shape: variant.fields.iter().next().map(|field| shape(&field.ty).0),
            required: false,
            default: is_default.then(String::new),
        }
    });
    Type { docs: docs(&item.attrs), is_choice: true, parts: parts.collect() }
}

/// What serde's attributes say: another name; a default, by a function or the type's own.
#[derive(Default)]
struct Serde {
    is_skipped: bool,
    rename: Option<String>,
    default: Option<Option<String>>,
}

impl Serde {
    fn of(attributes: &[Attribute]) -> Self {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("serde")) {
            attribute
                .parse_nested_meta(|meta| {
                    let value = match meta.value() {
                        Ok(value) => Some(value.parse::<syn::LitStr>()?.value()),
                        Err(_) => None,
                    };
                    if meta.path.is_ident("skip") {
                        found.is_skipped = true;
                    } else if meta.path.is_ident("rename") {
                        found.rename = value;
                    } else if meta.path.is_ident("default") {
                        found.default = Some(value);
                    }
                    Ok(())
                })
                .unwrap();
        }
        found
    }
}

fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|a| a.path().is_ident("doc")).map(|attribute| {
        match &attribute.meta.require_name_value().unwrap().value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value().trim().to_owned(),
            other => panic!("{other:?}"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands there, and whether it may be left out.
fn shape(ty: &syn::Type) -> (Shape, bool) {
    let syn::Type::Path(path) = ty else { panic!("{ty:?}") };
    let last = path.path.segments.last().unwrap();
    let inner = || match &last.arguments {
        syn::PathArguments::AngleBracketed(arguments) => match arguments.args.last() {
            Some(syn::GenericArgument::Type(ty)) => shape(ty).0,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let shape = match last.ident.to_string().as_str() {
        "Option" => return (inner(), true),
        "Box" | "Located" => return (inner(), false),
        "NameOr" => Shape::NameOr(Box::new(inner())),
        "Vec" => Shape::List(Box::new(inner())),
        "BTreeMap" => Shape::Map(Box::new(inner())),
        "String" | "Text" => Shape::Text,
        "char" => Shape::Character,
        "bool" => Shape::Boolean,
        "u8" | "u16" | "u32" | "u64" | "usize" => Shape::Whole,
        "f64" => Shape::Number,
        other => Shape::Named(other.to_owned()),
    };
    (shape, false)
}

/// The value that a function of one expression returns, as YAML has it.
fn returned(function: &ItemFn) -> String {
    match function.block.stmts.as_slice() {
        [Stmt::Expr(expression, None)] => value(expression),
        other => panic!("{other:?}"),
    }
}

fn value(expression: &Expr) -> String {
    match expression {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) => text.value(),
            Lit::Char(sign) => sign.value().to_string(),
            Lit::Int(number) => number.base10_digits().to_owned(),
            Lit::Float(number) => number.base10_digits().to_owned(),
            Lit::Bool(truth) => truth.value.to_string(),
            other => panic!("{other:?}"),
        },
        Expr::MethodCall(call) => value(&call.receiver),
        Expr::Path(path) => snake(&path.path.segments.last().unwrap().ident.to_string()),
        other => panic!("{other:?}"),
    }
}

/// `AsHere` as `as_here`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
