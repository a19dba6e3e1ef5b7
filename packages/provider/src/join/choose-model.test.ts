import { fileURLToPath } from 'node:url';
import type { NetworkModel } from '@ogong/protocol/network/network-document';
import { createSyntheticNetwork } from '@ogong/testing/synthetic/synthetic-network';
import { expect, it } from 'vitest';
import { chooseModel, sizeModel } from './choose-model.ts';
import { rankModels } from './rank-models.ts';

const [small] = createSyntheticNetwork().models as readonly [NetworkModel];
const other = { ...small, id: 'ogong/verified/acme/other' };
const NOTHING = { model: undefined, modelId: undefined };
const rank = (...models: readonly NetworkModel[]) =>
  rankModels(
    models.map((model) => ({ model, sizeBytes: undefined })),
    { memoryBytes: 1e10 },
  );

it.each(['hf:acme/small:q8_0', 'https://models.example/small.gguf'])(
  'takes a place that a stranger names: %s',
  (source) => {
    expect(sizeModel({ ...small, source }, false).model.source).toBe(source);
  },
);

it.each([
  ...[
    'file:/etc/passwd',
    '/etc/passwd',
    '--payee-word',
    'http://10.0.0.1/',
    'hf:acme/small+file:/etc/passwd',
    '../small',
  ],
])('takes no other place of a stranger: %s', (source) => {
  expect(sizeModel({ ...small, source }, false).model.source).toBe('');
});

it('takes files of this machine from a gateway of this machine, with their sizes', () => {
  const source = `file:${fileURLToPath(import.meta.url)}`;
  const { model, sizeBytes } = sizeModel({ ...small, source }, true);
  expect([model.source, (sizeBytes ?? 0) > 100]).toEqual([source, true]);
  expect(sizeModel({ ...small, source: 'file:/nowhere' }, true).sizeBytes).toBeUndefined();
});

it('chooses the named model, else the one of before, else the best', () => {
  const ranked = rank(small, other);
  const notes = { modelId: other.id, model: 'file:/kept.gguf' };
  expect(chooseModel(ranked, NOTHING, undefined)).toEqual(ranked[0]?.model);
  expect(chooseModel(ranked, NOTHING, notes)).toEqual({ ...other, source: 'file:/kept.gguf' });
  expect(chooseModel(ranked, { ...NOTHING, modelId: small.id }, notes)).toEqual(small);
  expect(chooseModel(ranked, { modelId: small.id, model: 'file:/own.gguf' }, notes).source).toBe('file:/own.gguf');
});

it.each([
  [/together with --model-id/, { ...NOTHING, model: 'small' }, [small]],
  [/has no such model/, { ...NOTHING, modelId: 'ogong/verified/acme/none' }, [small]],
  [/has no model yet/, NOTHING, []],
  [/The nearest is ogong\/verified\/acme\/small: nobody can verify/, NOTHING, [{ ...small, verifiers: 0 }]],
  [/small cannot be served here: nobody/, { ...NOTHING, modelId: small.id }, [{ ...small, verifiers: 0 }]],
])('refuses with the reason: %s', (message, given, models) => {
  expect(() => chooseModel(rank(...models), given, undefined)).toThrow(message);
});
