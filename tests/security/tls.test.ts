// TLS as a user sets it up: who is trusted gets in, who is not gets an error with a type, and no crash.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type NatsOptions, natsTransport, startNode } from "../../mod.ts";
import { within } from "../support/conditions.ts";
import { hostLedger, Ledger } from "../support/ledger.ts";
import { type NatsServer, startNatsServer } from "../support/nats_server.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "baton-tls-"));
  for (const ca of ["ca", "stranger"]) {
    openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      `/CN=${ca}`,
      "-keyout",
      path(`${ca}.key`),
      "-out",
      path(`${ca}.pem`),
    );
  }
  sign("server", "ca");
  sign("node", "ca");
  sign("foreign", "stranger");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function path(name: string): string {
  return join(folder, name);
}

function pem(name: string): string {
  return readFileSync(path(name), "utf8");
}

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: "ignore" });
}

function sign(name: string, ca: string): void {
  writeFileSync(path(`${name}.ext`), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  openssl(
    "req",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-subj",
    `/CN=${name}`,
    "-keyout",
    path(`${name}.key`),
    "-out",
    path(`${name}.csr`),
  );
  openssl(
    "x509",
    "-req",
    "-in",
    path(`${name}.csr`),
    "-CA",
    path(`${ca}.pem`),
    "-CAkey",
    path(`${ca}.key`),
    "-CAcreateserial",
    "-days",
    "2",
    "-extfile",
    path(`${name}.ext`),
    "-out",
    path(`${name}.pem`),
  );
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
    await within(node.stop(), 10_000);
    const refusals = [
      await attempt(server, { ca }),
      await attempt(server, { ca, cert: pem("foreign.pem"), key: pem("foreign.key") }),
    ];
    for (const code of refusals) expect(["server-unsuitable", "invalid-configuration"]).toContain(code);
  }, 60_000);
});
