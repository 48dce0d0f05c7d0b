/** The part of an error event that counts here; Bun has none and lets such errors reach whoever caused them. */
interface UncaughtEvent {
  readonly error: unknown;
  preventDefault(): void;
}

interface EventTargetLike {
  addEventListener?(type: "error", listener: (event: UncaughtEvent) => void): void;
  removeEventListener?(type: "error", listener: (event: UncaughtEvent) => void): void;
}

/**
 * Keeps errors that nobody can catch from ending the process, if they are expected: on Deno a TLS alert of the other side
 * can be thrown from within the runtime. All others end the process as ever.
 *
 * @returns a function that stops it
 */
export function expectUncaught(isExpected: (error: unknown) => boolean): () => void {
  const target = globalThis as EventTargetLike;
  const listener = (event: UncaughtEvent) => {
    if (isExpected(event.error)) event.preventDefault();
  };
  target.addEventListener?.("error", listener);
  return () => target.removeEventListener?.("error", listener);
}
