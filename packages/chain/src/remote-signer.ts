import {
  createClient,
  http,
  numberToHex,
  parseTransaction,
  recoverTransactionAddress,
  type TransactionSerializable,
} from 'viem';
import { type LocalAccount, toAccount } from 'viem/accounts';
import { ChainError } from './errors.ts';
import type { Address, Hex } from './hex.ts';

/** Whoever holds an account's key and signs its transactions by JSON-RPC: a hardware wallet's bridge, a signing service, a browser's wallet. */
export interface RemoteSigner {
  readonly url: string;
  readonly account: Address;
}

/** Somebody may have to press a button. */
const TIMEOUT_MS = 120_000;

const refuse = (what: string, cause?: unknown): ChainError =>
  new ChainError('bad-input', `the signer ${what}`, { cause });

/**
 * An account whose transactions are signed elsewhere, by `eth_signTransaction`. What comes back is sent only where it is what was asked
 * for, under the account's own signature: a signer that changes anything is refused.
 */
export function createRemoteAccount({ url, account }: RemoteSigner): LocalAccount {
  const { request } = createClient({ transport: http(url, { timeout: TIMEOUT_MS, retryCount: 0 }) });
  const only = (): never => {
    throw refuse('is asked for transactions alone');
  };
  return toAccount({
    address: account,
    signMessage: only,
    signTypedData: only,
    async signTransaction(transaction) {
      const asked = transaction as TransactionSerializable;
      const params = [{ from: account, ...toRequest(asked) }];
      const answer = await request({ method: 'eth_signTransaction', params } as never).catch((cause: unknown) => {
        throw refuse(
          `at ${url} did not sign: ${(cause as { details?: string }).details ?? (cause as Error).message}`,
          cause,
        );
      });
      const raw = readRaw(answer);
      await assertAsked(raw, { asked, account });
      return raw;
    },
  });
}

/** As JSON-RPC has it. */
function toRequest({
  to,
  data,
  gas,
  nonce,
  value,
  chainId,
  maxFeePerGas,
  maxPriorityFeePerGas,
}: TransactionSerializable) {
  const numbers = { gas, nonce, chainId, maxFeePerGas, maxPriorityFeePerGas, value: value ?? 0n };
  const given = Object.entries(numbers).flatMap(([name, one]) => (one === undefined ? [] : [[name, numberToHex(one)]]));
  return { ...Object.fromEntries(given), ...(to && { to }), data: data ?? '0x' };
}

/** Some answer with the bytes, and some with an object that has them. */
function readRaw(answer: unknown): Hex {
  const raw = typeof answer === 'object' && answer !== null && 'raw' in answer ? answer.raw : answer;
  if (typeof raw !== 'string' || !/^0x02[0-9a-f]*$/.test(raw))
    throw refuse('answered with no signed transaction of type 2');
  return raw as Hex;
}

/** @throws ChainError */
async function assertAsked(
  raw: Hex,
  { asked, account }: { readonly asked: TransactionSerializable; readonly account: Address },
): Promise<void> {
  let signed: TransactionSerializable;
  let by: string;
  try {
    signed = parseTransaction(raw);
    by = await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` });
  } catch (cause) {
    throw refuse('answered with bytes that are no signed transaction', cause);
  }
  if (by.toLowerCase() !== account.toLowerCase()) throw refuse(`signed as ${by}, not as ${account}`);
  const [wanted, got] = [toRequest(asked), toRequest(signed)].map(
    (one) => new Map(Object.entries(one).map(([name, value]) => [name, String(value).toLowerCase()])),
  ) as [Map<string, string>, Map<string, string>];
  const changed = [...new Set([...wanted.keys(), ...got.keys()])].filter((name) => wanted.get(name) !== got.get(name));
  if (changed.length > 0) throw refuse(`signed another transaction: ${changed.join(', ')} differ`);
}
