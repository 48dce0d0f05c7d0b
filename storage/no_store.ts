/**
 * The store of a node that hosts nothing stored. Nobody asks it.
 *
 * @module
 */
import { ConfigurationError } from "../errors.ts";
import type { Store } from "./store.ts";

function none(): never {
  throw new ConfigurationError("Cannot store anything: this node hosts no stored kind");
}

/** See the module's text. */
export const NO_STORE: Store = Object.freeze<Store>({
  bytesMax: 0,
  load: none,
  head: none,
  commit: none,
  remove: none,
  timed: none,
  highestEpoch: none,
  close: () => Promise.resolve(),
});
