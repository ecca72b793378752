//! Cleaning of one text (design §6).

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization;

/// Runs of white space to one space, then control and format characters dropped, then trimmed, then NFC.
pub(super) fn clean_text(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    let mut in_space = false;
    for c in text.chars() {
        let space = c.is_whitespace();
        if space && !in_space {
            spaced.push(' ');
        } else if !space && !is_invisible(c) {
            spaced.push(c);
        }
        in_space = space;
    }
    let trimmed = spaced.trim();
    if trimmed.is_ascii() && trimmed.len() == spaced.len() {
        return spaced;
    }
    trimmed.nfc().collect()
}

fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        get_general_category(c),
        GeneralCategory::Control | GeneralCategory::Format
    )
}

#[cfg(test)]
mod tests {
    use super::clean_text;

    #[test]
    fn text_is_cleaned_in_the_stated_order() {
        for (raw, clean) in [
            ("Mauston ", "Mauston"),
            ("  New \t\n York\u{a0}\u{3000}City ", "New York City"),
            ("Bal\u{0}ti\u{200b}mo\u{ad}re\u{7f}", "Baltimore"),
            ("Jose\u{301}", "José"),
            ("\u{feff}a\u{85}b", "a b"),
            ("a \u{200b} b", "a  b"),
            ("\u{200b} \u{202e}", ""),
            ("か\u{3099}", "が"),
            ("", ""),
        ] {
            assert_eq!(clean_text(raw), clean, "{raw:?}");
        }
    }
}
