//! Where chance comes from: the thread's own generator, or a seeded one while a simulation runs on this thread.

use rand::Rng;

/// Draws from the generator of this thread.
pub(crate) fn draw<T>(draw: impl FnOnce(&mut dyn Rng) -> T) -> T {
    #[cfg(feature = "testing")]
    return seeded::draw(draw);
    #[cfg(not(feature = "testing"))]
    draw(&mut rand::rng())
}

#[cfg(feature = "testing")]
pub use seeded::seed;

#[cfg(feature = "testing")]
mod seeded {
    use std::cell::RefCell;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    thread_local! {
        static SEEDED: RefCell<Option<ChaCha8Rng>> = const { RefCell::new(None) };
    }

    /// From now on this thread draws what follows from the seed; `None` gives it its own generator back.
    pub fn seed(seed: Option<u64>) {
        SEEDED.set(seed.map(ChaCha8Rng::seed_from_u64));
    }

    pub(super) fn draw<T>(draw: impl FnOnce(&mut dyn Rng) -> T) -> T {
        SEEDED.with_borrow_mut(|seeded| match seeded {
            Some(seeded) => draw(seeded),
            None => draw(&mut rand::rng()),
        })
    }
}
