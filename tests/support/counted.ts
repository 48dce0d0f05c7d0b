// Counts what a node holds open: what is left after its end is a leak.
import type { Clock } from "../../mod.ts";
import type { Connection, Records, Transport } from "../../mod.ts";

/** What is open now, by sort. */
export interface Open {
  subscriptions: number;
  statusListeners: number;
  watches: number;
  timers: number;
}

export function nothingOpen(): Open {
  return { subscriptions: 0, statusListeners: 0, watches: 0, timers: 0 };
}

/** The same clock, with its waiting timers counted. */
export function countedClock(inner: Clock, open: Open): Clock {
  return {
    now: () => inner.now(),
    wall: () => inner.wall(),
    soon: (run) => inner.soon(run),
    after(delayMs, run) {
      const over = once(() => void open.timers--);
      open.timers++;
      const timer = inner.after(delayMs, () => {
        over();
        run();
      });
      return {
        cancel() {
          over();
          timer.cancel();
        },
      };
    },
  };
}

/** The same connection, with all that is open on it counted. */
export function countedConnection(inner: Connection, open: Open): Connection {
  return {
    type: inner.type,
    transport: countedTransport(inner.transport, open),
    records: async (bucket) => countedRecords(await inner.records(bucket), open),
    close: () => inner.close(),
  };
}

function countedTransport(inner: Transport, open: Open): Transport {
  return {
    get maxPayloadBytes() {
      return inner.maxPayloadBytes;
    },
    get connected() {
      return inner.connected;
    },
    publish: (subject, payload, options) => inner.publish(subject, payload, options),
    flush: () => inner.flush(),
    subscribe(subject, onMessage, options) {
      const subscription = inner.subscribe(subject, onMessage, options);
      const over = once(() => void open.subscriptions--);
      open.subscriptions++;
      return {
        unsubscribe() {
          over();
          subscription.unsubscribe();
        },
        drain() {
          over();
          subscription.drain();
        },
      };
    },
    onStatus(listener) {
      const stop = inner.onStatus(listener);
      const over = once(() => void open.statusListeners--);
      open.statusListeners++;
      return () => {
        over();
        stop();
      };
    },
  };
}

function countedRecords(inner: Records, open: Open): Records {
  return {
    create: (key, value) => inner.create(key, value),
    update: (key, value, revision) => inner.update(key, value, revision),
    remove: (key, revision) => inner.remove(key, revision),
    get: (key) => inner.get(key),
    keys: (prefix) => inner.keys(prefix),
    condition: () => inner.condition(),
    async watch(prefix, onEntry) {
      const watch = await inner.watch(prefix, onEntry);
      const over = once(() => void open.watches--);
      open.watches++;
      return {
        stop() {
          over();
          watch.stop();
        },
      };
    },
  };
}

function once(run: () => void): () => void {
  let ran = false;
  return () => {
    if (ran) return;
    ran = true;
    run();
  };
}
