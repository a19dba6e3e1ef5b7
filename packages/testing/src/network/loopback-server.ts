import { randomBytes } from 'node:crypto';
import type { ConnectRouter } from '@connectrpc/connect';
import { Secret } from '@ogong/host/crypto/secret';
import { formatHostPort } from '@ogong/host/link/host-port';
import { createLinkIdentity, type LinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkServer } from '@ogong/host/link/link-server';
import { seedOf } from '../validator/test-keys.ts';

/** A free port of this machine. */
export const LOOPBACK = { host: '127.0.0.1', port: 0 };

/** Creates the link identity of a named party, the same in each run. */
export const createNamedIdentity = (name: string): LinkIdentity =>
  createLinkIdentity(new Secret(seedOf(`link ${name}`)));

const drawIdentity = (): LinkIdentity => createLinkIdentity(new Secret(new Uint8Array(randomBytes(32))));

export interface LoopbackOptions {
  /** Default: a random one. */
  readonly identity?: LinkIdentity;
  /** Default: a free port. */
  readonly port?: number;
}

/** The largest message, as of the daemons of gateways and providers: a picture or an opening is one message. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Starts a link server on this machine that admits every caller. */
export async function startLoopbackServer(
  routes: (router: ConnectRouter) => void,
  { identity: given, port = LOOPBACK.port }: LoopbackOptions = {},
) {
  const identity = given ?? (await drawIdentity());
  const bind = { ...LOOPBACK, port };
  const server = createLinkServer({
    ...{ bind, identity, routes, authorize: () => true },
    limits: { maxMessageBytes: MAX_MESSAGE_BYTES },
  });
  await server.start();
  const { port: bound } = server.address();
  return {
    ...{ identity, port: bound, endpoint: formatHostPort(server.address()) },
    stop: (graceMs = 0): Promise<void> => server.stop(graceMs),
  };
}
