//! Folding: what a person takes for one name becomes one text (design §6).

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Unicode default case folding, with combining accents dropped from Latin and Greek letters only.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut after_letter_with_accents = false;
    text.chars()
        .nfd()
        .default_case_fold()
        .nfd()
        .filter(|c| {
            if is_combining_mark(*c) {
                return !after_letter_with_accents;
            }
            after_letter_with_accents = is_latin_or_greek(*c);
            true
        })
        .nfc()
        .collect()
}

/// Whether a decomposed letter is of a script in which an accent does not make another letter.
fn is_latin_or_greek(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | 'ª' | 'º' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2AF}'
        | '\u{370}'..='\u{3E1}' | '\u{3F0}'..='\u{3FF}' | '\u{1D00}'..='\u{1D2A}' | '\u{1D62}'..='\u{1D77}'
        | '\u{1D79}'..='\u{1DBE}' | '\u{1E00}'..='\u{1FFF}' | '\u{2C60}'..='\u{2C7F}' | '\u{A722}'..='\u{A7FF}'
        | '\u{AB30}'..='\u{AB65}' | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}')
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn spellings_of_one_name_fold_alike_and_other_names_do_not() {
        for (a, b) in [
            ("San José", "SAN JOSE"),
            ("San Jose\u{301}", "San José"),
            ("Straße", "STRASSE"),
            ("Αθήνα", "ΑΘΗΝΑ"),
            ("ΠΆΤΡΑΣ", "πατρας"),
            ("İstanbul", "istanbul"),
            ("Việt Trì", "viet tri"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} and {b}");
        }
        for (a, b) in [("が", "か"), ("й", "и"), ("Łódź", "Lodz"), ("कि", "क")] {
            assert_ne!(fold(a), fold(b), "{a} and {b}");
        }
    }
}
