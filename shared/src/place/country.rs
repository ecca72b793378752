//! Countries by code or name. The table is [a file](./countries.csv) that can be read and extended.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold;

/// The United States, whose states are known.
pub(super) const US: &str = "US";

const TABLE: &str = include_str!("countries.csv");

static CODES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut codes = HashMap::new();
    for line in TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let code = line.split(';').next().expect("split yields one part");
        for spelling in line.split(';') {
            codes.insert(lookup_key(spelling), code);
        }
    }
    codes
});

/// The alpha-2 code of a country given as alpha-2, alpha-3, or its official or usual English name.
#[must_use]
pub fn country_code(text: &str) -> Option<&'static str> {
    CODES.get(&lookup_key(text)).copied()
}

/// Dots, case, accents and the kind of apostrophe do not matter.
pub(super) fn lookup_key(text: &str) -> String {
    fold(text)
        .replace('.', "")
        .replace(['\u{2019}', '\u{2018}'], "'")
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_to_the_alpha_2_code() {
        for (text, code) in [
            ("US", "US"),
            ("usa", "US"),
            ("U.S.", "US"),
            ("United States", "US"),
            ("united states of america", "US"),
            ("UK", "GB"),
            ("Great Britain", "GB"),
            ("Germany", "DE"),
            ("DEU", "DE"),
            ("Côte d’Ivoire", "CI"),
            ("Ivory Coast", "CI"),
            ("South Korea", "KR"),
            ("Türkiye", "TR"),
            ("Czech Republic", "CZ"),
        ] {
            assert_eq!(country_code(text), Some(code), "{text}");
        }
        for text in ["", "Atlantis", "XX", "U S", "Deutschland"] {
            assert_eq!(country_code(text), None, "{text}");
        }
    }

    #[test]
    fn the_table_has_every_country_of_iso_3166_once() {
        let lines: Vec<_> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        assert_eq!(lines.len(), 249);
        let mut spellings = HashMap::new();
        for line in lines {
            let parts: Vec<_> = line.split(';').collect();
            assert!(
                parts[0].len() == 2 && parts[1].len() == 3 && parts.len() >= 3,
                "{line}"
            );
            for part in &parts {
                if let Some(other) = spellings.insert(lookup_key(part), parts[0]) {
                    assert_eq!(other, parts[0], "`{part}` stands for two countries");
                }
            }
        }
    }
}
