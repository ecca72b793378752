//! Folding: two spellings of one place become equal (design §6).

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Case folded, with combining accents dropped from Latin and Greek letters only: `San José` is `San Jose`, but
/// `が` is not `か`.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut drops_accents = false;
    for c in caseless::default_case_fold_str(&text.nfd().collect::<String>()).nfd() {
        if is_combining_mark(c) {
            if !drops_accents {
                folded.push(c);
            }
        } else {
            drops_accents = is_latin_or_greek(c);
            folded.push(c);
        }
    }
    folded.nfc().collect()
}

/// The blocks of Unicode that hold base letters of the two scripts after decomposition.
fn is_latin_or_greek(c: char) -> bool {
    matches!(u32::from(c),
        0x0041..=0x024F | 0x0250..=0x02AF | 0x0370..=0x03FF | 0x1E00..=0x1FFF | 0x2C60..=0x2C7F | 0xA720..=0xA7FF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_place_are_equal_and_others_are_not() {
        for (a, b) in [
            ("BALTIMORE", "baltimore"),
            ("San José", "SAN JOSE"),
            ("Zürich", "Zu\u{308}rich"),
            ("STRASSE", "straße"),
            ("Αθήνα", "ΑΘΗΝΑ"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        for (a, b) in [("が", "か"), ("й", "и"), ("Springfield", "Springfeld")] {
            assert_ne!(fold(a), fold(b), "{a} {b}");
        }
    }
}
