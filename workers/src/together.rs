//! Between steps 4 and 5: which of the attempts that one claim brought work together.
//!
//! Most of what a job of one event costs is its own way through the process: a task of the runtime, a publish, a write.
//! Small submits share these. Each is fenced, cancelled, backed off and failed by itself, as any other attempt is.

use shared::job::JobRequest;
use shared::ports::Claimed;

/// Attempts that work together. Shares of 128 cost a twentieth more of a drain's processor time.
const ATTEMPTS_MAX: usize = 512;
/// Input up to which an attempt is small.
const BYTES_MAX: usize = 8 * 1024;

/// Attempts that are executed by one task of the runtime.
pub(crate) enum Share {
    /// Any attempt.
    Alone(Box<Claimed>),
    /// Small ones, at least two.
    Together(Vec<Claimed>),
}

impl Share {
    /// Number of attempts.
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Alone(_) => 1,
            Self::Together(claimed) => claimed.len(),
        }
    }
}

/// Shares attempts out: small ones to one another, any other alone.
pub(crate) fn shares(claimed: Vec<Claimed>) -> Vec<Share> {
    let (mut small, mut alone): (Vec<_>, Vec<_>) = claimed.into_iter().partition(is_small);
    let mut shares = Vec::new();
    while small.len() > 1 {
        let others = small.split_off(small.len().min(ATTEMPTS_MAX));
        shares.push(Share::Together(std::mem::replace(&mut small, others)));
    }
    alone.append(&mut small);
    shares.extend(alone.into_iter().map(Box::new).map(Share::Alone));
    shares
}

/// Whether the attempt does nothing but publish the little that came with its claim. P13: never one that a process has
/// vanished with.
fn is_small(claimed: &Claimed) -> bool {
    let publishes = matches!(claimed.request, JobRequest::Submit(_));
    let whole = claimed
        .first_chunk
        .as_ref()
        .is_some_and(|chunk| u64::from(chunk.events) == claimed.events && chunk.body.len() <= BYTES_MAX);
    publishes && whole && claimed.deaths == 0
}

#[cfg(test)]
mod tests {
    use shared::job::{JobRequest, ReportRequest};
    use shared::testing::job_store::build;

    use super::*;

    fn sizes(claimed: Vec<Claimed>) -> Vec<usize> {
        shares(claimed).iter().map(Share::len).collect()
    }

    #[test]
    fn small_submits_share_and_no_share_is_large() {
        let claimed: Vec<_> = (0..=ATTEMPTS_MAX).map(|_| build::claimed()).collect();
        assert_eq!(sizes(claimed), [ATTEMPTS_MAX, 1]);
        assert_eq!(sizes(Vec::new()), [0; 0]);
    }

    #[test]
    fn what_is_large_or_unread_or_no_submit_works_alone() {
        let mut large = build::claimed();
        large.first_chunk.as_mut().unwrap().body = vec![b' '; BYTES_MAX + 1].into();
        let mut longer = build::claimed();
        longer.events += 1;
        let mut unread = build::claimed();
        unread.first_chunk = None;
        let mut report = build::claimed();
        report.request = JobRequest::Report(ReportRequest::default());
        for other in [large, longer, unread, report] {
            let claimed = vec![build::claimed(), other, build::claimed()];
            assert_eq!(sizes(claimed), [2, 1]);
        }
    }

    #[test]
    fn p13_a_task_that_a_process_vanished_with_works_alone() {
        let mut suspect = build::claimed();
        suspect.deaths = 1;
        let shares = shares(vec![build::claimed(), suspect, build::claimed()]);
        assert!(matches!(&shares[..], [Share::Together(_), Share::Alone(alone)] if alone.deaths == 1));
    }
}
