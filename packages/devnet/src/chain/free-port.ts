import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * The highest port is below those that systems use for outgoing connections (Linux from 32768, others from 49152): such a port
 * may be taken before its process has started.
 */
const LOWEST = 12_000;
const HIGHEST = 32_000;
const MAX_TRIES = 1000;

/**
 * Ports that were free a moment ago. On Linux no other process is given them by this function while this process runs: whoever is to
 * listen there may be a program that takes its time to start.
 */
export async function findFreePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries === MAX_TRIES + count)
      throw new Error(`no ${count} free ports on ${host} between ${LOWEST} and ${HIGHEST}`);
    const port = randomInt(LOWEST, HIGHEST);
    if (!(await claim(port))) continue;
    if (await isPortFree(port, host)) found.push(port);
    else await disclaim(port);
  }
  return found;
}

/** @returns the lowest of `count` ports in a row, as {@link findFreePorts} gives them. */
export async function findFreePortRow(count: number, host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const lowest = randomInt(LOWEST, HIGHEST - count);
    const row = Array.from({ length: count }, (_, i) => lowest + i);
    const claimed = await Promise.all(row.map(claim));
    const isFree = await Promise.all(row.map((port) => isPortFree(port, host)));
    if (claimed.every(Boolean) && isFree.every(Boolean)) return lowest;
    await Promise.all(row.filter((_, i) => claimed[i]).map(disclaim));
  }
  throw new Error(`no ${count} free ports in a row on ${host} between ${LOWEST} and ${HIGHEST}`);
}

export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = await hold({ port, host });
  if (server !== undefined) await release(server);
  return server !== undefined;
}

/** What this process was given, each with the name that says so to others. */
const claims = new Map<number, Server | undefined>();

/** @returns whether no process has it. The system drops the names of a process that has ended. */
async function claim(port: number): Promise<boolean> {
  if (claims.has(port)) return false;
  // Elsewhere there are no such names.
  if (process.platform !== 'linux') {
    claims.set(port, undefined);
    return true;
  }
  const server = await hold({ path: `\0ogong-port-${port}` });
  server?.unref();
  if (server === undefined || claims.has(port)) {
    if (server !== undefined) await release(server);
    return false;
  }
  claims.set(port, server);
  return true;
}

async function disclaim(port: number): Promise<void> {
  const server = claims.get(port);
  claims.delete(port);
  if (server !== undefined) await release(server);
}

/** @returns undefined where nobody can listen there. */
function hold(
  place: { readonly port: number; readonly host: string } | { readonly path: string },
): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(place, () => resolve(server));
  });
}

const release = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
