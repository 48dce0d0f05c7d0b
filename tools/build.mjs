// Makes dist/ for npm: JavaScript and type declarations. Bun would take the sources as they are, but Deno runs no
// TypeScript from inside npm packages.
// Usage: node tools/build.mjs
import * as fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { ensureDependencies, exitWith, nodeScript, root, runToEnd, TSC } from "./setup.mjs";

ensureDependencies();
fs.rmSync(path.join(root, "dist"), { recursive: true, force: true });
exitWith(await runToEnd(...nodeScript(TSC, "-p", "tsconfig.build.json"), { stdio: ["ignore", 2, 2] }));
if (process.exitCode === 0) rewriteDeclarations(path.join(root, "dist"));

/** tsc leaves `.ts` in the imports of declarations; resolvers other than its own want the name of what is there. */
function rewriteDeclarations(folder) {
  for (const name of fs.readdirSync(folder, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const file = path.join(folder, name);
    const text = fs.readFileSync(file, "utf8");
    const rewritten = text.replace(/((?:from|import\()\s*["']\.{1,2}\/[^"']*)\.ts(["'])/g, "$1.js$2");
    if (rewritten !== text) fs.writeFileSync(file, rewritten);
  }
}
