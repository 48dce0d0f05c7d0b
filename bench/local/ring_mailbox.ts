// The reference of the local part: the least that deserves the name of an actor. A ring buffer, one message at a
// time, a promise for each ask, nothing for a tell. It validates, copies, bounds and inspects nothing.

interface Message {
  readonly method: string;
  readonly argument: unknown;
  readonly resolve: ((value: unknown) => void) | undefined;
  readonly reject: ((error: unknown) => void) | undefined;
}

type Methods = Record<string, (argument: unknown) => unknown>;

/** A stub of a bare actor: its asks give a promise, its tells nothing. */
export type BareStub<A extends string, T extends string> = Readonly<
  Record<A, (argument: unknown) => Promise<unknown>> & Record<T, (argument: unknown) => void>
>;

/** The mailbox of one bare actor. */
export class RingMailbox {
  readonly #instance: Methods;
  #ring: (Message | undefined)[] = new Array<Message | undefined>(1_024);
  #head = 0;
  #size = 0;
  #scheduled = false;

  constructor(instance: object) {
    this.#instance = instance as Methods;
  }

  push(message: Message): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size++) & (this.#ring.length - 1)] = message;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#drain());
  }

  #grow(): void {
    const old = this.#ring;
    this.#ring = [...old.slice(this.#head), ...old.slice(0, this.#head)];
    this.#ring.length = old.length * 2;
    this.#head = 0;
  }

  #drain(): void {
    while (this.#size > 0) {
      const message = this.#ring[this.#head] as Message;
      this.#ring[this.#head] = undefined;
      this.#head = (this.#head + 1) & (this.#ring.length - 1);
      this.#size--;
      if (this.#handle(message)) return; // it goes on when the handler's promise has settled
    }
    this.#scheduled = false;
  }

  /** @returns whether the handler is asynchronous */
  #handle({ method, argument, resolve, reject }: Message): boolean {
    try {
      const value = this.#instance[method]?.(argument);
      if (!(value instanceof Promise)) {
        resolve?.(value);
        return false;
      }
      value.then(resolve, reject).finally(() => this.#drain());
      return true;
    } catch (error) {
      reject?.(error);
      return false;
    }
  }
}

/** Makes a stub with one method for each message, built once. */
export function bareStub<A extends string, T extends string>(
  instance: object,
  asks: readonly A[],
  tells: readonly T[],
): BareStub<A, T> {
  const mailbox = new RingMailbox(instance);
  const stub: Record<string, (argument: unknown) => unknown> = {};
  for (const method of asks) {
    stub[method] = (argument) =>
      new Promise((resolve, reject) => mailbox.push({ method, argument, resolve, reject }));
  }
  for (const method of tells) {
    stub[method] = (argument) => mailbox.push({ method, argument, resolve: undefined, reject: undefined });
  }
  return stub as BareStub<A, T>;
}
