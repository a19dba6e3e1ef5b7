import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createTestManifest } from '@ogong/testing/hub/hub-manifest';
import { expect, it } from 'vitest';
import { findRefusal, OPEN_LICENCES, sumModelBytes } from './acceptable-model.ts';

const manifest = createTestManifest(crypto);
const sizeBytes = sumModelBytes(manifest);
const limits = { licences: OPEN_LICENCES, budgetBytes: sizeBytes, memoryBytes: sizeBytes };
const refuse = (changes: Partial<typeof manifest>, bend: Partial<typeof limits> = {}) =>
  findRefusal({ ...manifest, ...changes }, { ...limits, ...bend });
const [licence, config, weights] = manifest.files as [
  (typeof manifest.files)[0],
  (typeof manifest.files)[0],
  (typeof manifest.files)[0],
];

it('a model under an open licence is fetched, if one alternative is open', () => {
  expect(refuse({})).toBeUndefined();
  for (const each of ['mit', 'GPL-3.0-only OR MIT', 'MIT AND Apache-2.0', 'Apache-2.0 WITH LLVM-exception'])
    expect(refuse({ licence: each }), each).toBeUndefined();
  for (const each of ['CC-BY-NC-4.0', 'MIT AND LicenseRef-mine', 'LicenseRef-llama3'])
    expect(refuse({ licence: each }), each).toBe(`its licence is ${each}`);
  expect(refuse({ licence: 'LicenseRef-llama3' }, { licences: ['LicenseRef-Llama3'] })).toBeUndefined();
});

it('a model that no engine here runs is not fetched', () => {
  const files = [licence, config, { ...weights, path: 'model.safetensors', format: 'safetensors' as const }];
  expect(refuse({ files })).toMatch(/no engine here runs its format/);
  expect(refuse({ rootRule: 'folder' })).toMatch(/no engine/);
  const onnx = { ...weights, path: 'model.onnx', format: 'onnx' as const };
  expect(refuse({ rootRule: 'folder', files: [config, onnx] })).toBeUndefined();
  const [origin] = manifest.lineage;
  expect(refuse({ lineage: [{ ...origin!, relation: 'adapter-of' }] })).toMatch(/adapter/);
});

it('a model that fits neither disk nor memory is not fetched', () => {
  expect(refuse({}, { budgetBytes: sizeBytes - 1 })).toMatch(/the budget is/);
  expect(refuse({}, { memoryBytes: weights.sizeBytes })).toBeUndefined();
  expect(refuse({}, { memoryBytes: weights.sizeBytes - 1 })).toMatch(/bytes of memory are free/);
});
