//! The states of the US by code, name or usual abbreviation, to their postal code.

use std::sync::LazyLock;

use super::name_table::NameTable;

static STATES: LazyLock<NameTable> = LazyLock::new(|| NameTable::read(include_str!("us_states.csv")));

/// The postal code of a state, the District, a territory or one of the military's; `None` when there is none.
#[must_use]
pub fn us_state(name: &str) -> Option<&'static str> {
    STATES.code(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_go_by_code_name_and_abbreviation() {
        for (name, code) in [
            ("Ohio", "OH"),
            ("Mi", "MI"),
            ("Md.", "MD"),
            ("W. Va.", "WV"),
            ("W.Va", "WV"),
            ("D.C.", "DC"),
            ("Calif.", "CA"),
            ("Penn.", "PA"),
            ("N. Y.", "NY"),
            ("puerto rico", "PR"),
            ("AP", "AP"),
        ] {
            assert_eq!(us_state(name), Some(code), "{name}");
        }
        for name in ["", "Ontario", "ZZ", "Ohi"] {
            assert_eq!(us_state(name), None, "{name}");
        }
    }

    #[test]
    fn every_name_of_the_table_leads_to_its_own_line() {
        let lines = include_str!("us_states.csv")
            .lines()
            .filter(|line| !line.starts_with('#'));
        let mut states = 0;
        for line in lines {
            states += 1;
            for name in line.split(';') {
                assert_eq!(us_state(name), Some(&line[..2]), "{name}");
            }
        }
        assert_eq!(states, 60);
    }
}
