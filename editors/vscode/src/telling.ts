// Tells the developer a sentence in the status bar, and nowhere else: nothing of ours ever pops up.

import { window } from "vscode";

const TOLD_MS = 8_000;

export function tell(message: string): void {
  window.setStatusBarMessage(message, TOLD_MS);
}
