import type { TokenPlace } from '../deployment.ts';
import type { Address, Hex } from '../hex.ts';
import { TOKEN_DOMAIN } from './authorizations.ts';
import { isSignedBy } from './typed-signature.ts';

/** Permit2, at the same address on every public chain. A payer lets it spend the token, once. */
export const PERMIT2 = '0x000000000022d473030f116ddee9f6b43ac78ba3' as Address;

/** A permission for Permit2 to spend tokens, signed by their owner in place of a transaction (EIP-2612). */
export interface SignedApproval {
  /** Atomic units; it replaces an earlier allowance. */
  readonly value: bigint;
  /** The owner's next number in the token's contract: each counts once, in order. */
  readonly nonce: bigint;
  /** Seconds since 1970; the token takes it until then. */
  readonly deadline: bigint;
  /** 65 bytes. */
  readonly signature: Hex;
}

const TYPES = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const;

/** Describes an approval as a wallet signs it, by EIP-712. */
export const describeApproval = (
  { chainId, token }: TokenPlace,
  owner: Address,
  { value, nonce, deadline }: Omit<SignedApproval, 'signature'>,
) =>
  ({
    domain: { ...TOKEN_DOMAIN, chainId, verifyingContract: token },
    types: TYPES,
    primaryType: 'Permit',
    message: { owner, spender: PERMIT2, value, nonce, deadline },
  }) as const;

/** Whether the owner of the tokens signed it with a key. @param owner in lower case */
export const isApproved = (deployment: TokenPlace, owner: Address, approval: SignedApproval): Promise<boolean> =>
  isSignedBy(owner, { ...describeApproval(deployment, owner, approval), signature: approval.signature });
