import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Secret } from '@ogong/host/crypto/secret';
import { createLinkClient, type LinkClient } from '@ogong/host/link/link-client';
import { createLinkIdentity, type LinkIdentity } from '@ogong/host/link/link-identity';

/** The address of an attacked server. */
export interface AttackedDoor {
  readonly endpoint: { readonly host: string; readonly port: number };
  readonly certHash: Uint8Array;
}

/** A certificate costs nothing: this one follows from a name. */
export const createStrangerIdentity = (name: string): LinkIdentity =>
  createLinkIdentity(new Secret(new Uint8Array(createHash('sha256').update(name).digest())));

/** An address of 127.0.0.0/8 stands for one of the internet. */
export async function openStrangerLink(door: AttackedDoor, name: string, localAddress: string): Promise<LinkClient> {
  return createLinkClient({
    ...door,
    identity: await createStrangerIdentity(name),
    // Its own limits are no obstacle for an attacker.
    limits: { maxMessageBytes: 64 * 1024 * 1024, unaryTimeoutMs: 60_000 },
    async createConnection(signal) {
      const socket = connect({ ...door.endpoint, localAddress, noDelay: true });
      socket.on('error', () => {});
      await once(socket, 'connect', { signal });
      return socket;
    },
  });
}
