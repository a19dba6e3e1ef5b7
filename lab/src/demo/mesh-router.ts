import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { toHex } from '@ogong/protocol/base/bytes';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { waitUntil } from './polling.ts';

const PATIENCE_MS = 60_000;

/** The router of a mesh, as anybody calls it. */
export function connectRouter({ members, plan }: Pick<Mesh, 'members' | 'plan'>, links: LinkPool) {
  const member = members.find(({ role }) => role === 'router');
  const at = plan.processes.find(({ role }) => role === 'router');
  if (member === undefined || at === undefined) throw new Error('the mesh has no router');
  return links.to(RouterService, { endpoint: `127.0.0.1:${at.port}`, certHash: member.identity.certHash });
}

/** @param providerId hex. @returns whether the router gives a provider out. */
export async function isOffered(
  router: ReturnType<typeof connectRouter>,
  { model, providerId }: { readonly model: string; readonly providerId: string | undefined },
): Promise<boolean> {
  const { offers } = await router.listOffers({ model });
  return offers.some((offer) => toHex(offer.providerId) === providerId);
}

/** Routers and providers say so while all slots are taken. Other refusals are `unavailable`, too, and are answers. */
const isBusy = (error: unknown): boolean =>
  error instanceof LinkError && error.refusal === 'unavailable' && / are busy; try /.test(error.message);

/**
 * Validators go on testing, and what a provider says of its free slots comes a moment late: all may be busy for a while. A gateway waits
 * then, and whoever asks without one has to wait, too.
 * @throws LinkError for any other refusal; Error where nobody gets free.
 */
export async function askWhenFree<T>(askOnce: () => Promise<T>): Promise<T> {
  let answer: T | undefined;
  await waitUntil(async () => {
    try {
      answer = await askOnce();
      return true;
    } catch (error) {
      if (isBusy(error)) return false;
      throw error;
    }
  }, PATIENCE_MS);
  if (answer === undefined) throw new Error(`no provider was free for ${PATIENCE_MS / 1_000} s`);
  return answer;
}
