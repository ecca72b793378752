//! What every job store must do (steps 2 to 8), as tests that [`crate::job_store_suite!`] runs on an adapter.

pub mod accept;
pub mod boot;
pub mod build;
pub mod cancel;
pub mod changes;
pub mod claim;
pub mod deaths;
pub mod dispatch;
pub mod finish;
pub mod finish_together;
pub mod fixture;
pub mod keys;
pub mod list;
pub mod mail;
pub mod removal;
pub mod report_wait;
pub mod rescue;
pub mod retry;
pub mod schedules;
pub mod steps;

pub use fixture::{BACKLOG_LIMIT, Fixture, LEASE, RETENTION, TOMBSTONES};

/// Runs the whole suite; `$fixture` is an expression, evaluated for each test, that makes a [`Fixture`].
#[macro_export]
macro_rules! job_store_suite {
    ($fixture:expr) => {
        $crate::job_store_suite!(@tests $fixture;
            accept::p1_an_accepted_job_is_visible_with_all_it_brought,
            accept::p2_an_accepted_job_is_found_by_the_next_process,
            accept::p1_staged_chunks_become_the_jobs_input_in_order,
            accept::p1_an_upload_is_accepted_once,
            accept::p1_what_is_only_staged_is_not_visible,
            accept::p1_a_lapsed_upload_takes_no_chunk_and_no_accept,
            accept::p1_the_sweep_spares_live_uploads,
            accept::p1_the_sweep_spares_the_input_of_jobs,
            accept::p8_a_jump_of_the_wall_clock_lapses_no_upload,
            accept::p1_a_discarded_upload_cannot_be_accepted,
            accept::p1_an_upload_that_was_never_opened_is_refused,
            accept::p3_the_same_accept_again_makes_no_second_job,
            accept::p4_the_backlog_limit_refuses_accepts_until_a_job_ends,
            claim::p6_a_task_is_claimed_once,
            claim::p6_claims_at_the_same_time_give_one_lease,
            claim::a_claim_carries_what_the_handler_needs,
            claim::p7_the_token_rises_with_every_claim,
            claim::p6_a_claim_leaves_out_what_cannot_be_claimed,
            claim::the_first_claim_starts_the_job,
            claim::a_heartbeat_extends_its_lease,
            claim::p7_a_heartbeat_of_a_lost_lease_says_lost_and_changes_nothing,
            claim::progress_moves_the_revision_at_most_once_a_second,
            claim::the_last_ten_attempts_are_kept_oldest_first,
            claim::p8_attempts_stay_in_order_when_the_wall_clock_steps_back,
            claim::p6_an_ended_job_is_not_claimed,
            finish::p7_the_last_task_ends_the_job,
            finish::p7_tasks_that_end_at_the_same_time_end_the_job_once,
            finish::a_failed_task_beside_a_good_one_makes_partially_succeeded,
            finish::rejects_make_partially_succeeded,
            finish::a_job_all_of_whose_tasks_failed_fails_with_the_error,
            finish::p7_a_fenced_finish_changes_nothing,
            finish::nothing_changes_a_job_after_its_end,
            finish::receipts_of_tasks_are_merged_by_partition,
            finish::p17_the_marks_keep_the_highest_record_of_each_partition,
            finish::p17_marks_of_a_log_that_was_given_up_are_forgotten,
            finish::p8_a_back_off_counts_on_the_boot_clock,
            finish::a_back_off_grows_and_tries_have_no_limit,
            finish::a_task_handed_back_is_due_at_once,
            finish::a_later_attempt_does_not_count_the_same_events_twice,
            finish::the_revision_starts_at_one_and_rises_with_each_visible_change,
            finish_together::p7_ends_that_are_written_together_stand_each_for_itself,
            finish_together::p7_tasks_whose_ends_are_written_together_end_the_job,
            cancel::p14_a_queued_job_is_cancelled_at_once,
            cancel::p14_a_sent_task_is_cancelled_at_once,
            cancel::p14_a_leased_job_is_cancelling_until_its_holder_lets_go,
            cancel::p14_a_task_that_backs_off_is_cancelled_at_once,
            cancel::p14_a_report_parked_on_its_bound_is_cancelled_at_once,
            cancel::p14_a_report_parked_on_jobs_is_cancelled_at_once,
            cancel::p14_the_tasks_that_nobody_holds_end_with_the_cancel,
            cancel::p14_the_last_holder_ends_a_cancelling_job,
            cancel::p14_a_cancel_after_a_first_success_keeps_what_was_published,
            cancel::p14_every_outcome_of_a_cancelling_submit_ends_cancelled,
            cancel::p14_every_outcome_of_a_cancelling_report_ends_cancelled,
            cancel::p14_a_lapse_ends_a_cancelling_job,
            cancel::p14_voided_leases_end_a_cancelling_job,
            cancel::p14_a_cancel_is_repeatable,
            cancel::p14_a_cancel_after_another_end_changes_nothing,
            cancel::a_cancel_of_an_unknown_job_says_so,
            dispatch::due_tasks_come_longest_due_first,
            dispatch::a_sent_task_is_outstanding_until_it_is_claimed,
            dispatch::p6_a_mark_overtaken_by_the_claim_changes_nothing,
            dispatch::p6_a_late_mark_does_not_hide_a_task_that_was_queued_again,
            dispatch::p6_a_late_mark_does_not_hide_a_parked_task_or_its_waking,
            dispatch::p5_a_queue_has_a_window_of_its_own,
            dispatch::p5_what_another_should_send_is_left_to_it_while_the_window_is_half_full,
            dispatch::p5_an_empty_queue_has_its_tasks_sent_again_after_two_seconds,
            dispatch::p5_the_resend_delay_starts_at_a_minute_and_doubles,
            dispatch::p8_a_jump_of_the_wall_clock_sends_nothing_again,
            dispatch::the_next_due_task_is_the_first_of_those_that_wait,
            rescue::a_lapsed_lease_returns_its_task,
            rescue::a_round_of_rescue_is_bounded,
            rescue::p8_a_wall_clock_that_steps_back_keeps_no_lease_alive,
            rescue::p8_a_wall_clock_that_steps_on_takes_no_lease_away,
            rescue::p10_voided_leases_free_their_tasks_at_once,
            rescue::one_process_is_the_rescuer,
            rescue::p8_a_jump_of_the_wall_clock_makes_no_second_rescuer,
            deaths::p13_a_pause_a_stop_and_a_restart_are_no_deaths,
            deaths::p13_the_first_death_makes_the_task_a_suspect,
            deaths::p13_three_deaths_alone_fail_the_task,
            deaths::p13_a_death_beside_others_counts_once,
            deaths::p13_a_lost_lease_cannot_run_alone,
            deaths::p14_a_death_ends_a_cancelling_job_as_cancelled,
            keys::a_key_stands_for_its_job,
            keys::the_same_key_makes_no_second_job,
            keys::a_key_is_answered_before_the_backlog_limit,
            keys::a_refused_accept_uses_no_key_up,
            keys::p3_the_same_accept_again_finds_its_own_key,
            keys::uses_of_a_key_at_the_same_time_make_one_job,
            keys::what_was_staged_under_a_used_key_can_be_discarded,
            keys::a_key_outlives_its_job_and_ends_in_time,
            retry::a_retry_runs_over_the_input_of_its_root,
            retry::a_retry_waits_for_the_end,
            retry::every_end_can_be_retried,
            retry::a_retry_of_a_report_has_a_deadline_and_waits_of_its_own,
            retry::the_same_key_makes_no_second_retry,
            retry::p4_the_backlog_limit_refuses_retries,
            retry::a_retry_of_what_is_not_there_says_so,
            removal::a_deleted_job_is_gone,
            removal::a_job_that_has_not_ended_is_not_deleted,
            removal::p23_input_and_rejects_stay_while_a_job_refers_to_them,
            removal::p23_the_last_job_takes_its_input_along,
            removal::jobs_past_their_retention_are_purged_oldest_first,
            removal::a_tombstone_is_forgotten_in_time,
            removal::p2_what_was_deleted_stays_deleted_under_another_boot,
            boot::p2_another_boot_raises_the_epoch_once,
            boot::p8_leases_of_another_boot_have_lapsed,
            boot::p8_a_back_off_of_another_boot_is_over,
            boot::p8_a_task_sent_under_another_boot_is_sent_again,
            boot::p8_the_rescuer_of_another_boot_is_gone,
            boot::p8_uploads_of_another_boot_have_lapsed,
            boot::p2_ends_and_bounds_outlast_a_boot,
            boot::p8_progress_shows_under_another_boot,
            report_wait::p22_a_parked_report_wakes_with_the_last_job_it_awaits,
            report_wait::p22_a_park_on_jobs_that_had_ended_is_due_at_once,
            report_wait::p22_a_job_that_is_unknown_or_has_ended_is_not_awaited,
            report_wait::p22_every_end_of_an_awaited_job_wakes,
            report_wait::p22_one_end_wakes_all_who_wait_for_it,
            report_wait::p21_the_bound_is_kept_once_it_was_taken,
            report_wait::p21_a_missing_bound_is_no_bound_to_wait_for,
            report_wait::p22_only_what_is_parked_is_woken,
            report_wait::p22_only_what_is_parked_is_failed,
            report_wait::p22_queued_reports_past_their_deadline_fail,
            report_wait::p22_an_expired_report_wakes_who_waits_for_it,
            report_wait::p8_a_jump_of_the_wall_clock_expires_no_report,
            report_wait::p8_what_remains_of_a_deadline_counts_under_another_boot,
            mail::p7_the_mail_follows_the_report_in_one_transaction,
            mail::a_report_without_recipients_has_no_mail,
            mail::a_refused_mail_leaves_the_report,
            mail::a_report_that_fails_is_not_mailed,
            mail::p14_a_cancelled_report_is_not_mailed,
            mail::p22_a_mail_that_is_not_taken_in_time_says_so,
            mail::who_has_got_a_mail_is_known_to_its_retries,
            mail::p23_who_has_got_a_mail_is_forgotten_with_the_last_job,
            schedules::p2_a_schedule_is_kept_until_it_is_removed,
            schedules::there_are_so_many_schedules_and_no_more,
            schedules::the_configured_schedule_follows_the_configuration,
            schedules::a_slot_that_is_fired_becomes_a_job,
            schedules::processes_that_fire_a_slot_together_make_one_job,
            schedules::p8_a_clock_that_steps_back_fires_no_slot_again,
            schedules::a_slot_can_be_left_out,
            schedules::p4_a_slot_waits_while_nothing_is_admitted,
            list::a_list_is_in_the_order_of_acceptance,
            list::pages_of_a_list_neither_repeat_nor_leave_out,
            list::a_filter_shows_what_it_names,
            list::a_label_finds_its_jobs,
            list::a_listed_job_lacks_receipts_attempts_and_rows,
            list::the_rows_of_a_report_keep_their_order,
            list::a_job_holds_at_most_the_rows_asked_for,
            list::rejects_are_read_a_page_at_a_time,
            list::unknown_ids_are_told_apart,
            list::open_jobs_are_counted_by_kind_and_state,
            changes::each_change_is_seen_in_its_order,
            changes::a_feed_passes_over_what_nobody_waited_for,
            changes::a_feed_that_looks_late_misses_no_job,
            changes::what_changes_nothing_is_not_in_the_feed,
            changes::a_feed_sees_what_another_process_changes,
            changes::every_end_is_seen_while_many_jobs_move_at_once,
        );
    };
    (@tests $fixture:expr; $($topic:ident :: $case:ident,)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::testing::job_store::$topic::$case($fixture).await;
            }
        )+
    };
}
