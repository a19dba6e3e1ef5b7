import type { NetworkParameters } from '@ogong/chain/client';
import type { RouterRegistration } from '@ogong/chain/registry/router-reads';
import type { RegisteredRouter } from '@ogong/protocol/stage1/registered-router';
import { expect, it } from 'vitest';
import { findRegistrationProblem, registerRouter } from './register.ts';

const ticketKey = new Uint8Array(32).fill(7);
const parameters = { limits: { minimumRouterBond: 50n } } as NetworkParameters;

function createClient(staked: bigint, found?: Partial<RouterRegistration>) {
  const calls: string[] = [];
  const done = (call: string) => async () => void calls.push(call) as never;
  const client: Parameters<typeof registerRouter>[0] = {
    address: '0x0000000000000000000000000000000000000001',
    parameters: async () => parameters,
    stakeOf: async () => staked,
    routerOf: async () => found && { ticketKey: `0x${'07'.repeat(32)}`, since: 1n, until: 0n, ...found },
    stake: (amount) => done(`stake ${amount}`)(),
    registerRouter: () => done('register')(),
  };
  return { calls, client };
}

it.each([
  ['a new account', 20n, undefined, ['stake 30', 'register'], 'registered'],
  ['a router as it is', 50n, {}, [], 'unchanged'],
  ['a router that lost stake', 49n, {}, ['stake 1'], 'unchanged'],
  ['another key', 60n, { ticketKey: '0x01' }, ['register'], 'registered'],
  ['a router that leaves', 50n, { until: 9n }, ['register'], 'registered'],
] as const)('registers %s with what is missing', async (_, staked, found, expected, outcome) => {
  const { calls, client } = createClient(staked, found);
  expect(await registerRouter(client, ticketKey)).toBe(outcome);
  expect(calls).toEqual(expected);
});

it('says what is missing, and which command gives it', async () => {
  const named = { router: new Uint8Array(20).fill(1), ticketKey };
  const judge = (found: RegisteredRouter | undefined) =>
    findRegistrationProblem({ router: async () => found, parameters: () => parameters }, named, 1_000);
  expect(await judge({ ticketKey, sinceMs: 0, untilMs: undefined })).toBeUndefined();
  expect(await judge(undefined)).toMatch(/no bond as one.*50 atomic units.*ogong-routerd register/);
  expect(await judge({ ticketKey: new Uint8Array(32), sinceMs: 0, untilMs: undefined })).toMatch(/another key/);
});
