import { expect, it } from 'vitest';
import { formatPath, GATEWAY_ROUTES } from './routes.ts';

it('fills in the parameters of a path, encoded', () => {
  expect(formatPath(GATEWAY_ROUTES.chat, {})).toBe('/v1/chat/completions');
  expect(formatPath(GATEWAY_ROUTES.opening, { id: 'ab' })).toBe('/v1/receipts/ab/opening');
  expect(formatPath(GATEWAY_ROUTES.model, { id: 'ogong/verified/a/b' })).toBe('/v1/models/ogong%2Fverified%2Fa%2Fb');
});

it('keeps each parameter within its path segment', () => {
  expect(formatPath(GATEWAY_ROUTES.receipt, { id: '../models?x=1#y' })).toBe('/v1/receipts/..%2Fmodels%3Fx%3D1%23y');
});

it('knows the parameters of a path by their names', () => {
  // @ts-expect-error a receipt has an id
  formatPath(GATEWAY_ROUTES.receipt, {});
  // @ts-expect-error the parameter has another name
  formatPath(GATEWAY_ROUTES.receipt, { name: 'ab' });
});
