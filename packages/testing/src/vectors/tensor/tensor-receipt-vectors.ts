import { toBase64 } from '@ogong/protocol/base/bytes';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { TensorHeader } from '@ogong/protocol/modality/tensor/header';
import { encodeTensorData } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor, TensorType } from '@ogong/protocol/modality/tensor/tensor-form';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { createSteadySigner } from '../../protocol/steady-signer.ts';
import { createSyntheticTensorReceipt, type TensorReceiptOptions } from '../../synthetic/synthetic-tensor-receipt.ts';
import {
  type Bent,
  type CaseJson,
  describeCase,
  findEdits,
  judgeReceiptCase,
  type ReceiptCase,
} from '../receipt-vectors.ts';

const BASE = 'infer';

const tensorOf = (name: string, dtype: TensorType, values: readonly unknown[]): Tensor => ({
  ...{ name, dtype, shape: [values.length], data: encodeTensorData(dtype, values as never[]) },
});
const OUTPUTS: readonly Tensor[] = [
  tensorOf('f', 'float32', [0.25, Number.NaN]),
  tensorOf('d', 'float64', [-0.1, 0]),
  tensorOf('b', 'bool', [true]),
  tensorOf('s', 'string', ['', 'caf\u00e9']),
  tensorOf('u', 'uint8', []),
];

/** `vectors/receipt-tensor.json`: receipts of tensors, whole, and changed by their signers or by others. */
export async function createTensorReceiptVectors(crypto: Crypto): Promise<unknown> {
  const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
  const usual = {
    ...{ crypto, outputs: OUTPUTS },
    provider: createSteadySigner(fill(64, 0x31)),
    router: createSteadySigner(fill(64, 0x32)),
    payer: createNobleLedgerSigner(fill(32, 0x33)),
    ledger: { chainId: 31_337n, verifyingContract: fill(20, 0x34) },
  };
  const make = (more: Partial<TensorReceiptOptions> = {}): ReceiptCase => {
    const { receipt, reply, trust, nowMs } = createSyntheticTensorReceipt({ ...usual, ...more });
    const bodies = { request: toBase64(reply.request), response: toBase64(reply.response) };
    return {
      receipt: { ...toReceiptJson(receipt), ...bodies },
      trust: toTrustJson(trust) as unknown as CaseJson,
      nowMs,
    };
  };
  const base = make();
  const cases: Bent[] = [];
  const edited = (what: string, failed: readonly string[], ...edits: Bent['edits']): void => {
    cases.push({ what, base: BASE, failed, edits });
  };
  /** Changed by its signer, so that every signature is valid. */
  const signed = (what: string, failed: readonly string[], more: Partial<TensorReceiptOptions>): void =>
    edited(what, failed, ...findEdits(base, make(more)));
  const header = (change: Partial<TensorHeader>) => ({
    bend: { header: (h: TensorHeader) => ({ ...h, ...change }) },
  });
  /** Changes the values of one leaf. */
  const values = (leaf: number, change: (bytes: Uint8Array) => Uint8Array) => ({
    bend: {
      windows: (windows: readonly WindowBytes[]) =>
        windows.map((one, i) => (i === leaf ? { ...one, sketch: change(one.sketch) } : one)),
    },
  });

  edited('a compact receipt', [], { set: 'receipt/opening', to: { url: '/v1/receipts/0/opening' } });
  edited('another response', ['response-hash'], { flip: 'receipt/response', at: 0 });
  edited('a cut response', ['response-hash', 'response-size'], { cut: 'receipt/response', bytes: 4 });
  edited('a cut opening', ['commitment-form'], { cut: 'receipt/opening/bytes', bytes: 1 });
  edited('a byte of a header', ['commitment-root'], { flip: 'receipt/opening/bytes', at: 90 });
  edited('tensors read as vectors', ['format'], { set: 'receipt/endpoint', to: 'embedding' });

  signed('a demand that is met', [], { parameters: { ogong: { exact: true } } });
  signed('the outputs that were asked for', [], { parameters: { outputs: OUTPUTS.map(({ name }) => name) } });
  signed('outputs in another order than asked for', ['inputs'], { parameters: { outputs: ['d', 'f', 'b', 's', 'u'] } });
  signed('an output that was not asked for', ['inputs'], { parameters: { outputs: ['f'] } });
  signed('a class that is not exact, and was demanded', ['demands'], {
    parameters: { ogong: { exact: true } },
    ...header({ numericClass: 'fake-1/js/f64/fast/hash/kv-none' }),
  });
  signed('the method of another tier', ['posture'], header({ method: 'exact-replay' }));
  signed('another tier', ['inputs'], header({ tier: 'replay', method: 'exact-replay' }));
  signed('another order', ['header-order'], header({ orderHash: fill(32, 1) }));
  signed('another payee', ['payee'], header({ payee: fill(20, 1) }));
  signed('another bank of directions', ['sketch-bank'], header({ sketchBankSeed: fill(32, 1) }));
  signed('adapters', ['inputs'], header({ parts: [fill(32, 0), fill(32, 1)] }));
  signed('another choice', ['inputs'], header({ choice: 1 }));
  signed('more units than the inputs have', ['fee', 'inputs'], header({ promptTokenCount: 6 }));
  signed('fewer units than the inputs have', ['inputs'], header({ promptTokenCount: 4 }));
  signed('another count in the record', ['token-count'], { bend: { record: (r) => ({ ...r, tokenCount: 4 }) } });
  signed('more units than the context', ['context'], { bend: { order: (o) => ({ ...o, contextSize: 4 }) } });
  signed('more than the order pays', ['fee'], { bend: { order: (o) => ({ ...o, maxFeeAtomic: 1n }) } });
  signed(
    'a value of another bit',
    ['tensors'],
    values(1, (bytes) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte))),
  );
  signed(
    'a value of -0',
    ['commitment-form'],
    values(1, (bytes) => bytes.with(15, 0x80)),
  );
  signed(
    'a NaN of other bits',
    ['commitment-form'],
    values(0, (bytes) => bytes.with(4, 1)),
  );
  signed(
    'a truth value of 2',
    ['commitment-form'],
    values(2, (bytes) => bytes.with(0, 2)),
  );
  signed(
    'a text that is no UTF-8',
    ['commitment-form'],
    values(3, (bytes) => bytes.with(bytes.length - 1, 0xff)),
  );
  signed(
    'a text that leaves its leaf',
    ['commitment-form'],
    values(3, (bytes) => bytes.with(7, 6)),
  );
  signed(
    'a chunk that is cut',
    ['commitment-form'],
    values(0, (bytes) => bytes.subarray(1)),
  );
  signed('leaves in another order', ['commitment-form'], { bend: { windows: (windows) => [...windows].reverse() } });
  signed('a leaf too many', ['commitment-form'], {
    bend: { windows: (windows) => [...windows, windows[0] as WindowBytes] },
  });
  signed('another name of an output', ['response-size', 'tensors'], {
    bend: {
      header: ({ outputs: [first, ...others], ...h }) => ({
        ...h,
        outputs: [
          { ...(first as TensorHeader['outputs'][number]), form: { name: 'ff', dtype: 'float32', shape: [2] } },
          ...others,
        ],
      }),
    },
  });

  const verdict = await judgeReceiptCase(crypto, base);
  return {
    bases: { [BASE]: { ...base, checks: verdict?.checks.map(({ id }) => id) } },
    cases: await Promise.all(cases.map((one) => describeCase(crypto, base, one))),
  };
}
