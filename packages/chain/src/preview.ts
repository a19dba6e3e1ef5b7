import { decodeFunctionData, erc20Abi, type TransactionReceipt } from 'viem';
import { ChainError } from './errors.ts';
import { type Address, type Hex, toAddress } from './hex.ts';
import type { Transactor } from './transactor.ts';

/** A transaction that would be sent. */
export interface PreviewedTransaction {
  readonly what: string;
  readonly to: Address | undefined;
  /** The nonce if the account sends nothing else meanwhile. A wallet may take another. */
  readonly nonce: number;
  /** Of the chain's native coin, in its smallest unit: no call takes any. */
  readonly valueWei: 0n;
  /** Undefined where the transactions before it would have to be mined first. */
  readonly gas: bigint | undefined;
  /** For an approval: the part of `to`'s tokens that the spender may take then, atomic units. */
  readonly approval: { readonly spender: Address; readonly amount: bigint } | undefined;
  /** Highest cost at the chain's present fees, in its native coin's smallest unit. */
  readonly feeWei: bigint | undefined;
}

/** A call after one of these fails on the chain as it is. */
const OPENS: ReadonlySet<string> = new Set([
  ...['approve', 'close an epoch', 'announce a proof'],
  // The withdrawn amount is there for the next call.
  ...['withdraw', 'finish release', 'finishUnstake', 'finishDeprioritize', 'finishUnbond', 'finish unbond of a key'],
]);

/**
 * Sends nothing: tries each call on the chain as it is, and notes its cost. The first call that the chain refuses fails. Nothing more can
 * be tried after a missing allowance, an epoch that nobody closed, or money on its way: later calls are
 * noted alone.
 */
export function createPreview({ client, address, read }: Transactor) {
  const transactions: PreviewedTransaction[] = [];
  return {
    transactions,
    async send(what: string, to: Address | undefined, data: Hex): Promise<TransactionReceipt> {
      if (address === undefined) throw new ChainError('no-account', `${what}: this client has no private key`);
      const request = { account: address, data, ...(to === undefined ? {} : { to }) };
      const count = await read(what, () => client.getTransactionCount({ address, blockTag: 'latest' }));
      const approval = what === 'approve' ? readApproval(data) : undefined;
      const planned = { what, to, nonce: count + transactions.length, valueWei: 0n, approval } as const;
      if (transactions.some((before) => OPENS.has(before.what))) {
        transactions.push({ ...planned, gas: undefined, feeWei: undefined });
      } else {
        const [gas, { maxFeePerGas }] = await read(what, async () => {
          await client.call(request);
          return Promise.all([client.estimateGas(request), client.estimateFeesPerGas()]);
        });
        transactions.push({ ...planned, gas, feeWei: gas * maxFeePerGas });
      }
      // Nothing was mined. The caller of a preview reads no receipt.
      return undefined as unknown as TransactionReceipt;
    },
  };
}

function readApproval(data: Hex): PreviewedTransaction['approval'] {
  const { functionName, args } = decodeFunctionData({ abi: erc20Abi, data });
  if (functionName !== 'approve') throw new TypeError('an approval approves');
  return { spender: toAddress(args[0], 'spender'), amount: args[1] };
}
