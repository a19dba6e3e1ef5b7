import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it, vi } from 'vitest';
import { hashHybridKey } from '../crypto/hybrid.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { addRegisteredRouter, findRouterProblem, type RegisteredRouter } from './registered-router.ts';

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

const signer = (seed: number) => createNobleHybridSigner(new Uint8Array(64).fill(seed));
const { receipt, reply } = createSyntheticReceipt({
  ...{ crypto, ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) }, tokens: 1 },
  ...{ provider: signer(1), router: signer(2), payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)) },
});
const own = hashHybridKey(crypto, signer(2).publicKey);

it('adds the router of a receipt that has a bond, and nobody for one that has none', async () => {
  const find = vi.fn(async () => ({ ...registered, ticketKey: own }));
  expect(await addRegisteredRouter(crypto, {}, receipt, find)).toEqual({ routers: [own] });
  expect(find).toHaveBeenCalledWith(reply.order.router);
  expect(await addRegisteredRouter(crypto, {}, receipt, async () => registered)).toEqual({ routers: [] });
  expect(await addRegisteredRouter(crypto, {}, receipt, async () => undefined)).toEqual({ routers: [] });
});

it("keeps the reader's own routers, and leaves an unreadable order to the checks", async () => {
  const find = () => Promise.reject(new Error('asked'));
  expect(await addRegisteredRouter(crypto, { routers: [ticketKey] }, receipt, find)).toEqual({ routers: [ticketKey] });
  const broken = { ...receipt, order: { ...receipt.order, bytes: new Uint8Array(3) } };
  expect(await addRegisteredRouter(crypto, {}, broken, find)).toEqual({});
});
