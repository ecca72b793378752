//! Sample users, as untidy as real ones: places in turn from a table, users and times drawn from the job's id.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::{Builder, Uuid};

use crate::event::{RawAddress, RawEvent, RawText};
use crate::time::Timestamp;

/// City, state, country and post code, with the untidiness that people type.
const PLACES: &str = include_str!("places.csv");
/// 2019-01-01T00:00:00Z, the year of the sample's events.
const YEAR_START_MS: i64 = 1_546_300_800_000;
const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

/// The user with this ordinal in the job `root`: always the same one, so that a retry repeats it (P11).
#[must_use]
pub fn sample_user(root: Uuid, ordinal: u64) -> RawEvent<'static> {
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(root.as_bytes());
    let mut rng = ChaCha8Rng::from_seed(seed);
    rng.set_stream(ordinal);
    let id = Builder::from_random_bytes(rng.random()).into_uuid();
    let datetime = Timestamp::from_millis(YEAR_START_MS + rng.random_range(0..YEAR_MS));
    let datetime = datetime.to_chrono().format("%Y-%m-%d %H:%M:%S%.3f");

    let mut cells = place(ordinal).split(';');
    let mut cell = || RawText::of(cells.next());
    RawEvent {
        id: RawText::Text(id.to_string().into()),
        address: RawAddress::Members {
            city: cell(),
            state: cell(),
            country: cell(),
            post_code: cell(),
        },
        datetime: RawText::Text(datetime.to_string().into()),
        event_id: RawText::Absent,
    }
}

fn place(ordinal: u64) -> &'static str {
    let places = || PLACES.lines().filter(|line| !line.starts_with('#'));
    let count = places().count() as u64;
    usize::try_from(ordinal % count)
        .ok()
        .and_then(|turn| places().nth(turn))
        .expect("the turn is below the number of places")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::clean;

    #[test]
    fn p11_a_sample_user_is_drawn_from_job_and_ordinal_alone() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(sample_user(a, 7), sample_user(a, 7));
        assert_ne!(sample_user(a, 7), sample_user(b, 7));
        assert_ne!(sample_user(a, 7).id, sample_user(a, 8).id);
        // Pinned: another draw would make a second event of one when a retry repeats it.
        let first = sample_user(a, 0);
        assert_eq!(
            first.id,
            RawText::Text("1035e4be-476f-4c3d-a8cd-4ca7702173f4".into())
        );
        assert_eq!(first.datetime, RawText::Text("2019-07-16 13:58:00.017".into()));
    }

    #[test]
    fn every_sample_user_is_clean_without_a_fault_and_some_are_untidy() {
        let root = Uuid::from_u128(3);
        let mut untidy = 0;
        for ordinal in 0..200 {
            let raw = sample_user(root, ordinal);
            let clean = clean(&raw, 200, "#").unwrap_or_else(|faults| panic!("{raw:?}: {faults:?}"));
            assert!(clean.user.address.state.is_some());
            if let RawAddress::Members {
                city: RawText::Text(city),
                ..
            } = raw.address
            {
                untidy += usize::from(city != clean.user.address.city);
            }
        }
        assert!(untidy > 0);
    }
}
