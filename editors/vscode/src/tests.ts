// Generates tests for what the cursor stands in; which, where and how, and the edit itself, are the server's.

import { l10n } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

import { ask, type Place, selected } from "./asking";
import { tell } from "./telling";

export const GENERATE_TESTS = "instant.generateTests";

let nAsked = 0;

interface Generated {
  text: string;
}

/** Generates tests for what a code action carries, else for what the cursor stands in; says why there are none. */
export async function generateTests(client: LanguageClient, given: unknown): Promise<void> {
  const place = (given as Place | undefined) ?? selected(client);
  if (place === undefined) {
    tell(l10n.t("Open a file and put the cursor into what tests are wanted for."));
    return;
  }
  try {
    const made = await ask<Generated>(client, GENERATE_TESTS, place, `${GENERATE_TESTS}.${++nAsked}`);
    if (made !== undefined) {
      tell(made.text);
    }
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
  }
}
