import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * The highest port is below those that systems use for outgoing connections (Linux from 32768, others from 49152): such a port
 * may be taken before its process has started.
 */
const LOWEST = 12_000;
const HIGHEST = 32_000;
const MAX_TRIES = 1000;

/** Ports that were free a moment ago; all are held until the last is found, so that none is returned twice. */
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

/** @returns the lowest of `count` ports in a row that were free a moment ago. */
export async function findFreePortRow(count: number, host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const lowest = randomInt(LOWEST, HIGHEST - count);
    const row = Array.from({ length: count }, (_, i) => isPortFree(lowest + i, host));
    if ((await Promise.all(row)).every(Boolean)) return lowest;
  }
  throw new Error(`no ${count} free ports in a row on ${host} between ${LOWEST} and ${HIGHEST}`);
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
