//! The queue in memory.

use std::sync::Arc;

use async_trait::async_trait;
use shared::adapters::embedded::InProcessQueue;
use shared::adapters::system::SystemClock;
use shared::ports::JobQueue;
use shared::testing::job_queue::QueueUnderTest;

struct Memory(Arc<InProcessQueue>);

fn memory() -> Memory {
    Memory(Arc::new(InProcessQueue::new(&SystemClock)))
}

#[async_trait]
impl QueueUnderTest for Memory {
    async fn open(&self) -> Arc<dyn JobQueue> {
        Arc::clone(&self.0) as Arc<dyn JobQueue>
    }
}

shared::job_queue_suite!(memory());
