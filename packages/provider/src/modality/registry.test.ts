import type { Engine } from '@ogong/engine/open-engine';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeEmbeddingEngine } from '@ogong/testing/engine/fake-embedding';
import { createFakeTensorEngine } from '@ogong/testing/engine/fake-tensor';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { afterAll, expect, it } from 'vitest';
import { findModality, isEngineOf, MODALITIES } from './registry.ts';

const engines: readonly Engine[] = [
  createFakeEngine(),
  createFakeEmbeddingEngine(),
  createFakeTrajectoryEngine(),
  createFakeTensorEngine(),
];
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

it('finds exactly one modality for each engine', () => {
  const own = engines.map((engine) => MODALITIES.filter((modality) => isEngineOf(modality, engine)));
  expect(own).toEqual(engines.map((engine) => [findModality(engine)]));
  expect(engines.map((engine) => findModality(engine).writes)).toEqual([true, false, false, false]);
});

it('refuses an engine of another specification, and takes it for no other modality', () => {
  for (const version of ['image-v1', 'text-v2', 'toString']) {
    const engine = { specificationVersion: version as Engine['specificationVersion'] };
    expect(() => findModality(engine)).toThrow(`no modality serves engines of specification ${version}`);
  }
});

it('counts the replies that each engine was opened for', () => {
  expect(engines.map((engine) => findModality(engine).countSequences(engine))).toEqual([
    engines[0]?.info().sequences,
    1,
    1,
    1,
  ]);
});
