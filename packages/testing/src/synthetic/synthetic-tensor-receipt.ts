import { utf8Encode } from '@ogong/protocol/base/bytes';
import { computeBlinds } from '@ogong/protocol/commitment/blinds';
import { computeCommitment, encodeOpening, type WindowBytes } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2, type RecordV2 } from '@ogong/protocol/commitment/record';
import { computeBankSeed } from '@ogong/protocol/commitment/sketch';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { encodeOrder, nameOrder, type Order } from '@ogong/protocol/exchange/order';
import { hashRequest } from '@ogong/protocol/modality/request-hash';
import { encodeTensorHeader, type TensorHeader } from '@ogong/protocol/modality/tensor/header';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import {
  addReceipt,
  type SignedReply,
  type SyntheticReceipt,
  type SyntheticReceiptOptions,
} from './synthetic-receipt.ts';
import { SYNTHETIC_MODEL } from './synthetic-reply.ts';
import { createSyntheticTensors, SYNTHETIC_INPUTS } from './synthetic-tensors.ts';

/** A complete, honest receipt of tensors. Each part can be changed before it is signed. */
export interface TensorReceiptOptions
  extends Pick<SyntheticReceiptOptions, 'crypto' | 'provider' | 'payer' | 'ledger' | 'router' | 'parameters'> {
  readonly outputs?: readonly Tensor[];
  readonly bend?: {
    readonly order?: (order: Order) => Order;
    readonly header?: (header: TensorHeader) => TensorHeader;
    readonly windows?: (windows: readonly WindowBytes[]) => readonly WindowBytes[];
    readonly record?: (record: RecordV2) => RecordV2;
  };
}

export function createSyntheticTensorReceipt(
  options: TensorReceiptOptions,
): Omit<SyntheticReceipt, 'reply'> & { readonly reply: SignedReply } {
  const { crypto, ledger, payer, provider, outputs, parameters = {}, bend = {} } = options;
  const request = utf8Encode(JSON.stringify({ model: SYNTHETIC_MODEL, inputs: SYNTHETIC_INPUTS, ...parameters }));
  const { bend: _, outputs: __, ...plain } = options;
  const shared = { ...plain, endpoint: 'infer', ...(bend.order && { bend: { order: bend.order } }) };
  return addReceipt(shared, ({ beacon, bend: { order: toMember } }) => {
    const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
    const requestHash = hashRequest(crypto, 'infer', request);
    const unbent: Order = {
      ...{ payer: payer.address, validator: fill(20, 0), cumulativeAtomic: 1_000_000n, requestHash },
      ...{ nonce: fill(32, 0x41), modelRoot: fill(32, 0x42), providerId: hashHybridKey(crypto, provider.publicKey) },
      ...{ payee: fill(20, 0x51), router: fill(20, 0x43), choice: 0, contextSize: 4096, maxFeeAtomic: 1_000_000n },
      ...{ pricePer1kAtomic: 2_000_000n, epoch: beacon.epoch, expiresAtMs: 2_000_000_000_000n },
    };
    const order = nameOrder(crypto, ledger, toMember(unbent));
    const blinds = computeBlinds(crypto, { body: request, replyId: order.replyId });
    const sketchBankSeed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
    const made = createSyntheticTensors({
      ...{ crypto, blinds, body: request, ...(outputs && { outputs }) },
      fixed: { orderHash: order.orderHash, payee: order.payee, sketchBankSeed },
    });
    const opening = {
      blind: blinds.answer,
      header: encodeTensorHeader(bend.header?.(made.header) ?? made.header),
      windows: bend.windows?.(made.opening.windows) ?? made.opening.windows,
    };
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
