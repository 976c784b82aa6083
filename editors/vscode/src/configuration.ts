// Reads the `instant` section of VS Code's settings; knows neither the server's options nor their defaults.

import { workspace } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

export const SECTION = "instant";

/** Settings that concern this extension alone. The server would call them unknown. */
const EXTENSION_ONLY = "server";

/**
 * The section as the server is to see it. Options nobody set are null, so that the server's own file and environment
 * decide. What a workspace may not set, VS Code has already left out, by the scopes in package.json.
 */
export function serverSettings(): Record<string, unknown> {
  const entries = Object.entries(workspace.getConfiguration().get<object>(SECTION, {}));
  return Object.fromEntries(entries.filter(([name]) => name !== EXTENSION_ONLY));
}

/** Tells the server that no opened folder has a part in these settings: the scope of each is "machine". */
export function vouchForSettings(client: LanguageClient): void {
  client.registerFeature({
    fillClientCapabilities: (capabilities) => {
      capabilities.experimental = { ...capabilities.experimental, instantUserSettings: true };
    },
    initialize: () => {},
    getState: () => ({ kind: "static" }),
    clear: () => {},
  });
}

export function configuredServerPath(): string | null {
  return workspace.getConfiguration(SECTION).get<string | null>("server.path", null) || null;
}
