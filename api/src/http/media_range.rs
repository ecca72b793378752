//! Which media type an answer has: that of what is on offer which `Accept` wants most.

use std::cmp::Reverse;

/// The media type that an `Accept` wants most of those on offer; the first on offer when it wants none.
pub(super) fn preferred(accept: Option<&str>, offers: &[&'static str]) -> &'static str {
    let ranges: Vec<_> = accept.unwrap_or_default().split(',').map(Range::read).collect();
    let mut best = (0.0, 0, offers[0]);
    for offer in offers {
        // The range that says most about the offer decides; of equally wanted offers the one named earlier.
        let decides = ranges
            .iter()
            .enumerate()
            .max_by_key(|(place, range)| (range.fits(offer), Reverse(*place)));
        if let Some((place, range)) = decides
            && range.fits(offer) > Fit::Not
            && (range.quality > best.0 || (range.quality == best.0 && place < best.1))
        {
            best = (range.quality, place, offer);
        }
    }
    best.2
}

/// One media range of an `Accept`.
struct Range<'a> {
    name: &'a str,
    quality: f32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Not,
    Any,
    Type,
    Whole,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        Self {
            name,
            quality: quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)),
        }
    }

    fn fits(&self, offer: &str) -> Fit {
        let type_of = |name: &str| name.split('/').next().map(str::to_ascii_lowercase);
        if self.name.eq_ignore_ascii_case(offer) {
            Fit::Whole
        } else if self.name == "*/*" {
            Fit::Any
        } else if self.name.ends_with("/*") && type_of(self.name) == type_of(offer) {
            Fit::Type
        } else {
            Fit::Not
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_chooses_among_the_offers() {
        let offers = ["application/json", "text/csv"];
        for (accept, chosen) in [
            (None, "application/json"),
            (Some("*/*"), "application/json"),
            (Some("text/csv"), "text/csv"),
            (Some("TEXT/CSV; charset=utf-8"), "text/csv"),
            (Some("text/*"), "text/csv"),
            (Some("image/png"), "application/json"),
            (Some("application/json;q=0.5, text/csv"), "text/csv"),
            (Some("text/csv;q=0"), "application/json"),
            (Some("text/csv, application/json"), "text/csv"),
            (Some("*/*, application/json;q=0"), "text/csv"),
            (Some("*/*;q=0.1, TEXT/*; Q=0.2"), "text/csv"),
        ] {
            assert_eq!(preferred(accept, &offers), chosen, "{accept:?}");
        }
    }
}
