// Documents that are read and not saved: owns their text as long as they are shown; what stands in them it does not know.

import { type Disposable, EventEmitter, Uri, window, workspace } from "vscode";

// No scheme that the server is told of: what stands on a page is sent to no model.
const SCHEME = "instant-page";

const changed = new EventEmitter<Uri>();
const texts = new Map<string, string>();

/** Lets VS Code open the pages. */
export function offerPages(): Disposable {
  return workspace.registerTextDocumentContentProvider(SCHEME, {
    onDidChange: changed.event,
    provideTextDocumentContent: (uri) => texts.get(uri.path) ?? "",
  });
}

/** Shows a text under a file name, in place of the page that had that name before. */
export async function showPage(name: string, text: string): Promise<void> {
  const page = Uri.from({ scheme: SCHEME, path: name });
  texts.set(page.path, text);
  changed.fire(page);
  await window.showTextDocument(await workspace.openTextDocument(page), { preview: true });
}
