// Opens `/docs`, sees that nothing is asked for elsewhere, and submits, imports, waits and reads a report, each
// request as its example stands.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const service = process.env.CENSUS_URL;
const outside = [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});
try {
  const page = await open(browser);
  await walk(page);
  assert.deepEqual(outside, [], "nothing is asked for outside of the service");
  console.log("swagger: ok");
} finally {
  await browser.close();
}

async function open(browser) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 1400 } });
  page.setDefaultTimeout(60_000);
  await page.route("**", (route) => {
    const url = route.request().url();
    if (url.startsWith(`${service}/`) || /^(data|blob):/.test(url)) return route.continue();
    outside.push(url);
    return route.abort();
  });
  page.on("pageerror", (error) => outside.push(`the page failed: ${error}`));
  await page.goto(`${service}/docs`);
  await page.locator(".opblock").first().waitFor();
  await page.screenshot({ path: "docs.png" });
  return page;
}

async function walk(page) {
  const samples = await tryOut(page, "Submit-submitSamples", 202);
  const submitted = await tryOut(page, "Submit-submitEvents", 202);
  const imported = await tryOut(page, "Submit-importEvents", 202, { file: process.env.CENSUS_EVENTS });
  for (const { id } of [samples, submitted, imported]) {
    const job = await tryOut(page, "Jobs-getJob", 200, { id });
    assert.match(job.state, /succeeded/);
  }
  await page.screenshot({ path: "job.png" });

  const list = await tryOut(page, "Jobs-listJobs", 200);
  assert.equal(list.jobs.length, 3);

  const { id } = await tryOut(page, "Report-createReport", 202);
  assert.equal((await tryOut(page, "Jobs-getJob", 200, { id })).state, "succeeded");
  const report = await tryOut(page, "Jobs-getJobResult", 200, { id });
  assert.equal(report.events, 13, "ten samples, the example's event, two of the file");
  await page.screenshot({ path: "report.png" });
}

/** Executes one operation with its examples and with what is given, and answers the body that the page shows. */
async function tryOut(page, operation, status, { id, file } = {}) {
  const block = page.locator(`#operations-${operation}`);
  if (!(await block.locator(".opblock-body").isVisible())) {
    await block.locator(".opblock-summary-control").click();
  }
  // Swagger UI clears the answer before a request; without that an earlier one could be taken for this one.
  if (await block.locator(".btn-clear").isVisible()) await block.locator(".btn-clear").click();
  if (id) await block.locator('[data-param-name="id"] input').fill(id);
  if (file) await block.locator('input[type="file"]').setInputFiles(file);
  await block.locator("button.execute").click();
  const answer = block.locator(".live-responses-table .response");
  await answer.locator(".response-col_status", { hasText: String(status) }).waitFor();
  const body = JSON.parse(await answer.locator("code").first().innerText());
  await block.scrollIntoViewIfNeeded();
  return body;
}
