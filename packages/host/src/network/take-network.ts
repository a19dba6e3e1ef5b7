import { isLoopbackHost } from '@ogong/protocol/base/loopback';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { type FetchedNetwork, fetchNetwork, NetworkError } from './fetch-network.ts';

export interface TakenNetwork {
  /** Hash that the user named, 64 hex digits. */
  readonly fingerprint?: string | undefined;
  /** Hash of the key that signed the document when this gateway was joined before. */
  readonly known?: string | undefined;
  /** The user takes the key that the gateway shows. */
  readonly isTaken: boolean;
}

/** Reads the origin of a gateway. @throws NetworkError for another text, and for http to another machine. */
export function readGateway(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new NetworkError(`"${text.slice(0, 100)}" is no address of a gateway, such as https://gateway.example`);
  const { protocol, hostname, origin } = new URL(text);
  if (protocol === 'http:' && !isLoopbackHost(hostname))
    throw new NetworkError(`${origin}: a gateway of another machine is reached by https`);
  return origin;
}

/**
 * Fetches the document of a network, and takes its key if the user named it, joined by it before or confirms it. A gateway of this machine
 * needs no confirmation.
 * @param means.ask asks the user, who answers yes or no; undefined where nobody can be asked. @throws NetworkError
 */
export async function takeNetwork(
  gateway: string,
  { fingerprint, known, isTaken }: TakenNetwork,
  {
    say,
    ask,
    load = fetchNetwork,
    ...means
  }: {
    readonly crypto: Crypto;
    readonly nowMs: () => number;
    readonly signal?: AbortSignal;
    readonly say: (line: string) => void;
    readonly ask: ((question: string) => Promise<boolean>) | undefined;
    readonly load?: typeof fetchNetwork;
  },
): Promise<FetchedNetwork> {
  const expected = fingerprint ?? (isTaken ? undefined : known);
  const network = await load(gateway, means);
  if (expected !== undefined && network.fingerprint !== expected.toLowerCase())
    throw new NetworkError(
      `${gateway}: the document is signed by the key ${network.fingerprint}, not by ${expected}. If its operator has published a new key, name that one by --fingerprint`,
    );
  const { routers, relays, models } = network.document;
  say(`${gateway}: routers ${routers.length}, relays ${relays.length}, models ${models.length}`);
  say(`its document is signed by the key ${network.fingerprint}`);
  if (expected !== undefined || isTaken || isLoopbackHost(new URL(gateway).hostname)) return network;
  if (ask === undefined)
    throw new NetworkError(
      `compare this key with the one that the operator has published, and add --fingerprint ${network.fingerprint}`,
    );
  if (await ask('Is this the key that the operator of the network has published? [y/N] ')) return network;
  throw new NetworkError('nothing was joined');
}
