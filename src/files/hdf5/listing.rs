//! What datasets an HDF5 file holds.

use hdf5::Group;

/// Groups deeper than this are not listed.
const DEPTH: usize = 4;

/// A dataset: its path in the file, its shape, its type in words.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub name: String,
    pub shape: Vec<usize>,
    pub kind: String,
}

/// The datasets of `group` and the groups in it.
pub(crate) fn datasets(group: &Group) -> Vec<Listed> {
    let mut found = Vec::new();
    list(group, "", 0, &mut found);
    found
}

fn list(group: &Group, prefix: &str, depth: usize, out: &mut Vec<Listed>) {
    for name in group.member_names().unwrap_or_default() {
        let full = format!("{prefix}{name}");
        if let Ok(data) = group.dataset(&name) {
            let kind = data.dtype().and_then(|t| t.to_descriptor());
            out.push(Listed {
                name: full,
                shape: data.shape(),
                kind: kind.map_or_else(|_| "unknown type".to_owned(), |k| k.to_string()),
            });
        } else if depth < DEPTH
            && let Ok(inner) = group.group(&name)
        {
            list(&inner, &format!("{full}/"), depth + 1, out);
        }
    }
}
