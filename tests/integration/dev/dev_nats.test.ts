// `baton dev` of a program over NATS: the new process joins beside the former one, which then hands over.
import { afterEach, describe, expect, test } from "bun:test";
import { SharedServer } from "../../support/nats/shared_server.ts";
import { OWN } from "../../support/processes/programs.ts";
import { counts, DevProject, seen, tells } from "./dev_project.ts";

const TIMEOUT_MS = 90_000;
const shared = SharedServer.forAllTests(TIMEOUT_MS);
let project: DevProject;
let count = 0;

afterEach(() => project.end());

/** The counter's program as a node of a cluster. */
function joining(cluster: string): DevProject {
  project = new DevProject();
  const text = project.read("main.ts");
  const options = `name: "shop", cluster: "${cluster}", transport: await natsTransport({ servers: "${shared.nats.url}" }),`;
  const main = text
    .replace("import { host, startNode }", "import { host, natsTransport, startNode }")
    .replace("await startNode({", `await startNode({ ${options}`)
    .replace("if (seen) console", "if (seen) console.log(`as ${node.name}.`);\n  if (seen) console");
  project.write("main.ts", main);
  return project;
}

describe("a program over NATS under baton dev", () => {
  test(
    "hands over to new code beside it, under another name, while others call it all the time",
    async () => {
      const cluster = `dev${OWN}${++count}`;
      joining(cluster);
      const dev = project.dev("main.ts");
      await counts(dev, "first");
      const caller = await shared.node("caller", cluster, []);
      let calls = 0;
      let isOver = false;
      const calling = (async () => {
        while (!isOver) {
          await caller.call("counter", "other", "add", undefined, { timeoutMs: 20_000 });
          calls++;
        }
      })();
      for (const words of ["second", "third"]) {
        project.edit(words);
        await counts(dev, words);
      }
      await tells(dev, "new code serves after", 2);
      isOver = true;
      await calling; // not one of them was refused
      expect(await caller.call("counter", "other", "add", undefined)).toMatchObject({ count: calls + 1 });
      const names = new Set(dev.printed.match(/as ([\w-]+)\./g));
      expect([...names]).toEqual(["as shop.", "as shop-2."]);
      expect(dev.said).toContain("2 actors and 2 timers came along");
      const printed = seen(dev).map((each) => each.count);
      expect(printed).toEqual([...printed].sort((a, b) => a - b));
      expect(await dev.end("SIGTERM")).toMatchObject({ status: 0 });
    },
    TIMEOUT_MS,
  );

  test(
    "goes on as it is when new code does not start",
    async () => {
      joining(`dev${OWN}${++count}`);
      const dev = project.dev("main.ts");
      await counts(dev, "first");
      project.write("words.ts", "export const WORDS = ;\n");
      await tells(dev, "main.ts did not start");
      await counts(dev, "first");
      project.edit("mended");
      await counts(dev, "mended");
      const printed = seen(dev).map((each) => each.count);
      expect(printed).toEqual([...printed].sort((a, b) => a - b));
    },
    TIMEOUT_MS,
  );
});
