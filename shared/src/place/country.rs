//! Countries by code or name, to ISO 3166-1 alpha-2.

use std::sync::LazyLock;

use super::name_table::NameTable;

static COUNTRIES: LazyLock<NameTable> = LazyLock::new(|| NameTable::read(include_str!("countries.csv")));

/// A country, and the territory where what was given is one of the US's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: &'static str,
    /// The state that a US territory is when it was given as a country.
    pub territory: Option<&'static str>,
}

/// The country of this code or name; `None` when there is none.
#[must_use]
pub fn country(name: &str) -> Option<Country> {
    let code = COUNTRIES.code(name)?;
    Some(match code {
        "AS" | "GU" | "MP" | "PR" | "UM" | "VI" => Country {
            code: "US",
            territory: Some(code),
        },
        _ => Country {
            code,
            territory: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_go_by_code_and_by_name() {
        for (name, code) in [
            ("US", "US"),
            ("USA", "US"),
            ("u.s.", "US"),
            ("U. S. A.", "US"),
            ("United States", "US"),
            ("the united states of america", "US"),
            ("UK", "GB"),
            ("Germany", "DE"),
            ("deu", "DE"),
            ("South Korea", "KR"),
            ("Korea, Republic of", "KR"),
            ("Ivory Coast", "CI"),
            ("Côte d’Ivoire", "CI"),
            ("cote d'ivoire", "CI"),
            ("CURACAO", "CW"),
            ("Trinidad & Tobago", "TT"),
            ("St. Lucia", "LC"),
            ("The Gambia", "GM"),
            ("Niger", "NE"),
            ("Niger (the)", "NE"),
            ("United States of America (the)", "US"),
            ("Korea (the Democratic People's Republic of)", "KP"),
            ("Korea (the Republic of)", "KR"),
            ("Congo (the Democratic Republic of the)", "CD"),
            ("Tanzania, the United Republic of", "TZ"),
            ("Netherlands (Kingdom of the)", "NL"),
            ("Falkland Islands (the) [Malvinas]", "FK"),
            ("Cocos (Keeling) Islands (the)", "CC"),
        ] {
            assert_eq!(country(name).map(|country| country.code), Some(code), "{name}");
        }
        for name in ["", ".", "Atlantis", "XX", "Germ any?!x", "the"] {
            assert_eq!(country(name), None, "{name}");
        }
    }

    #[test]
    fn every_line_has_its_codes_and_no_name_has_two_countries() {
        let mut seen = std::collections::HashMap::new();
        let mut lines = 0;
        for line in include_str!("countries.csv")
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            lines += 1;
            let names: Vec<&str> = line.split(';').collect();
            assert!(
                names.len() > 2 && names[0].len() == 2 && names[1].len() == 3,
                "{line}"
            );
            for name in names.iter().copied() {
                assert!(COUNTRIES.code(name) == Some(names[0]), "{name} of {line}");
                assert!(seen.insert(name, line).is_none(), "{name} stands twice");
            }
        }
        assert_eq!(lines, 249);
    }
}
