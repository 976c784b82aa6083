// A private Python environment made from a folder of wheels, without any network; knows neither VS Code nor the server.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const isWindows = process.platform === "win32";
const COMPLETE = "complete";

/** Wheels with their hashes in `requirements.txt`, as the archive for machines without network has them. */
export interface Wheelhouse {
  folder: string;
  /** Versions of Python that the wheels are for, such as 3.12. */
  pythons: string[];
  /** The same for the same wheels. */
  digest: string;
}

/** The wheelhouse in a folder; undefined where there is none. */
export async function readWheelhouse(folder: string): Promise<Wheelhouse | undefined> {
  try {
    const requirements = await readFile(join(folder, "requirements.txt"));
    const pythons = (await readFile(join(folder, "PYTHONS"), "utf8")).split("\n").filter(Boolean);
    return { folder, pythons, digest: createHash("sha256").update(requirements).digest("hex").slice(0, 16) };
  } catch {
    return undefined;
  }
}

/** The program of an environment that was made from these wheels; undefined where there is none. */
export async function installed({ digest }: Wheelhouse, storage: string): Promise<string | undefined> {
  for (const name of await environments(storage)) {
    const place = join(storage, name);
    // Another window may be removing it.
    const made = await readdir(place).catch((): string[] => []);
    if (name.startsWith(`server-${digest}-`) && made.includes(COMPLETE)) {
      return program(place);
    }
  }
  return undefined;
}

/** The first Python on the PATH that the wheels are for. */
export async function findPython({ pythons }: Wheelhouse): Promise<string | undefined> {
  const names = ["python3", ...pythons.map((version) => `python${version}`), "python"];
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(isAbsolute);
  for (const name of names) {
    for (const folder of folders) {
      const python = join(folder, isWindows ? `${name}.exe` : name);
      if (pythons.includes(await version(python))) {
        return python;
      }
    }
  }
  return undefined;
}

/**
 * Makes an environment and returns its program. Each window makes its own, so that none waits for another or breaks
 * it; those of other wheels are removed.
 */
export async function install(wheelhouse: Wheelhouse, storage: string, python: string): Promise<string> {
  const { digest } = wheelhouse;
  const place = join(storage, `server-${digest}-${process.pid}`);
  await mkdir(storage, { recursive: true });
  try {
    await make(place, wheelhouse, python);
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    throw error;
  }
  const others = (await environments(storage)).filter((name) => !name.startsWith(`server-${digest}-`));
  await Promise.all(others.map((name) => rm(join(storage, name), { recursive: true, force: true })));
  return program(place);
}

async function make(place: string, { folder }: Wheelhouse, python: string): Promise<void> {
  await rm(place, { recursive: true, force: true });
  // Without pip, since some systems' Pythons cannot bring it; it is run out of its wheel.
  await run(python, ["-I", "-m", "venv", "--without-pip", place], { cwd: homedir() });
  const wheels = join(folder, "wheels");
  const pip = (await readdir(wheels)).find((name) => /^pip-.*\.whl$/.test(name));
  if (pip === undefined) {
    throw new Error(`${wheels} holds no pip`);
  }
  const offline = ["--no-index", "--find-links", wheels, "--no-deps", "--require-hashes", "--no-cache-dir"];
  const own = join(place, isWindows ? "Scripts/python.exe" : "bin/python");
  await run(own, [join(wheels, pip, "pip"), "--isolated", "install", "--quiet", ...offline, "-r", join(folder, "requirements.txt")], {
    cwd: homedir(),
  });
  await writeFile(join(place, COMPLETE), "");
}

function program(place: string): string {
  return join(place, isWindows ? "Scripts/instant-lsp.exe" : "bin/instant-lsp");
}

async function environments(storage: string): Promise<string[]> {
  const names = await readdir(storage).catch(() => []);
  return names.filter((name) => name.startsWith("server-"));
}

async function version(python: string): Promise<string> {
  const asked = "import sys; print('%d.%d' % sys.version_info[:2])";
  return run(python, ["-I", "-c", asked], { cwd: homedir() }).then(
    ({ stdout }) => stdout.trim(),
    () => "",
  );
}
