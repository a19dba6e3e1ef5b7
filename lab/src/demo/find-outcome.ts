import { ChainError } from '@ogong/chain/errors';

/** Returns `taken` if the contract accepts a call, otherwise its name of the error. */
export async function findOutcome(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return 'taken';
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return error.revert?.name ?? error.message;
  }
}
