import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * The highest port is below those that systems use for outgoing connections (Linux from 32768, others from 49152). Such a port may be taken
 * before its process has started.
 */
const LOWEST = 12_000;
const HIGHEST = 32_000;
const MAX_TRIES = 1000;

/**
 * Ports that this process has found, reserved until it ends. It may take seconds until the daemon has bound its port, and a restarting
 * daemon leaves it free for a while. No other process of this machine gets it meanwhile. Linux alone has names of sockets without a file.
 */
const claims = new Map<number, Server | undefined>();

/** Finds ports that were free a moment ago. Other callers on this machine do not get them while this process lives. */
export async function findFreePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries === MAX_TRIES) throw new Error(`no ${count} free ports on ${host} between ${LOWEST} and ${HIGHEST}`);
    const port = randomInt(LOWEST, HIGHEST);
    if (await claimFree(port, host)) found.push(port);
  }
  return found;
}

/** @returns the lowest of `count` such ports in a row. */
export async function findFreePortRow(count: number, host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const lowest = randomInt(LOWEST, HIGHEST - count);
    const row = Array.from({ length: count }, (_, i) => lowest + i);
    const claimed: number[] = [];
    for (const port of row) {
      if (!(await claimFree(port, host))) break;
      claimed.push(port);
    }
    if (claimed.length === count) return lowest;
    await Promise.all(claimed.map(disclaim));
  }
  throw new Error(`no ${count} free ports in a row on ${host} between ${LOWEST} and ${HIGHEST}`);
}

export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = await hold(port, host);
  if (server !== undefined) await release(server);
  return server !== undefined;
}

/** @returns whether the port is free, and this process's from now on. */
async function claimFree(port: number, host: string): Promise<boolean> {
  if (claims.has(port)) return false;
  claims.set(port, undefined);
  const claim = await claimName(port);
  claims.set(port, claim === 'taken' ? undefined : claim);
  if (claim !== 'taken' && (await isPortFree(port, host))) return true;
  await disclaim(port);
  return false;
}

async function disclaim(port: number): Promise<void> {
  const claim = claims.get(port);
  if (claim !== undefined) await release(claim);
  claims.delete(port);
}

/** @returns undefined if there are no such names. */
function claimName(port: number): Promise<Server | 'taken' | undefined> {
  if (process.platform !== 'linux') return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EADDRINUSE' ? 'taken' : undefined));
    server.listen(`\0ogong-port-${port}`, () => resolve(server.unref()));
  });
}

/** @returns undefined if the port cannot be listened on. */
function hold(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, host, () => resolve(server));
  });
}

const release = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
