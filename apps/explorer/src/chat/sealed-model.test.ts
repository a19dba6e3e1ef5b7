import { expect, it } from 'vitest';
import { isSealedModel } from './sealed-model.ts';

it.each([
  ['ogong/tee/acme/small', true],
  ['ogong/tee-proxy/acme/chat', true],
  ['ogong/verified/acme/small', false],
  ['ogong/vanilla/acme/chat', false],
  ['other', false],
])('requests to %s are sealed: %s', (model, isSealed) => {
  expect(isSealedModel(model)).toBe(isSealed);
});
