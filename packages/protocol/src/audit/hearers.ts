import type { SetMember } from '../beacon/validator-set.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { NamedOrder } from '../exchange/order.ts';
import { drawWitnesses } from './witness-draw.ts';

/** So many validators hear from a payer which record it holds, besides the one that handles the reply. */
export const HEARERS = 3;

/**
 * The validators that a payer tells, too, which record it holds (docs/spec/delivery.md): the first of the order's own epoch, so the
 * payer knows them when it has the reply, and those who co-sign know whom to ask.
 * @param beacon value of the order's epoch, 32 bytes.
 * @param members the validators of that epoch.
 */
export function drawHearers<T extends Pick<SetMember, 'address' | 'stake'>>(
  crypto: Crypto,
  {
    beacon,
    order: { replyId, providerId: target, validator },
  }: { readonly beacon: Uint8Array; readonly order: Pick<NamedOrder, 'replyId' | 'providerId' | 'validator'> },
  members: readonly T[],
): T[] {
  return drawWitnesses(crypto, { beacon, replyId, asked: 'record', target, validator }, members).slice(0, HEARERS);
}
