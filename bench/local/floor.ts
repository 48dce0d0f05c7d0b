// The other reference of the local part: the ring mailbox with the checks and copies that are promised, made in the same way,
// and nothing else. It has no deadlines, bounds, order across moves, gate, events or timers.
import { Check, NO } from "../../actors/check.ts";
import type { Schema } from "../../actors/schema.ts";
import { copyValue } from "../../codec/value.ts";
import { weight } from "../../codec/weight.ts";
import { Counter, type Tally } from "../contract.ts";
import { type BareStub, bareStub } from "./ring_mailbox.ts";

const BYTES_MAX = 1_000_000;

/** What is checked of an actor whose messages all have the same argument and result. */
export interface Checks {
  readonly input: Schema;
  readonly output: Schema;
  readonly state: Schema;
}

/** An actor between its checks. */
export class CheckedActor {
  readonly #input: Check;
  readonly #output: Check;
  readonly #check: Check;
  #checked: unknown = NO;

  constructor({ input, output, state }: Checks) {
    this.#input = new Check(input);
    this.#output = new Check(output);
    this.#check = new Check(state, { anyOrder: true });
  }

  /** The copy of an argument that leaves its sender. */
  static sent(argument: unknown): unknown {
    return sized(copyValue(argument));
  }

  protected valid(argument: unknown): unknown {
    const result = this.#input.validate(argument);
    if (result.issues) throw new TypeError("the argument does not fit");
    return result.value;
  }

  protected settle(state: unknown): void {
    this.#checked = this.#check.keep(this.#checked, state);
    if (this.#checked === NO) throw new TypeError("the state does not fit");
  }

  protected answer(result: unknown): unknown {
    const kept = this.#output.keep(NO, result);
    if (kept === NO) throw new TypeError("the result does not fit");
    return sized(copyValue(kept));
  }
}

function sized(value: unknown): unknown {
  if (weight(value) > BYTES_MAX) throw new RangeError("the value is too large");
  return value;
}

/** The counter of the contract. */
class CheckedCounter extends CheckedActor {
  readonly #tally: Tally;
  readonly #state = { count: 0 };

  constructor(tally: Tally) {
    super({ ...Counter.messages.add, state: Counter.state });
    this.#tally = tally;
  }

  add(by: unknown): unknown {
    this.#state.count += this.valid(by) as number;
    this.settle(this.#state);
    return this.answer(this.#state.count);
  }

  echo(value: unknown): unknown {
    return this.answer(this.valid(value));
  }

  note(by: unknown): void {
    this.#state.count += this.valid(by) as number;
    this.settle(this.#state);
    this.#tally.add();
  }

  hint(value: unknown): void {
    this.valid(value);
    this.#tally.add();
  }
}

/** A stub of such a counter. */
export function floorStub(tally: Tally): BareStub<"add" | "echo", "note" | "hint"> {
  const stub = bareStub(new CheckedCounter(tally), ["add", "echo"], ["note", "hint"]);
  return {
    add: (argument) => stub.add(CheckedActor.sent(argument)),
    echo: (argument) => stub.echo(CheckedActor.sent(argument)),
    note: (argument) => stub.note(CheckedActor.sent(argument)),
    hint: (argument) => stub.hint(CheckedActor.sent(argument)),
  };
}
