// Shows what a completion at the cursor sends to the model; the prompt and the reasons for its parts are the server's.

import { l10n, window } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

import { SCHEMES } from "./configuration";
import { showPage } from "./pages";
import { tell } from "./telling";

export const SHOW_CONTEXT = "instant.showContext";

/** `ask` takes a document and a position; without them the server shows the last place it was asked for. */
export async function showContext(client: LanguageClient, ask: (place: unknown[]) => unknown): Promise<unknown> {
  const editor = window.activeTextEditor;
  // A file of which nothing is sent says so, and shows no other file's prompt.
  const place =
    editor !== undefined && SCHEMES.includes(editor.document.uri.scheme)
      ? [
          client.code2ProtocolConverter.asUri(editor.document.uri),
          client.code2ProtocolConverter.asPosition(editor.selection.active),
        ]
      : [];
  const shown = (await ask(place)) as { markdown: string } | null;
  if (shown === null) {
    tell(l10n.t("Nothing is sent from here: open a file of which something may be sent."));
    return shown;
  }
  await showPage("What Instant sends.md", shown.markdown);
  return shown;
}
