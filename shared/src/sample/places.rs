//! Places of the US, spelt as people spell them.

/// One spelling of a place.
pub(super) struct SamplePlace {
    pub(super) city: &'static str,
    pub(super) state: &'static str,
    pub(super) country: &'static str,
    pub(super) post_code: &'static str,
}

const fn place(
    city: &'static str,
    state: &'static str,
    country: &'static str,
    post_code: &'static str,
) -> SamplePlace {
    SamplePlace {
        city,
        state,
        country,
        post_code,
    }
}

/// Taken in turn.
pub(super) const PLACES: [SamplePlace; 32] = [
    place("Chagrin Falls", "Ohio", "US", "44023"),
    place("Holland", "Mi", "US", "49424"),
    place("Detroit", "Mich.", "USA", "48201"),
    place("Fresno", "Calif.", "US", "93650"),
    place("Harpersferry ", "W. Va.", "US", "25425"),
    place("Holbrook", "New York", "United States", "11741"),
    place("Mauston ", "Wis.", "US", "53948"),
    place("Schenectady", "N.Y.", "US", "12345"),
    place("Stanley ", "North Carolina", "US", "28164"),
    place("baltimore", "Md.", "US", "21201"),
    place("Baltimore ", "MD", "U.S.", "21230"),
    place("BALTIMORE", "Maryland", "US", "21202"),
    place("Springfield", "IL", "US", "62701"),
    place("springfield", "Mass.", "US", "01103"),
    place("San José", "CA", "US", "95110"),
    place("San Jose", "California", "USA", "95112"),
    place("Chagrin  Falls", "OH", "US", "44022"),
    place("detroit", "MI", "US", "48226"),
    place("St. Louis", "Mo", "US", "63101"),
    place("Washington", "D.C.", "US", "20001"),
    place(" Austin", "Tex.", "US", "73301"),
    place("Boise", "Idaho", "US", "83702"),
    place("San Juan", "Puerto Rico", "US", "00901"),
    place("Honolulu", "hawaii", "US", "96801"),
    place("fresno ", "ca", "US", "93701"),
    place("New  Orleans", "La.", "US", "70112"),
    place("Portland", "Oregon", "US", "97201"),
    place("Portland", "Maine", "US", "04101"),
    place("Salt Lake City", "Utah", "United States of America", "84101"),
    place("Las Vegas", "Nev.", "US", "89101"),
    place("Holbrook ", "Ariz.", "US", "86025"),
    place("Nashville", "Tenn.", "US", "37201"),
];
