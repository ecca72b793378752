//! A table from the many names of a place to its code, read once from a file of `code;name;name…` lines.

use std::collections::HashMap;

use super::fold::fold;

/// Names, reduced to what tells them apart, and their codes.
pub(super) struct NameTable(HashMap<String, &'static str>);

impl NameTable {
    /// The table of a file that is compiled in; lines that begin with `#` are comments.
    pub(super) fn read(file: &'static str) -> Self {
        let mut names = HashMap::new();
        let lines = file
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            let code = line.split(';').next().unwrap_or(line);
            for name in line.split(';') {
                names.insert(reduce(name), code);
            }
        }
        Self(names)
    }

    /// The code of a name.
    pub(super) fn code(&self, name: &str) -> Option<&'static str> {
        let reduced = reduce(name);
        let code = self.0.get(&reduced).or_else(|| {
            let first_word = name.split_whitespace().next()?;
            let rest = reduced
                .strip_prefix("the")
                .filter(|_| first_word.eq_ignore_ascii_case("the"))?;
            self.0.get(rest)
        });
        code.copied()
    }
}

/// Only letters and digits, folded, so that `W. Va.`, `W.Va` and `w va` are one name.
fn reduce(name: &str) -> String {
    fold(&name.replace('&', "and"))
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect()
}
