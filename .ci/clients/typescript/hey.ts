// Submits, imports, waits, reads rejects and a report, and meets a 422, through hey-api's client.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { client } from "./hey/client.gen.js";
import {
  createReport,
  getJob,
  getJobResult,
  importEvents,
  listJobRejects,
  submitEvents,
  type Job,
  type UserEvent,
} from "./hey/index.js";

client.setConfig({ baseUrl: process.env.CENSUS_URL! as `${string}://${string}` });

const submitted = await submitEvents({ body: { events: [event("Köln"), event("köln ")] } });
assert(submitted.data, "the submit is accepted");
assert.equal(submitted.data.state, "queued");

const file = new Blob([readFileSync(process.env.CENSUS_EVENTS!)]);
const imported = await importEvents({ query: { format: "ndjson" }, body: file });
assert(imported.data, "the import is accepted");

assert.equal((await ended(submitted.data.id)).state, "succeeded");
const job = await ended(imported.data.id);
assert.equal(job.state, "partially_succeeded");
assert.deepEqual([job.progress?.received, job.progress?.rejected], [3, 1]);

const rejects = await listJobRejects({ path: { id: job.id }, parseAs: "text" });
assert.match(String(rejects.data), /unknown_state/);

const report = await createReport({
  body: { group_by: "city", after: [submitted.data.id, imported.data.id] },
});
assert(report.data, "the report is accepted");
assert.equal((await ended(report.data.id)).state, "succeeded");
const result = await getJobResult({ path: { id: report.data.id } });
assert(result.data && typeof result.data === "object", "the result is JSON");
// The other program has submitted the same users, so only users are the same again.
assert.deepEqual(
  result.data.rows?.map(({ country, city, users }) => [country, city, users]),
  [["US", "Austin", 2], ["DE", "Köln", 1]],
);

const refused = await submitEvents({ body: { events: [event("")] } });
assert.equal(refused.response?.status, 422);
assert.equal(refused.error?.code, "invalid");
assert.equal(refused.error?.errors?.[0]?.pointer, "#/events/0/address/city");
console.log("typescript, hey-api: ok");

function event(city: string): UserEvent {
  return { id: "ann", address: { city, country: "Germany" }, datetime: "2026-11-23T10:00:00Z" };
}

async function ended(id: string): Promise<Job> {
  for (let round = 0; round < 6; round++) {
    const { data } = await getJob({ path: { id }, query: { wait: 10 } });
    assert(data, `the job ${id} can be read`);
    if (data.ended_at) return data;
  }
  throw new Error(`job ${id} did not end within a minute`);
}
