import {
  BaseError,
  createPublicClient,
  decodeErrorResult,
  defineChain,
  HttpRequestError,
  hexToBytes,
  InsufficientFundsError,
  keccak256,
  type PublicClient,
  TimeoutError,
  TransactionNotFoundError,
  type TransactionReceipt,
  WaitForTransactionReceiptTimeoutError,
} from 'viem';
import { type LocalAccount, privateKeyToAccount } from 'viem/accounts';
import { getTransactionError } from 'viem/utils';
import { batchedHttp } from './batched-http.ts';
import { hideKey, nameEndpoint } from './endpoint.ts';
import { ChainError, type Revert } from './errors.ts';
import { type GasFees, raiseFees } from './fees.ts';
import {
  beaconKeysAbi,
  casesAbi,
  constantProductPoolAbi,
  cosignersAbi,
  creditsAbi,
  earningsAbi,
  emissionAbi,
  equivocationAbi,
  escrowAbi,
  governmentAbi,
  hearingsAbi,
  launchCurveAbi,
  machineRegistryAbi,
  mintBurnAbi,
  misroutingAbi,
  modelRegistryAbi,
  ogongTokenAbi,
  orogAbi,
  parametersAbi,
  payoutsAbi,
  pinsAbi,
  priceOracleAbi,
  rosterAbi,
  settlementAbi,
  stakingAbi,
  timelockAbi,
  validatorRegistryAbi,
} from './generated/abi.ts';
import { type Address, bytesToHex, type Hex, lowerHex } from './hex.ts';
import {
  askToSend,
  assertSent,
  createRemoteAccount,
  type RemoteSigner,
  SignerOnlySendsError,
} from './remote-signer.ts';

/** Every ABI: a revert or an event may come from a contract that the called one calls. */
export const ledgerAbi = [
  ...ogongTokenAbi,
  ...parametersAbi,
  ...stakingAbi,
  ...validatorRegistryAbi,
  ...rosterAbi,
  ...escrowAbi,
  ...emissionAbi,
  ...settlementAbi,
  ...modelRegistryAbi,
  ...earningsAbi,
  ...cosignersAbi,
  ...beaconKeysAbi,
  ...machineRegistryAbi,
  ...pinsAbi,
  ...orogAbi,
  ...creditsAbi,
  ...mintBurnAbi,
  ...payoutsAbi,
  ...priceOracleAbi,
  ...constantProductPoolAbi,
  ...launchCurveAbi,
  ...casesAbi,
  ...hearingsAbi,
  ...equivocationAbi,
  ...misroutingAbi,
  ...governmentAbi,
  ...timelockAbi,
] as const;

/** Estimates are exact for the state they saw; another transaction may come first. */
const gasHeadroomPercent = 130n;
/**
 * Votes, their total, signing keys and changes of the roster are stored by the second. An estimate may be made within a second in which
 * they had changed already. The call then takes a new storage word more for each. No call changes more than four of them: a signing key
 * that takes another's place.
 */
const newWordGas = 22_100n;
const checkpointGas = 4n * newWordGas;
/** Limit of one transaction (EIP-7825). */
const maxTransactionGas = 16_777_216n;
/** Of one transaction, within its time: with a fee of its own each. */
const maxSendings = 6;
/** Until a refusal is asked for again. */
const secondLookMs = 100;

export interface TransactorOptions {
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Without it, and without a signer, the transactor only reads. */
  readonly privateKey?: Hex;
  /** Signs in place of a key, or signs and sends. */
  readonly signer?: RemoteSigner;
  /** How long one call may take. Default: 10,000. */
  readonly requestTimeoutMs?: number;
  /** How long a transaction may take to be mined, with higher fees meanwhile. Default: 60,000. */
  readonly receiptTimeoutMs?: number;
  /** Default: 100. */
  readonly pollIntervalMs?: number;
  /** Every transaction waits for this before it leaves. Default: nothing. */
  readonly beforeSend?: (() => Promise<void>) | undefined;
}

export interface Transactor {
  readonly client: PublicClient;
  readonly address: Address | undefined;
  /** 32 bytes that only the key gives, for each purpose others, and that tell nothing of it. Undefined where the key is not here. */
  readonly deriveSecret: ((purpose: Hex) => Promise<Hex>) | undefined;
  /** Runs a read and turns every failure into a ChainError. */
  read<T>(what: string, call: (client: PublicClient) => Promise<T>): Promise<T>;
  /**
   * Sends one transaction and waits for its receipt; calls run one after the other. `to` undefined creates.
   * @param extraGas that the call may take beyond its estimate because time passes. Default: none.
   */
  send(what: string, to: Address | undefined, data: Hex, extraGas?: bigint): Promise<TransactionReceipt>;
}

interface Unpriced {
  readonly data: Hex;
  readonly to?: Address;
  readonly gas: bigint;
  readonly nonce: number;
}

function openAccount({ privateKey, signer }: TransactorOptions): LocalAccount | undefined {
  if (privateKey !== undefined) return privateKeyToAccount(privateKey);
  return signer && createRemoteAccount(signer);
}

function createDerivation(privateKey: Hex | undefined): Transactor['deriveSecret'] {
  if (privateKey === undefined) return undefined;
  return async (purpose) => {
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const key = await globalThis.crypto.subtle.importKey('raw', hexToBytes(privateKey), algorithm, false, ['sign']);
    return bytesToHex(new Uint8Array(await globalThis.crypto.subtle.sign('HMAC', key, hexToBytes(purpose))));
  };
}

export function createTransactor(options: TransactorOptions): Transactor {
  const chain = defineChain({
    id: options.chainId,
    name: 'ledger',
    nativeCurrency: { name: 'Coin', symbol: 'COIN', decimals: 18 },
    rpcUrls: { default: { http: [options.rpcUrl] } },
  });
  const transport = batchedHttp(options.rpcUrl, { timeoutMs: options.requestTimeoutMs ?? 10_000 });
  const pollingInterval = options.pollIntervalMs ?? 100;
  const client: PublicClient = createPublicClient({
    ...{ chain, transport, pollingInterval, cacheTime: 0 },
    // A contract of a stranger could name addresses for this machine to call (ERC-3668).
    ccipRead: false,
  });
  const receiptTimeoutMs = options.receiptTimeoutMs ?? 60_000;
  const account = openAccount(options);
  // A transaction starts when the one before it is mined: its simulation has to see the effects, and no nonce is guessed.
  let last: Promise<unknown> = Promise.resolve();
  /** The transaction that was sent last. */
  let stuck: (GasFees & { readonly nonce: number }) | undefined;

  /** @param refusal code of a refusal by the node that names no contract's error. */
  async function run<T>(
    what: string,
    call: (client: PublicClient) => Promise<T>,
    refusal: 'reverted' | 'timeout' = 'reverted',
  ): Promise<T> {
    try {
      return await call(client);
    } catch (error) {
      hideKey(error, options.rpcUrl);
      throw toChainError(what, error, { rpcUrl: options.rpcUrl, address: account?.address.toLowerCase(), refusal });
    }
  }

  /**
   * While a block arrives, a node may answer by the state after it and the time of the block before. A contract that finds a value from a
   * later time than now then refuses it. So a refusal counts only if the node repeats it.
   */
  async function read<T>(what: string, call: (client: PublicClient) => Promise<T>): Promise<T> {
    try {
      return await run(what, call);
    } catch (error) {
      if (!(error instanceof ChainError) || error.code !== 'reverted') throw error;
      await new Promise((resolve) => setTimeout(resolve, secondLookMs));
      return run(what, call);
    }
  }

  async function sendNow(what: string, to: Address | undefined, data: Hex, extraGas = 0n): Promise<TransactionReceipt> {
    if (!account) throw new ChainError('no-account', `${what}: this client has no private key`);
    const request = { data, ...(to === undefined ? {} : { to }) };
    const estimate = await read(what, async () => {
      // Make a call first: unlike an estimate it always returns the reason of a revert.
      await client.call({ ...request, account });
      // Of the state that the call saw: this very transaction may replace a pending one. Prepared, it would be the node's own choice.
      return client.estimateGas({ ...request, account, blockTag: 'latest', prepare: false });
    });
    const sendIt = async () => {
      if (estimate > maxTransactionGas) {
        throw new ChainError(
          'too-costly',
          `${what}: takes ${estimate} gas, one transaction may take ${maxTransactionGas}`,
        );
      }
      const roomy = (estimate * gasHeadroomPercent) / 100n + checkpointGas + extraGas;
      const gas = roomy < maxTransactionGas ? roomy : maxTransactionGas;
      // Without pending ones: a transaction that nobody mines is replaced, and not waited for.
      const nonce = await client.getTransactionCount({ address: account.address, blockTag: 'latest' });
      await options.beforeSend?.();
      const receipt = await sendUntilMined(account, { ...request, gas, nonce });
      if (receipt.status !== 'success') {
        throw new ChainError('reverted', `${what}: transaction ${receipt.transactionHash} was mined but reverted`);
      }
      return receipt;
    };
    // The contracts took the call. A node that has no room, or whose state is older than another's, takes the transaction later.
    return run(what, sendIt, 'timeout');
  }

  /** Sends it with a higher fee and the same nonce, again and again, until it is mined, or time or fee are at their end. */
  async function sendUntilMined(account: LocalAccount, request: Unpriced): Promise<TransactionReceipt> {
    const timeout = receiptTimeoutMs / maxSendings;
    const hashes: Hex[] = [];
    for (;;) {
      const before = stuck?.nonce === request.nonce ? stuck : undefined;
      let fees: GasFees | undefined;
      let hash: Hex | undefined;
      try {
        const asked = await client.estimateFeesPerGas();
        fees = before ? raiseFees(before, asked) : asked;
        stuck = { ...fees, nonce: request.nonce };
        const signed = await account.signTransaction({
          ...{ ...request, ...fees, chainId: options.chainId, type: 'eip1559' },
        });
        // Known before it leaves: the answer may be lost, and the transaction mined.
        hash = keccak256(signed);
        await sendSigned(signed, { account, ...request, ...fees });
        hashes.push(hash);
        const receipt = await client.waitForTransactionReceipt({ hash, timeout });
        if (!hashes.includes(receipt.transactionHash)) await assertSameCall(request, receipt);
        return receipt;
      } catch (error) {
        if (options.signer && fees && hashes.length === 0 && findCause(error, SignerOnlySendsError)) {
          return sendBySigner(options.signer, { ...request, ...fees, chainId: options.chainId });
        }
        const mined = await findReceipt(hash === undefined ? hashes : [...hashes, hash]);
        if (mined) return mined;
        if (hashes.length > 0 && lacksCoin(error)) {
          const message = 'no block took the transaction yet, and the account has no coin for a higher fee';
          throw new ChainError('timeout', message, { cause: error });
        }
        const isUnderpriced = says(error, /underpriced/i);
        if (!isUnderpriced && !isUnmined(error)) throw hashes.length === 0 ? error : doubt(hashes, error);
        const isDearest = isUnderpriced && before?.maxFeePerGas === fees?.maxFeePerGas;
        if (hashes.length === maxSendings || isDearest) {
          throw new ChainError('timeout', 'no block took the transaction', { cause: error });
        }
      }
    }
  }

  /** Returns where the node has it, or may have it: its answer was lost or came late, or it says that it had it before. */
  async function sendSigned(
    serializedTransaction: Hex,
    asked: Unpriced & GasFees & { readonly account: LocalAccount },
  ) {
    try {
      await client.sendRawTransaction({ serializedTransaction });
    } catch (error) {
      if (isLost(error) || says(error, /already ?known|known transaction|already imported/i)) return;
      throw error instanceof BaseError ? getTransactionError(error, { ...asked, chain }) : error;
    }
  }

  /** Asks once, at any cost: a signer that is asked again may pay twice. The transaction counts only as the chain has it. */
  async function sendBySigner(signer: RemoteSigner, asked: Unpriced & { readonly chainId: number }) {
    const hash = await askToSend(signer, asked);
    const assertFound = async (found: Hex) =>
      assertSent(await client.getTransaction({ hash: found }), { account: signer.account, asked });
    try {
      const receipt = await client.waitForTransactionReceipt({ hash, timeout: receiptTimeoutMs });
      await assertFound(receipt.transactionHash);
      return receipt;
    } catch (cause) {
      if (cause instanceof ChainError) throw cause;
      const state = await assertFound(hash).then(
        () => 'but no block has it yet',
        (error: unknown) => {
          if (error instanceof ChainError) throw error;
          const isUnknown = findCause(error, TransactionNotFoundError);
          return isUnknown ? `but chain ${asked.chainId} does not know it` : 'but the chain does not answer';
        },
      );
      const message = `the signer says that it sent ${hash}, ${state}: look at the account before you try again`;
      throw new ChainError('bad-input', message, { cause });
    }
  }

  /** Another process with this key, or this one before a restart, may have used the nonce. @throws ChainError for another call */
  async function assertSameCall({ data, to }: Unpriced, { transactionHash: hash }: TransactionReceipt): Promise<void> {
    const mined = await client.getTransaction({ hash });
    if (mined.input === data && (mined.to ?? undefined)?.toLowerCase() === to?.toLowerCase()) return;
    throw new ChainError('timeout', `transaction ${hash} of this account was mined in its place`);
  }

  /** Finds the receipt of the mined one among transactions that share a nonce. */
  async function findReceipt(hashes: readonly Hex[]): Promise<TransactionReceipt | undefined> {
    const found = await Promise.all(
      hashes.map((hash) => client.getTransactionReceipt({ hash }).catch(() => undefined)),
    );
    return found.find((receipt) => receipt !== undefined);
  }

  return {
    client,
    address: account && (account.address.toLowerCase() as Address),
    deriveSecret: createDerivation(options.privateKey),
    read,
    send(what, to, data, extraGas) {
      const sent = last.then(() => sendNow(what, to, data, extraGas));
      last = sent.catch(() => undefined);
      return sent;
    },
  };
}

/** Returns an error that says that the transaction may have been sent: a later failure does not take it back. */
function doubt(hashes: readonly Hex[], cause: unknown): ChainError {
  if (cause instanceof ChainError && cause.code === 'timeout') return cause;
  const message = `it was sent as ${hashes.at(-1)}, and the chain does not say what became of it: look for it before you do this again`;
  return new ChainError('timeout', message, { cause });
}

/** Decides whether the request may have arrived: the connection broke, or a proxy before the node gave up. */
function isLost(error: unknown): boolean {
  const failed = findCause(error, HttpRequestError);
  return findCause(error, TimeoutError) !== undefined || (!!failed && (failed.status ?? 500) >= 500);
}

function isUnmined(error: unknown): boolean {
  return findCause(error, WaitForTransactionReceiptTimeoutError) !== undefined;
}

/** The error of this kind that is behind another one. */
function findCause<T extends Error>(error: unknown, kind: abstract new (...args: never[]) => T): T | undefined {
  const found = error instanceof BaseError ? error.walk((cause) => cause instanceof kind) : error;
  return found instanceof kind ? found : undefined;
}

function says(error: unknown, words: RegExp): boolean {
  return error instanceof BaseError && !!error.walk((cause) => words.test((cause as Error).message));
}

interface Asked {
  readonly rpcUrl: string;
  readonly address: string | undefined;
  readonly refusal: 'reverted' | 'timeout';
}

/** Nodes word it in their own ways. */
const LACKS_COIN = /insufficient funds for|exceeds the balance of the account/i;

const lacksCoin = (error: unknown): boolean =>
  findCause(error, InsufficientFundsError) !== undefined || says(error, LACKS_COIN);

function toChainError(what: string, error: unknown, { rpcUrl, address, refusal }: Asked): ChainError {
  // A signer's refusal comes wrapped.
  const own = findCause(error, ChainError);
  if (own) return own;
  if (!(error instanceof BaseError)) throw error;
  const revert = findRevert(error);
  if (revert) {
    const args = revert.args.map(String).join(', ');
    return new ChainError('reverted', `${what}: refused with ${revert.name}(${args})`, { cause: error, revert });
  }
  if (lacksCoin(error)) {
    const lack = `${address} has too little of the chain's coin to pay for the transaction: send it some first`;
    return new ChainError('no-coin', `${what}: ${lack}`, { cause: error });
  }
  const isTimeout = error.walk(
    (cause) => cause instanceof TimeoutError || cause instanceof WaitForTransactionReceiptTimeoutError,
  );
  if (isTimeout)
    return new ChainError('timeout', `${what}: the chain at ${nameEndpoint(rpcUrl)} did not answer in time`, {
      cause: error,
    });
  if (error.walk((cause) => cause instanceof HttpRequestError)) {
    const where = `the chain's RPC endpoint ${nameEndpoint(rpcUrl)} cannot be reached`;
    const message = `${what}: ${where}; see that its node runs, and that --rpc-url or the deployment names the right one`;
    return new ChainError('rpc-unreachable', message, { cause: error });
  }
  if (error.walk((cause) => /out of gas|OutOfGas|exceeds.*gas|gas.*too high/i.test((cause as Error).message))) {
    return new ChainError('too-costly', `${what}: takes more gas than one transaction may take`, { cause: error });
  }
  const words =
    refusal === 'timeout' ? `the node does not take it: ${error.details || error.shortMessage}` : error.shortMessage;
  return new ChainError(refusal, `${what}: ${words}`, { cause: error });
}

/** The custom error behind a failed call, from whichever contract it came. */
function findRevert(error: BaseError): Revert | undefined {
  const holder = error.walk((cause) => cause !== null && typeof cause === 'object' && 'data' in cause && !!cause.data);
  const { data, raw } = (holder ?? {}) as { data?: unknown; raw?: unknown };
  // A read has decoded it already, and keeps what it came from.
  const hex =
    raw !== undefined ? raw : typeof data === 'object' && data !== null ? (data as { data?: unknown }).data : data;
  if (typeof hex !== 'string' || !hex.startsWith('0x') || hex.length < 10) return undefined;
  try {
    const { errorName, args } = decodeErrorResult({ abi: ledgerAbi, data: hex as Hex });
    return { name: errorName, args: lowerHex((args ?? []) as readonly unknown[]) };
  } catch {
    return undefined;
  }
}
