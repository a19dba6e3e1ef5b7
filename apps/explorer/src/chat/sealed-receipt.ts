import type { ReceiptJson } from '@ogong/protocol/stage1/receipt';

/** A receipt with its texts, as the page keeps it: no gateway has all of a sealed answer. */
export interface SealedReceipt extends ReceiptJson {
  readonly request: string;
  readonly response: string;
}

/** Adds the validator's confirmation and the state of the reply from the gateway's copy. All of it is checked as in any receipt. */
export function addProgress(held: SealedReceipt, gatewayCopy: string): string {
  const { intake = held.intake, status } = JSON.parse(gatewayCopy) as {
    readonly intake?: unknown;
    readonly status?: unknown;
  };
  return JSON.stringify({ ...held, intake: held.intake ?? intake, status });
}
