// A developer who asks: hovers, turns thinking on, has code explained and an error fixed, in VS Code by keys and clicks.
//
// usage: node drive_vscode_words.mjs TASK.json, where the task is what vscode.py's `_task` returns.

import { command, explain, picture, run, seen, step, task, untilStatus } from "./vscode_session.mjs";

const ERROR_MARK = ".editor-instance .squiggly-error";

run(async (page) => {
  await untilStatus(page, "ready");
  await page.locator(".editor-instance .view-lines").first().click();
  await page.locator(ERROR_MARK).first().waitFor({ state: "attached", timeout: task.ready_ms });
  await picture(page, "error");
  step("the checker marks an error");
  await hover(page);
  await think(page);
  await follow(page);
  await fix(page);
  await generate(page);
  await examine(page);
  await report(page);
});

/** Hovers by the keyboard until the explanation is there and says where the name is defined; `seen.hovers` are all texts that were shown. */
async function hover(page) {
  seen.hovers = [];
  await goTo(page, task.hover_at);
  for (const deadline = Date.now() + task.ready_ms; Date.now() < deadline; ) {
    await command(page, "Show or Focus Hover");
    const shown = page.locator(".monaco-hover:visible .hover-contents, .monaco-hover:visible .monaco-hover-content");
    const isThere = await shown.first().waitFor({ timeout: 5_000 }).then(() => true, () => false);
    await page.waitForTimeout(500); // our part may come after the checker's own
    const text = isThere ? (await shown.allInnerTexts()).join("\n") : "";
    if (text !== seen.hovers.at(-1)) seen.hovers.push(text);
    if (text.includes("(instant)") && text.includes(task.link)) {
      await picture(page, "hover");
      await page.keyboard.press("Escape");
      step("hover explains");
      return;
    }
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.locator(".editor-instance .view-lines").first().click();
    await goTo(page, task.hover_at);
  }
  throw new Error(`no hover explains, but: ${JSON.stringify(seen.hovers)}`);
}

/** Turns thinking on, has the function explained by the thinking model, and turns it off again. */
async function think(page) {
  await command(page, "Instant: Toggle Thinking");
  const item = page.locator(".statusbar-item", { hasText: "(thinking)" });
  await item.waitFor({ timeout: task.ready_ms });
  seen.thinking = (await item.innerText()).trim();
  await goTo(page, task.explain_at);
  const { progress, text, frame } = await explain(page, "thinking");
  Object.assign(seen, { progress, explanation: text });
  seen.page = await frame.evaluate(pageParts);
  await command(page, "Instant: Toggle Thinking");
  await item.waitFor({ state: "detached" });
  seen.frame = frame;
}

/** What of a page could reach out of it. Runs in the page. */
function pageParts() {
  const all = (selector, name) => [...document.querySelectorAll(selector)].map((one) => one.getAttribute(name) ?? "");
  return { images: all("img", "src"), links: all("main a", "href"), text: document.querySelector("main").innerText };
}

/** Follows the link to a definition in the view of the explanation. */
async function follow(page) {
  const { frame } = seen;
  delete seen.frame;
  await frame.locator("a", { hasText: task.link }).first().click();
  const [name] = task.link.split(":");
  await page.locator(".tab.active", { hasText: name }).first().waitFor();
  seen.cursor = (await page.locator("#status\\.editor\\.selection, [id='status.editor.selection']").first().innerText()).trim();
  await picture(page, "followed");
  step("the link was followed");
}

/** Fixes what the checker marks by the light bulb's menu, and waits until the mark is gone. */
async function fix(page) {
  await page.locator(".tab", { hasText: task.file }).first().click();
  await page.locator(".editor-instance .view-lines").first().click();
  await goTo(page, task.fix_at);
  const offered = await offers(page, "Fix with");
  seen.offered = (await offered.allInnerTexts()).map((text) => text.trim());
  await picture(page, "offered");
  await offered.filter({ hasText: "Fix with" }).first().click();
  await page.locator(ERROR_MARK).first().waitFor({ state: "detached", timeout: task.ready_ms });
  step("fixed");
  await page.keyboard.press("Control+S");
  await page.locator(".tab.active:not(.dirty)").waitFor();
  await picture(page, "fixed");
}

/** What the light bulb's menu has once it offers `title`: it may stay away while the focus is on its way to the editor. */
async function offers(page, title) {
  const offered = page.locator(".action-widget .monaco-list-row");
  for (const deadline = Date.now() + task.ready_ms; Date.now() < deadline; ) {
    await page.keyboard.press("Control+.");
    const isThere = offered.filter({ hasText: title }).first().waitFor({ timeout: 5_000 });
    if (await isThere.then(() => true, () => false)) return offered;
    await page.keyboard.press("Escape");
  }
  throw new Error(`"${title}" was never offered`);
}

/** Has tests generated for the definition that was followed to, and saves the file that is shown then. */
async function generate(page) {
  const [name] = task.link.split(":");
  await page.locator(".tab", { hasText: name }).first().click();
  await page.locator(".editor-instance .view-lines").first().click();
  await goTo(page, task.tests_at);
  await command(page, "Instant: Generate Tests");
  await page.locator(".tab.active", { hasText: task.tests_in }).first().waitFor({ timeout: task.ready_ms });
  await picture(page, "tests");
  await page.keyboard.press("Control+S");
  await page.locator(".tab.active:not(.dirty)").waitFor();
  step("tests were generated");
}

/** Has the doctor look, and reads the first lines of its page. */
async function examine(page) {
  await command(page, "Instant: Doctor");
  await page.locator(".tab.active", { hasText: "Instant Doctor" }).first().waitFor({ timeout: task.ready_ms });
  const lines = page.locator(".editor-group-container.active .view-lines", { hasText: "Doctor" }).first();
  await lines.waitFor();
  seen.doctor = (await lines.innerText()).replaceAll("\u00a0", " ");
  await picture(page, "doctor");
  step("the doctor has looked");
}

/** Opens the report, which VS Code shows in a frame within a frame. */
async function report(page) {
  await command(page, "Instant: Report");
  await page.locator(".tab.active", { hasText: "Instant Report" }).first().waitFor({ timeout: task.ready_ms });
  const shown = page.frameLocator("iframe.webview.ready").last().frameLocator("#active-frame").locator("body");
  await shown.getByText("Requests saved").first().waitFor();
  seen.report = await shown.innerText();
  await picture(page, "report");
  step("the report is shown");
}

/** Puts the cursor at `line:column`; a box that is confirmed before it has read its line goes nowhere. */
async function goTo(page, place) {
  const [line, column] = place.split(":");
  const there = page.locator(".statusbar-item", { hasText: new RegExp(`Ln ${line}, Col ${column}\\b`) }).first();
  for (const deadline = Date.now() + task.ready_ms; !(await there.isVisible()); ) {
    if (Date.now() > deadline) throw new Error(`the cursor never came to ${place}`);
    await page.keyboard.press("Control+G");
    await page.locator(".quick-input-widget input").first().waitFor();
    await page.keyboard.type(place, { delay: 30 });
    await page.keyboard.press("Enter");
    await there.waitFor({ timeout: 5_000 }).catch(() => page.keyboard.press("Escape"));
  }
}
