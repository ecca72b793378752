//! A client whose destructor blocks, dropped on a thread of its own.

use std::ops::Deref;
use std::thread;

/// Owns a client of librdkafka on the async side.
pub(super) struct Elsewhere<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Elsewhere<T> {
    pub(super) fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for Elsewhere<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only drop takes the client")
    }
}

impl<T: Send + 'static> Drop for Elsewhere<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        let thread = thread::Builder::new().name("kafka-drop".to_owned());
        // Where no thread can be had, the failed closure drops the client here.
        let _ = thread.spawn(move || drop(client));
    }
}
