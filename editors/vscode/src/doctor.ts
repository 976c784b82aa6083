// Shows what the server's doctor has found; the checks are the server's.

import { extensions, l10n, ProgressLocation, window } from "vscode";

import { showPage } from "./pages";

export const DOCTOR = "instant.doctor";
export const EXTENSION_ID = "instant-lsp.instant-lsp";

/** What the server is told of who asks. */
interface Asker {
  editor: string;
  version: string;
}

/** Has everything checked, which takes as long as the model takes to answer, and shows the page. */
export async function examine(ask: (asker: Asker) => unknown): Promise<unknown> {
  const version = String(extensions.getExtension(EXTENSION_ID)?.packageJSON.version ?? "unknown");
  const where = { location: ProgressLocation.Window, title: l10n.t("Instant: the doctor is looking") };
  const found = await window.withProgress(where, async () => ask({ editor: "VS Code", version }));
  await showPage("Instant Doctor.md", (found as { text: string }).text);
  return found;
}
