// Packages the extension with a server for one platform: `npm run package:bundled -- FOLDER linux-x64`, where FOLDER is
// the unpacked archive that `make bundle` made there.

import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";

const BUNDLED = "bundled";
const [folder, platform] = process.argv.slice(2);
rmSync(BUNDLED, { recursive: true, force: true });
try {
  for (const name of ["wheels", "requirements.txt", "PYTHONS"]) {
    cpSync(join(folder, name), join(BUNDLED, name), { recursive: true });
  }
  const options = ["--no-dependencies", "--allow-missing-repository", "--target", platform];
  execFileSync("vsce", ["package", ...options, "--out", `instant-lsp-${platform}.vsix`], { stdio: "inherit" });
} finally {
  rmSync(BUNDLED, { recursive: true, force: true });
}
