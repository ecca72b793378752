//! Each broken rule is noticed by the simulation, and the seed that notices it breaks nothing when the rule is kept.

use shared::mutant::Mutant;

use super::run::play;

/// Seeds within which a mutant must be noticed, from 0 on: the same in every build, so that what is noticed once is
/// noticed until the protocol or the simulation changes.
const SEEDS: u64 = 5_000;
/// Seeds that the one harmless mutant must survive.
const SEEDS_SURVIVED: u64 = 150;

macro_rules! mutants {
    ($($test:ident: $mutant:ident,)*) => {
        $(
            #[test]
            fn $test() {
                is_noticed(Mutant::$mutant);
            }
        )*

        #[test]
        fn every_mutant_is_tried() {
            let tried = [$(Mutant::$mutant,)* Mutant::NoLeaseCheck];
            let forgotten = Mutant::ALL.into_iter().find(|mutant| !tried.contains(mutant));
            assert_eq!(forgotten, None);
        }
    };
}

mutants! {
    p1_a_write_that_is_answered_before_its_commit: AnswerBeforeCommit,
    p2_an_end_that_is_not_flushed: EndAtNormal,
    p5_one_window_for_all_queues: OneWindow,
    p6_an_acknowledgement_before_the_claim_is_committed: AcknowledgeBeforeCommit,
    p7_an_outcome_without_the_fence: SkipFence,
    p14_a_cancel_that_forgets_back_off: CancelForgetsBackOff,
    p14_a_cancel_that_forgets_park: CancelForgetsPark,
    p14_a_cancel_that_forgets_the_second_task: CancelForgetsSecondTask,
    p15_no_de_duplication: DropDeduplication,
    p15_a_memory_that_survives_a_rollback: KeepMemoryOverRollback,
    p15_offsets_before_counts: CommitOffsetsFirst,
    p16_no_compare_and_set: NoCompareAndSet,
    p16_no_reload_at_take_over: NoReloadAtTakeOver,
    p21_a_bound_taken_before_the_awaited_jobs_ended: BoundBeforeAfterEnded,
    design_4_a_completion_before_all_acknowledgements: CompletionBeforeAcknowledgements,
    design_7_counters_and_offsets_in_two_snapshots: TwoSnapshots,
}

#[test]
fn p16_the_compare_and_set_alone_keeps_two_projectors_apart() {
    for seed in 0..SEEDS_SURVIVED {
        let record = play(seed, Some(Mutant::NoLeaseCheck), false);
        assert_eq!(record.violation, None, "seed {seed}");
    }
}

fn is_noticed(mutant: Mutant) {
    let noticed = (0..SEEDS).find_map(|seed| {
        let violation = play(seed, Some(mutant), false).violation?;
        Some((seed, violation))
    });
    let Some((seed, violation)) = noticed else {
        panic!(
            "{mutant:?} breaks `{}`, and {SEEDS} seeds did not notice it",
            mutant.rule()
        );
    };
    let kept = play(seed, None, false).violation;
    assert_eq!(
        kept, None,
        "seed {seed} without {mutant:?}, which it noticed as {violation}"
    );
}
