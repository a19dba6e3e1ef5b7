import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * Below where systems take ports for outgoing connections from (Linux 32768, others 49152): a port from there may be gone
 * before the process that it is for has started.
 */
const LOWEST = 12_000;
const HIGHEST = 32_000;
const MAX_TRIES = 1000;

/** Ports that were free a moment ago; all are held until the last is found, so that none comes twice. */
export async function findFreePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const held = new Map<number, Server>();
  try {
    for (let tries = 0; held.size < count; tries++) {
      if (tries === MAX_TRIES) throw new Error(`no ${count} free ports on ${host} between ${LOWEST} and ${HIGHEST}`);
      const port = randomInt(LOWEST, HIGHEST);
      const server = held.has(port) ? undefined : await hold(port, host);
      if (server !== undefined) held.set(port, server);
    }
    return [...held.keys()];
  } finally {
    await Promise.all([...held.values()].map(release));
  }
}

export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = await hold(port, host);
  if (server !== undefined) await release(server);
  return server !== undefined;
}

/** @returns undefined where the port cannot be listened on. */
function hold(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, host, () => resolve(server));
  });
}

const release = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
