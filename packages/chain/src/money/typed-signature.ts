import { parseSignature, type RecoverTypedDataAddressParameters, recoverTypedDataAddress } from 'viem';
import type { Address, Hex } from '../hex.ts';

/** Half the order of secp256k1. Each signature has a twin with the other `s`, and contracts refuse the larger one. */
const MOST_S = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/**
 * Whether the key of an account signed typed data (EIP-712), in the form that contracts take. A contract's signature (ERC-1271) is none.
 * @param signer in lower case
 */
export async function isSignedBy(
  signer: Address,
  signed: RecoverTypedDataAddressParameters & { readonly signature: Hex },
): Promise<boolean> {
  const found = await recoverTypedDataAddress(signed).catch(() => undefined);
  return found?.toLowerCase() === signer && BigInt(parseSignature(signed.signature).s) <= MOST_S;
}
