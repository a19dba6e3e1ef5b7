import type { TensorEngine } from '@ogong/engine/interface/tensor';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { hashSignature } from '@ogong/protocol/modality/tensor/signature';
import { assertCanonical } from '@ogong/protocol/modality/tensor/tensor-data';
import type { Tensor } from '@ogong/protocol/modality/tensor/tensor-form';
import { encodeTensorResponse } from '@ogong/protocol/modality/tensor/tensor-list';
import { afterEach, describe, expect, it } from 'vitest';

export interface TensorSubject {
  readonly name: string;
  open(): Promise<TensorEngine>;
  /** Inputs that the model reads. */
  readonly inputs: readonly Tensor[];
  /** Inputs of the signature whose values the model refuses. */
  readonly refused: readonly Tensor[];
}

export interface TensorRule {
  readonly name: string;
  /** Throws if the engine breaks the rule. */
  readonly test: (open: TensorSubject['open'], subject: TensorSubject) => Promise<void>;
}

const listOutputs = (engine: TensorEngine): string[] => engine.info().signature.outputs.map(({ name }) => name);

/** The rules of every engine of tensors. */
export const TENSOR_RULES: readonly TensorRule[] = [
  {
    name: 'describes itself',
    async test(open) {
      const engine = await open();
      const { modelRoot, vocabularyHash, signature } = engine.info();
      expect([engine.specificationVersion, modelRoot.length]).toEqual(['tensor-v1', 32]);
      expect(equalBytes(vocabularyHash, hashSignature(nodeCrypto, signature))).toBe(true);
    },
  },
  {
    name: 'returns the outputs that were asked for, in their order, types and committed form',
    async test(open, { inputs }) {
      const engine = await open();
      const asked = listOutputs(engine).reverse();
      const { outputs } = await engine.run({ inputs, outputs: asked });
      expect(outputs.map(({ name }) => name)).toEqual(asked);
      const types = new Map(engine.info().signature.outputs.map(({ name, dtype }) => [name, dtype]));
      for (const output of outputs) {
        expect(output.dtype).toBe(types.get(output.name));
        assertCanonical(output);
      }
      const [first] = asked as [string];
      expect((await engine.run({ inputs, outputs: [first] })).outputs).toEqual([outputs[0]]);
    },
  },
  {
    name: 'computes the same bits again, beside other requests, and in another engine of its class',
    async test(open, { inputs }) {
      const [engine, twin] = [await open(), await open()];
      const run = async (by: TensorEngine) =>
        encodeTensorResponse((await by.run({ inputs, outputs: listOutputs(by) })).outputs);
      const first = await run(engine);
      expect(await Promise.all([run(engine), run(engine), run(twin)])).toEqual([first, first, first]);
    },
  },
  {
    name: 'is exact for its own class, and for no class that it does not know',
    async test(open, { inputs }) {
      const engine = await open();
      const { numericClass, exact } = engine.info();
      const isExact = async (claimed: string) =>
        (await engine.run({ inputs, outputs: listOutputs(engine), numericClass: claimed })).exact;
      expect([await isExact(numericClass), await isExact('other-1/cpu/x/exact/f32/kv-none')]).toEqual([exact, false]);
    },
  },
  {
    name: 'refuses inputs that the model cannot read, and every call once it is closed',
    async test(open, { inputs, refused }) {
      const engine = await open();
      const outputs = listOutputs(engine);
      await expect(engine.run({ inputs: refused, outputs })).rejects.toMatchObject({ code: 'invalid-request' });
      const aborted = engine.run({ inputs, outputs }, { signal: AbortSignal.abort() });
      await expect(aborted).rejects.toMatchObject({ code: 'cancelled' });
      await engine.close();
      await expect(engine.run({ inputs, outputs })).rejects.toMatchObject({ code: 'engine-closed' });
    },
  },
];

/** Runs the rules over an engine. */
export function describeTensorEngine(subject: TensorSubject): void {
  describe(`${subject.name} as an engine of tensors`, () => {
    const opened: TensorEngine[] = [];
    afterEach(async () => {
      for (const engine of opened.splice(0)) await engine.close();
    });
    const open = async () => {
      const engine = await subject.open();
      opened.push(engine);
      return engine;
    };
    it.each(TENSOR_RULES)('$name', ({ test }) => test(open, subject));
  });
}
