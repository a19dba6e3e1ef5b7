import { createFakeEngine } from '@ogong/testing/engine/fake';
import { expect, it } from 'vitest';
import { shelve } from './local-fixture.ts';
import { findContextSize } from './model-context.ts';

const none = { list: () => [] };
const running = {
  list: () => [
    { reference: 'file:/fake', engine: createFakeEngine({ contextSize: 77 }), loadedAtMs: 0, expiresAtMs: 1, users: 0 },
  ],
};

it('is that of the file, or of the engine once the model is loaded', () => {
  expect(findContextSize(none, shelve('fake'))).toBe(2_048);
  expect(findContextSize(running, shelve('fake'))).toBe(77);
});

it('is at most what a made model was given', () => {
  const defaults = { parameters: { num_ctx: 32 } };
  expect(findContextSize(none, shelve('fake', { defaults } as never))).toBe(32);
  expect(findContextSize(running, shelve('fake', { defaults: { parameters: { num_ctx: 4_096 } } } as never))).toBe(77);
});

it('is unknown for a file that cannot be read', () => {
  expect(findContextSize(none, shelve('fake', { path: '/none', modelRoot: 'no such model' }))).toBeUndefined();
});
