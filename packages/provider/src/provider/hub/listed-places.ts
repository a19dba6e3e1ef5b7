import { type DialPolicy, findPublicAddresses, type Lookup } from '@ogong/host/link/public-address';
import type { ListedVersion } from '@ogong/hub/named/fetch-manifest';
import { parsePlace } from '@ogong/hub/place';

/**
 * Leaves out HTTP places that lead into this machine's own network. Anybody may enter a model, and its places must not make a provider
 * call services that are not public.
 */
export async function keepDialled(listed: ListedVersion, policy: DialPolicy, find?: Lookup): Promise<ListedVersion> {
  if (policy === 'any') return listed;
  const kept = await Promise.all(listed.sources.map((source) => mayDial(source, find)));
  return { ...listed, sources: listed.sources.filter((_, i) => kept[i]) };
}

async function mayDial(source: string, find: Lookup | undefined): Promise<boolean> {
  const place = source.startsWith('hub+') ? parsePlace(source) : undefined;
  if (place?.kind !== 'http') return true;
  return findPublicAddresses(new URL(place.address).hostname, find).then(
    () => true,
    () => false,
  );
}
