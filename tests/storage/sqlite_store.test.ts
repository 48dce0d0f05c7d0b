import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { sqliteStore } from "../../storage/sqlite_store.ts";
import type { StoreWrite } from "../../storage/store.ts";
import { within } from "../support/conditions.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "baton-sqlite-"));
  file = path.join(folder, "actors.db");
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

function write(name: string, text: string): StoreWrite {
  const rest = { revision: 0, nonce: "n", epoch: 1, replacesBytes: 0, timers: false, hadTimers: false };
  return { kind: "cart", shard: 0, name, bytes: new TextEncoder().encode(text), ...rest };
}

/** A process that writes one entry after the other and says each that is acknowledged, until it is killed. */
function startWriter(): {
  readonly said: string;
  untilSaid(lines: number): Promise<void>;
  kill(): Promise<void>;
} {
  const script = fileURLToPath(new URL("./sqlite_writer.ts", import.meta.url));
  const deno = "deno" in process.versions;
  const flags = deno
    ? ["run", "--no-check", "--no-prompt", `--allow-read=${file}`, `--allow-write=${file}`]
    : [];
  const child = spawn(process.execPath, [...flags, script, file], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let said = "";
  let tell = () => {};
  child.stdout.on("data", (bytes: Uint8Array) => {
    said += new TextDecoder().decode(bytes);
    tell();
  });
  return {
    get said() {
      return said;
    },
    untilSaid: (lines) =>
      within(
        new Promise<void>((resolve) => {
          tell = () => said.split("\n").length > lines && resolve();
          tell();
        }),
        20_000,
        `${lines} writes`,
      ),
    kill: async () => {
      child.kill("SIGKILL");
      await within(ended, 10_000, "the end of the writer");
    },
  };
}

describe("sqliteStore()", () => {
  test("is refused when another store has the file, until that one is closed", async () => {
    const first = await sqliteStore({ path: file });
    const refused = await sqliteStore({ path: file }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "invalid-configuration" });
    expect((refused as Error).message).toMatch(/only one process can have it/);
    await first.close();
    const second = await sqliteStore({ path: file });
    await second.close();
  });

  test("is refused for a folder that is missing, and for a file that is no store", async () => {
    const missing = sqliteStore({ path: path.join(folder, "no", "actors.db") });
    expect(await missing.catch((error: unknown) => error)).toMatchObject({ code: "invalid-configuration" });
    fs.writeFileSync(
      file,
      "this is no database, and longer than the header that is looked for at its beginning".repeat(20),
    );
    const other = sqliteStore({ path: file });
    expect(await other.catch((error: unknown) => error)).toMatchObject({ code: "invalid-configuration" });
  });

  test("answers nothing after close()", async () => {
    const store = await sqliteStore({ path: file });
    await store.close();
    await store.close();
    const [outcome] = store.commit([write("a", "1")]);
    expect(await outcome?.catch((error: unknown) => error)).toMatchObject({ code: "records-unavailable" });
  });

  test("loses nothing acknowledged when its process is killed, and the file is free again", async () => {
    const writer = startWriter();
    await writer.untilSaid(1);
    const meanwhile = await sqliteStore({ path: file }).catch((error: unknown) => error);
    expect(meanwhile).toMatchObject({ code: "invalid-configuration" });
    await writer.untilSaid(40);
    await writer.kill();
    const acknowledged = writer.said.trim().split("\n");
    const store = await sqliteStore({ path: file });
    for (const name of acknowledged) {
      const entry = await store.load({ kind: "cart", shard: 0, name });
      expect(new TextDecoder().decode(entry?.bytes)).toBe(`value of ${name}`);
    }
    await store.close();
  });
});
