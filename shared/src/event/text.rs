//! Cleaning of one text (design §6): white space, invisible characters, normal form, length.

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization;

use super::FaultCode;

/// A text as it is stored and published: every run of white space one space, control and format characters
/// dropped, trimmed, in NFC, at most `max` code points.
///
/// # Errors
/// [`FaultCode::Blank`] or [`FaultCode::TooLong`].
pub fn clean_text(text: &str, max: usize) -> Result<String, FaultCode> {
    let mut spaced = String::with_capacity(text.len());
    let mut in_space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            if !in_space {
                spaced.push(' ');
            }
            in_space = true;
        } else {
            in_space = false;
            if !is_invisible(c) {
                spaced.push(c);
            }
        }
    }
    within(spaced.trim().nfc().collect(), max)
}

/// An id: only trimmed, so that two ids never become one.
///
/// # Errors
/// [`FaultCode::Blank`], [`FaultCode::TooLong`], or [`FaultCode::ControlCharacter`].
pub fn clean_id(text: &str, max: usize) -> Result<String, FaultCode> {
    let trimmed = text.trim();
    if trimmed.chars().any(char::is_control) {
        return Err(FaultCode::ControlCharacter);
    }
    within(trimmed.to_owned(), max)
}

fn within(text: String, max: usize) -> Result<String, FaultCode> {
    if text.is_empty() {
        Err(FaultCode::Blank)
    } else if text.chars().count() > max {
        Err(FaultCode::TooLong)
    } else {
        Ok(text)
    }
}

fn is_invisible(c: char) -> bool {
    // ASCII needs no table.
    if c.is_ascii() {
        return c.is_control();
    }
    matches!(
        get_general_category(c),
        GeneralCategory::Control | GeneralCategory::Format
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cleaned_in_the_order_of_the_design() {
        for (raw, clean) in [
            ("  Chagrin \t\n Falls ", "Chagrin Falls"),
            ("Harpersferry\u{a0}", "Harpersferry"),
            ("Zu\u{308}rich", "Zürich"),
            ("a\u{200b}b\u{0}c", "abc"),
            // The format character between two runs of white space goes after they were joined.
            ("a \u{200b} b", "a  b"),
        ] {
            assert_eq!(clean_text(raw, 20).as_deref(), Ok(clean), "{raw:?}");
        }
        assert_eq!(clean_text("\u{200b} \u{0}", 20), Err(FaultCode::Blank));
        assert_eq!(clean_text("äöü", 2), Err(FaultCode::TooLong));
    }

    #[test]
    fn an_id_is_only_trimmed() {
        assert_eq!(clean_id(" a  b ", 20).as_deref(), Ok("a  b"));
        assert_eq!(clean_id("a\u{0}b", 20), Err(FaultCode::ControlCharacter));
        assert_eq!(clean_id("Zu\u{308}", 20).as_deref(), Ok("Zu\u{308}"));
    }
}
