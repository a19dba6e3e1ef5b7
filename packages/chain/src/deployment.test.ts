import { describe, expect, it } from 'vitest';
import { parseDeployment, readTierStakes } from './deployment.ts';
import type { Hex } from './hex.ts';

const address: Hex = `0x${'Ab'.repeat(20)}`;
const whole = {
  chainId: 31_337,
  rpcUrl: 'http://127.0.0.1:8545',
  token: address,
  parameters: address,
  staking: address,
  registry: address,
  escrow: address,
  settlement: address,
  models: address,
  earnings: address,
  cases: address,
  hearings: address,
  equivocation: address,
  block: 1,
};

it('tells what tiers ask for, and of others nothing', () => {
  const stakes = readTierStakes(parseDeployment({ ...whole, tierStakes: { vanilla: 100 } }));
  expect([...stakes]).toEqual([['vanilla', 100n]]);
  expect(readTierStakes(parseDeployment(whole)).size).toBe(0);
});

describe('parseDeployment', () => {
  it('reads text and objects, in lower case, without unknown fields', () => {
    const parsed = parseDeployment(JSON.stringify({ ...whole, other: 1 }));
    expect(parsed).toEqual(parseDeployment(whole));
    expect(parsed.token).toBe(address.toLowerCase());
    expect(parsed).not.toHaveProperty('other');
  });

  it.each([
    ['text', '{'],
    ['null', null],
    ['short address', { ...whole, escrow: '0x12' }],
    ['missing address', { ...whole, registry: undefined }],
    ['negative chain', { ...whole, chainId: -1 }],
    ['zero chain', { ...whole, chainId: 0 }],
    ['fractional block', { ...whole, block: 0.5 }],
    ['half an economy', { ...whole, burnAndMint: { credits: address } }],
    ['no economy', { ...whole, burnAndMint: null }],
    ['a government that is no address', { ...whole, government: 'votes' }],
    ['a bad timelock', { ...whole, timelock: 1 }],
    ['bad URL', { ...whole, rpcUrl: 'nowhere' }],
    ['a stake of no tier', { ...whole, tierStakes: { constructor: 1 } }],
    ['a stake of nothing', { ...whole, tierStakes: { vanilla: 0 } }],
    ['a stake in text', { ...whole, tierStakes: { vanilla: '5' } }],
    ['a stake that nobody has', { ...whole, tierStakes: { vanilla: 1e12 } }],
  ])('refuses %s', (_, input) => {
    expect(() => parseDeployment(input)).toThrow(/deployment: /);
  });
});
