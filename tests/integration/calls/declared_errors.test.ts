// Errors that a message declares: an answer of the actor, typed at the caller, on this node and from another one.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { z } from "zod";
import { actorRoutes, type Problem } from "../../../http/mod.ts";
import {
  Actor,
  type ActorNode,
  ask,
  DeclaredError,
  declaredError,
  defineActor,
  type Hosted,
  host,
  type OnError,
} from "../../../mod.ts";
import { MemoryCluster } from "../../support/memory_cluster.ts";

const missing = z.object({ missing: z.number().int() });

function account(onError: OnError) {
  return defineActor("account", {
    state: z.strictObject({ balance: z.number().int(), asked: z.number().int() }),
    stateVersion: 1,
    onError,
    shards: 4,
    messages: {
      withdraw: ask(z.number().int(), z.number().int(), {
        errors: { "no-money": { data: missing, status: 402 }, frozen: z.undefined() },
      }),
      through: ask(z.number().int(), z.number().int(), { errors: { frozen: z.undefined() } }),
      wrongData: ask(z.undefined(), { errors: { "no-money": missing } }),
      asked: ask(z.number()),
    },
  });
}
type Account = ReturnType<typeof account>;

function hosted(contract: Account): Hosted {
  return host(
    contract,
    class extends Actor<Account> {
      static initialState() {
        return { balance: 10, asked: 0 };
      }
      withdraw(amount: number): number {
        this.state.asked++;
        if (amount < 0) throw this.error("frozen", undefined, "this account is frozen");
        if (amount > this.state.balance)
          throw this.error("no-money", { missing: amount - this.state.balance });
        this.state.balance -= amount;
        return this.state.balance;
      }
      async through(amount: number): Promise<number> {
        return await this.ref(contract, "other").withdraw(amount);
      }
      wrongData(): undefined {
        throw new DeclaredError("no-money", { missing: "three" });
      }
      asked(): number {
        return this.state.asked;
      }
    },
  );
}

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = new MemoryCluster();
});
afterEach(() => cluster.close());

async function started(onError: OnError = "keep"): Promise<[ActorNode, Account]> {
  const contract = account(onError);
  const owner = await cluster.start("owner", { hosts: [hosted(contract)] });
  await cluster.settled("account", "owner");
  return [owner, contract];
}

describe("an error that its message declares", () => {
  for (const where of ["on this node", "from another node"])
    test(`comes with its code and its data ${where}, and is no failure`, async () => {
      const [owner, contract] = await started();
      const caller = where === "on this node" ? owner : await cluster.start("caller");
      const { error } = await cluster.outcome(caller.ref(contract, "a").withdraw(13));
      const declared = declaredError(contract, "withdraw", error);
      if (declared?.code !== "no-money") throw new Error(`expected "no-money"; seen: ${String(error)}`);
      const typed: number = declared.data.missing;
      expect(typed).toBe(3);
      expect(declared).toBeInstanceOf(DeclaredError);
      expect([declared.retryable, declared.message]).toEqual([false, 'The actor has answered "no-money"']);
      const frozen = await cluster.outcome(caller.ref(contract, "a").withdraw(-1));
      expect(frozen.error).toMatchObject({
        code: "frozen",
        message: "this account is frozen",
        data: undefined,
      });
      expect(await cluster.ends(caller.ref(contract, "a").asked())).toBe(2);
      expect(cluster.seen("handler-failed")).toEqual([]);
    });

  test("undoes the state where the contract says so, and the actor goes on without its hooks", async () => {
    for (const onError of ["restart", "stop"] as const) {
      const [owner, contract] = await started(onError);
      const { error } = await cluster.outcome(owner.ref(contract, "a").withdraw(13));
      expect(error).toMatchObject({ code: "no-money" });
      expect(await cluster.ends(owner.ref(contract, "a").asked())).toBe(0);
      expect(cluster.seen("actor-activated")).toHaveLength(1);
      await cluster.close();
      cluster = new MemoryCluster();
    }
  });

  test("is a handler's error where another message throws it on, unless that one declares it too", async () => {
    const [owner, contract] = await started();
    const { error } = await cluster.outcome(owner.ref(contract, "a").through(13));
    expect(error).toMatchObject({ code: "handler-error", causeCode: "no-money" });
    expect(declaredError(contract, "through", error)).toBeUndefined();
    const frozen = await cluster.outcome(owner.ref(contract, "a").through(-1));
    expect(declaredError(contract, "through", frozen.error)?.code).toBe("frozen");
  });

  test("is refused with the path if its data does not fit", async () => {
    const [owner, contract] = await started();
    const { error } = await cluster.outcome(owner.ref(contract, "a").wrongData());
    expect(error).toMatchObject({ code: "invalid-result", path: "missing" });
    expect(error?.message).not.toContain("three");
  });

  test("has the contract's status and its data over HTTP", async () => {
    const [owner, contract] = await started();
    const app = new Hono().route(
      "/actors",
      actorRoutes(owner, { expose: [contract], authorize: () => true }),
    );
    const post = (body: string) =>
      cluster.ends(
        Promise.resolve(
          app.request("/actors/account/a/withdraw", {
            method: "POST",
            body,
            headers: { "content-type": "application/json" },
          }),
        ),
      );
    const answer = await post("13");
    expect(answer.status).toBe(402);
    expect((await answer.json()) as Problem).toMatchObject({
      code: "no-money",
      data: { missing: 3 },
      retryable: false,
    });
    expect((await post("-1")).status).toBe(422);
  });

  test("cannot be declared under a code of Baton's own, with a strange one, or with a status that is none", () => {
    const declared = (errors: object) => () =>
      ask(z.number(), { errors: errors as Record<string, z.ZodNumber> });
    for (const code of ["busy", "handler-error", "NoMoney", "", "a b", "1a"])
      expect(declared({ [code]: z.number() })).toThrow(/Cannot declare the error/);
    for (const status of [200, 399, 600, 402.5, "402"])
      expect(declared({ fine: { data: z.number(), status } })).toThrow(/status/);
    expect(declared({ fine: { status: 402 } })).toThrow(/schema/);
  });
});
