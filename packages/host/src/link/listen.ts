import type { AddressInfo, Server } from 'node:net';
import type { HostPort } from '../config/values.ts';

/** @throws the system's error if the address cannot be bound. */
export const listen = (server: Server, { host, port }: HostPort): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

/** @throws Error if the server does not listen. */
export function addressOf(server: Server): HostPort {
  const at = server.address() as AddressInfo | null;
  if (at === null) throw new Error('the server does not listen');
  return { host: at.address, port: at.port };
}
