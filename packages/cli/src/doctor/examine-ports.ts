import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import type { DialPolicy } from '@ogong/host/link/public-address';
import { dialNamed } from '@ogong/host/link/reach/dial';
import type { Diagnosis } from './diagnosis.ts';

const TIMEOUT_MS = 2_000;

/** Whether a program listens there. An address that the policy refuses counts as silent. */
export async function answers(at: HostPort, dialPolicy: DialPolicy): Promise<boolean> {
  try {
    const socket = await dialNamed(at, dialPolicy, AbortSignal.timeout(TIMEOUT_MS));
    socket.on('error', () => {});
    socket.destroy();
    return true;
  } catch {
    return false;
  }
}

const answersAnywhere = (at: HostPort): Promise<boolean> => answers(at, 'any');

/** A port that a daemon is to listen on: free, or the reason why not. */
export function examinePort(port: number, host = '127.0.0.1'): Promise<Diagnosis> {
  const about = `port ${port}`;
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code = '' }: NodeJS.ErrnoException) => {
      const isTaken = code === 'EADDRINUSE';
      const advice = isTaken
        ? 'stop what listens there, or give the daemon another port (--listen, --base-port)'
        : 'take a port of 1024 or more, or one that this user may open';
      resolve({
        about,
        status: 'problem',
        found: isTaken ? 'taken by another program' : `cannot be opened (${code})`,
        advice,
      });
    });
    server.listen({ host, port, exclusive: true }, () =>
      server.close(() => resolve({ about, status: 'ok', found: 'free' })),
    );
  });
}

/** Ranges that are unreachable from outside: RFC 1918, 6598, 3927, 1122, 4193 and 4291. */
const PRIVATE_HOSTS = [
  /^10\./,
  /^127\./,
  /^169\.254\./,
  /^192\.168\./,
  /^172\.(1[6-9]|2\d|3[01])\./,
  /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./,
  /^localhost$/,
  /^::1$/,
  /^f[cd][0-9a-f]{2}:/i,
  /^fe[89ab][0-9a-f]:/i,
];

export interface OwnAddresses {
  readonly own: readonly string[];
  /** @throws if the name has no address. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
}

const ofThisMachine: OwnAddresses = {
  own: Object.values(networkInterfaces()).flatMap((some = []) => some.map(({ address }) => address)),
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
};

/** Whether the announced address is one of this machine, or of a router before it. */
export async function examineNat(
  { host, port }: HostPort,
  { own, resolve }: OwnAddresses = ofThisMachine,
): Promise<Diagnosis> {
  const about = 'nat';
  let addresses: readonly string[];
  try {
    addresses = await resolve(host.replace(/^\[|\]$/g, ''));
  } catch {
    return {
      about,
      status: 'problem',
      found: `${host} has no address`,
      advice: 'correct the name, or its entry in the DNS',
    };
  }
  const shown = addresses.join(', ');
  if (addresses.some((address) => own.includes(address))) {
    return { about, status: 'ok', found: `${shown} is an address of this machine` };
  }
  return {
    ...{
      about,
      status: 'warning',
      found: `${shown} is not an address of this machine: a router translates it, or it is another one's`,
    },
    advice: `forward port ${port} of that address to this machine, or give the provider a relay (--relay auto)`,
  };
}

/** An address that a daemon announces to others. */
export async function examineEndpoint(endpoint: HostPort, isThere = answersAnywhere): Promise<Diagnosis> {
  const about = 'endpoint';
  const shown = formatHostPort(endpoint);
  if (PRIVATE_HOSTS.some((range) => range.test(endpoint.host))) {
    return {
      ...{ about, status: 'warning', found: `${shown} is an address of a private network` },
      advice: 'others reach it only from inside: announce the public address, and forward its port to this machine',
    };
  }
  if (await isThere(endpoint)) return { about, status: 'ok', found: `${shown} answers` };
  return {
    ...{ about, status: 'warning', found: `${shown} does not answer from here` },
    advice:
      'start the daemon first; some routers do not let a machine reach its own public address, so try from outside too',
  };
}
