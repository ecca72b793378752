//! Sample users, as untidy as real ones: the input of `POST /submit/{count}`.

mod places;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::{Builder, Uuid};

use crate::event::{RawAddress, RawEvent, RawText};
use crate::time::Timestamp;

use places::PLACES;

/// Datetimes of sample users lie in 2019, as those of the first data.
const FROM: Timestamp = Timestamp::from_millis(1_546_300_800_000);
const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

/// The sample users of one job, drawn from its id: a retry draws the same (P11). Places come in turn.
pub fn sample_events(job: Uuid) -> impl Iterator<Item = RawEvent> {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(job.as_bytes());
    let mut rng = ChaCha8Rng::from_seed(seed);
    PLACES.iter().cycle().map(move |place| {
        let user = Builder::from_random_bytes(rng.random()).into_uuid();
        let datetime = FROM.plus_millis(rng.random_range(0..YEAR_MS));
        let text = |text: &str| RawText::Text(text.to_owned());
        RawEvent {
            id: text(&user.to_string()),
            address: RawAddress::Members {
                city: text(place.city),
                state: text(place.state),
                country: text(place.country),
                post_code: text(place.post_code),
            },
            datetime: text(&datetime.to_string()),
            event_id: RawText::Absent,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p11_a_job_draws_the_same_users_again_and_another_job_others() {
        let of = |job| sample_events(Uuid::from_u128(job)).take(100).collect::<Vec<_>>();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn every_sample_can_be_cleaned_and_most_need_it() {
        let samples: Vec<_> = sample_events(Uuid::from_u128(3)).take(PLACES.len()).collect();
        for sample in &samples {
            let clean = sample
                .clean("#", 50)
                .unwrap_or_else(|faults| panic!("{sample:?}: {faults:?}"));
            assert_eq!(clean.user.address.country, "US");
            assert!(clean.user.address.state.is_some());
        }
        let untidy = PLACES
            .iter()
            .filter(|place| place.state.len() != 2 || place.city.trim() != place.city);
        assert!(untidy.count() > PLACES.len() / 2);
    }
}
