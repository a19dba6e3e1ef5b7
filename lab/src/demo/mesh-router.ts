import type { Mesh } from '@ogong/devnet/mesh/mesh';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { toHex } from '@ogong/protocol/base/bytes';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

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
