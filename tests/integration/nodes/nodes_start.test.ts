// A start that cannot succeed rejects with an error of this package, whatever was thrown underneath.
import { describe, expect, test } from "bun:test";
import { ActorError, memoryTransport, startNode } from "../../../mod.ts";
import type { NodeOptions } from "../../../node/api.ts";
import type { Connection } from "../../../transport/transport.ts";

async function refused(options: NodeOptions): Promise<unknown> {
  return await startNode({ signals: false, ...options }).then(
    async (node) => {
      await node.kill();
      return "started";
    },
    (error: unknown) => error,
  );
}

function throwing(part: "records" | "close", thrown: unknown): Connection {
  const inner = memoryTransport();
  const method = () => Promise.reject(thrown);
  return {
    transport: inner.transport,
    type: inner.type,
    records: part === "records" ? method : (bucket) => inner.records(bucket),
    close: part === "close" ? method : () => inner.close(),
  };
}

describe("startNode()", () => {
  test.each([
    ["an error of another class", new TypeError("x is not a function"), "x is not a function"],
    ["what is no error", "nothing", "something was thrown that is no error"],
  ])("rejects with an error of ours when the transport throws %s", async (_, thrown, words) => {
    const error = await refused({ transport: throwing("records", thrown) });
    expect(error).toBeInstanceOf(ActorError);
    expect(error).toMatchObject({ code: "server-unsuitable", message: expect.stringContaining(`${words}`) });
  });

  test("rejects with what is wrong with its options, also when the connection does not close", async () => {
    const transport = throwing("close", new TypeError("already closed"));
    expect(await refused({ transport, name: "" })).toMatchObject({ code: "invalid-configuration" });
  });

  test("rejects with an error of ours when an option is of another type", async () => {
    const hosts = 5 as unknown as NonNullable<NodeOptions["hosts"]>;
    expect(await refused({ hosts })).toMatchObject({ code: "invalid-configuration" });
  });
});
