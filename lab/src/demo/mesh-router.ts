import { randomBytes } from 'node:crypto';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { Secret } from '@ogong/host/crypto/secret';
import { LinkError } from '@ogong/host/link/link-error';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkPool, type LinkPool } from '@ogong/host/link/link-pool';
import { toHex } from '@ogong/protocol/base/bytes';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { retryWhile } from './polling.ts';

const PATIENCE_MS = 60_000;

/** Opens links under a new identity, as any caller does. */
export const openLinks = async (): Promise<LinkPool> =>
  createLinkPool({
    identity: createLinkIdentity(new Secret(new Uint8Array(randomBytes(32)))),
    dialPolicy: 'any',
  });

/** Connects to the router of a mesh. */
export function connectRouter({ members, plan }: Pick<Mesh, 'members' | 'plan'>, links: LinkPool) {
  const member = members.find(({ role }) => role === 'router');
  const at = plan.processes.find(({ role }) => role === 'router');
  if (member === undefined || at === undefined) throw new Error('the mesh has no router');
  return links.to(RouterService, { endpoint: `127.0.0.1:${at.port}`, certHash: member.identity.certHash });
}

/** @param providerId hex. @returns whether the router offers a provider. */
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
 * Calls a router or a provider until a slot is free. Tests of the validators may occupy all slots, and the counts of free slots arrive late.
 * A gateway waits in the same way.
 * @throws LinkError
 */
export const askWhenFree = <T>(askOnce: () => Promise<T>): Promise<T> => retryWhile(askOnce, isBusy, PATIENCE_MS);
