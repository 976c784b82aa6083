// Finds the `instant-lsp` program; knows nothing of how it is run.

import { access, constants, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

const NAME = "instant-lsp";

export class ServerMissing extends Error {}

/** Absolute path of the server: the configured one, else the first on PATH. Throws ServerMissing, which says what to do. */
export async function findServer(configured: string | null): Promise<string> {
  return configured === null ? onPath() : checked(configured);
}

async function checked(configured: string): Promise<string> {
  const path = configured.replace(/^~(?=[/\\])/, homedir());
  if (!isAbsolute(path)) {
    throw new ServerMissing(`The setting instant.server.path must be an absolute path, not ${configured}.`);
  }
  if (!(await isProgram(path))) {
    throw new ServerMissing(`The setting instant.server.path names ${path}, which is no program that can be run.`);
  }
  return path;
}

async function onPath(): Promise<string> {
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
  throw new ServerMissing(
    `${NAME} is not on the PATH. Install it (pipx install ${NAME}) or set instant.server.path, then run "Instant: Restart Server".`,
  );
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
