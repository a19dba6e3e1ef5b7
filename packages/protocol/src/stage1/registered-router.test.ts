import { expect, it } from 'vitest';
import { findRouterProblem, type RegisteredRouter } from './registered-router.ts';

const router = new Uint8Array(20).fill(1);
const ticketKey = new Uint8Array(32).fill(2);
const span = { fromMs: 1_000, toMs: 2_000 };
const registered: RegisteredRouter = { ticketKey, sinceMs: 0, untilMs: undefined };
const judge = (found: RegisteredRouter | undefined, key?: Uint8Array) =>
  findRouterProblem(async () => found, { router, ...(key && { ticketKey: key }) }, span);

it('accepts a router that is on the chain, with its registered key', async () => {
  expect(await judge(registered)).toBeUndefined();
  expect(await judge(registered, ticketKey)).toBeUndefined();
});

it.each([
  ['has no bond as one', undefined, undefined],
  ['had no bond yet', { ...registered, sinceMs: 2_001 }, undefined],
  ['had left', { ...registered, untilMs: 1_000 }, undefined],
  ['signed by another key', registered, new Uint8Array(32).fill(3)],
] as const)('refuses one that %s', async (why, found, key) => {
  expect(await judge(found, key)).toContain(why);
});

it('accepts one that joined or left while the order may have been signed', async () => {
  expect(await judge({ ...registered, sinceMs: 2_000 })).toBeUndefined();
  expect(await judge({ ...registered, untilMs: 1_001 })).toBeUndefined();
});

it('makes no query for an order without a router', async () => {
  const find = () => Promise.reject(new Error('asked'));
  expect(await findRouterProblem(find, { router: new Uint8Array(20) }, span)).toBeUndefined();
  await expect(findRouterProblem(find, { router }, span)).rejects.toThrow('asked');
});
