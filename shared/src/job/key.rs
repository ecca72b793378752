//! The idempotency key of a request: a client's promise that the same key means the same request.

use std::fmt;
use std::str::FromStr;

/// A key of 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Nothing, or nothing between the quotes.
    #[error("it is empty")]
    Empty,
    /// Over the limit.
    #[error("it is longer than {} characters", IdempotencyKey::MAX_LENGTH)]
    TooLong,
    /// Not visible ASCII.
    #[error("it holds a character that is not visible ASCII")]
    NotVisible,
    /// A quoted string without its end, or with an escape that is none.
    #[error("its quotes do not match")]
    BadQuotes,
}

impl IdempotencyKey {
    /// Characters of a key, quotes not counted.
    pub const MAX_LENGTH: usize = 255;

    /// The key without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key as a header carries it: bare, or as a quoted string, which is the same key.
impl FromStr for IdempotencyKey {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let key = match text.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => text.to_owned(),
        };
        if key.is_empty() {
            return Err(KeyFault::Empty);
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyFault::NotVisible);
        }
        if key.len() > Self::MAX_LENGTH {
            return Err(KeyFault::TooLong);
        }
        Ok(Self(key))
    }
}

/// What stands before the closing quote (RFC 8941, a string).
fn unquote(quoted: &str) -> Result<String, KeyFault> {
    let mut key = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    loop {
        match characters.next() {
            Some('"') if characters.as_str().is_empty() => return Ok(key),
            Some('"') | None => return Err(KeyFault::BadQuotes),
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(KeyFault::BadQuotes),
            },
            Some(character) => key.push(character),
        }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest over everything that makes two requests the same (contract.md §3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestDigest(pub [u8; 32]);

impl fmt::Debug for RequestDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestDigest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_key_is_the_same_as_a_bare_one() {
        for (text, key) in [
            ("a", "a"),
            (" order-17 ", "order-17"),
            ("\"order-17\"", "order-17"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("a\"b", "a\"b"),
        ] {
            assert_eq!(text.parse::<IdempotencyKey>().unwrap().as_str(), key, "{text}");
        }
        let longest = "k".repeat(255);
        assert_eq!(longest.parse::<IdempotencyKey>().unwrap().as_str(), longest);
        assert!(format!("\"{longest}\"").parse::<IdempotencyKey>().is_ok());
    }

    #[test]
    fn what_is_no_key_says_why() {
        for (text, fault) in [
            ("", KeyFault::Empty),
            ("  ", KeyFault::Empty),
            ("\"\"", KeyFault::Empty),
            ("\"", KeyFault::BadQuotes),
            ("\"a", KeyFault::BadQuotes),
            ("\"a\"b", KeyFault::BadQuotes),
            (r#""a\b""#, KeyFault::BadQuotes),
            ("two words", KeyFault::NotVisible),
            ("\"two words\"", KeyFault::NotVisible),
            ("schlüssel", KeyFault::NotVisible),
            (&"k".repeat(256), KeyFault::TooLong),
        ] {
            assert_eq!(text.parse::<IdempotencyKey>(), Err(fault), "{text}");
        }
    }
}
