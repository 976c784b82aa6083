// Finds the `instant-lsp` program, or makes it from what the extension brings; knows nothing of how it is run.

import { access, constants, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { l10n, ProgressLocation, window } from "vscode";

import { findPython, install, installed, readWheelhouse, type Wheelhouse } from "./environment";

const NAME = "instant-lsp";

export class ServerMissing extends Error {}

/** `bundled` is the extension's own wheelhouse, if it has one; `storage` is where it may keep what it makes. */
export interface Places {
  bundled: string;
  storage: string;
}

/**
 * Absolute path of the server: the configured one, else the one made from the bundled wheels, else the first on PATH,
 * else one that is made from the bundled wheels now. Throws ServerMissing, which says what to do.
 */
export async function findServer(configured: string | null, { bundled, storage }: Places): Promise<string> {
  if (configured !== null) {
    return checked(configured);
  }
  const wheelhouse = await readWheelhouse(bundled);
  const there = (wheelhouse && (await installed(wheelhouse, storage))) ?? (await onPath());
  if (there !== undefined) {
    return there;
  }
  if (wheelhouse !== undefined) {
    return made(wheelhouse, storage);
  }
  throw new ServerMissing(
    l10n.t(
      '{0} is not on the PATH. Install it (pipx install {0}) or set instant.server.path, then run "Instant: Restart Server".',
      NAME,
    ),
  );
}

async function checked(configured: string): Promise<string> {
  const path = configured.replace(/^~(?=[/\\])/, homedir());
  if (!isAbsolute(path)) {
    throw new ServerMissing(l10n.t("The setting instant.server.path must be an absolute path, not {0}.", configured));
  }
  if (!(await isProgram(path))) {
    throw new ServerMissing(
      l10n.t("The setting instant.server.path names {0}, which is no program that can be run.", path),
    );
  }
  return path;
}

/** Shows in the status bar that the server is being installed, and that alone. */
async function made(wheelhouse: Wheelhouse, storage: string): Promise<string> {
  const python = await findPython(wheelhouse);
  if (python === undefined) {
    const versions = wheelhouse.pythons.join(", ");
    throw new ServerMissing(l10n.t("No Python of version {0} was found, which the server needs.", versions));
  }
  const where = { location: ProgressLocation.Window, title: l10n.t("Instant: installing the server") };
  return window.withProgress(where, () => install(wheelhouse, storage, python));
}

async function onPath(): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    // A relative entry would let an opened repository bring its own program.
    if (!isAbsolute(folder)) {
      continue;
    }
    const path = join(folder, process.platform === "win32" ? `${NAME}.exe` : NAME);
    if (await isProgram(path)) {
      return path;
    }
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
