// Tells the server where the cursor has come to rest, so that it can prepare; what it does with that is its business.

import { type Disposable, window, workspace } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

import { SCHEMES } from "./configuration";

const REST_MS = 100;

/** Sends one notification when the cursor of a document has not moved for a moment; none while completions are paused. */
export function tellCursor(client: LanguageClient, isPaused: () => boolean): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const moved = window.onDidChangeTextEditorSelection(({ textEditor, selections }) => {
    clearTimeout(timer);
    const { document } = textEditor;
    const position = selections[0]?.active;
    if (position === undefined || !SCHEMES.includes(document.uri.scheme)) {
      return;
    }
    timer = setTimeout(() => {
      if (client.isRunning() && !isPaused() && workspace.textDocuments.includes(document)) {
        const place = client.code2ProtocolConverter.asTextDocumentPositionParams(document, position);
        // A server that stops meanwhile has nothing to prepare.
        client.sendNotification("instant/didMoveCursor", place).catch(() => undefined);
      }
    }, REST_MS);
  });
  return { dispose: () => (clearTimeout(timer), moved.dispose()) };
}
