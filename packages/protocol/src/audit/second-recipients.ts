import type { SetMember } from '../beacon/validator-set.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { NamedOrder } from '../exchange/order.ts';
import { drawWitnesses } from './witness-draw.ts';

/** Number of validators that receive the payer's delivery statement, besides the handling validator. */
export const SECOND_RECIPIENTS = 3;

/**
 * Draws the second recipients of a payer's delivery statement (docs/spec/delivery.md): the first witnesses of the order's own
 * epoch. So the payer knows them when it has the reply, and co-signers know whom to ask.
 * @param beacon value of the order's epoch, 32 bytes.
 * @param members the validators of that epoch.
 */
export function drawSecondRecipients<T extends Pick<SetMember, 'address' | 'stake'>>(
  crypto: Crypto,
  {
    beacon,
    order: { replyId, providerId: target, validator },
  }: { readonly beacon: Uint8Array; readonly order: Pick<NamedOrder, 'replyId' | 'providerId' | 'validator'> },
  members: readonly T[],
): T[] {
  return drawWitnesses(crypto, { beacon, replyId, asked: 'record', target, validator }, members).slice(
    0,
    SECOND_RECIPIENTS,
  );
}
