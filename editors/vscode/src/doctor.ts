// Shows what the server's doctor has found, as a document that is read and not saved; the checks are the server's.

import { type Disposable, EventEmitter, extensions, ProgressLocation, Uri, window, workspace } from "vscode";

export const DOCTOR = "instant.doctor";

const PAGE = Uri.parse("instant-doctor:Instant%20Doctor.md");
const ID = "instant-lsp.instant-lsp";

const changed = new EventEmitter<Uri>();
let text = "";

/** What the server is told of who asks. */
interface Asker {
  editor: string;
  version: string;
}

/** Lets VS Code open the page. */
export function offerDoctorPage(): Disposable {
  return workspace.registerTextDocumentContentProvider(PAGE.scheme, {
    onDidChange: changed.event,
    provideTextDocumentContent: () => text,
  });
}

/** Has everything checked, which takes as long as the model takes to answer, and shows the page. */
export async function examine(ask: (asker: Asker) => unknown): Promise<unknown> {
  const version = String(extensions.getExtension(ID)?.packageJSON.version ?? "unknown");
  const where = { location: ProgressLocation.Window, title: "Instant: the doctor is looking" };
  const found = await window.withProgress(where, async () => ask({ editor: "VS Code", version }));
  text = (found as { text: string }).text;
  changed.fire(PAGE);
  await window.showTextDocument(await workspace.openTextDocument(PAGE), { preview: true });
  return found;
}
