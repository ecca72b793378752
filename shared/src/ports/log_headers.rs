//! The headers of a record that was read: few, small, and of every record, so they share their memory.

/// Room for what a record of ours has.
const USUAL_HEADERS: usize = 8;
const USUAL_BYTES: usize = 384;

/// Names and values of headers, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogHeaders {
    /// Name, value, name, value and so on.
    text: String,
    /// Where each name and each value ends.
    ends: Vec<usize>,
}

impl LogHeaders {
    fn push(&mut self, name: &str, value: &str) {
        for part in [name, value] {
            self.text.push_str(part);
            self.ends.push(self.text.len());
        }
    }

    /// The value of the first header of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut from = 0;
        self.ends.chunks_exact(2).map(move |ends| {
            let name = &self.text[from..ends[0]];
            from = ends[1];
            (name, &self.text[ends[0]..from])
        })
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for LogHeaders {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        let mut all = Self {
            text: String::with_capacity(USUAL_BYTES),
            ends: Vec::with_capacity(2 * USUAL_HEADERS),
        };
        for (name, value) in headers {
            all.push(name.as_ref(), value.as_ref());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_out_as_they_went_in() {
        let pairs = [("a", "1"), ("", ""), ("ü", ""), ("", "x"), ("a", "2")];
        let headers: LogHeaders = pairs.into_iter().collect();
        assert!(headers.iter().eq(pairs));
        assert_eq!(
            (headers.get("a"), headers.get("ü"), headers.get("b")),
            (Some("1"), Some(""), None)
        );
    }
}
