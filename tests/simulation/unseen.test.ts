import { describe, expect, test } from "bun:test";
import { execFile } from "node:child_process";
import path from "node:path";
import { brokenBy, UNSEEN } from "./defects/all.ts";
import { ROOT } from "./defects/broken_tree.ts";

const BUN = path.join(ROOT, "node_modules", ".bin", "bun");
const TIMEOUT_MS = 60_000;

/** What Bun says of one test of a file, and whether that was well. */
function outcome(file: string, name: string): Promise<{ ok: boolean; said: string }> {
  const args = ["test", `--timeout=${TIMEOUT_MS}`, file, "-t", name];
  return new Promise((resolve) => {
    execFile(BUN, args, { cwd: ROOT }, (error, out, said) =>
      resolve({ ok: error === null, said: out + said }),
    );
  });
}

describe("a defect that no seed finds", () => {
  test.each(
    UNSEEN.flatMap(({ name, test: shows }) => (shows ? [[name, shows.file, shows.name] as const] : [])),
  )(
    "%s fails a test of %s: %s",
    async (defect, file, name) => {
      await using tree = await brokenBy(defect, file);
      const [as, broken] = [await outcome(path.join(ROOT, file), name), await outcome(tree.entry, name)];
      expect(as.ok).toBe(true);
      expect(as.said).toContain("1 pass");
      expect(broken.ok).toBe(false);
      // the test itself, not a module that could not be read
      expect(broken.said).toContain("1 fail");
      expect(broken.said).toContain(`> ${name}`);
    },
    TIMEOUT_MS,
  );
});
