// TLS as a user sets it up: who is trusted gets in, who is not gets an error with a type, and no crash.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "bun:test";
import { type NatsOptions, natsTransport, startNode } from "../../mod.ts";
import { within } from "../support/conditions.ts";
import { hostLedger, Ledger } from "../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../support/nats/nats_server.ts";

const folder = fileURLToPath(new URL("./certificates/", import.meta.url));

function path(name: string): string {
  return join(folder, name);
}

function pem(name: string): string {
  return readFileSync(path(name), "utf8");
}

function startTls(verify: boolean): Promise<NatsServer> {
  const config = `tls { cert_file: "${path("server.pem")}", key_file: "${path("server.key")}", ca_file: "${path("ca.pem")}", verify: ${verify} }`;
  return startNatsServer({ config });
}

/** How an attempt to connect ends: "connected", or the code of the error. */
async function attempt(server: NatsServer, tls: NatsOptions["tls"]): Promise<string> {
  const options = {
    servers: `127.0.0.1:${server.port}`,
    connectTimeoutMs: 4_000,
    ...(tls === undefined ? {} : { tls }),
  };
  try {
    const connection = await within(natsTransport(options), 10_000);
    await within(connection.close(), 10_000);
    return "connected";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe("TLS", () => {
  test("lets in who trusts the server's authority, and nobody else", async () => {
    await using server = await startTls(false);
    expect(await attempt(server, { ca: pem("ca.pem") })).toBe("connected");
    expect(await attempt(server, { ca: pem("stranger.pem") })).toBe("server-unsuitable");
    expect(await attempt(server, true)).toBe("server-unsuitable");
  }, 60_000);

  test("asks for certificates of one's own, and refuses none and those of others", async () => {
    await using server = await startTls(true);
    const ca = pem("ca.pem");
    const transport = await within(
      natsTransport({
        servers: `127.0.0.1:${server.port}`,
        tls: { ca, cert: pem("node.pem"), key: pem("node.key") },
      }),
      10_000,
    );
    const node = await startNode({ name: "a", transport, hosts: [hostLedger()], signals: false });
    expect(await within(node.ref(Ledger, "x").add("one"), 20_000)).toBe(1);
    await within(node.kill(), 10_000);
    const refusals = [
      await attempt(server, { ca }),
      await attempt(server, { ca, cert: pem("foreign.pem"), key: pem("foreign.key") }),
    ];
    for (const code of refusals) expect(["server-unsuitable", "invalid-configuration"]).toContain(code);
  }, 60_000);
});
