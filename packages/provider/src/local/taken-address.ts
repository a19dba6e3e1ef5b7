import { createServer } from 'node:net';
import { formatHostPort, type HostPort } from '@ogong/host/link/host-port';
import { listen } from '@ogong/host/link/listen';
import { INSTANCE_HEADER } from './server-note.ts';

/** Somebody else listens where this server was to. */
class TakenAddressError extends Error {
  override readonly name = 'TakenAddressError';
  readonly code = 'address-taken';
  readonly retryable = false;
}

const LOOK_MS = 1_000;
/** Ports that are looked at for one that is free. */
const MOST_PORTS = 20;

/**
 * Reports before anything is loaded that an address is taken, the program that took it, and a free address.
 * @throws TakenAddressError, and the system's error where the address cannot be bound for another reason
 */
export async function assertAddressFree(address: HostPort): Promise<void> {
  if (await isFree(address)) return;
  const owner = await findOwner(address);
  const free = await findFree(address);
  const other =
    free === undefined ? 'take another port with --listen' : `take another port: --listen ${formatHostPort(free)}`;
  throw new TakenAddressError(`${formatHostPort(address)} is taken by ${owner}: stop it, or ${other}`);
}

async function isFree(address: HostPort): Promise<boolean> {
  const server = createServer();
  try {
    await listen(server, address);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return false;
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
}

async function findOwner({ host, port }: HostPort): Promise<string> {
  const asked = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  try {
    const response = await fetch(`http://${asked}:${port}/`, {
      signal: AbortSignal.timeout(LOOK_MS),
      redirect: 'manual',
    });
    // Ollama greets alike.
    if (response.headers.has(INSTANCE_HEADER)) {
      await response.body?.cancel();
      return 'ogong-provider local, which runs already';
    }
    const isOllama =
      Number(response.headers.get('content-length')) < 100 && (await response.text()) === 'Ollama is running';
    return isOllama ? 'Ollama' : 'another web server';
  } catch {
    return 'another program';
  }
}

async function findFree({ host, port }: HostPort): Promise<HostPort | undefined> {
  for (let next = port + 1; next <= Math.min(port + MOST_PORTS, 65_535); next++) {
    if (await isFree({ host, port: next })) return { host, port: next };
  }
  return undefined;
}
