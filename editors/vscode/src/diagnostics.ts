// Tells the server what any tool reports in a range: VS Code passes on with a code action only what is at the cursor.

import { languages } from "vscode";
import type { LanguageClient, Range, TextDocumentIdentifier } from "vscode-languageclient/node";

import { announce } from "./capability";

interface Asked {
  textDocument: TextDocumentIdentifier;
  range: Range;
}

/** Answers the server's question for diagnostics, and says beforehand that it will. */
export function tellDiagnostics(client: LanguageClient): void {
  announce(client, "instantDiagnostics");
  client.onRequest("instant/diagnostics", ({ textDocument, range }: Asked) => {
    const within = client.protocol2CodeConverter.asRange(range);
    const uri = client.protocol2CodeConverter.asUri(textDocument.uri);
    const found = languages.getDiagnostics(uri).filter((one) => one.range.intersection(within) !== undefined);
    return client.code2ProtocolConverter.asDiagnostics(found);
  });
}
