import { ChainError } from '@ogong/chain/errors';
import { EXIT, getExitCode } from '@ogong/host/log/errors';
import { describe, expect, it } from 'vitest';
import { createFormat } from './amount.ts';
import { explainRefusal } from './explain-refusal.ts';

const UNIT = 10n ** 18n;
const units = {
  does: 'ask 50 OROG of the stake back',
  token: 'OROG',
  paid: 'credits',
  format: createFormat(undefined),
};
const NOW = 1_797_583_631n;
const ACCOUNT = `0x${'12'.repeat(20)}`;
const refuse = (name: string, args: readonly unknown[], what = 'a call'): ChainError =>
  new ChainError('reverted', `${what}: refused with ${name}(${args.map(String)})`, { revert: { name, args } });
const explain = (...refused: Parameters<typeof refuse>): Error => explainRefusal(refuse(...refused), units) as Error;

describe("a contract's refusal", () => {
  it.each([
    ['InsufficientStake', [8n * UNIT, 50n * UNIT], 'the stake is 8 OROG, and 50 OROG were asked for'],
    ['InsufficientFree', [0n, UNIT], 'in the escrow are free 0 credits, and 1 credits were asked for'],
    ['ERC20InsufficientBalance', [ACCOUNT, 0n, UNIT], 'the account has 0 OROG, and 1 OROG were asked for: bring more'],
    ['BondSuffices', [UNIT, UNIT], 'it has 1 OROG, and the least is 1 OROG'],
    ['LimitNotRaised', [3n * UNIT], 'the key may sign for 3 credits already'],
    ['NoCase', [7n], 'there is no case 7: `ogong case list`'],
    ['NoRouter', [ACCOUNT], `${ACCOUNT} is no router of this network`],
  ] as const)('is said in words: %s', (name, args, words) => {
    const error = explain(name, args);
    expect(error.message).toContain(`could not ask 50 OROG of the stake back: ${words}`);
    expect(error.message).toContain(`(${name})`);
    expect(getExitCode(error)).toBe(EXIT.data);
    expect(error).toMatchObject({ code: 'reverted', revert: { name } });
  });

  it('for now alone gives the time, and exits with the code for a retry', () => {
    const error = explain('TooEarly', [NOW]);
    expect(error.message).toContain('not before 2026-12-18T08:47:11.000Z: run this again then');
    expect(getExitCode(error)).toBe(EXIT.temporary);
    expect(explain('NotOver', [2n ** 256n - 1n]).message).toContain(`not before second ${2n ** 256n - 1n}`);
    expect(explain('TooEarly', [95n], 'draw a panel').message).toContain('a block has to pass after the appeal');
  });

  it('without an explanation stays as it is', () => {
    const [unknown, bare] = [refuse('Mystery', []), new ChainError('reverted', 'no reason')];
    expect(explainRefusal(unknown, units)).toBe(unknown);
    expect(explainRefusal(bare, units)).toBe(bare);
  });
});
