import type { Server } from 'node:http';
import type { HostPort } from '../link/host-port.ts';
import { addressOf, listen } from '../link/listen.ts';

/** A server that is opened, closed, and says where it is. */
export interface HttpDoor {
  /** @throws what the system says where the address cannot be had. */
  start(): Promise<void>;
  /** Cuts what is still connected. */
  stop(): Promise<void>;
  address(): HostPort;
}

export const openAt = (at: HostPort, server: Server): HttpDoor => ({
  start: () => listen(server, at),
  stop: () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  address: () => addressOf(server),
});
