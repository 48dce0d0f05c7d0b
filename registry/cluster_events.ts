/**
 * What happens on all nodes, for whoever listens on this one. It outlives a life of the node: the next one asks the others anew.
 *
 * @module
 */
import { EventBus, type NodeEvent } from "../events.ts";
import { type EventFilter, passes } from "./event_filter.ts";

/** An event, and the name of the node that has told it. */
export type ToldEvent = NodeEvent & { readonly toldBy: string };

/** Somebody who listens. */
export interface Listening {
  readonly id: number;
  readonly filter: EventFilter;
  hear(event: ToldEvent): void;
}

/** See the module's text. */
export class ClusterEvents {
  readonly #wall: () => number;
  readonly #listening = new Map<number, Listening>();
  readonly #buses = new Set<EventBus>();
  #latest = 0;
  /** Told when somebody begins to listen, or ends. */
  onChange: (() => void) | undefined;

  constructor(wall: () => number) {
    this.#wall = wall;
  }

  /** Those who listen now. */
  get listening(): Iterable<Listening> {
    return this.#listening.values();
  }

  get(id: number): Listening | undefined {
    return this.#listening.get(id);
  }

  /** An endless iteration from now on; bounded as those of the own events are. */
  stream(filter: EventFilter): AsyncIterableIterator<ToldEvent> {
    const id = ++this.#latest;
    const bus = new EventBus(this.#wall);
    const hear = (event: ToldEvent) => {
      if (ALWAYS.has(event.type) || passes(filter, event)) bus.emit(event);
    };
    const end = () => {
      this.#buses.delete(bus);
      if (this.#listening.delete(id)) this.onChange?.();
    };
    const stream = bus.stream(undefined, end);
    this.#buses.add(bus);
    this.#listening.set(id, { id, filter, hear });
    this.onChange?.();
    return stream as AsyncIterableIterator<ToldEvent>;
  }

  /** Ends all, after what is buffered. */
  close(): void {
    for (const bus of [...this.#buses]) bus.close();
  }
}

/** What comes whatever is wanted: it says that something is missing. */
const ALWAYS: ReadonlySet<string> = new Set(["events-dropped", "events-silent"]);
