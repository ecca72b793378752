"""Submits, imports, waits, reads rejects and a report, and meets a 422, through the generated client."""

import os
from datetime import datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from uuid import UUID

from census_client import Client
from census_client.api.jobs import get_job, get_job_result, list_job_rejects
from census_client.api.report import create_report
from census_client.api.submit import import_events, submit_events
from census_client.models import (
    EventAddress,
    GroupBy,
    ImportFormat,
    Job,
    JobResult,
    JobState,
    Problem,
    ReportRequest,
    SubmitRequest,
    UserEvent,
)
from census_client.types import File


def main() -> None:
    client = Client(base_url=os.environ["CENSUS_URL"], raise_on_unexpected_status=True)

    submitted = submit_events.sync(client=client, body=SubmitRequest(events=[event("Köln"), event("köln ")]))
    assert isinstance(submitted, Job) and submitted.state is JobState.QUEUED, submitted

    file = File(payload=BytesIO(Path(os.environ["CENSUS_EVENTS"]).read_bytes()))
    imported = import_events.sync(client=client, body=file, format_=ImportFormat.NDJSON)
    assert isinstance(imported, Job), imported

    assert ended(client, submitted.id).state is JobState.SUCCEEDED
    job = ended(client, imported.id)
    assert job.state is JobState.PARTIALLY_SUCCEEDED, job
    assert job.progress and (job.progress.received, job.progress.rejected) == (3, 1), job
    assert isinstance(job.ended_at, datetime)

    rejects = list_job_rejects.sync(client=client, id=job.id)
    assert isinstance(rejects, str) and "unknown_state" in rejects, rejects

    body = ReportRequest(group_by=GroupBy.CITY, after=[submitted.id, imported.id])
    report = create_report.sync(client=client, body=body)
    assert isinstance(report, Job), report
    assert ended(client, report.id).state is JobState.SUCCEEDED
    result = get_job_result.sync(client=client, id=report.id)
    assert isinstance(result, JobResult) and result.rows, result
    rows = {(row.country, row.city): (row.users, row.events) for row in result.rows}
    assert rows == {("US", "Austin"): (2, 2), ("DE", "Köln"): (1, 2)}, rows

    refused = submit_events.sync_detailed(client=client, body=SubmitRequest(events=[event("")]))
    problem = refused.parsed
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and isinstance(problem, Problem), refused
    assert problem.code == "invalid" and problem.errors, problem
    assert (problem.errors[0].pointer, problem.errors[0].code) == ("#/events/0/address/city", "blank"), problem
    print("python: ok")


def event(city: str) -> UserEvent:
    return UserEvent(id="ann", address=EventAddress(city=city, country="Germany"), datetime_="2026-11-23 10:00:00")


def ended(client: Client, job_id: UUID) -> Job:
    for _ in range(6):
        job = get_job.sync(client=client, id=job_id, wait=10)
        assert isinstance(job, Job), job
        if job.ended_at:
            return job
    raise TimeoutError(f"job {job_id} did not end within a minute")


main()
