//! What a report shows: places, spellings, distinct users, spans of time, and the order of rows (contract §2).

use super::{Folder, ProjectionUnderTest, event, query, row};
use crate::job::GroupBy;
use crate::ports::{FoldEvent, ReportQuery};
use crate::time::Timestamp;

const LEVELS: [GroupBy; 3] = [GroupBy::City, GroupBy::State, GroupBy::Country];

/// Nothing has been folded yet.
pub async fn an_empty_projection_makes_an_empty_report(subject: &dyn ProjectionUnderTest) {
    let folder = Folder::start(subject).await;
    for group_by in LEVELS {
        let report = folder.report(query(group_by)).await;
        assert_eq!((report.users, report.events, report.rows_total), (0, 0, 0));
        assert_eq!((report.rows, report.as_of), (Vec::new(), Vec::new()));
        assert_eq!(report.generated_at, Timestamp::from_millis(7));
    }
}

/// Over all events of the place, whatever batch they came in, and not counting duplicates.
pub async fn the_spelling_shown_is_the_most_frequent_one(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let koeln = |n, state, city| event(n, "a", ["DE", state, city]);
    folder
        .fold(vec![
            koeln(0, "NRW", "KÖLN"),
            koeln(0, "NRW", "KÖLN"),
            koeln(0, "NRW", "KÖLN"),
        ])
        .await;
    folder
        .fold(vec![koeln(1, "nrw", "Köln"), koeln(2, "nrw", "Köln")])
        .await;
    let report = folder.report(query(GroupBy::City)).await;
    assert_eq!(report.rows, [row(["DE", "nrw", "Köln"], 1, 3)]);
    let report = folder.report(query(GroupBy::State)).await;
    assert_eq!(report.rows, [row(["DE", "nrw", ""], 1, 3)]);
}

/// By code points.
pub async fn of_equally_frequent_spellings_the_smallest_is_shown(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let cities = ["baltimore", "Baltimore", "BALTIMORE", "baltimore", "Baltimore"];
    let events = cities
        .into_iter()
        .zip(0..)
        .map(|(city, n)| event(n, "a", ["US", "MD", city]));
    folder.fold(events.collect()).await;
    let report = folder.report(query(GroupBy::City)).await;
    assert_eq!(report.rows, [row(["US", "MD", "Baltimore"], 1, 5)]);
}

/// Springfield is not Springfield.
pub async fn cities_of_one_name_in_two_states_are_two_places(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder
        .fold(vec![
            event(0, "a", ["US", "MA", "Springfield"]),
            event(1, "a", ["US", "IL", "Springfield"]),
            event(2, "b", ["US", "IL", "Springfield"]),
        ])
        .await;
    let report = folder.report(query(GroupBy::City)).await;
    let rows = [
        row(["US", "IL", "Springfield"], 2, 2),
        row(["US", "MA", "Springfield"], 1, 1),
    ];
    assert_eq!(report.rows, rows);
    assert_eq!((report.users, report.events, report.rows_total), (2, 3, 2));
}

/// Absent is a value of its own, before all others.
pub async fn a_place_without_a_state_is_apart(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder
        .fold(vec![
            event(0, "a", ["DE", "Hessen", "Neustadt"]),
            event(1, "a", ["DE", "", "Neustadt"]),
            event(2, "b", ["DE", "", "Berlin"]),
        ])
        .await;
    let report = folder.report(query(GroupBy::City)).await;
    let rows = [
        row(["DE", "", "Berlin"], 1, 1),
        row(["DE", "", "Neustadt"], 1, 1),
        row(["DE", "Hessen", "Neustadt"], 1, 1),
    ];
    assert_eq!(report.rows, rows);
    let report = folder.report(query(GroupBy::State)).await;
    assert_eq!(
        report.rows,
        [row(["DE", "", ""], 2, 2), row(["DE", "Hessen", ""], 1, 1)]
    );
}

/// A user in two cities of a state is one user of the state.
pub async fn users_are_distinct_at_each_level(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder
        .fold(vec![
            event(0, "a", ["US", "OH", "Akron"]),
            event(1, "a", ["US", "OH", "Cleveland"]),
            event(2, "a", ["US", "OH", "Akron"]),
        ])
        .await;
    folder
        .fold(vec![
            event(3, "a", ["US", "OH", "Akron"]),
            event(4, "a", ["US", "MI", "Flint"]),
        ])
        .await;
    folder
        .fold(vec![
            event(5, "a", ["CA", "ON", "Ottawa"]),
            event(6, "b", ["US", "OH", "Cleveland"]),
        ])
        .await;
    for span in [false, true] {
        let query = |group_by| ReportQuery {
            from: span.then_some(Timestamp::MIN),
            ..query(group_by)
        };
        let report = folder.report(query(GroupBy::City)).await;
        assert_eq!((report.users, report.events), (2, 7));
        assert_eq!(report.rows[0], row(["US", "OH", "Cleveland"], 2, 2));
        let report = folder.report(query(GroupBy::State)).await;
        let rows = [
            row(["US", "OH", ""], 2, 5),
            row(["CA", "ON", ""], 1, 1),
            row(["US", "MI", ""], 1, 1),
        ];
        assert_eq!((report.users, report.rows.as_slice()), (2, rows.as_slice()));
        let report = folder.report(query(GroupBy::Country)).await;
        let rows = [row(["US", "", ""], 2, 6), row(["CA", "", ""], 1, 1)];
        assert_eq!((report.users, report.rows.as_slice()), (2, rows.as_slice()));
    }
}

/// To the millisecond, at both ends, and over all of time where an end is open.
pub async fn from_is_included_and_to_is_not(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let times = [
        Timestamp::MIN.as_millis(),
        -1,
        0,
        1,
        1,
        2,
        Timestamp::MAX.as_millis(),
    ];
    let events = times
        .into_iter()
        .zip(0..)
        .map(|(ms, n)| at(ms, event(n, "a", ["US", "OH", "Akron"])));
    folder.fold(events.collect()).await;
    for (from, to, counted) in [
        (None, None, 7),
        (Some(0), Some(1), 1),
        (Some(1), Some(2), 2),
        (Some(0), Some(3), 4),
        (Some(1), None, 4),
        (None, Some(0), 2),
    ] {
        let report = folder.report(span(from, to)).await;
        assert_eq!(report.events, counted, "{from:?} to {to:?}");
        assert_eq!(report.rows, [row(["US", "OH", "Akron"], 1, counted)]);
    }
}

/// Places without events in the span have no row.
pub async fn a_span_without_events_is_empty(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    folder.fold(vec![event(0, "a", ["US", "OH", "Akron"])]).await;
    let report = folder.report(span(Some(1), None)).await;
    assert_eq!((report.users, report.events, report.rows_total), (0, 0, 0));
    assert_eq!(report.as_of[0].next_offset, 1);
}

/// Country, state, city as they are shown.
pub async fn rows_with_as_many_users_stand_in_the_order_of_their_names(subject: &dyn ProjectionUnderTest) {
    let mut folder = Folder::start(subject).await;
    let places = [
        ["US", "OH", "Zanesville"],
        ["US", "OH", "Akron"],
        ["US", "MI", "Flint"],
        ["US", "", "Flint"],
        ["DE", "Hessen", "köln"],
        ["DE", "Hessen", "Zell"],
    ];
    let events = places.into_iter().zip(0..).map(|(place, n)| event(n, "a", place));
    folder.fold(events.collect()).await;
    folder.fold(vec![event(9, "b", places[0])]).await;
    let report = folder.report(query(GroupBy::City)).await;
    let rows = [
        row(places[0], 2, 2),
        row(places[5], 1, 1),
        row(places[4], 1, 1),
        row(places[3], 1, 1),
        row(places[2], 1, 1),
        row(places[1], 1, 1),
    ];
    assert_eq!(report.rows, rows);
}

fn at(ms: i64, event: FoldEvent) -> FoldEvent {
    FoldEvent {
        time: Timestamp::from_millis(ms),
        ..event
    }
}

fn span(from: Option<i64>, to: Option<i64>) -> ReportQuery {
    ReportQuery {
        from: from.map(Timestamp::from_millis),
        to: to.map(Timestamp::from_millis),
        ..query(GroupBy::City)
    }
}
