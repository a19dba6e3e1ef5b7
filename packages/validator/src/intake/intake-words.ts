import { toHex } from '@ogong/protocol/base/bytes';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

/** What a word for a record says. */
interface IntakeTerms {
  /** 32 bytes each. */
  readonly orderHash: Uint8Array;
  readonly recordHash: Uint8Array;
  /** Of intake. */
  readonly epoch: bigint;
}

/**
 * This validator's words for records. Its provider is given one when it hands the record in, and its payer the same one when it tells of
 * the reply, most times within a second: so the newest are kept, and signed once.
 */
export type SignIntake = (taken: IntakeTerms) => Promise<Uint8Array>;

const MAX_KNOWN = 4_096;

export function createIntakeWords({
  ledger,
  signer,
}: {
  readonly ledger: LedgerDomain;
  readonly signer: ValidatorSigner;
}): SignIntake {
  const known = new Map<string, Promise<Uint8Array>>();
  return (taken) => {
    const { orderHash, recordHash, epoch } = taken;
    const name = `${toHex(orderHash)} ${toHex(recordHash)} ${epoch}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    const word = signer.sign({ kind: 'intake', domain: ledger, validator: signer.address, ...taken });
    known.set(name, word);
    if (known.size > MAX_KNOWN) known.delete(known.keys().next().value as string);
    // What could not be signed is tried again.
    word.catch(() => known.delete(name));
    return word;
  };
}
