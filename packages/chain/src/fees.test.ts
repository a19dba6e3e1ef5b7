import { describe, expect, it } from 'vitest';
import { type GasFees, raiseFees } from './fees.ts';

const fees = (maxFeePerGas: bigint, maxPriorityFeePerGas: bigint): GasFees => ({ maxFeePerGas, maxPriorityFeePerGas });

describe('the fees of a replacement', () => {
  it('are a quarter more, rounded up', () => {
    expect(raiseFees(fees(100n, 10n), fees(50n, 5n))).toEqual(fees(125n, 13n));
    expect(raiseFees(fees(1n, 1n), fees(1n, 1n))).toEqual(fees(2n, 2n));
  });

  it('are what the chain asks for, where that is more', () => {
    expect(raiseFees(fees(100n, 10n), fees(300n, 30n))).toEqual(fees(300n, 30n));
  });

  it('stop at ten times what the chain asks for', () => {
    let paid = fees(100n, 10n);
    for (let i = 0; i < 50; i++) paid = raiseFees(paid, fees(100n, 10n));
    expect(paid).toEqual(fees(1_000n, 100n));
  });
});
