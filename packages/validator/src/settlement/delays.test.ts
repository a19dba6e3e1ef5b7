import { defaultDelays, defaultHolding, defaultLimits } from '@ogong/chain/deploy/deploy';
import { computeLongestAttempt, computeLongestAudit } from '@ogong/protocol/audit/longest-audit';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { describe, expect, it } from 'vitest';
import { validatorConfig } from '../validator-config.ts';
import { findDelayProblem } from './withdrawal-delay.ts';

const { fields } = validatorConfig.definition;
const readMs = ({ schema, default: given }: typeof fields.auditWindow | typeof fields.grace): number =>
  schema.parse(given);
const times = {
  epochMs: Number(fields.epochMs.default),
  windowMs: readMs(fields.auditWindow),
  graceMs: readMs(fields.grace),
  callTimeoutMs: 60_000,
};
const HOUR_MS = 3_600_000;

describe('the longest audit', () => {
  it('matches the documents', () => {
    expect(computeLongestAttempt(times) / 60_000).toBe(73.25);
    expect(computeLongestAudit(times) / 60_000).toBe(738);
  });
});

describe('the delays of a network with money in it', () => {
  it('keep a payer from taking its reserve back while a reply still waits for verifiers, with an hour to settle', () => {
    expect(findDelayProblem(defaultDelays.leastWithdrawal, times)).toBeUndefined();
    expect(defaultDelays.leastWithdrawal).toBeLessThanOrEqual(defaultLimits.withdrawalDelay);
  });

  it('hold what a provider earned until its other replies of that time are judged', () => {
    expect(computeLongestAudit(times) + HOUR_MS).toBeLessThan(1_000 * defaultHolding.period);
  });

  it('have a provider keep an opening for as long as its reply may wait', () => {
    expect(computeLongestAudit(times)).toBeLessThan(OPENING_KEPT_MS);
  });
});

describe('a validator whose audits may outlast the delay', () => {
  it('is told by how much, and what to change', () => {
    const problem = findDelayProblem(21_600, times);
    expect(problem).toContain('after 21600 s');
    expect(problem).toContain('47880 s may pass');
    expect(findDelayProblem(47_880, times)).toBeUndefined();
    expect(findDelayProblem(47_879, times)).toContain('--audit-window');
  });
});
