import type { NamedOrder } from '@ogong/protocol/exchange/order';
import type { DrawKeyInputs } from '@ogong/protocol/modality/text/sampling/draw-key';
import { NOBODY } from '@ogong/protocol/verdict/receipt/verify-local-receipt';

/** The draws that an order fixes: by its nonce and the epoch's beacon, or by the seed that the request names. */
export function chooseDrawKey(
  order: Pick<NamedOrder, 'requestHash' | 'modelRoot' | 'choice' | 'nonce' | 'replyId' | 'providerId' | 'epoch'>,
  { seed }: { readonly seed: bigint | undefined },
  beacon: Uint8Array,
): DrawKeyInputs {
  const { requestHash, modelRoot, choice, nonce, replyId, providerId, epoch } = order;
  return seed === undefined
    ? { mode: 'nonce', nonce, requestHash, replyId, providerId, epoch, beacon }
    : { mode: 'seed', seed, requestHash, modelRoot, choice };
}

/** Makes the key of draws that no order fixes. */
export function makeLocalDrawKey(
  { randomBytes }: { readonly randomBytes: (length: number) => Uint8Array },
  reply: {
    readonly requestHash: Uint8Array;
    readonly replyId: Uint8Array;
    readonly modelRoot: Uint8Array;
    readonly seed: bigint | undefined;
    readonly choice: number;
  },
): DrawKeyInputs {
  const { requestHash, replyId, modelRoot, seed, choice } = reply;
  if (seed === undefined) {
    const nobody = { providerId: NOBODY.hash, epoch: 0n, beacon: NOBODY.hash };
    return { mode: 'nonce', nonce: randomBytes(32), requestHash, replyId, ...nobody };
  }
  // The seed alone, so that rewording a client's envelope does not change the draws.
  return { mode: 'seed', seed, requestHash: NOBODY.hash, modelRoot, choice };
}
