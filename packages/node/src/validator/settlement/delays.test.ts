import { defaultDelays, defaultHolding, defaultLimits } from '@ogong/chain/deploy';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { computeSittingEpoch, MAX_SITTINGS } from '@ogong/protocol/audit/sitting';
import { MAX_ORDER_LIFETIME_MS, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { describe, expect, it } from 'vitest';
import { validatorConfig } from '../validator-config.ts';

const { fields } = validatorConfig.definition;
const readMs = ({ schema, default: given }: typeof fields.auditWindow | typeof fields.grace): number =>
  schema.parse(given);
const windowMs = readMs(fields.auditWindow);
const graceMs = readMs(fields.grace);
const epochMs = Number(fields.epochMs.default);
/** Openings that come slowly make a window count as so many. */
const SLOW_WINDOWS = 8;
const HOUR_MS = 3_600_000;

/** The longest that a payer's reserve has to be there for one order, from admission to the last sitting's end. */
function computeLongestMs(): number {
  const intakeEpoch = BigInt(Math.ceil((MAX_ORDER_LIFETIME_MS + graceMs) / epochMs)) + 2n;
  const { epoch } = computeDecidingEpoch({ orderEpoch: 0n, intakeEpoch });
  const sittingsMs = Number(computeSittingEpoch(0n, MAX_SITTINGS - 1)) * epochMs + MAX_SITTINGS * windowMs;
  return Number(epoch) * epochMs + SLOW_WINDOWS * windowMs + sittingsMs;
}

describe('the delays of a network with money in it', () => {
  it('keep a payer from taking its reserve back while a reply still waits for verifiers, with an hour to settle', () => {
    expect(computeLongestMs() + HOUR_MS).toBeLessThan(1_000 * defaultDelays.leastWithdrawal);
    expect(defaultDelays.leastWithdrawal).toBeLessThanOrEqual(defaultLimits.withdrawalDelay);
  });

  it('hold what a provider earned until its other replies of that time are judged', () => {
    expect(computeLongestMs() + HOUR_MS).toBeLessThan(1_000 * defaultHolding.period);
  });

  it('have a provider keep an opening for as long as its reply may wait', () => {
    expect(computeLongestMs()).toBeLessThan(OPENING_KEPT_MS);
  });
});
