//! What datasets an HDF5 file holds.

use super::sound::{find_sparse, inner};
use hdf5::Group;
use std::path::Path;

/// Groups deeper than this are not listed.
const DEPTH: usize = 4;

/// A dataset: its path in the file, its shape, its type in words.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub name: String,
    pub shape: Vec<usize>,
    pub kind: String,
}

/// The datasets of the file `path`, whose root is `root`, and what cannot be read of them.
pub(crate) fn datasets(root: &Group, path: &Path) -> (Vec<Listed>, Vec<String>) {
    let mut look = Look {
        root,
        path,
        found: Vec::new(),
        problems: Vec::new(),
    };
    look.list("", 0);
    (look.found, look.problems)
}

struct Look<'a> {
    root: &'a Group,
    path: &'a Path,
    found: Vec<Listed>,
    problems: Vec<String>,
}

impl Look<'_> {
    fn list(&mut self, prefix: &str, depth: usize) {
        let group = match prefix {
            "" => Some(self.root.clone()),
            prefix => inner(self.root, self.path, prefix),
        };
        let names = group.and_then(|g| g.member_names().ok());
        for name in names.unwrap_or_default() {
            let full = format!("{prefix}{name}");
            match find_sparse(self.root, self.path, &full) {
                Ok(Some(data)) => {
                    let kind = data.dtype().and_then(|t| t.to_descriptor());
                    self.found.push(Listed {
                        name: full,
                        shape: data.shape(),
                        kind: kind.map_or_else(|_| "unknown type".to_owned(), |k| k.to_string()),
                    });
                }
                Ok(None) if depth < DEPTH => self.list(&format!("{full}/"), depth + 1),
                Ok(None) => {}
                Err(e) => self.problems.push(e.to_string()),
            }
        }
    }
}
