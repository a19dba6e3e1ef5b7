import {
  createClient,
  http,
  numberToHex,
  parseTransaction,
  recoverTransactionAddress,
  type Transaction,
  type TransactionSerializable,
} from 'viem';
import { type LocalAccount, toAccount } from 'viem/accounts';
import { nameEndpoint } from './endpoint.ts';
import { ChainError } from './errors.ts';
import type { Address, Hex } from './hex.ts';

/** Holds an account's key and signs its transactions by JSON-RPC: a hardware wallet's bridge, a signing service, a browser's wallet. */
export interface RemoteSigner {
  readonly url: string;
  readonly account: Address;
}

/** Somebody may have to press a button. */
const TIMEOUT_MS = 120_000;

const refuse = (what: string, cause?: unknown): ChainError =>
  new ChainError('bad-input', `the signer ${what}`, { cause });

/** JSON-RPC and EIP-1193 have a number each for a method that is not there. */
const NOT_OFFERED: ReadonlySet<unknown> = new Set([-32_601, -32_004, 4_200]);

/** The signer signs nothing that it does not send itself, as wallets do: {@link askToSend}. */
export class SignerOnlySendsError extends Error {}

/** No answer of a signer: nobody is there, or something else is. */
const isUnreached = (cause: unknown): boolean => (cause as { name?: unknown }).name === 'HttpRequestError';
function miss(url: string, cause: unknown): ChainError {
  const { status } = cause as { readonly status?: number };
  const how = status === undefined ? 'cannot be reached: start it, and' : `answers with HTTP status ${status}:`;
  const message = `the signer at ${nameEndpoint(url)} ${how} see that --signer names its address`;
  return new ChainError('rpc-unreachable', message, { cause });
}

const isNotOffered = (error: unknown): boolean => NOT_OFFERED.has((error as { code?: unknown }).code);
const tell = (error: unknown): string => (error as { details?: string }).details ?? (error as Error).message;

function open(url: string) {
  return createClient({ transport: http(url, { timeout: TIMEOUT_MS, retryCount: 0 }) });
}

/**
 * An account whose transactions are signed elsewhere, by `eth_signTransaction`. A transaction is sent only if it is the requested one,
 * under the account's own signature: a signer that changes anything is refused.
 * Signing fails with a SignerOnlySendsError where the signer does not offer it.
 */
export function createRemoteAccount({ url, account }: RemoteSigner): LocalAccount {
  const { request } = open(url);
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
        if (isNotOffered(cause)) throw new SignerOnlySendsError();
        if (isUnreached(cause)) throw miss(url, cause);
        throw refuse(`at ${nameEndpoint(url)} did not sign: ${tell(cause)}`, cause);
      });
      const raw = readRaw(answer);
      await assertAsked(raw, { asked, account });
      return raw;
    },
  });
}

/**
 * Has the signer sign and send it, by `eth_sendTransaction`. To be asked once: a wallet takes a nonce of its own each time.
 * @returns the transaction's hash by the signer; see {@link assertSent}. @throws ChainError
 */
export async function askToSend({ url, account }: RemoteSigner, asked: TransactionSerializable): Promise<Hex> {
  const { request } = open(url);
  const chainId = await request({ method: 'eth_chainId' }).catch((cause: unknown) => {
    if (isNotOffered(cause)) return undefined;
    if (isUnreached(cause)) throw miss(url, cause);
    throw refuse(`at ${nameEndpoint(url)} does not say which chain it is on: ${tell(cause)}`, cause);
  });
  // On another chain the coins would be spent before anybody could look.
  if (chainId !== undefined && Number(chainId) !== asked.chainId)
    throw refuse(`is on chain ${Number(chainId)}, not on ${asked.chainId}`);
  const params = [{ from: account, ...toRequest(asked) }];
  const hash: unknown = await request({ method: 'eth_sendTransaction', params } as never).catch((cause: unknown) => {
    const isAnswer = typeof (cause as { code?: unknown }).code === 'number';
    const doubt = isAnswer ? '' : '; it may have sent it: look at the account before you try again';
    throw refuse(`at ${nameEndpoint(url)} did not send: ${tell(cause)}${doubt}`, cause);
  });
  if (typeof hash !== 'string' || !/^0x[0-9a-f]{64}$/i.test(hash))
    throw refuse('answered with no hash of a transaction');
  return hash as Hex;
}

/**
 * Has the signer sign typed data, by `eth_signTypedData_v4`. The caller checks the signature.
 * @param typed EIP-712, as JSON has it. @returns 65 bytes, the last of them 27 or 28. @throws ChainError
 */
export async function askToSignTyped({ url, account }: RemoteSigner, typed: object): Promise<Hex> {
  const params = [account, JSON.stringify(typed)];
  const answer: unknown = await open(url)
    .request({ method: 'eth_signTypedData_v4', params } as never)
    .catch((cause: unknown) => {
      if (isUnreached(cause)) throw miss(url, cause);
      throw refuse(`at ${nameEndpoint(url)} did not sign: ${tell(cause)}`, cause);
    });
  if (typeof answer !== 'string' || !/^0x[0-9a-f]{130}$/i.test(answer)) throw refuse('answered with no signature');
  // Some wallets count the parity from 0.
  const parity = Number.parseInt(answer.slice(-2), 16);
  return `${answer.slice(0, -2).toLowerCase()}${(parity < 2 ? parity + 27 : parity).toString(16).padStart(2, '0')}` as Hex;
}

/** Checks the transaction under the hash that the signer answered with. @throws ChainError unless it is the requested one */
export function assertSent(
  { hash, from, to, input, value, chainId, nonce }: Transaction,
  { account, asked }: { readonly account: Address; readonly asked: TransactionSerializable },
): void {
  const changed = listChanges(
    { from: account, to: asked.to ?? null, data: asked.data ?? '0x', value: asked.value ?? 0n, chainId: asked.chainId },
    { from, to, data: input, value, chainId },
  );
  // Later than asked for is a wallet's own choice; earlier is a transaction of before.
  if (nonce < (asked.nonce ?? 0)) changed.push('nonce');
  if (changed.length > 0) throw refuse(`sent another transaction, ${hash}: ${changed.join(', ')} differ`);
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
  const changed = listChanges(toRequest(asked), toRequest(signed));
  if (changed.length > 0) throw refuse(`signed another transaction: ${changed.join(', ')} differ`);
}

/** Names of what differs. */
function listChanges(wanted: object, got: object): string[] {
  const [first, second] = [wanted, got].map(
    (one) => new Map(Object.entries(one).map(([name, value]) => [name, String(value).toLowerCase()])),
  ) as [Map<string, string>, Map<string, string>];
  return [...new Set([...first.keys(), ...second.keys()])].filter((name) => first.get(name) !== second.get(name));
}
