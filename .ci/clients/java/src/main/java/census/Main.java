package census;

import census.client.ApiClient;
import census.client.ApiException;
import census.client.JSON;
import census.client.api.JobsApi;
import census.client.api.ReportApi;
import census.client.api.SubmitApi;
import census.client.model.EventAddress;
import census.client.model.GroupBy;
import census.client.model.ImportFormat;
import census.client.model.Job;
import census.client.model.JobState;
import census.client.model.Problem;
import census.client.model.ReportRequest;
import census.client.model.SubmitRequest;
import census.client.model.UserEvent;
import java.io.File;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;

/** Submits, imports, waits, reads rejects and a report, and meets a 422, through the generated client. */
public final class Main {
  private static final ApiClient CLIENT = new ApiClient();
  private static final JobsApi JOBS = new JobsApi(CLIENT);

  public static void main(String[] arguments) throws ApiException {
    CLIENT.setBasePath(System.getenv("CENSUS_URL"));
    var submit = new SubmitApi(CLIENT);

    var submitted = submit.submitEvents(events("Köln", "köln "), null, null);
    equal(submitted.getState(), JobState.QUEUED);
    var file = new File(System.getenv("CENSUS_EVENTS"));
    var imported = submit.importEvents(ImportFormat.NDJSON, file, null, null);

    equal(ended(submitted.getId()).getState(), JobState.SUCCEEDED);
    var job = ended(imported.getId());
    equal(job.getState(), JobState.PARTIALLY_SUCCEEDED);
    equal(job.getProgress().getReceived(), 3L);
    equal(job.getProgress().getRejected(), 1L);

    var rejects = JOBS.listJobRejects(job.getId());
    equal(rejects.contains("unknown_state"), true);

    var request =
        new ReportRequest().groupBy(GroupBy.CITY).after(List.of(submitted.getId(), imported.getId()));
    var report = new ReportApi(CLIENT).createReport(null, null, request);
    equal(ended(report.getId()).getState(), JobState.SUCCEEDED);
    var rows =
        JOBS.getJobResult(report.getId()).getRows().stream()
            .map(row -> List.of(row.getCountry(), row.getCity(), row.getUsers(), row.getEvents()))
            .collect(Collectors.toList());
    equal(rows, List.of(List.of("US", "Austin", 2L, 2L), List.of("DE", "Köln", 1L, 2L)));

    var problem = refused(submit);
    equal(problem.getCode(), "invalid");
    equal(problem.getErrors().get(0).getPointer(), "#/events/0/address/city");
    System.out.println("java: ok");
  }

  private static Problem refused(SubmitApi submit) {
    try {
      submit.submitEvents(events(""), null, null);
    } catch (ApiException refusal) {
      equal(refusal.getCode(), 422);
      return JSON.deserialize(refusal.getResponseBody(), Problem.class);
    }
    throw new AssertionError("a blank city was accepted");
  }

  private static SubmitRequest events(String... cities) {
    var request = new SubmitRequest();
    for (var city : cities) {
      var address = new EventAddress().city(city).country("Germany");
      request.addEventsItem(new UserEvent().id("ann").address(address).datetime("2026-11-23T10:00:00Z"));
    }
    return request;
  }

  private static Job ended(UUID id) throws ApiException {
    for (int round = 0; round < 6; round++) {
      var job = JOBS.getJob(id, 10L, null, null);
      if (job.getEndedAt() != null) {
        return job;
      }
    }
    throw new AssertionError("job " + id + " did not end within a minute");
  }

  private static void equal(Object actual, Object expected) {
    if (!expected.equals(actual)) {
      throw new AssertionError("expected " + expected + ", found " + actual);
    }
  }
}
