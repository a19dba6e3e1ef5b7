import { createServer, type Server } from 'node:net';

/** Ports that were free a moment ago; all are held until the last is found, so that none comes twice. */
export async function findFreePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const held: Server[] = [];
  try {
    for (let i = 0; i < count; i++) held.push(await hold(0, host));
    return held.map(portOf);
  } finally {
    await Promise.all(held.map(release));
  }
}

export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  try {
    await release(await hold(port, host));
    return true;
  } catch {
    return false;
  }
}

function hold(port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

const release = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP server');
  return address.port;
}
