/**
 * Which epoch's beacon decides about a reply: whether it is audited, and by whom (docs/spec/audit-selection.md). The order alone fixes
 * it, so neither provider nor validator can wait for a beacon that they like. Epochs are those of the order and after it:
 * 4, 16, 64, ... later. The first is for replies whose record is taken in by then. A later one is for replies that take longer, and
 * those are audited always: whoever pretends to be late gains nothing.
 */
const FIRST_STEP = 4n;
const STEP_FACTOR = 4n;
/** The proposer of an epoch knows its value before others do, so the record must be there while the epoch before has none. */
const LEAD = 2n;

export interface DecidingEpoch {
  readonly epoch: bigint;
  /** The record was not there in time for the first one: the reply is audited whatever the coverage. */
  readonly isLate: boolean;
}

/**
 * @param orderEpoch the one that the payer signed.
 * @param intakeEpoch the newest certified one when the validator took the record in.
 */
export function computeDecidingEpoch({
  orderEpoch,
  intakeEpoch,
}: {
  readonly orderEpoch: bigint;
  readonly intakeEpoch: bigint;
}): DecidingEpoch {
  let step = FIRST_STEP;
  while (orderEpoch + step < intakeEpoch + LEAD) step *= STEP_FACTOR;
  return { epoch: orderEpoch + step, isLate: step > FIRST_STEP };
}

/** @returns undefined where that epoch cannot decide about a reply of that order. */
export function findDecidingEpoch(orderEpoch: bigint, epoch: bigint): DecidingEpoch | undefined {
  if (epoch < orderEpoch + FIRST_STEP) return undefined;
  const decides = computeDecidingEpoch({ orderEpoch, intakeEpoch: epoch - LEAD });
  return decides.epoch === epoch ? decides : undefined;
}
