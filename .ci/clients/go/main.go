// Submits, imports, waits, reads rejects and a report, and meets a 422, through the generated client.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	census "github.com/GIT_USER_ID/GIT_REPO_ID"
)

var ctx = context.Background()

func main() {
	configuration := census.NewConfiguration()
	configuration.Servers = census.ServerConfigurations{{URL: os.Getenv("CENSUS_URL")}}
	client := census.NewAPIClient(configuration)

	submitted, _, err := client.SubmitAPI.SubmitEvents(ctx).SubmitRequest(events("Köln", "köln ")).Execute()
	none(err)
	equal(submitted.State, census.JOBSTATE_QUEUED)
	file, err := os.Open(os.Getenv("CENSUS_EVENTS"))
	none(err)
	imported, _, err := client.SubmitAPI.ImportEvents(ctx).Format(census.IMPORTFORMAT_NDJSON).Body(file).Execute()
	none(err)

	equal(ended(client, submitted.Id).State, census.JOBSTATE_SUCCEEDED)
	job := ended(client, imported.Id)
	equal(job.State, census.JOBSTATE_PARTIALLY_SUCCEEDED)
	equal(job.Progress.Received, int64(3))
	equal(job.Progress.Rejected, int64(1))

	rejects, _, err := client.JobsAPI.ListJobRejects(ctx, job.Id).Execute()
	none(err)
	equal(strings.Contains(rejects, "unknown_state"), true)

	request := census.NewReportRequest()
	request.SetGroupBy(census.GROUPBY_CITY)
	request.SetAfter([]string{submitted.Id, imported.Id})
	report, _, err := client.ReportAPI.CreateReport(ctx).ReportRequest(*request).Execute()
	none(err)
	equal(ended(client, report.Id).State, census.JOBSTATE_SUCCEEDED)
	result, _, err := client.JobsAPI.GetJobResult(ctx, report.Id).Execute()
	none(err)
	var rows []string
	for _, row := range result.Rows {
		rows = append(rows, fmt.Sprintln(row.Country, row.GetCity(), row.Users, row.Events))
	}
	equal(rows, []string{"US Austin 2 2\n", "DE Köln 1 2\n"})

	_, _, err = client.SubmitAPI.SubmitEvents(ctx).SubmitRequest(events("")).Execute()
	var refusal *census.GenericOpenAPIError
	equal(errors.As(err, &refusal), true)
	problem := refusal.Model().(census.Problem)
	equal(problem.GetStatus(), int64(422))
	equal(problem.Code, "invalid")
	equal(problem.Errors[0].Pointer, "#/events/0/address/city")
	fmt.Println("go: ok")
}

func events(cities ...string) census.SubmitRequest {
	var events []census.UserEvent
	for _, city := range cities {
		address := census.NewEventAddress(city, "Germany")
		events = append(events, *census.NewUserEvent(*address, "2026-11-23T10:00:00Z", "ann"))
	}
	return *census.NewSubmitRequest(events)
}

func ended(client *census.APIClient, id string) *census.Job {
	for range 6 {
		job, _, err := client.JobsAPI.GetJob(ctx, id).Wait(10).Execute()
		none(err)
		if job.EndedAt != nil {
			return job
		}
	}
	panic("job " + id + " did not end within a minute")
}

func none(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		panic(fmt.Sprintf("expected %v, found %v", expected, actual))
	}
}
