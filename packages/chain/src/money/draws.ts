import { type Address, type Hex, lowerHex } from '../hex.ts';

/** Amount that a batch took from one channel of its validator. */
export interface ChannelDraw {
  readonly payer: Address;
  readonly amount: bigint;
  /** Of the channel, all that was ever drawn. */
  readonly spent: bigint;
}

/** An address, and two amounts of 16 bytes. */
const DRAW_DIGITS = 2 * 52;

/** The list in an event `Drawn`: one for each debit, in its order. @throws Error where it is no whole number of them */
export function parseDraws(draws: Hex): readonly ChannelDraw[] {
  const digits = draws.slice(2);
  if (digits.length % DRAW_DIGITS !== 0) throw new Error(`draws of ${digits.length / 2} bytes`);
  return Array.from({ length: digits.length / DRAW_DIGITS }, (_, i) => {
    const one = digits.slice(i * DRAW_DIGITS, (i + 1) * DRAW_DIGITS);
    const { payer } = lowerHex({ payer: `0x${one.slice(0, 40)}` as const });
    return { payer, amount: BigInt(`0x${one.slice(40, 72)}`), spent: BigInt(`0x${one.slice(72)}`) };
  });
}
