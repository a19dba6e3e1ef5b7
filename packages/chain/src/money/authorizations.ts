import { encodeFunctionData, type PublicClient, parseEventLogs, parseSignature } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { TokenPlace } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { ogongTokenAbi } from '../generated/abi.ts';
import { type Address, type Hex, lowerHex } from '../hex.ts';
import type { Transactor } from '../transactor.ts';
import { isSignedBy } from './typed-signature.ts';

/** A transfer that its owner signed, and that anybody may send (ERC-3009). Addresses and nonce in lower case. */
export interface TransferAuthorization {
  readonly from: Address;
  readonly to: Address;
  readonly value: bigint;
  /** Seconds since 1970; the transfer is good after the one and before the other. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** 32 bytes; each counts once for its owner. */
  readonly nonce: Hex;
}

export interface AuthorizedTransfer {
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
}

/** How the nonce of a signed transfer was used up. */
export interface AuthorizationUse extends AuthorizedTransfer {
  /** The transfer. Undefined: its owner cancelled the authorization. */
  readonly moved: { readonly to: Address; readonly value: bigint } | undefined;
}

export interface TokenTransfer {
  readonly to: Address;
  readonly value: bigint;
  /** Block, and place in it: no other transfer has the same. */
  readonly id: string;
  readonly transactionHash: Hex;
}

const TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

/** Blocks per read: as many as nodes answer at once. */
const BLOCKS_PER_READ = 1_000n;

/** Describes an authorization as a wallet signs it, by EIP-712. */
export const describeAuthorization = ({ chainId, token }: TokenPlace, message: TransferAuthorization) =>
  ({
    domain: { ...TOKEN_DOMAIN, chainId, verifyingContract: token },
    types: TYPES,
    primaryType: 'TransferWithAuthorization',
    message: { ...message },
  }) as const;

/** As the token's contract names itself. */
export const TOKEN_DOMAIN = { name: 'OGONG', version: '1' } as const;

/** Whether its owner signed it with a key. @param signature 65 bytes */
export const isAuthorized = (
  deployment: TokenPlace,
  authorization: TransferAuthorization,
  signature: Hex,
): Promise<boolean> =>
  isSignedBy(authorization.from, { ...describeAuthorization(deployment, authorization), signature });

/** @returns 65 bytes. */
export const signAuthorization = (
  deployment: TokenPlace,
  authorization: TransferAuthorization,
  privateKey: Hex,
): Promise<Hex> => privateKeyToAccount(privateKey).signTypedData(describeAuthorization(deployment, authorization));

/** Blocks in ranges that a node answers at once. */
export function* splitBlocks(fromBlock: bigint, toBlock: bigint) {
  for (let first = fromBlock; first <= toBlock; first += BLOCKS_PER_READ) {
    const last = first + BLOCKS_PER_READ - 1n;
    yield { fromBlock: first, toBlock: last < toBlock ? last : toBlock };
  }
}

/** Finds the transfer of a used authorization: it follows right after the event of the use. */
async function readUse(
  client: PublicClient,
  token: Address,
  { transactionHash, logIndex }: { readonly transactionHash: Hex; readonly logIndex: number },
) {
  const receipt = await client.getTransactionReceipt({ hash: transactionHash });
  const transfers = parseEventLogs({ abi: ogongTokenAbi, eventName: 'Transfer', logs: receipt.logs });
  const made = transfers.find((one) => lowerHex(one.address) === token && one.logIndex > logIndex);
  const moved = made && { to: lowerHex(made.args.to) as Address, value: made.args.value };
  return { transactionHash, blockNumber: receipt.blockNumber, moved };
}

export function createAuthorizationReads({ read }: Pick<Transactor, 'read'>, token: Address) {
  return {
    /** Below 2^53: stores keep it as a number, and could not read a row with a greater one again. */
    async blockNumber(): Promise<bigint> {
      const block = await read('block', (client) => client.getBlockNumber());
      if (block <= BigInt(Number.MAX_SAFE_INTEGER)) return block;
      throw new ChainError('rpc-unreachable', `block: the node of the chain says ${block}, which no chain has reached`);
    },
    /** Seconds since 1970, of the latest block. */
    chainTime: (): Promise<bigint> => read('time', async (client) => (await client.getBlock()).timestamp),
    /** Finds the transaction that made an authorized transfer, from any sender. @param fromBlock no earlier block has it. */
    findAuthorizedTransfer({ from, to, value, nonce }: TransferAuthorization, fromBlock: bigint) {
      return read('authorized transfer', async (client): Promise<AuthorizedTransfer | undefined> => {
        const latest = await client.getBlockNumber();
        const event = { address: token, abi: ogongTokenAbi, eventName: 'AuthorizationUsed', strict: true } as const;
        for (const blocks of splitBlocks(fromBlock, latest)) {
          const [used] = await client.getContractEvents({ ...event, args: { authorizer: from, nonce }, ...blocks });
          if (used === undefined) continue;
          const { moved, ...transfer } = await readUse(client, token, used);
          return moved?.to === to && moved.value === value ? transfer : undefined;
        }
        return undefined;
      });
    },
    /** How a nonce was used up, as far as the node that is asked has logs. @param fromBlock before which it was not. */
    findAuthorizationUse(
      { from, nonce }: Pick<TransferAuthorization, 'from' | 'nonce'>,
      fromBlock: bigint,
    ): Promise<AuthorizationUse | undefined> {
      return read('use of a signed transfer', async (client) => {
        const about = { address: token, abi: ogongTokenAbi, args: { authorizer: from, nonce }, strict: true } as const;
        for (const blocks of splitBlocks(fromBlock, await client.getBlockNumber({ cacheTime: 0 }))) {
          const [[used], [cancelled]] = await Promise.all([
            client.getContractEvents({ ...about, ...blocks, eventName: 'AuthorizationUsed' }),
            client.getContractEvents({ ...about, ...blocks, eventName: 'AuthorizationCanceled' }),
          ]);
          if (used) {
            const { moved, ...use } = await readUse(client, token, used);
            return moved && { ...use, moved };
          }
          if (cancelled) {
            const { transactionHash, blockNumber } = cancelled;
            return { transactionHash, blockNumber, moved: undefined };
          }
        }
        return undefined;
      });
    },
    /** Whether it was used or cancelled. */
    isAuthorizationSpent: ({ from, nonce }: Pick<TransferAuthorization, 'from' | 'nonce'>): Promise<boolean> =>
      read('authorization', (client) =>
        client.readContract({
          address: token,
          abi: ogongTokenAbi,
          functionName: 'authorizationState',
          args: [from, nonce],
        }),
      ),
    /** Transfers of the token to some accounts, in order. */
    listTransfersTo(accounts: readonly Address[], fromBlock: bigint, toBlock: bigint): Promise<TokenTransfer[]> {
      return read('transfers', async (client) => {
        const logs = await client.getContractEvents({
          ...{ address: token, abi: ogongTokenAbi, eventName: 'Transfer', strict: true },
          ...{ args: { to: [...accounts] }, fromBlock, toBlock },
        });
        return logs.map(({ args, blockHash, logIndex, transactionHash }) => ({
          ...{ to: lowerHex(args.to) as Address, value: args.value, transactionHash },
          id: `${blockHash}:${logIndex}`,
        }));
      });
    },
  };
}

export function createAuthorizationWrites({ send }: Pick<Transactor, 'send'>, token: Address) {
  return {
    /** Sends a transfer that its owner signed; the sender pays the gas. @param signature 65 bytes */
    transferByAuthorization(authorization: TransferAuthorization, signature: Hex) {
      const { from, to, value, validAfter, validBefore, nonce } = authorization;
      const { r, s, yParity } = parseSignature(signature);
      const args = [from, to, value, validAfter, validBefore, nonce, 27 + yParity, r, s] as const;
      return send(
        'authorized transfer',
        token,
        encodeFunctionData({ abi: ogongTokenAbi, functionName: 'transferWithAuthorization', args }),
      );
    },
  };
}
