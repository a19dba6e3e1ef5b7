import { createRateLimited } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { MethodName } from '@ogong/host/link/link-server';
import { createRateLimiter, type RateLimit } from '@ogong/host/link/token-bucket';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { toHex } from '@ogong/protocol/base/bytes';
import { PEER_METHODS } from './routes.ts';

/** Limits of methods that cost more than a read of the database; for a complaint the validator replays a whole reply. */
const LIMITED: Readonly<Record<MethodName, RateLimit>> = {
  'ogong.v1.ValidatorService/Complain': { perSecond: 2, burst: 50 },
  'ogong.v1.ValidatorService/Announce': { perSecond: 5, burst: 50 },
};

/** Who may call what, decided before a byte of the message is read. */
export function createAccess({ chain, clock }: { chain: Pick<ChainView, 'findByCertHash'>; clock: Clock }) {
  const limiters = new Map(Object.entries(LIMITED).map(([name, rate]) => [name, createRateLimiter(rate, clock)]));

  return (peer: PeerId, method: MethodName): boolean => {
    if (PEER_METHODS.has(method)) return chain.findByCertHash(peer) !== undefined;
    if (limiters.get(method)?.take(toHex(peer)) === false) throw createRateLimited('too many of these, slow down');
    return true;
  };
}
