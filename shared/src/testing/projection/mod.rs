//! What every projection must do (step 6, and the reports of step 5), as tests that [`crate::projection_suite!`]
//! runs on an adapter.

pub mod counts;
mod fixture;
pub mod fold;
pub mod lease;
pub mod model;
pub mod quarantine;
pub mod rebuild;
pub mod report;
pub mod standing;

pub use fixture::{Folder, ManualClock, ProjectionUnderTest, WholeProjection, event, query, row};

/// Runs the whole suite; `$subject` is an expression, evaluated for each test, that makes a [`ProjectionUnderTest`].
#[macro_export]
macro_rules! projection_suite {
    ($subject:expr) => {
        $crate::projection_suite!(@tests $subject;
            counts::p15_an_event_twice_in_one_batch_is_counted_once,
            counts::p15_an_event_again_in_a_later_batch_is_counted_once,
            counts::p12_a_clients_id_is_unique_per_user_over_partitions,
            counts::p15_ordinals_that_arrive_in_any_order_are_counted_once,
            counts::p15_an_ordinal_beyond_all_inputs_is_counted_once,
            counts::p15_what_was_counted_is_remembered_by_another_start,
            counts::p15_fifty_thousand_events_make_the_right_sums,
            fold::p16_a_fenced_batch_changes_nothing_and_is_counted_when_it_comes_again,
            fold::p16_a_stale_projector_is_fenced,
            fold::a_projection_begins_without_positions,
            fold::positions_survive_another_start,
            fold::p18_a_batch_without_records_keeps_the_last_record,
            fold::p19_a_record_in_quarantine_is_reported_once,
            lease::p16_one_projector_at_a_time,
            lease::p16_the_token_rises_with_each_holder,
            lease::p8_a_lapsed_lease_is_taken_over,
            lease::p16_a_released_lease_is_free_at_once,
            lease::p16_an_earlier_lease_of_the_same_worker_does_not_fold,
            lease::p16_a_late_release_leaves_the_successor_alone,
            standing::p17_a_stop_is_seen_by_every_process_since_its_beginning,
            standing::p17_only_the_holder_of_the_lease_stops_and_resumes,
            standing::p17_a_projector_resumes_from_what_it_is_past,
            standing::p17_a_closed_gate_is_seen_until_it_opens,
            quarantine::p19_records_are_listed_in_pages_by_their_place,
            quarantine::p19_a_corrected_record_is_counted_and_no_longer_reported,
            quarantine::p19_a_correction_may_be_read_before_what_it_corrects,
            rebuild::p20_a_rebuild_ends_with_the_same_reports,
            rebuild::p20_readers_see_the_counts_before_until_the_flip,
            rebuild::p20_nothing_flips_while_a_partition_would_step_back,
            rebuild::p20_a_partition_that_was_lost_may_step_back,
            rebuild::p20_a_projector_of_the_generation_before_is_fenced,
            rebuild::p20_the_last_rebuild_fences_the_ones_before,
            rebuild::p20_an_abandoned_rebuild_leaves_the_counts_alone,
            rebuild::p20_a_batch_from_elsewhere_is_fenced,
            rebuild::p20_a_flip_ends_the_projectors_stop,
            report::an_empty_projection_makes_an_empty_report,
            report::the_spelling_shown_is_the_most_frequent_one,
            report::of_equally_frequent_spellings_the_smallest_is_shown,
            report::cities_of_one_name_in_two_states_are_two_places,
            report::a_place_without_a_state_is_apart,
            report::users_are_distinct_at_each_level,
            report::from_is_included_and_to_is_not,
            report::a_span_without_events_is_empty,
            report::rows_with_as_many_users_stand_in_the_order_of_their_names,
            model::random_events_make_the_same_reports_as_a_plain_count,
        );
    };
    (@tests $subject:expr; $($topic:ident :: $test:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let subject = $subject;
                $crate::testing::projection::$topic::$test(&subject).await;
            }
        )+
    };
}
