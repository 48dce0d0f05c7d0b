import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { sqliteStore } from "../../../storage/sqlite/store.ts";
import type { Store, StoreWrite } from "../../../storage/store.ts";
import { within } from "../../support/conditions.ts";

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
  const script = fileURLToPath(new URL("./writer.ts", import.meta.url));
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

/** What another process hears that opens the file under that path. */
async function elsewhere(at: string): Promise<string> {
  const script = fileURLToPath(new URL("./opener.ts", import.meta.url));
  const flags = "deno" in process.versions ? ["run", "--no-check", "--no-prompt", "-A"] : [];
  const child = spawn(process.execPath, [...flags, script, at], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (bytes: Uint8Array) => void (said += new TextDecoder().decode(bytes)));
  await within(new Promise<void>((resolve) => child.once("close", () => resolve())), 20_000, "its end");
  return said.trim();
}

const code = (promise: Promise<unknown> | undefined) =>
  (promise ?? Promise.resolve()).then(
    () => "no error",
    (error: { code?: string }) => error.code ?? String(error),
  );

async function acknowledged(store: Store, ...names: string[]): Promise<void> {
  for (const outcome of await Promise.all(store.commit(names.map((name) => write(name, `value of ${name}`)))))
    expect(outcome.ok).toBe(true);
}

async function texts(store: Store, ...names: string[]): Promise<(string | undefined)[]> {
  const entries = await Promise.all(names.map((name) => store.load({ kind: "cart", shard: 0, name })));
  return entries.map((entry) => entry && new TextDecoder().decode(entry.bytes));
}

describe("sqliteStore()", () => {
  test("is refused for names of databases that are no file", async () => {
    for (const name of [
      "",
      ":memory:",
      "file:tills",
      "file:tills?mode=memory",
      "FILE::memory:?cache=shared",
    ]) {
      const refused = await sqliteStore({ path: name }).catch((error: unknown) => error);
      expect([name, (refused as { code?: string }).code]).toEqual([name, "invalid-configuration"]);
    }
    expect(fs.existsSync("tills")).toBe(false);
  });

  test("keeps other processes out after its own has copied the file, alone and with its folder", async () => {
    const store = await sqliteStore({ path: file });
    await acknowledged(store, "a");
    fs.copyFileSync(file, path.join(folder, "copy.db"));
    fs.cpSync(folder, `${folder}.copy`, { recursive: true });
    fs.closeSync(fs.openSync(file, "r+"));
    fs.rmSync(`${folder}.copy`, { recursive: true });
    expect(await elsewhere(file)).toBe("invalid-configuration");
    await acknowledged(store, "b");
    expect(await elsewhere(file)).toBe("invalid-configuration");
    await store.close();
    expect(await elsewhere(file)).toBe("let in");
    const again = await sqliteStore({ path: file });
    expect(await texts(again, "a", "b")).toEqual(["value of a", "value of b"]);
    await again.close();
  });

  test("keeps them out under every name of the file, also after it was moved", async () => {
    const store = await sqliteStore({ path: file });
    const [link, moved] = [path.join(folder, "link.db"), path.join(folder, "moved.db")];
    fs.symlinkSync(file, link);
    expect(await elsewhere(link)).toBe("invalid-configuration");
    fs.renameSync(file, moved);
    expect(await elsewhere(moved)).toBe("invalid-configuration");
    await store.close();
    fs.linkSync(moved, file);
    const second = await sqliteStore({ path: file }).catch((error: unknown) => error);
    expect((second as Error).message).toMatch(/the file has 2 names/);
  });

  test("acknowledges nothing while its file or its log is gone or another, and goes on when they are back", async () => {
    const store = await sqliteStore({ path: file });
    await acknowledged(store, "a");
    for (const name of [file, `${file}-wal`]) {
      const away = `${name}.away`;
      fs.renameSync(name, away);
      expect(await code(store.commit([write("b", "lost")])[0])).toBe("records-refused");
      fs.copyFileSync(away, name);
      expect(await code(store.commit([write("b", "lost")])[0])).toBe("records-refused");
      expect(await code(store.load({ kind: "cart", shard: 0, name: "a" }))).toBe("records-refused");
      fs.renameSync(away, name);
      expect(await texts(store, "a", "b")).toEqual(["value of a", undefined]);
    }
    await acknowledged(store, "b");
    await store.close();
  });

  test("does not say no to what it has committed into a file that was renamed in that moment", async () => {
    const store = await sqliteStore({ path: file });
    await acknowledged(store, "a");
    const away = `${file}.away`;
    const given = write("b", "value of b");
    const renaming = {
      ...given,
      get nonce() {
        fs.renameSync(file, away); // within the transaction
        return given.nonce;
      },
    };
    expect(await code(store.commit([renaming])[0])).toBe("records-unavailable");
    fs.renameSync(away, file);
    expect(await texts(store, "b")).toEqual(["value of b"]);
    await store.close();
  });

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

  test("backup() copies all that was acknowledged before, while commits go on", async () => {
    const [store, at] = [await sqliteStore({ path: file }), path.join(folder, "it's a copy.db")];
    const before = Array.from({ length: 500 }, (_, i) => `before-${i}`);
    await acknowledged(store, ...before);
    await store.label?.("id", "the same");
    let isDone = false;
    const copied = store.backup(at).finally(() => void (isDone = true));
    let meanwhile = 0;
    for (; !isDone || meanwhile < 50; meanwhile++) {
      await acknowledged(store, `meanwhile-${meanwhile}`);
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
    await copied;
    await acknowledged(store, "after");
    const copy = await sqliteStore({ path: at });
    const found = await texts(copy, ...before, "after");
    expect(found).toEqual([...before.map((name) => `value of ${name}`), undefined]);
    expect(await copy.label?.("id")).toBe("the same");
    await copy.close();
    expect(fs.readdirSync(folder).filter((name) => name.endsWith(".unfinished"))).toEqual([]);
    await store.close();
    const again = await sqliteStore({ path: file });
    const last = [`meanwhile-${meanwhile - 1}`, "after"];
    expect(await texts(again, ...last)).toEqual(last.map((name) => `value of ${name}`));
    await again.close();
  });

  test("backup() is refused where there is a file, one at a time, and leaves nothing when the store is closed", async () => {
    const [store, at] = [await sqliteStore({ path: file }), path.join(folder, "copy.db")];
    await acknowledged(store, "a");
    fs.writeFileSync(at, "somebody's");
    expect(await code(store.backup(at))).toBe("invalid-configuration");
    expect(await code(store.backup(file))).toBe("invalid-configuration");
    expect(await code(store.backup(":memory:"))).toBe("invalid-configuration");
    expect(fs.readFileSync(at, "utf8")).toBe("somebody's");
    fs.rmSync(at);
    const first = code(store.backup(at));
    expect(await code(store.backup(`${at}.2`))).toBe("invalid-configuration");
    await store.close();
    expect(await first).toBe("records-unavailable");
    expect(fs.readdirSync(folder).filter((name) => name.startsWith("copy"))).toEqual([]);
  });
});
