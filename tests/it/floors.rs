//! The floors of the house: a room uses those below it alone, and no two files import each other.
//!
//! Read from the `use` lines and paths of `src`, each followed through re-exports to the file that
//! defines the item. A `pub use` in a mod.rs shows an item to others and is no import.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// A module's path from the root of the crate; the root's is empty.
type Module = Vec<String>;

/// What a file says of others, comments, strings and its unit tests left out.
#[derive(Default)]
struct File {
    path: String,
    /// Name in the file → the path that it stands for.
    names: BTreeMap<String, Vec<String>>,
    /// Paths that make it depend on others.
    imports: Vec<Vec<String>>,
}

#[test]
fn no_room_imports_one_above_it() {
    let found = Tree::of_src().upward(&rooms());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn no_two_files_import_each_other() {
    let found = Tree::of_src().circles();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn the_architecture_lists_the_rooms_in_the_order_of_their_floors() {
    let file = root().join("docs/architecture.md");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let block = text.lines().skip_while(|l| !l.starts_with("```")).skip(1);
    let named: Vec<String> = block
        .take_while(|l| !l.starts_with("```"))
        .filter(|l| l.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|l| l.split(|c: char| !is_word(c)).next().unwrap().to_owned())
        .collect();
    assert_eq!(named, rooms(), "docs/architecture.md beside src/lib.rs");
}

#[test]
fn what_the_test_looks_for_is_found() {
    let tree = Tree::new([
        ("src/lib.rs", "pub mod low; pub mod high;"),
        (
            "src/low/mod.rs",
            "mod a; mod b; mod c; pub use b::{B, C as D};",
        ),
        ("src/low/a.rs", "use super::{D, c}; fn f() { c::g() }"),
        (
            "src/low/b.rs",
            "use crate::high::H; pub struct B; pub struct C;",
        ),
        (
            "src/low/c.rs",
            "/// [`crate::high`]\nfn g() { \"crate::high::H\"; super::a::f() }",
        ),
        (
            "src/high/mod.rs",
            "pub struct H; #[cfg(test)] mod tests { use super::*; }",
        ),
    ]);
    let rooms = ["low".to_owned(), "high".to_owned()];
    let up = "src/low/b.rs imports `H` of src/high/mod.rs, which is above it";
    assert_eq!(tree.upward(&rooms), [up]);
    let circle =
        "src/low/a.rs imports `g` of src/low/c.rs, src/low/c.rs imports `f` of src/low/a.rs";
    assert_eq!(tree.circles(), [circle]);
    let d = tree.resolve(&module_of("src/low/a.rs"), &words("super D"), 0);
    assert_eq!(d, Some((module_of("src/low/b.rs"), "C".to_owned())));
}

/// The rooms of src/lib.rs, the lowest first.
fn rooms() -> Vec<String> {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let room = |l: &str| Some(l.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned());
    lib.lines().filter_map(room).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the crate.
struct Tree(BTreeMap<Module, File>);

impl Tree {
    fn of_src() -> Self {
        let src = walkdir::WalkDir::new(root().join("src")).sort_by_file_name();
        let files = src.into_iter().map(|e| e.unwrap().into_path());
        let rust: Vec<(String, String)> = files
            .filter(|p| p.extension().is_some_and(|e| e == "rs") && !p.ends_with("src/main.rs"))
            .map(|p| {
                let path = p.strip_prefix(root()).unwrap().display().to_string();
                (path, std::fs::read_to_string(&p).unwrap())
            })
            .collect();
        Self::new(rust.iter().map(|(p, t)| (&**p, &**t)))
    }

    fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            files
                .into_iter()
                .map(|(p, t)| (module_of(p), File::read(p, t)))
                .collect(),
        )
    }

    /// Where `path`, written in `from`, leads: the module that defines the item, and its name.
    /// `None` outside the crate.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<(Module, String)> {
        let mut at = from.clone();
        for (i, word) in path.iter().enumerate() {
            let rest = &path[i + 1..];
            let child: Module = at.iter().chain([word]).cloned().collect();
            let name = self.0.get(&at).and_then(|f| f.names.get(word));
            match &**word {
                "crate" => at.clear(),
                "self" => {}
                "super" => _ = at.pop(),
                _ if self.0.contains_key(&child) && (!rest.is_empty() || name.is_none()) => {
                    at = child
                }
                _ => match name {
                    Some(_) if depth > 9 => return None,
                    Some(name) => {
                        let whole: Vec<String> = name.iter().chain(rest).cloned().collect();
                        return self.resolve(&at, &whole, depth + 1);
                    }
                    None if i == 0 => return None,
                    None => return Some((at, word.clone())),
                },
            }
        }
        let name = at.last().cloned().unwrap_or_default();
        Some((at, name))
    }

    /// Which files a file imports, and an item of each.
    fn imported(&self, from: &Module) -> BTreeMap<Module, String> {
        let paths = self.0[from].imports.iter();
        let found = paths.filter_map(|p| self.resolve(from, p, 0));
        found.filter(|(m, _)| m != from && !m.is_empty()).collect()
    }

    /// Imports of a room from one above it.
    fn upward(&self, rooms: &[String]) -> Vec<String> {
        let floor = |m: &Module| rooms.iter().position(|r| *r == m[0]);
        let inside = self.0.keys().filter(|m| !m.is_empty());
        inside
            .flat_map(|from| {
                self.imported(from)
                    .into_iter()
                    .map(move |(to, item)| (from, to, item))
            })
            .filter(|(from, to, _)| floor(to) > floor(from))
            .map(|(from, to, item)| format!("{}, which is above it", self.says(from, &item, &to)))
            .collect()
    }

    /// Files that import each other, directly or through others: a shortest circle of each group.
    fn circles(&self) -> Vec<String> {
        let inside = self.0.keys().filter(|m| !m.is_empty());
        let edges: BTreeMap<&Module, _> = inside.map(|m| (m, self.imported(m))).collect();
        let mut told = BTreeSet::new();
        let mut circles = Vec::new();
        for start in edges.keys() {
            let circle = circle(&edges, start);
            if circle.iter().all(|m| told.insert(m.clone())) && !circle.is_empty() {
                let links = circle.iter().zip(circle.iter().cycle().skip(1));
                let links = links.map(|(from, to)| self.says(from, &edges[from][to], to));
                circles.push(links.collect::<Vec<_>>().join(", "));
            }
        }
        circles
    }

    fn says(&self, from: &Module, item: &str, to: &Module) -> String {
        format!(
            "{} imports `{item}` of {}",
            self.0[from].path, self.0[to].path
        )
    }
}

/// The shortest way along `edges` from `start` back to it; empty if there is none.
fn circle(edges: &BTreeMap<&Module, BTreeMap<Module, String>>, start: &Module) -> Vec<Module> {
    let mut before: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in edges.get(at).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut way = vec![at.clone()];
                while let Some(m) = before.get(&way[0]) {
                    way.insert(0, (*m).clone());
                }
                return way;
            }
            if !before.contains_key(next) {
                before.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are a::b.
fn module_of(path: &str) -> Module {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/')
        .filter(|w| *w != "lib")
        .map(ToOwned::to_owned)
        .collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(ToOwned::to_owned).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl File {
    fn read(path: &str, text: &str) -> Self {
        let mut file = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        let tokens = without_tests(tokens(text));
        let token = |i: usize| tokens.get(i).map_or("", |t| &**t);
        let mut i = 0;
        while i < tokens.len() {
            let word = token(i).starts_with(is_word);
            if token(i) == "use" && token(i + 1) != "<" {
                let shown =
                    i > 0 && ["pub", ")"].contains(&token(i - 1)) && path.ends_with("mod.rs");
                let mut paths = Vec::new();
                i = used(&tokens, i + 1, &[], &mut paths);
                for (path, name) in paths {
                    if !shown {
                        file.imports.push(path.clone());
                    }
                    file.names.insert(name, path);
                }
            } else if word
                && token(i + 1) == "::"
                && !["::", "."].contains(&token(i.wrapping_sub(1)))
            {
                let mut path = vec![tokens[i].clone()];
                while token(i + 1) == "::" && token(i + 2).starts_with(is_word) {
                    path.push(token(i + 2).to_owned());
                    i += 2;
                }
                if path.len() > 1 {
                    file.imports.push(path);
                }
            }
            i += 1;
        }
        file
    }
}

/// Reads a tree of a `use` from token `i` on, below `prefix`: every path and the name that it gets.
/// Returns the token that ends it.
fn used(
    tokens: &[String],
    mut i: usize,
    prefix: &[String],
    out: &mut Vec<(Vec<String>, String)>,
) -> usize {
    let mut path = prefix.to_vec();
    let mut alias = None;
    while i < tokens.len() {
        match &*tokens[i] {
            "::" => {}
            "{" => {
                while tokens[i] != "}" {
                    i = used(tokens, i + 1, &path, out);
                }
                return i + 1;
            }
            "as" => {
                alias = Some(tokens[i + 1].clone());
                i += 1;
            }
            "," | "}" | ";" => break,
            word => path.push(word.to_owned()),
        }
        i += 1;
    }
    if path.last().is_some_and(|w| w == "self") {
        path.pop();
    }
    if path.len() > prefix.len()
        || (path.len() == prefix.len() && !prefix.is_empty() && tokens[i - 1] == "self")
    {
        let name = alias.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
        out.push((path, name));
    }
    i
}

/// Leaves out what stands under `#[cfg(test)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mark = words("# [ cfg ( test ) ]");
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if !tokens[i..].starts_with(&mark) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let mut open = 0;
        loop {
            match tokens.get(i).map(|t| &**t) {
                Some("{") => open += 1,
                Some("}") => open -= 1,
                None => break,
                _ => {}
            }
            i += 1;
            if open == 0 && ["}", ";"].contains(&&*tokens[i - 1]) {
                break;
            }
        }
    }
    kept
}

/// Words, `::` and single signs; no comments, strings, characters or lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let after = &rest[word..];
        let hashes = after.len() - after.trim_start_matches('#').len();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |n| n + 2)
        } else if rest[..word].ends_with('r') && word < 3 && after[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = word + hashes + 1;
            rest[start..]
                .find(&end)
                .map_or(rest.len(), |n| start + n + end.len())
        } else if c == '"' {
            quoted(rest, '"')
        } else if c == '\'' {
            let second = rest.chars().nth(1).unwrap_or(' ');
            let character = second == '\\' || rest[1 + second.len_utf8()..].starts_with('\'');
            if character {
                quoted(rest, '\'')
            } else {
                1 + rest[1..].find(|c| !is_word(c)).unwrap_or(0)
            }
        } else {
            let length = match word {
                0 if rest.starts_with("::") => 2,
                0 => c.len_utf8(),
                n => n,
            };
            tokens.extend((!c.is_whitespace()).then(|| rest[..length].to_owned()));
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// Length of the literal between `quote`s that `text` begins with.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return i + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}
