import { connect } from "node:net";

/** A server of this runtime, on a port of its own. */
export interface TestServer {
  readonly port: number;
  stop(): Promise<void>;
}

interface Runtimes {
  readonly Bun?: {
    serve(options: { port: number; hostname: string; fetch: Fetch }): {
      port: number;
      stop(force: boolean): Promise<void>;
    };
  };
  readonly Deno?: {
    serve(
      options: { port: number; hostname: string; onListen(): void },
      fetch: Fetch,
    ): { addr: { port: number }; shutdown(): Promise<void> };
  };
}

type Fetch = (request: Request) => Response | Promise<Response>;

/** Serves with Bun or Deno, whichever runs this test. */
export function serve(fetch: Fetch): TestServer {
  const { Bun, Deno } = globalThis as unknown as Runtimes;
  const hostname = "127.0.0.1";
  if (Bun !== undefined) {
    const server = Bun.serve({ port: 0, hostname, fetch });
    return { port: server.port, stop: () => server.stop(true) };
  }
  if (Deno === undefined) throw new Error("Cannot serve: the runtime is neither Bun nor Deno");
  const server = Deno.serve({ port: 0, hostname, onListen() {} }, fetch);
  return { port: server.addr.port, stop: () => server.shutdown() };
}

/** Sends exactly these bytes; gives what comes back until `enough` says so or the server closes. */
export function exchange(port: number, request: string, enough: (seen: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    let seen = "";
    const deadline = setTimeout(
      () => socket.destroy(new Error(`Cannot wait longer: current answer is "${seen}"`)),
      5_000,
    );
    const end = () => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(seen);
    };
    socket.on("data", (data) => {
      seen += String(data);
      if (enough(seen)) end();
    });
    socket.on("close", end);
    socket.on("error", (error) => {
      clearTimeout(deadline);
      // A reset after the answer is no failure: the server may close on a body that it refused.
      if (seen === "") reject(error);
      else resolve(seen);
    });
  });
}
