import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, encodeOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import { computeBankSeed } from '@ogong/protocol/commitment/sketch';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { encodeOrder, nameOrder, type Order } from '@ogong/protocol/exchange/order';
import { type EmbeddingHeader, encodeEmbeddingHeader } from '@ogong/protocol/modality/embedding/header';
import { type EmbeddingLeaf, encodeEmbeddingLeaf } from '@ogong/protocol/modality/embedding/leaf';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { createSyntheticEmbedding, SYNTHETIC_INPUTS } from './synthetic-embedding.ts';
import {
  addReceipt,
  type SignedReply,
  type SyntheticReceipt,
  type SyntheticReceiptOptions,
} from './synthetic-receipt.ts';
import { SYNTHETIC_MODEL } from './synthetic-reply.ts';

/** A complete, honest receipt of vectors or scores. Each part can be changed before it is signed. */
export interface VectorReceiptOptions
  extends Pick<
    SyntheticReceiptOptions,
    'crypto' | 'provider' | 'payer' | 'ledger' | 'router' | 'bendTicket' | 'parameters'
  > {
  readonly endpoint: 'embedding' | 'rerank';
  readonly bend?: {
    readonly order?: (order: Order) => Order;
    readonly leaf?: (leaf: EmbeddingLeaf, index: number) => EmbeddingLeaf;
    readonly header?: (header: EmbeddingHeader) => EmbeddingHeader;
    /** Changes to bytes that the encoder refuses to write. */
    readonly headerBytes?: (header: Uint8Array) => Uint8Array;
    readonly leafBytes?: (values: Uint8Array) => Uint8Array;
    readonly record?: (record: RecordV2) => RecordV2;
  };
}

export function createSyntheticVectorReceipt(
  options: VectorReceiptOptions,
): Omit<SyntheticReceipt, 'reply'> & { readonly reply: SignedReply } {
  const { crypto, ledger, payer, provider, endpoint, parameters = {}, bend = {} } = options;
  const asks = endpoint === 'rerank' ? { query: 'what?', documents: SYNTHETIC_INPUTS } : { input: SYNTHETIC_INPUTS };
  const request = utf8Encode(JSON.stringify({ model: SYNTHETIC_MODEL, ...asks, ...parameters }));
  const { bend: _, ...plain } = options;
  const shared = { ...plain, ...(bend.order && { bend: { order: bend.order } }) };
  return addReceipt(shared, ({ beacon, bend: { order: toMember } }) => {
    const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
    const requestHash = hashRequest(crypto, endpoint, request);
    const unbent: Order = {
      ...{ payer: payer.address, validator: fill(20, 0), cumulativeAtomic: 1_000_000n, requestHash },
      ...{ nonce: fill(32, 0x41), modelRoot: fill(32, 0x42), providerId: hashHybridKey(crypto, provider.publicKey) },
      ...{ payee: fill(20, 0x51), router: fill(20, 0x43), choice: 0, contextSize: 4096, maxFeeAtomic: 1_000_000n },
      ...{ pricePer1kAtomic: 2_000_000n, epoch: beacon.epoch, expiresAtMs: 2_000_000_000_000n },
    };
    const order = nameOrder(crypto, ledger, toMember(unbent));
    const blinds = computeBlinds(crypto, { body: request, replyId: order.replyId });
    const made = createSyntheticEmbedding({
      ...{ crypto, blinds, reranks: endpoint === 'rerank' },
      fixed: {
        orderHash: order.orderHash,
        payee: order.payee,
        sketchBankSeed: computeBankSeed(crypto, order.modelRoot, beacon.previous),
      },
    });
    const leaves = made.leaves.map((leaf, index) => bend.leaf?.(leaf, index) ?? leaf);
    const honest = encodeEmbeddingHeader(bend.header?.(made.header) ?? made.header);
    const header = bend.headerBytes?.(honest) ?? honest;
    const windows = leaves
      .map(encodeEmbeddingLeaf)
      .map(({ values, sketch }) => ({ draws: bend.leafBytes?.(values) ?? values, sketch }));
    const opening = { blind: blinds.answer, header, windows };
    const startNs = 1_700_000_000_000_000_000n;
    const signed: RecordV2 = {
      ...{ replyId: order.replyId, requestHash, responseHash: made.record.responseHash, modelRoot: order.modelRoot },
      ...{ commitRoot: computeCommitment(crypto, opening).root, tokenCount: made.record.tokenCount },
      ...{ startNs, endNs: startNs + 1_000_000_000n },
    };
    const record = bend.record?.(signed) ?? signed;
    const recordBytes = encodeRecordV2(record);
    return {
      ...{ request, response: made.response, order, orderBytes: encodeOrder(order) },
      ...{ orderSignature: payer.signDigest(order.orderHash), openingBytes: encodeOpening(opening) },
      ...{ record, recordBytes, recordSignature: provider.sign(recordBytes) },
    };
  });
}
