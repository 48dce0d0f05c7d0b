// An operator with one account, in memory: what a nats-server of JWTs needs, and users whose time runs out.
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { nkeys } from "@nats-io/nats-core";

type Key = ReturnType<typeof nkeys.createUser>;

const NO_LIMITS = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  conn: -1,
  leaf: -1,
  wildcards: true,
};
const STORES = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

const encoded = (data: string | Uint8Array): string => Buffer.from(data as string).toString("base64url");
const seconds = (): number => Math.floor(Date.now() / 1_000);

function signed(issuer: Key, subject: Key, claims: object, more: object = {}): string {
  const body = {
    jti: randomUUID(),
    iat: seconds(),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    nats: { version: 2, ...claims },
    ...more,
  };
  const text = `${encoded(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }))}.${encoded(JSON.stringify(body))}`;
  return `${text}.${encoded(issuer.sign(new TextEncoder().encode(text)))}`;
}

/** Makes what such a server is configured with, and credentials for it. */
export class JwtOperator {
  readonly #operator = nkeys.createOperator();
  readonly #system = nkeys.createAccount();
  readonly #account = nkeys.createAccount();

  config(store: string): string {
    const accounts = [
      [this.#system, NO_LIMITS],
      [this.#account, { ...NO_LIMITS, ...STORES }],
    ] as const;
    const preload = accounts.map(([account, limits]) => {
      return `${account.getPublicKey()}: "${signed(this.#operator, account, { type: "account", limits })}"`;
    });
    const system = this.#system.getPublicKey();
    return `
      jetstream { store_dir: "${store}" }
      operator: "${signed(this.#operator, this.#operator, { type: "operator", system_account: system })}"
      system_account: ${system}
      resolver: MEMORY
      resolver_preload: { ${preload.join(", ")} }
    `;
  }

  /** The text of a `.creds` file for another user of the account, good for so many seconds. */
  credentials(lifeSeconds: number): string {
    const user = nkeys.createUser();
    const rights = { type: "user", subs: -1, data: -1, payload: -1, pub: {}, sub: {} };
    const jwt = signed(this.#account, user, rights, { exp: seconds() + lifeSeconds });
    const block = (name: string, text: string) =>
      `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n\n`;
    return block("NATS USER JWT", jwt) + block("USER NKEY SEED", new TextDecoder().decode(user.getSeed()));
  }
}
