// Reads and writes the `instant` section of VS Code's settings; knows neither the server's options nor their defaults.

import { ConfigurationTarget, workspace } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";

import { announce } from "./capability";

export const SECTION = "instant";

/** The documents the server is told of; a notebook's cells are documents of their own. */
export const SCHEMES: readonly string[] = ["file", "untitled", "vscode-notebook-cell"];

/** Settings that concern this extension alone. The server would call them unknown. */
const EXTENSION_ONLY = "server";

const OFF_LANGUAGES = "completion.disabled_languages";

/**
 * The section as the server is to see it. Options nobody set are null, so that the server's own file and environment
 * decide. What a workspace may not set, VS Code has already left out, by the scopes in package.json.
 */
export function serverSettings(isOffHere: boolean): Record<string, unknown> {
  const entries = Object.entries(workspace.getConfiguration().get<object>(SECTION, {}));
  const settings = Object.fromEntries(entries.filter(([name]) => name !== EXTENSION_ONLY));
  return isOffHere ? { ...settings, completion: { ...settings["completion"], enabled: false } } : settings;
}

/** Tells the server that no opened folder has a part in these settings: the scope of each is "machine". */
export function vouchForSettings(client: LanguageClient): void {
  announce(client, "instantUserSettings");
}

export function configuredServerPath(): string | null {
  return workspace.getConfiguration(SECTION).get<string | null>("server.path", null) || null;
}

/** Whether the user's own settings have completions off for this language. */
export function isLanguageOff(language: string): boolean {
  return offLanguages().includes(language);
}

/** Turns completions off for a language in the user's settings, or on again. */
export async function toggleLanguage(language: string): Promise<void> {
  const others = offLanguages().filter((one) => one !== language);
  const off = isLanguageOff(language) ? others : [...others, language];
  const target = ConfigurationTarget.Global;
  await workspace.getConfiguration(SECTION).update(OFF_LANGUAGES, off.length > 0 ? off : undefined, target);
}

function offLanguages(): string[] {
  return workspace.getConfiguration(SECTION).get<string[] | null>(OFF_LANGUAGES, null) ?? [];
}
