import { MeshError } from '@ogong/devnet/mesh/mesh-error';
import { formatHostPort, type HostPort } from '@ogong/host/config/values';
import { MEMORY_ROUTES } from '@ogong/memory/api/memory-routes';
import { z } from 'zod';

const PAGE = z.object({ memories: z.array(z.unknown()), has_more: z.boolean() });
const MODELS = z.object({ data: z.array(z.object({ id: z.string() })) });
const LOOK_MS = 5_000;

/** Returns the address of a memory service that serves there already; undefined if there is none. */
export async function findService(address: HostPort): Promise<string | undefined> {
  if (address.port === 0) return undefined;
  const baseUrl = `http://${formatHostPort(address)}`;
  const found = await readJson(new URL(`${MEMORY_ROUTES.list.path}?limit=1`, baseUrl)).catch(() => undefined);
  return PAGE.safeParse(found).success ? baseUrl : undefined;
}

const readJson = async (url: URL): Promise<unknown> =>
  (await fetch(url, { signal: AbortSignal.timeout(LOOK_MS) })).json();

/** @throws MeshError if local mode does not answer there, or serves none of these names. */
export async function assertServed(localUrl: string, names: readonly string[]): Promise<void> {
  const served = await readJson(new URL('/v1/models', localUrl))
    .then((list) => MODELS.parse(list).data.map(({ id }) => id))
    .catch((cause: unknown) => {
      const advice = 'start one with ogong-provider local, or leave --local out';
      throw new MeshError('not-running', `no local mode answers at ${localUrl}: ${advice}`, { cause });
    });
  const missing = names.filter((name) => !served.includes(name));
  if (missing.length > 0)
    throw new MeshError('bad-option', `local mode has no ${missing.join(' and no ')}; it has ${served.join(', ')}`);
}
