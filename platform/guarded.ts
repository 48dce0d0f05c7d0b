import { inCleanContext } from "./async_context.ts";

/**
 * The same function, for parts that must go on whatever it does: what it throws is dropped, for there is no other place
 * where that could be told, and it is called in the clean async context.
 */
export function guarded<A extends readonly unknown[]>(told: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    try {
      inCleanContext(() => told(...args));
    } catch {
      // see above
    }
  };
}
