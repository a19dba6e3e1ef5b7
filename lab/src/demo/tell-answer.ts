import { ChainError } from '@ogong/chain/errors';

/** What the contract answers: `taken`, or its own name of the error. */
export async function tellAnswer(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return 'taken';
  } catch (error) {
    if (!(error instanceof ChainError)) throw error;
    return error.revert?.name ?? error.message;
  }
}
