// Shows the server's report: one page without scripts, in a view that may run none and fetch nothing.

import { readFile } from "node:fs/promises";
import { l10n, ViewColumn, window } from "vscode";

import { tell } from "./telling";

export const REPORT = "instant.report";

/** The server's answer: where the page lies on its machine, which is the extension's too, or why there is none. */
interface Reported {
  path?: string;
  message?: string;
}

export async function showReport(result: unknown): Promise<void> {
  const { path, message } = result as Reported;
  if (path === undefined) {
    tell(message ?? l10n.t("There is no report."));
    return;
  }
  const html = await readFile(path, "utf8");
  const view = window.createWebviewPanel("instant-report", l10n.t("Instant Report"), ViewColumn.Active, {
    enableScripts: false,
    localResourceRoots: [],
  });
  view.webview.html = html;
}
