import { encodeFunctionData, parseEventLogs, parseSignature, recoverTypedDataAddress } from 'viem';
import type { Deployment } from './deployment.ts';
import { ogongTokenAbi } from './generated/abi.ts';
import { type Address, type Hex, lowerHex } from './hex.ts';
import type { Transactor } from './transactor.ts';

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

/** Blocks per read: what nodes answer at once. */
const BLOCKS_PER_READ = 1_000n;

/** What a wallet signs, by EIP-712. */
export const describeAuthorization = (
  { chainId, token }: Pick<Deployment, 'chainId' | 'token'>,
  message: TransferAuthorization,
) =>
  ({
    domain: { ...TOKEN_DOMAIN, chainId, verifyingContract: token },
    types: TYPES,
    primaryType: 'TransferWithAuthorization',
    message,
  }) as const;

/** As the token's contract names itself. */
export const TOKEN_DOMAIN = { name: 'OGONG', version: '1' } as const;

/** Whether its owner signed it with a key. @param signature 65 bytes */
export async function isAuthorized(
  deployment: Pick<Deployment, 'chainId' | 'token'>,
  authorization: TransferAuthorization,
  signature: Hex,
): Promise<boolean> {
  const signed = describeAuthorization(deployment, authorization);
  const signer = await recoverTypedDataAddress({ ...signed, signature }).catch(() => undefined);
  return signer?.toLowerCase() === authorization.from;
}

export function createAuthorizationReads({ read }: Pick<Transactor, 'read'>, token: Address) {
  return {
    blockNumber: (): Promise<bigint> => read('block', (client) => client.getBlockNumber()),
    /** Seconds since 1970, of the latest block. */
    chainTime: (): Promise<bigint> => read('time', async (client) => (await client.getBlock()).timestamp),
    /** The transaction that made an authorized transfer, whoever sent it. @param fromBlock before which it was not. */
    findAuthorizedTransfer({ from, to, value, nonce }: TransferAuthorization, fromBlock: bigint) {
      return read('authorized transfer', async (client): Promise<AuthorizedTransfer | undefined> => {
        const latest = await client.getBlockNumber();
        for (let first = fromBlock; first <= latest; first += BLOCKS_PER_READ) {
          const last = first + BLOCKS_PER_READ - 1n;
          const [used] = await client.getContractEvents({
            ...{ address: token, abi: ogongTokenAbi, eventName: 'AuthorizationUsed', strict: true },
            ...{ args: { authorizer: from, nonce }, fromBlock: first, toBlock: last < latest ? last : latest },
          });
          if (used === undefined) continue;
          const receipt = await client.getTransactionReceipt({ hash: used.transactionHash });
          const transfers = parseEventLogs({ abi: ogongTokenAbi, eventName: 'Transfer', logs: receipt.logs });
          // The transfer is the next one after the note that the authorization is used.
          const made = transfers.find(
            ({ address, logIndex }) => lowerHex(address) === token && logIndex > used.logIndex,
          );
          const isMeant =
            made && lowerHex(made.args.from) === from && lowerHex(made.args.to) === to && made.args.value === value;
          if (isMeant) return { transactionHash: used.transactionHash, blockNumber: receipt.blockNumber };
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
    /** Sends a transfer that its owner signed; whoever sends it pays the gas. @param signature 65 bytes */
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
