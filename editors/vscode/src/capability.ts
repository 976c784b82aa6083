// Says to the server what this client can do beyond the protocol; knows none of it.

import type { LanguageClient } from "vscode-languageclient/node";

/** Adds an experimental capability to those that a client, not started yet, will have. */
export function announce(client: LanguageClient, capability: string): void {
  client.registerFeature({
    fillClientCapabilities: (capabilities) => {
      capabilities.experimental = { ...capabilities.experimental, [capability]: true };
    },
    initialize: () => {},
    getState: () => ({ kind: "static" }),
    clear: () => {},
  });
}
