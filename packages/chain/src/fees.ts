/** Per unit of gas, wei. */
export interface GasFees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Nodes take a replacement that pays at least a tenth more. */
const RAISE_PERCENT = 125n;
/** A transaction pays at most so many times what the chain asks for now. */
const MOST_TIMES = 10n;

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/**
 * The fees of a transaction that replaces one that is not mined.
 * @param asked the chain's present fees, by its last block. @returns never more than ten times these.
 */
export function raiseFees(stuck: GasFees, asked: GasFees): GasFees {
  const raise = (name: keyof GasFees): bigint => {
    const raised = most((stuck[name] * RAISE_PERCENT + 99n) / 100n, asked[name]);
    return least(raised, asked[name] * MOST_TIMES);
  };
  const maxFeePerGas = raise('maxFeePerGas');
  return { maxFeePerGas, maxPriorityFeePerGas: least(raise('maxPriorityFeePerGas'), maxFeePerGas) };
}
