import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import type { HybridSigner, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { encodeOrder, nameOrder } from '@ogong/protocol/exchange/order';
import { signConsent } from '@ogong/protocol/exchange/order-consent';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { MAX_PICTURES } from '@ogong/protocol/modality/text/commitment/header';
import { ledger, payer, type TestValidator } from './test-bench.ts';
import { MODEL, type TestOrder, type TestReply } from './test-reply.ts';

/** The pictures of a request, as many as one may have. */
export const TEST_PICTURES: readonly Uint8Array[] = Array.from({ length: MAX_PICTURES }, (_, i) =>
  new Uint8Array(9).fill(i),
);

interface PicturedBy {
  readonly provider: HybridSigner;
  readonly payee: LedgerSigner;
}

/** Orders an answer about all test pictures. */
function orderAnswer(validator: TestValidator, number: number, { provider, payee }: PicturedBy): TestOrder {
  const shown = TEST_PICTURES.map((bytes) => ({ type: 'image_url', image_url: { url: toReference(crypto, bytes) } }));
  const content = [{ type: 'text', text: `story ${number}` }, ...shown];
  const request = utf8Encode(JSON.stringify({ model: MODEL, messages: [{ role: 'user', content }], max_tokens: 8 }));
  const plain = validator.order(number, { payee: payee.address }, payer, undefined, provider);
  const fields = nameOrder(crypto, ledger, { ...plain.fields, requestHash: hashRequest(crypto, 'chat', request) });
  const signature = payer.signDigest(fields.orderHash);
  return { fields, request, order: encodeOrder(fields), signature, consent: signConsent(provider, fields) };
}

/** The values of one picture token, f32[1, embeddingSize]. */
const makeRows = (embeddingSize: number, picture: number): Uint8Array =>
  new Uint8Array(new Float32Array(embeddingSize).fill(picture).buffer);

/**
 * Has a provider answer about all test pictures, and submits its record.
 * @returns the reply, and its blobs by their hex roots.
 */
export async function deliverPictured(
  validator: TestValidator,
  number: number,
  by: PicturedBy,
): Promise<{ readonly served: TestReply; readonly blobs: ReadonlyMap<string, Uint8Array> }> {
  const order = orderAnswer(validator, number, by);
  await validator.intake.admit(order);
  const { answer } = computeBlinds(crypto, { body: order.request, replyId: order.fields.replyId });
  const blobs = new Map<string, Uint8Array>();
  const served = validator.serve(order, {
    ...by,
    bend: {
      header: (header) => ({
        ...header,
        pictures: TEST_PICTURES.map((_, i) => {
          const bytes = makeRows(header.embeddingSize, i);
          const rowsRoot = computeBlobRoot(crypto, answer, bytes);
          blobs.set(toHex(rowsRoot), bytes);
          return { rows: 1, rowsRoot };
        }),
      }),
    },
  });
  await validator.intake.pushRecord(served.submission);
  return { served, blobs };
}
