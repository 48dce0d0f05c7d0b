import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const modules = path.join(root, "node_modules");
const { version, dependencies, bin } = JSON.parse(
  fs.readFileSync(path.join(root, "package.json"), "utf8"),
) as {
  version: string;
  dependencies: Record<string, string>;
  bin: { baton: string };
};
const STEP_TIMEOUT_MS = 60_000;
const INSTALL_TIMEOUT_MS = 180_000;

/** What a user writes first: a contract, a class, a node with the transport it starts with by itself. */
const PROGRAM = `
import { Actor, ask, defineActor, host, startNode } from "@baton/actors";
import { z } from "zod";

const Counter = defineActor("counter", {
  state: z.strictObject({ count: z.number().int() }),
  stateVersion: 1,
  messages: { add: ask(z.number().int(), z.number().int()) },
});

class CounterActor extends Actor<typeof Counter> {
  static initialState(): { count: number } {
    return { count: 0 };
  }
  add(by: number): number {
    this.state.count += by;
    return this.state.count;
  }
}

await using node = await startNode({ name: "a", cluster: "shop", hosts: [host(Counter, CounterActor)] });
await node.ref(Counter, "alice").add(2);
const count: number = await node.ref(Counter, "alice").add(3);
console.log(\`count \${count}\`);
`;

/** Each line marked as an error must be one: types that lead nowhere would accept everything. */
const MISUSE = PROGRAM.replace(
  "const count: number",
  "// @ts-expect-error the answer is a number\nconst count: string",
);

/** Actors behind Hono, which is the user's own dependency. */
const HTTP_PROGRAM = `
import { actorRoutes } from "@baton/actors/http";
import { ask, defineActor, startNode } from "@baton/actors";
import { Hono } from "hono";
import { z } from "zod";

const Nobody = defineActor("nobody", {
  state: z.strictObject({}),
  stateVersion: 1,
  messages: { ask: ask(z.number()) },
});
await using node = await startNode({ name: "a" });
const app = new Hono();
app.route("/actors", actorRoutes(node, { expose: [Nobody], authorize: () => true }));
const headers = { "content-type": "application/json" };
const { status } = await app.request("/actors/nobody/x/ask", { method: "POST", headers });
console.log(\`status \${status}\`);
`;

const PROJECT = {
  compilerOptions: {
    target: "es2024",
    lib: ["es2024", "esnext.disposable", "esnext.error", "dom"],
    module: "nodenext",
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: [],
  },
  include: ["*.ts"],
};

describe("the npm package in a user's project", () => {
  let project = "";
  let packed: string[] = [];

  beforeAll(async () => {
    project = fs.mkdtempSync(path.join(tmpdir(), "baton-consumer-"));
    packed = await installPackage(project);
    fs.writeFileSync(path.join(project, "package.json"), JSON.stringify({ type: "module" }));
    fs.writeFileSync(
      path.join(project, "deno.json"),
      JSON.stringify({ nodeModulesDir: "manual", lock: false }),
    );
    fs.writeFileSync(path.join(project, "tsconfig.json"), JSON.stringify(PROJECT));
    fs.writeFileSync(path.join(project, "main.ts"), PROGRAM);
    fs.writeFileSync(path.join(project, "misuse.ts"), MISUSE);
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => fs.rmSync(project, { recursive: true, force: true }));

  test("npm pack takes what users need and nothing else", () => {
    expect(packed).toContain("dist/mod.js");
    expect(packed).toContain("dist/mod.d.ts");
    expect(packed).toContain("dist/http/mod.js");
    expect(packed).toContain("dist/supervisor/mod.js");
    expect(packed).toContain("dist/testing/mod.js");
    expect(packed).toContain(bin.baton.slice("./".length));
    expect(packed).toContain("README.md");
    expect(packed).toContain("LICENSE");
    const allowed = /^(dist\/.*\.(js|d\.ts)|docs\/.*|[A-Z]+(\.md)?|package\.json)$/;
    expect(packed.filter((file) => !allowed.test(file))).toEqual([]);
    expect(packed.filter((file) => /^dist\/(tests|tools|bench|examples)\//.test(file))).toEqual([]);
  });

  test(
    "tsc checks types across the package",
    async () => {
      const tsc = [...runScript(), path.join(modules, "typescript", "bin", "tsc"), "-p", "."];
      expect(await run(process.execPath, tsc, project)).toEqual({ status: 0, output: "" });
    },
    STEP_TIMEOUT_MS,
  );

  test(
    "deno check checks types across the package",
    async () => {
      const check = ["check", "--quiet", "main.ts", "misuse.ts"];
      expect(await run(runtime("deno"), check, project)).toEqual({ status: 0, output: "" });
    },
    STEP_TIMEOUT_MS,
  );

  test.each(["bun", "deno"] as const)(
    "the program runs on %s",
    async (name) => {
      const permissions = name === "deno" ? ["--quiet", "--no-prompt"] : [];
      const { status, output } = await run(runtime(name), ["run", ...permissions, "main.ts"], project);
      expect({ status, output: output.trim() }).toEqual({ status: 0, output: "count 5" });
    },
    STEP_TIMEOUT_MS,
  );

  test.each([
    ["bun", ["run", "baton"]],
    ["deno", ["run", "--allow-all", "--quiet", "npm:@baton/actors/cli"]],
  ] as const)(
    "the command runs on %s",
    async (name, args) => {
      const folder = path.join(project, "node_modules", ".bin");
      fs.mkdirSync(folder, { recursive: true });
      const link = path.join(folder, "baton"); // as package managers make it
      fs.rmSync(link, { force: true });
      fs.symlinkSync(path.join("..", "@baton", "actors", bin.baton), link);
      fs.chmodSync(link, 0o755);
      const { status, output } = await run(runtime(name), [...args, "dev", "--help"], project);
      expect(output).toContain("Usage: baton dev");
      expect(status).toBe(0);
    },
    STEP_TIMEOUT_MS,
  );
});

describe("the oldest and the newest Hono", () => {
  let project = "";
  beforeAll(async () => {
    project = fs.mkdtempSync(path.join(tmpdir(), "baton-hono-"));
    await installPackage(project);
    fs.writeFileSync(path.join(project, "package.json"), JSON.stringify({ type: "module" }));
    fs.writeFileSync(
      path.join(project, "deno.json"),
      JSON.stringify({ nodeModulesDir: "manual", lock: false }),
    );
    fs.writeFileSync(path.join(project, "tsconfig.json"), JSON.stringify(PROJECT));
    fs.writeFileSync(path.join(project, "http.ts"), HTTP_PROGRAM);
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => fs.rmSync(project, { recursive: true, force: true }));

  test.each(["hono-oldest", "hono"])(
    "%s compiles with strict settings and serves actors",
    async (name) => {
      const link = path.join(project, "node_modules", "hono");
      fs.rmSync(link, { recursive: true, force: true });
      fs.symlinkSync(path.join(modules, name), link, "dir");
      const tsc = [...runScript(), path.join(modules, "typescript", "bin", "tsc"), "-p", "."];
      expect(await run(process.execPath, tsc, project)).toEqual({ status: 0, output: "" });
      for (const at of ["bun", "deno"] as const) {
        const permissions = at === "deno" ? ["--quiet", "--no-prompt", "--no-check"] : [];
        const { status, output } = await run(runtime(at), ["run", ...permissions, "http.ts"], project);
        expect({ status, output: output.trim() }).toEqual({ status: 0, output: "status 404" });
      }
    },
    2 * STEP_TIMEOUT_MS,
  );
});

/** Packs what npm would publish and unpacks it into the project; its dependencies are those of the lock file. */
async function installPackage(project: string): Promise<string[]> {
  const target = path.join(project, "node_modules", "@baton", "actors");
  fs.mkdirSync(target, { recursive: true });
  await succeed(process.execPath, [...runScript(), path.join(root, "tools", "build.mjs")], root);
  await pack(project);
  const archive = path.join(project, `baton-actors-${version}.tgz`);
  const listed = await succeed("tar", ["-tzf", archive], project);
  await succeed("tar", ["-xzf", archive, "-C", target, "--strip-components=1"], project);
  linkDependencies(path.join(project, "node_modules"));
  return listed
    .trim()
    .split("\n")
    .map((file) => file.replace(/^package\//, ""));
}

/** By npm where there is one; Bun packs the same files. */
async function pack(project: string): Promise<void> {
  const npm = await run("npm", ["pack", "--ignore-scripts", "--pack-destination", project], root);
  if (npm.status === 0) return;
  if (npm.status !== null) throw new Error(`Cannot pack: ${npm.output}`);
  await succeed(runtime("bun"), ["pm", "pack", "--ignore-scripts", "--destination", project], root);
}

function runScript(): string[] {
  return "Deno" in globalThis ? ["run", "--allow-all"] : [];
}

async function succeed(command: string, args: string[], cwd: string): Promise<string> {
  const { status, output } = await run(command, args, cwd);
  if (status !== 0) throw new Error(`Cannot run "${command} ${args.join(" ")}": status ${status}\n${output}`);
  return output;
}

function linkDependencies(target: string): void {
  for (const name of Object.keys(dependencies)) {
    fs.mkdirSync(path.dirname(path.join(target, name)), { recursive: true });
    fs.symlinkSync(path.join(modules, name), path.join(target, name), "dir");
  }
}

function runtime(name: "bun" | "deno"): string {
  const files = { bun: path.join("bun", "bin", "bun.exe"), deno: path.join("deno", "deno") };
  return path.join(modules, files[name]);
}

/** `status` is `null` for a program that is not there, or did not end by itself. */
function run(
  command: string,
  args: string[],
  cwd: string,
): Promise<{ status: number | null; output: string }> {
  const options = { cwd, env: { ...process.env, NO_COLOR: "1" }, timeout: STEP_TIMEOUT_MS };
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : null;
      resolve({ status, output: `${stdout}${stderr}` });
    });
  });
}
