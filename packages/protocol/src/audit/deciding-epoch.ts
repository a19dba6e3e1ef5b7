/**
 * The epochs whose beacon may decide about a reply: whether it is audited, and by which verifiers
 * (docs/spec/audit-selection.md). The order alone fixes them, so neither provider nor validator can wait for a beacon that they
 * like. They are the order's epoch plus 4, 16, 64, ... The first is for replies whose record is accepted by then. A later one
 * is for replies that take longer. Those are always audited, so a false delay gains nothing.
 */
const FIRST_STEP = 4n;
const STEP_FACTOR = 4n;
/**
 * Epochs between record and beacon. The proposer of an epoch knows its value early, so the record must exist while the epoch
 * before has no value.
 */
const LEAD = 2n;

export interface DecidingEpoch {
  readonly epoch: bigint;
  /** The record was not there in time for the first epoch. The reply is audited at any coverage. */
  readonly isLate: boolean;
}

/**
 * Computes the epoch that decides about a reply.
 * @param orderEpoch the epoch that the payer signed.
 * @param intakeEpoch the newest certified epoch when the validator accepted the record.
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

/** Returns the epoch if it may decide about a reply of that order, and undefined otherwise. */
export function findDecidingEpoch(orderEpoch: bigint, epoch: bigint): DecidingEpoch | undefined {
  if (epoch < orderEpoch + FIRST_STEP) return undefined;
  const decides = computeDecidingEpoch({ orderEpoch, intakeEpoch: epoch - LEAD });
  return decides.epoch === epoch ? decides : undefined;
}
