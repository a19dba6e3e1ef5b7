import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { toHex } from '@ogong/protocol/base/bytes';
import { asSocket } from '../as-socket.ts';
import type { HostPort } from '../host-port.ts';
import { computeAddressGroup } from '../places.ts';
import { type DialPolicy, isPublicAddress } from '../public-address.ts';

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

export interface PuncherOptions extends PunchOptions {
  /** For the addresses that the other side, or a node of others, names. */
  readonly dialPolicy: DialPolicy;
}

/** The used part of hyperdht, which has no types. */
interface DhtStream extends Duplex {
  readonly rawStream?: { readonly remoteHost?: string | null };
}
/** A stream of UDP: it sends nothing before it has a remote address. */
interface RawStream {
  connect(socket: unknown, id: number, port: number, host: string): void;
  changeRemote(socket: unknown, id: number, port: number, host: string): unknown;
  destroy(): void;
}
interface DhtServer {
  listen(keys: { readonly publicKey: Uint8Array }): Promise<void>;
}
interface ServerOptions {
  /** Whether the server tells callers its addresses in its local network, and punches holes there. */
  readonly shareLocalAddress: boolean;
}
interface Dht {
  fullyBootstrapped(): Promise<unknown>;
  createServer(options: ServerOptions, onLink: (stream: DhtStream) => void): DhtServer;
  connect(key: Uint8Array, options: { readonly localConnection: boolean }): DhtStream;
  createRawStream(options: object): RawStream;
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

/** @returns the package with a check before each stream gets its remote address. It refuses addresses that are not public. */
function checkStreams(Package: DhtPackage): DhtPackage {
  return class extends Package {
    override createRawStream(options: object): RawStream {
      const stream = super.createRawStream(options);
      for (const method of ['connect', 'changeRemote'] as const) {
        const original = stream[method].bind(stream);
        stream[method] = (socket, id, port, host) => {
          if (isPublicAddress(host)) return original(socket, id, port, host);
          stream.destroy();
        };
      }
      return stream;
    }
  };
}

/** False for a stream that `checkStreams` has destroyed. */
const isConnected = ({ rawStream }: DhtStream): boolean => typeof rawStream?.remoteHost === 'string';

export async function openPuncher({ bootstrap, dialPolicy }: PuncherOptions): Promise<Puncher> {
  const Package = await loadDht();
  const isLocal = dialPolicy === 'any';
  const dht = new (isLocal ? Package : checkStreams(Package))({ bootstrap: toNodes(bootstrap) });
  return {
    async listen(accept) {
      const keys = Package.keyPair();
      const server = dht.createServer({ shareLocalAddress: isLocal }, (stream) => {
        stream.on('error', () => {});
        if (!isConnected(stream)) return void stream.destroy();
        const group = computeAddressGroup(stream.rawStream?.remoteHost ?? undefined) ?? 'punched';
        asSocket(stream).then(
          (socket) => accept(socket, `punched ${group}`),
          () => stream.destroy(),
        );
      });
      await server.listen(keys);
      return toHex(keys.publicKey);
    },
    dial: (key, signal) => dialPunched(dht.connect(Buffer.from(key, 'hex'), { localConnection: isLocal }), signal),
    close: () => dht.destroy(),
  };
}

function dialPunched(stream: DhtStream, signal: AbortSignal): Promise<Socket> {
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
      if (!isConnected(stream)) return fail(new Error('the hole leads to no address of the public internet'));
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
