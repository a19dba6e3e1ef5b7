import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { toHex } from '@ogong/protocol/base/bytes';
import { asSocket } from '../as-socket.ts';
import type { HostPort } from '../host-port.ts';
import { computeAddressGroup } from '../places.ts';

/** Links between two machines behind NATs, without a relay (docs/spec/links.md#punched-routes). */
export interface Puncher {
  /** Takes links of others. @returns the key that they dial, hex; new at each start. */
  listen(accept: (socket: Socket, group: string) => void): Promise<string>;
  /** @param key hex. @throws Error if no hole is punched in time. */
  dial(key: string, signal: AbortSignal): Promise<Socket>;
  close(): Promise<void>;
}

export interface PunchOptions {
  /** Nodes that know the listener of each key, and help both sides to meet. They carry no link. */
  readonly bootstrap: readonly HostPort[];
}

/** The used part of hyperdht, which has no types. */
interface DhtStream extends Duplex {
  readonly rawStream?: { readonly remoteHost?: string };
}
interface DhtServer {
  listen(keys: { readonly publicKey: Uint8Array }): Promise<void>;
}
interface Dht {
  fullyBootstrapped(): Promise<unknown>;
  createServer(onLink: (stream: DhtStream) => void): DhtServer;
  connect(key: Uint8Array): DhtStream;
  destroy(): Promise<void>;
}
interface DhtPackage {
  new (options: object): Dht;
  keyPair(): { readonly publicKey: Uint8Array };
}

/** Optional package: it is needed only with bootstrap nodes. */
const PACKAGE = 'hyperdht';

/** @throws Error that names the missing package. */
async function loadDht(): Promise<DhtPackage> {
  try {
    return ((await import(PACKAGE)) as { readonly default: DhtPackage }).default;
  } catch (cause) {
    throw new Error('hole punching needs a package that is not installed: npm install hyperdht@6.34.0', { cause });
  }
}

const toNodes = (bootstrap: readonly HostPort[]) => bootstrap.map(({ host, port }) => ({ host, port }));

export async function openPuncher({ bootstrap }: PunchOptions): Promise<Puncher> {
  const Package = await loadDht();
  const dht = new Package({ bootstrap: toNodes(bootstrap) });
  return {
    async listen(accept) {
      const keys = Package.keyPair();
      const server = dht.createServer((stream) => {
        stream.on('error', () => {});
        const group = computeAddressGroup(stream.rawStream?.remoteHost) ?? 'punched';
        asSocket(stream).then(
          (socket) => accept(socket, `punched ${group}`),
          () => stream.destroy(),
        );
      });
      await server.listen(keys);
      return toHex(keys.publicKey);
    },
    dial: (key, signal) => dialPunched(dht, key, signal),
    close: () => dht.destroy(),
  };
}

function dialPunched(dht: Dht, key: string, signal: AbortSignal): Promise<Socket> {
  const stream = dht.connect(Buffer.from(key, 'hex'));
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      stream.on('error', () => {});
      stream.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(new Error('no hole was punched in time'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    stream.once('error', (error: Error) => fail(new Error(`no hole was punched: ${error.message}`)));
    stream.once('open', () => {
      signal.removeEventListener('abort', onAbort);
      asSocket(stream).then(resolve, fail);
    });
  });
}

/**
 * A node that others are introduced by. A network needs a few of them, on machines that everybody reaches.
 * @param bootstrap the others; empty for the first one. @throws Error
 */
export async function startPunchNode(
  { host, port }: HostPort,
  { bootstrap }: PunchOptions,
): Promise<{ close(): Promise<void> }> {
  const Package = await loadDht();
  const node = new Package({
    bootstrap: toNodes(bootstrap),
    ephemeral: false,
    firewalled: false,
    host,
    port,
    anyPort: false,
  });
  await node.fullyBootstrapped();
  return { close: () => node.destroy() };
}
