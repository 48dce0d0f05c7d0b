import { describe, expect, test } from "bun:test";
import { isCode, isEntered } from "../../cli/dev/project.ts";
import { Told } from "../../cli/dev/told.ts";

function lines(say: (told: Told) => void, isColored = false): string[] {
  const said: string[] = [];
  say(new Told("main.ts", { isColored, tell: (line) => void said.push(line) }));
  return said;
}

describe("what baton dev tells", () => {
  test("is one line for each thing, with what came along and how long it took", () => {
    const said = lines((told) => {
      told.begins(1);
      told.changed(["a.ts", "b.ts", "c.ts"]);
      told.serves(812.4, { actors: 12, timers: 1 }, true);
      told.serves(1_249, { actors: 1, timers: 0 }, false);
      told.serves(90, { actors: 0, timers: 0 }, false);
      told.failed({ status: 1, signal: null }, "goes on");
      told.failed({ status: null, signal: "SIGKILL" }, "could not go on");
      told.ended({ status: 0, signal: null });
    });
    expect(said).toEqual([
      "baton dev main.ts; watches 1 file. Ctrl-C ends it",
      "baton dev a.ts and 2 more changed",
      "baton dev new code serves after 812 ms: 12 actors and 1 timer came along",
      "baton dev serves after 1.2 s: 1 actor and 0 timers were there",
      "baton dev serves after 90 ms",
      "baton dev main.ts did not start (status 1): the former code goes on",
      "baton dev main.ts did not start (SIGKILL): the former code could not go on; what was parked is kept, waiting for a change",
      "baton dev main.ts has ended (status 0): waiting for a change",
    ]);
  });

  test("is coloured for people only", () => {
    const serves = (told: Told) => told.serves(90, { actors: 0, timers: 0 }, true);
    expect(lines(serves, true)[0]).toContain("\x1b[32mnew code serves");
    expect(lines(serves)[0]).not.toContain("\x1b");
  });
});

describe("a project", () => {
  test("has the files that a program may import, and no folders of others", () => {
    for (const file of [
      "/p/a.ts",
      "/p/b.tsx",
      "/p/c.mjs",
      "/p/d.cts",
      "/p/e.json",
      "/p/f.jsonc",
      "/p/g.wasm",
    ])
      expect([file, isCode(file)]).toEqual([file, true]);
    for (const file of ["/p/a.db", "/p/a.ts.swp", "/p/README.md", "/p/a.ts~"])
      expect([file, isCode(file)]).toEqual([file, false]);
    for (const folder of ["/p/node_modules", "/p/.git", "/p/.baton", "/p/dist"])
      expect([folder, isEntered(folder)]).toEqual([folder, false]);
    expect(isEntered("/p/src")).toBe(true);
  });
});
