//! States of the US, DC, territories and the military's. The table is [a file](./us_states.csv).

use std::collections::HashMap;
use std::sync::LazyLock;

use super::country::lookup_key;

const TABLE: &str = include_str!("us_states.csv");

/// ISO 3166-1 codes of the territories, which are countries there and states here.
const TERRITORIES: [&str; 6] = ["AS", "GU", "MP", "PR", "UM", "VI"];

static CODES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut codes = HashMap::new();
    for line in TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let code = line.split(';').next().expect("split yields one part");
        for spelling in line.split(';') {
            codes.insert(state_key(spelling), code);
        }
    }
    codes
});

/// The code of a state by code, name or usual abbreviation, with or without dots.
#[must_use]
pub fn us_state_code(text: &str) -> Option<&'static str> {
    CODES.get(&state_key(text)).copied()
}

/// The state that a territory given as a country is.
#[must_use]
pub fn us_territory(country: &str) -> Option<&'static str> {
    TERRITORIES.into_iter().find(|territory| *territory == country)
}

/// `W. Va.` and `W.Va.` are one abbreviation.
fn state_key(text: &str) -> String {
    lookup_key(text).replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_names_and_abbreviations_lead_to_the_code() {
        for (text, code) in [
            ("Ohio", "OH"),
            ("oh", "OH"),
            ("Mi", "MI"),
            ("Mich.", "MI"),
            ("Md.", "MD"),
            ("W. Va.", "WV"),
            ("W.Va", "WV"),
            ("D.C.", "DC"),
            ("District of Columbia", "DC"),
            ("Calif.", "CA"),
            ("N.Y.", "NY"),
            ("Puerto Rico", "PR"),
            ("AE", "AE"),
        ] {
            assert_eq!(us_state_code(text), Some(code), "{text}");
        }
        for text in ["", "Ontario", "ZZ", "Ohioo"] {
            assert_eq!(us_state_code(text), None, "{text}");
        }
    }

    #[test]
    fn no_spelling_stands_for_two_states() {
        let mut spellings = HashMap::new();
        let lines: Vec<_> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        // 50 states, DC, six territories, three of the military.
        assert_eq!(lines.len(), 60);
        for line in lines {
            let code = &line[..2];
            for part in line.split(';') {
                if let Some(other) = spellings.insert(state_key(part), code) {
                    assert_eq!(other, code, "`{part}`");
                }
            }
        }
    }
}
