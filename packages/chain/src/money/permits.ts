import { decodeFunctionData, encodeFunctionData, erc20Abi, parseAbi, parseSignature, serializeSignature } from 'viem';
import type { TokenPlace } from '../deployment.ts';
import { ogongTokenAbi } from '../generated/abi.ts';
import { type Address, type Hex, lowerHex } from '../hex.ts';
import type { Transactor } from '../transactor.ts';
import { type AuthorizedTransfer, splitBlocks } from './authorizations.ts';
import { PERMIT2, type SignedApproval } from './signed-approvals.ts';
import { isSignedBy } from './typed-signature.ts';

/** The contract of x402 that takes no more than a signed maximum, and only for the signed facilitator. Same address on every chain. */
export const UPTO_PROXY = '0x4020a4f3b7b90cca423b9fabcc0ce57c6c240002' as Address;

/** A permission to take up to a maximum, signed by its payer (x402, scheme `upto`). Addresses in lower case. */
export interface UptoPermit {
  readonly from: Address;
  readonly to: Address;
  /** The only account that may take the payment. */
  readonly facilitator: Address;
  readonly maximum: bigint;
  /** Each counts once for its payer, in any order. */
  readonly nonce: bigint;
  /** Seconds since 1970; the permission is good from the one to the other. */
  readonly validAfter: bigint;
  readonly deadline: bigint;
}

/** A permit with the signatures of its payer. */
export interface SignedPermit {
  readonly permit: UptoPermit;
  /** 65 bytes. */
  readonly signature: Hex;
  /** The approval of Permit2 that the transaction executes first. Its value is the maximum of the permit. */
  readonly approval: SignedApproval | undefined;
}

/** The means of a payer for permits. */
export interface PermitFunds {
  readonly balanceAtomic: bigint;
  /** The amount that Permit2 may still move. */
  readonly allowanceAtomic: bigint;
  /** Number of the payer's next approval by signature. */
  readonly approvalNonce: bigint;
}

/** A transfer by a permit, with the amount that the chain moved. */
export interface PermitTransfer extends AuthorizedTransfer {
  readonly value: bigint;
}

const TYPES = {
  PermitWitnessTransferFrom: [
    { name: 'permitted', type: 'TokenPermissions' },
    { name: 'spender', type: 'address' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
    { name: 'witness', type: 'Witness' },
  ],
  TokenPermissions: [
    { name: 'token', type: 'address' },
    { name: 'amount', type: 'uint256' },
  ],
  Witness: [
    { name: 'to', type: 'address' },
    { name: 'facilitator', type: 'address' },
    { name: 'validAfter', type: 'uint256' },
  ],
} as const;

const permit2Abi = parseAbi(['function nonceBitmap(address owner, uint256 word) view returns (uint256)']);
const proxyAbi = parseAbi([
  'struct TokenPermissions { address token; uint256 amount; }',
  'struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }',
  'struct Witness { address to; address facilitator; uint256 validAfter; }',
  'struct EIP2612Permit { uint256 value; uint256 deadline; bytes32 r; bytes32 s; uint8 v; }',
  'function settle(PermitTransferFrom permit, uint256 amount, address owner, Witness witness, bytes signature)',
  'function settleWithPermit(EIP2612Permit approval, PermitTransferFrom permit, uint256 amount, address owner, Witness witness, bytes signature)',
]);

/** Describes a permit as a wallet signs it, by EIP-712. */
export const describePermit = (
  { chainId, token }: TokenPlace,
  { to, facilitator, maximum, nonce, validAfter, deadline }: UptoPermit,
) =>
  ({
    domain: { name: 'Permit2', chainId, verifyingContract: PERMIT2 },
    types: TYPES,
    primaryType: 'PermitWitnessTransferFrom',
    message: {
      ...{ permitted: { token, amount: maximum }, spender: UPTO_PROXY, nonce, deadline },
      witness: { to, facilitator, validAfter },
    },
  }) as const;

/** Whether its payer signed it with a key. @param signature 65 bytes */
export const isPermitted = (deployment: TokenPlace, permit: UptoPermit, signature: Hex): Promise<boolean> =>
  isSignedBy(permit.from, { ...describePermit(deployment, permit), signature });

export function createPermitReads({ read }: Pick<Transactor, 'read'>, token: Address) {
  return {
    /** Whether this chain has both contracts. */
    hasPermits: (): Promise<boolean> =>
      read('contracts of permits', async (client) => {
        const codes = await Promise.all([PERMIT2, UPTO_PROXY].map((address) => client.getCode({ address })));
        return codes.every((code) => code !== undefined && code !== '0x');
      }),
    permitFundsOf: (from: Address): Promise<PermitFunds> =>
      read('funds of a payer', async (client) => {
        const about = { address: token, abi: ogongTokenAbi } as const;
        const [balanceAtomic, allowanceAtomic, approvalNonce] = await Promise.all([
          client.readContract({ ...about, functionName: 'balanceOf', args: [from] }),
          client.readContract({ ...about, functionName: 'allowance', args: [from, PERMIT2] }),
          client.readContract({ ...about, functionName: 'nonces', args: [from] }),
        ]);
        return { balanceAtomic, allowanceAtomic, approvalNonce };
      }),
    /** Whether it was used, or its payer withdrew it. */
    isPermitSpent: ({ from, nonce }: Pick<UptoPermit, 'from' | 'nonce'>): Promise<boolean> =>
      read('nonce of a permit', async (client) => {
        const args = [from, nonce >> 8n] as const;
        const bits = await client.readContract({
          address: PERMIT2,
          abi: permit2Abi,
          functionName: 'nonceBitmap',
          args,
        });
        return ((bits >> (nonce & 0xffn)) & 1n) === 1n;
      }),
    /**
     * Finds the transfer that the facilitator of a permit made by it. A payer may use up the nonce by another permit, with itself as the
     * facilitator: that is no payment.
     * @param fromBlock no earlier block has it.
     */
    findPermitTransfer(
      { from, to, nonce, facilitator }: Pick<UptoPermit, 'from' | 'to' | 'nonce' | 'facilitator'>,
      fromBlock: bigint,
    ): Promise<PermitTransfer | undefined> {
      return read('transfer by a permit', async (client) => {
        const event = { address: token, abi: erc20Abi, eventName: 'Transfer', strict: true } as const;
        for (const blocks of splitBlocks(fromBlock, await client.getBlockNumber({ cacheTime: 0 }))) {
          const logs = await client.getContractEvents({ ...event, args: { from, to }, ...blocks });
          for (const { transactionHash, blockNumber, args } of logs) {
            const transaction = await client.getTransaction({ hash: transactionHash });
            const isTaken = transaction.to !== null && lowerHex(transaction.to) === UPTO_PROXY;
            const isByFacilitator = lowerHex(transaction.from) === facilitator;
            if (isTaken && isByFacilitator && readNonce(transaction.input) === nonce)
              return { transactionHash, blockNumber, value: args.value };
          }
        }
        return undefined;
      });
    },
  };
}

function readNonce(input: Hex): bigint | undefined {
  try {
    const { functionName, args } = decodeFunctionData({ abi: proxyAbi, data: input });
    return functionName === 'settle' ? args[0].nonce : args[1].nonce;
  } catch {
    return undefined;
  }
}

function encodeApproval({ value, deadline, signature }: SignedApproval) {
  const { r, s, yParity } = parseSignature(signature);
  return { value, deadline, r, s, v: 27 + yParity };
}

export function createPermitWrites({ send }: Pick<Transactor, 'send'>, token: Address) {
  return {
    /** Takes a part of a signed maximum. The sender has to be the facilitator. */
    takeByPermit({ permit, signature, approval }: SignedPermit, amount: bigint) {
      const { from, to, facilitator, maximum, nonce, validAfter, deadline } = permit;
      const signed = { permitted: { token, amount: maximum }, nonce, deadline };
      // Some wallets end a signature with 0 or 1, and Permit2 takes 27 and 28 alone.
      const taken = serializeSignature(parseSignature(signature));
      const args = [signed, amount, from, { to, facilitator, validAfter }, taken] as const;
      const data = approval
        ? encodeFunctionData({
            abi: proxyAbi,
            functionName: 'settleWithPermit',
            args: [encodeApproval(approval), ...args],
          })
        : encodeFunctionData({ abi: proxyAbi, functionName: 'settle', args });
      return send('payment by a permit', UPTO_PROXY, data);
    },
  };
}
