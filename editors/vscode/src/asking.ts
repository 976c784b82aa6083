// Runs a command of the server's that takes a while: its progress is shown and can be cancelled; knows no command.

import { type CancellationToken, CancellationTokenSource, ProgressLocation, window } from "vscode";
import { ExecuteCommandRequest, type LanguageClient, WorkDoneProgress } from "vscode-languageclient/node";

/** A place in a document, as the server's commands take it. */
export interface Place {
  uri: string;
  range: unknown;
}

/** What is selected in the editor, or where its cursor is. */
export function selected(client: LanguageClient): Place | undefined {
  const editor = window.activeTextEditor;
  return (
    editor && {
      uri: client.code2ProtocolConverter.asUri(editor.document.uri),
      range: client.code2ProtocolConverter.asRange(editor.selection),
    }
  );
}

/**
 * The command's result, undefined where it was cancelled, by the user or by `given`; throws what the server gives as a
 * reason.
 */
export async function ask<Result>(
  client: LanguageClient,
  command: string,
  argument: Place,
  workDoneToken: string,
  given?: CancellationToken,
): Promise<Result | undefined> {
  const options = { location: ProgressLocation.Notification, title: "Instant", cancellable: true };
  return window.withProgress(options, async (progress, byUser) => {
    const cancelled = new CancellationTokenSource();
    const heard = [
      cancelled,
      ...[byUser, given].map((one) => one?.onCancellationRequested(() => cancelled.cancel())),
      client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
        if (value.kind !== "end" && value.message !== undefined) {
          progress.report({ message: value.message });
        }
      }),
    ];
    const params = { command, arguments: [{ ...argument, workDoneToken }] };
    try {
      return (await client.sendRequest(ExecuteCommandRequest.type, params, cancelled.token)) as Result;
    } catch (error) {
      if (cancelled.token.isCancellationRequested) {
        return undefined;
      }
      throw error;
    } finally {
      heard.forEach((one) => one?.dispose());
    }
  });
}
