import { afterEach, beforeEach } from 'vitest';
import type { TestLedger } from './test-ledger.ts';

/** Gives tests that share a chain a common start: each begins with the state before all of them. */
export function keepChainFresh(open: () => TestLedger): void {
  let before: unknown;
  const request = (method: string, params: readonly unknown[]): Promise<unknown> =>
    open().governor.transactor.client.request({ method, params } as never);
  beforeEach(async () => {
    before = await request('evm_snapshot', []);
  });
  afterEach(async () => {
    if ((await request('evm_revert', [before])) !== true) throw new Error('the chain is not as it was before');
  });
}
