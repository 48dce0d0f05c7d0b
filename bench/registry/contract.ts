// The actors that are listed.
import { z } from "zod";
import { Actor, ask, defineActor, type Hosted, host } from "../../mod.ts";

export const Tag = defineActor("tag", {
  state: z.strictObject({ n: z.number().int() }),
  stateVersion: 1,
  meta: z.strictObject({ group: z.number().int() }),
  messages: { put: ask(z.number().int(), z.number().int()) },
});

class TagActor extends Actor<typeof Tag> {
  static initialState() {
    return { n: 0 };
  }
  put(n: number): number {
    this.state.n = n;
    this.meta = { group: n % 100 };
    return n;
  }
}

export const tagHost = (): Hosted => host(Tag, TagActor);
