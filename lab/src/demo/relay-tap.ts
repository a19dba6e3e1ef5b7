import { createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { HostPort } from '@ogong/host/link/host-port';
import type { LinkIdentity } from '@ogong/host/link/link-identity';
import { createTlsOptions, getPeerId } from '@ogong/host/link/link-tls';
import { addressOf, listen } from '@ogong/host/link/listen';
import { dialDirect } from '@ogong/host/link/reach/dial';
import {
  nameRelayAnswer,
  nameRelaySubject,
  parseRelayAsk,
  parseRelayGreeting,
  RELAY_ASK_BYTES,
  RELAY_GREETING_BYTES,
  RELAY_NAME_BYTES,
  readExactly,
  TLS_HANDSHAKE,
} from '@ogong/host/link/reach/relay-wire';
import { equalBytes } from '@ogong/protocol/base/bytes';

export interface Recording {
  /** Bytes that the relay copied: links under TLS. */
  readonly line: Uint8Array;
  /** The same links without TLS, decrypted with the keys of both ends. */
  readonly inside: Uint8Array;
}

/**
 * A port in front of a relay, with the TLS keys of the parties on both sides: more than any relay has. It records the bytes that a relay
 * sees, and the bytes that a relay would see if only TLS protected a request.
 */
export interface RelayTap {
  readonly port: number;
  /** Returns the bytes since the last call. */
  take(): Recording;
  stop(): Promise<void>;
}

export interface RelayTapOptions {
  /** 0 uses a free port. */
  readonly port: number;
  readonly relay: HostPort;
  /** Identities of the nodes and callers whose links are decrypted; read once, at the first link. Other links pass unchanged. */
  readonly identities: () => Promise<readonly LinkIdentity[]>;
}

const HELLO_TIMEOUT_MS = 10_000;
/** Bytes that are recorded of each kind; later bytes are only forwarded. */
const KEPT = 8 << 20;

export async function openRelayTap({ port, relay, identities }: RelayTapOptions): Promise<RelayTap> {
  const line = createTape();
  const inside = createTape();
  const sockets = new Set<Socket>();
  let known: Promise<readonly LinkIdentity[]> | undefined;
  async function find(id: Uint8Array | undefined): Promise<LinkIdentity | undefined> {
    known ??= identities();
    return id && (await known).find((identity) => equalBytes(identity.id, id));
  }

  async function findNamed(salt: Uint8Array, name: Uint8Array): Promise<LinkIdentity | undefined> {
    known ??= identities();
    const nameOf = (subject: Uint8Array) => nameRelaySubject(nodeCrypto, salt, { ask: 'connect', subject });
    return (await known).find(({ id }) => equalBytes(nameOf(id), name));
  }

  async function pass(near: Socket): Promise<void> {
    const signal = AbortSignal.timeout(HELLO_TIMEOUT_MS);
    const far = keep(await dialDirect(relay, signal));
    const first = await readExactly(near, 1, signal);
    // A node that registers at the relay itself.
    if (first[0] === TLS_HANDSHAKE) {
      far.write(first);
      return join(near, far);
    }
    const asked = Buffer.concat([first, await readExactly(near, RELAY_ASK_BYTES - 1, signal)]);
    far.write(asked);
    const greeting = await readExactly(far, RELAY_GREETING_BYTES, signal);
    near.write(greeting);
    const name = await readExactly(near, RELAY_NAME_BYTES, signal);
    far.write(name);
    const salt = parseRelayGreeting(greeting);
    const isCall = salt !== undefined && parseRelayAsk(asked) === 'connect';
    const node = isCall ? await findNamed(salt, name) : undefined;
    if (node === undefined) return join(near, far, line.keep);
    const answer = await readExactly(far, 1, signal);
    near.write(answer);
    if (nameRelayAnswer(answer[0] as number) !== 'joined') near.end();
    else open(near, far, node);
  }

  /** Terminates TLS on both sides, as the node towards the caller and as the caller towards the node. */
  function open(near: Socket, far: Socket, node: LinkIdentity): void {
    const tls = createTlsServer({ ...createTlsOptions(node), ALPNProtocols: ['h2'], requestCert: true });
    tls.on('tlsClientError', () => near.destroy());
    tls.once('secureConnection', async (caller: TLSSocket) => {
      keep(caller);
      const identity = await find(getPeerId(caller)).catch(() => undefined);
      if (identity === undefined) return void caller.destroy();
      const onward = connectTls({ socket: far, ALPNProtocols: ['h2'], ...createTlsOptions(identity) });
      keep(onward);
      join(caller, onward, inside.keep);
    });
    tls.emit('connection', near);
  }

  function keep<S extends Socket>(socket: S): S {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
    return socket;
  }

  const server: Server = createServer((near) => {
    pass(keep(near)).catch(() => near.destroy());
  });
  await listen(server, { host: '127.0.0.1', port });
  return {
    port: addressOf(server).port,
    take: () => ({ line: line.take(), inside: inside.take() }),
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function join(a: Socket, b: Socket, record: (chunk: Uint8Array) => void = () => {}): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('data', record);
    from.pipe(to);
    from.once('close', () => to.destroy());
  }
}

function createTape() {
  let chunks: Uint8Array[] = [];
  let size = 0;
  return {
    keep(chunk: Uint8Array): void {
      if (size + chunk.length > KEPT) return;
      chunks.push(chunk);
      size += chunk.length;
    },
    take(): Uint8Array {
      const taken = Buffer.concat(chunks);
      chunks = [];
      size = 0;
      return taken;
    },
  };
}
