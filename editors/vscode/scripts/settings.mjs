// Writes the server's options into package.json, as `instant-lsp settings --format vscode` prints them.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const OWN = "instant.server.path";
const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const configuration = manifest.contributes.configuration;
const generated = JSON.parse(execFileSync("instant-lsp", ["settings", "--format", "vscode"], { encoding: "utf8" }));
configuration.properties = { [OWN]: configuration.properties[OWN], ...generated };
writeFileSync("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
