import { expect, it } from 'vitest';
import { findSendProblem } from './gateway.ts';

it.each([
  ['ogong/tee/acme/small', /^Nothing was sent: .* tier tee is for sealed requests/],
  ['ogong/tee-proxy/acme/chat', /^Nothing was sent: .* tier tee-proxy is for sealed requests/],
])('sends nothing in plain to %s', (model, why) => {
  expect(findSendProblem(model)).toMatch(why);
});

it.each(['ogong/verified/acme/small', 'ogong/vanilla/acme/chat', 'other'])('sends requests to %s', (model) => {
  expect(findSendProblem(model)).toBeUndefined();
});
