// Has VS Code ask again for a completion of which more has come than it shows; what to show is the server's business.

import {
  commands,
  type InlineCompletionContext,
  InlineCompletionTriggerKind,
  type Position,
  type TextDocument,
  window,
} from "vscode";
import type { LanguageClient, TextDocumentIdentifier } from "vscode-languageclient/node";

import { announce } from "./capability";

export class Refresh {
  private last: { document: TextDocument; version: number; position: Position } | undefined;
  private isAsking = false;

  /** Listens to the server, and says beforehand that it will. */
  listenTo(client: LanguageClient): void {
    announce(client, "instantRefresh");
    client.onNotification("instant/refreshCompletion", (asked: { textDocument: TextDocumentIdentifier }) =>
      this.ask(client.protocol2CodeConverter.asUri(asked.textDocument.uri).toString()),
    );
  }

  /** Notes where VS Code asks; the context is what the server is asked with. */
  asking(document: TextDocument, position: Position, context: InlineCompletionContext): InlineCompletionContext {
    this.last = { document, version: document.version, position };
    // VS Code's command is for who wants to see others, which nobody does here.
    return this.isAsking ? { ...context, triggerKind: InlineCompletionTriggerKind.Automatic } : context;
  }

  /** Asks again where nothing was typed and the cursor was not moved since. */
  private async ask(uri: string): Promise<void> {
    const { last } = this;
    const editor = window.activeTextEditor;
    const isThere = last !== undefined && editor?.document === last.document && last.document.uri.toString() === uri;
    if (!isThere || last.document.version !== last.version || !editor.selection.active.isEqual(last.position)) {
      return;
    }
    this.isAsking = true;
    try {
      // Does nothing where nothing is shown. It asks again, keeps what is shown, and goes on to what came.
      await commands.executeCommand("editor.action.inlineSuggest.showNext");
    } finally {
      this.isAsking = false;
    }
  }
}
