// The other reference of the local part: the ring mailbox with the checks and copies that are promised, made in the same way,
// and nothing else. It has no deadlines, bounds, order across moves, gate, events or timers.
import { Check, NO } from "../../actors/check.ts";
import { copyValue } from "../../codec/value.ts";
import { weight } from "../../codec/weight.ts";
import { Counter, type Tally } from "../contract.ts";
import { type BareStub, bareStub } from "./ring_mailbox.ts";

const BYTES_MAX = 1_000_000;

interface State {
  count: number;
}

/** The counter of the contract, between its checks. */
class CheckedCounter {
  readonly #tally: Tally;
  readonly #input = new Check(Counter.messages.add.input);
  readonly #output = new Check(Counter.messages.add.output);
  readonly #check = new Check(Counter.state, { anyOrder: true });
  readonly #state: State = { count: 0 };
  #checked: unknown = NO;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  add(by: unknown): unknown {
    this.#state.count += this.#valid(by);
    this.#settle();
    return this.#answer(this.#state.count);
  }

  echo(value: unknown): unknown {
    return this.#answer(this.#valid(value));
  }

  note(by: unknown): void {
    this.#state.count += this.#valid(by);
    this.#settle();
    this.#tally.add();
  }

  hint(value: unknown): void {
    this.#valid(value);
    this.#tally.add();
  }

  #valid(argument: unknown): number {
    const result = this.#input.validate(argument);
    if (result.issues) throw new TypeError("the argument does not fit");
    return result.value as number;
  }

  #settle(): void {
    this.#checked = this.#check.keep(this.#checked, this.#state);
    if (this.#checked === NO) throw new TypeError("the state does not fit");
  }

  #answer(result: unknown): unknown {
    const kept = this.#output.keep(NO, result);
    if (kept === NO) throw new TypeError("the result does not fit");
    return sized(copyValue(kept));
  }
}

function sized(value: unknown): unknown {
  if (weight(value) > BYTES_MAX) throw new RangeError("the value is too large");
  return value;
}

/** A stub of such a counter. */
export function floorStub(tally: Tally): BareStub<"add" | "echo", "note" | "hint"> {
  const stub = bareStub(new CheckedCounter(tally), ["add", "echo"], ["note", "hint"]);
  return {
    add: (argument) => stub.add(sized(copyValue(argument))),
    echo: (argument) => stub.echo(sized(copyValue(argument))),
    note: (argument) => stub.note(sized(copyValue(argument))),
    hint: (argument) => stub.hint(sized(copyValue(argument))),
  };
}
