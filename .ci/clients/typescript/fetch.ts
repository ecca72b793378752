// Submits, imports, waits, reads rejects and a report, and meets a 422, through openapi-fetch.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Job = components["schemas"]["Job"];

const client = createClient<paths>({ baseUrl: process.env.CENSUS_URL! });

const submitted = await client.POST("/submit", { body: { events: [event("Köln"), event("köln ")] } });
assert(submitted.data, "the submit is accepted");
assert.equal(submitted.data.state, "queued");

const imported = await client.POST("/import", {
  params: { query: { format: "ndjson" } },
  body: readFileSync(process.env.CENSUS_EVENTS!, "utf8"),
  bodySerializer: (body) => body,
  headers: { "Content-Type": "application/octet-stream" },
});
assert(imported.data, "the import is accepted");

assert.equal((await ended(submitted.data.id)).state, "succeeded");
const job = await ended(imported.data.id);
assert.equal(job.state, "partially_succeeded");
assert.deepEqual([job.progress?.received, job.progress?.rejected], [3, 1]);

const rejects = await client.GET("/jobs/{id}/rejects", {
  params: { path: { id: job.id } },
  parseAs: "text",
});
assert.match(rejects.data ?? "", /unknown_state/);

const report = await client.POST("/report", {
  body: { group_by: "city", after: [submitted.data.id, imported.data.id] },
});
assert(report.data, "the report is accepted");
assert.equal((await ended(report.data.id)).state, "succeeded");
const result = await client.GET("/jobs/{id}/result", { params: { path: { id: report.data.id } } });
assert(result.data && typeof result.data === "object", "the result is JSON");
assert.deepEqual(
  result.data.rows?.map(({ country, city, users, events }) => [country, city, users, events]),
  [["US", "Austin", 2, 2], ["DE", "Köln", 1, 2]],
);

const refused = await client.POST("/submit", { body: { events: [event("")] } });
assert.equal(refused.response.status, 422);
assert.equal(refused.error?.code, "invalid");
assert.equal(refused.error?.errors?.[0]?.pointer, "#/events/0/address/city");
console.log("typescript, openapi-fetch: ok");

function event(city: string): components["schemas"]["UserEvent"] {
  return { id: "ann", address: { city, country: "Germany" }, datetime: "2026-11-23T10:00:00Z" };
}

async function ended(id: string): Promise<Job> {
  for (let round = 0; round < 6; round++) {
    const { data } = await client.GET("/jobs/{id}", { params: { path: { id }, query: { wait: 10 } } });
    assert(data, `the job ${id} can be read`);
    if (data.ended_at) return data;
  }
  throw new Error(`job ${id} did not end within a minute`);
}
