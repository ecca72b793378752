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
        self.0.get(&reduce(name)).copied()
    }
}

/// Only letters and digits, folded and without articles, so that `W. Va.`, `W.Va` and `w va` are one name, and `Korea
/// (the Republic of)`, as ISO 3166-1 spells it, is `Korea, Republic of`.
fn reduce(name: &str) -> String {
    fold(&name.replace('&', "and"))
        .split(|c: char| !c.is_alphanumeric() || is_apostrophe(c))
        .filter(|word| *word != "the")
        .collect()
}

/// Those that Unicode counts among the letters, like the one of Hawaiʻi.
fn is_apostrophe(c: char) -> bool {
    matches!(c, '\u{2bb}' | '\u{2bc}')
}
