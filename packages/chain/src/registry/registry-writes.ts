import { encodeAbiParameters, encodeFunctionData, keccak256 } from 'viem';
import { ChainError } from '../errors.ts';
import { validatorRegistryAbi as abi } from '../generated/abi.ts';
import { type Address, type BytesLike, type Hex, toAddress, toHex } from '../hex.ts';
import { waitForNextBlock } from '../next-block.ts';
import type { Transactor } from '../transactor.ts';

/** Creates the calls by which a validator changes the registry. */
export function createRegistryWrites({ address: own, read, send }: Transactor, registry: Address) {
  /**
   * Seals a certificate for the caller, so that nobody who sees the next call coming can take it.
   * @returns the values that the next call has to name, once a block has passed: a node would refuse the call before.
   * @throws ChainError `timeout` where no block comes for a minute.
   */
  async function announceCertificate(given: BytesLike): Promise<{ certHash: Hex; salt: Hex }> {
    if (!own) throw new ChainError('no-account', 'this client has no private key');
    const certHash = toHex(given, 'certHash', 32);
    const salt = toHex(globalThis.crypto.getRandomValues(new Uint8Array(32)), 'salt', 32);
    const types = [{ type: 'address' }, { type: 'bytes32' }, { type: 'bytes32' }] as const;
    const args = [keccak256(encodeAbiParameters(types, [own, certHash, salt]))] as const;
    const announced = encodeFunctionData({ abi, functionName: 'announce', args });
    await waitForNextBlock({ read }, await send('announce', registry, announced));
    return { certHash, salt };
  }

  return {
    /** Announces the certificate, then registers with it: two transactions, in different blocks. */
    async registerValidator(entry: { endpoint: string; certHash: BytesLike; vrfKey: BytesLike }) {
      const { certHash, salt } = await announceCertificate(entry.certHash);
      const args = [entry.endpoint, certHash, salt, toHex(entry.vrfKey, 'vrfKey', 32)] as const;
      return send('register', registry, encodeFunctionData({ abi, functionName: 'register', args }));
    },
    /** Announces the certificate, then moves to it. */
    async updateValidator(entry: { endpoint: string; certHash: BytesLike }) {
      const { certHash, salt } = await announceCertificate(entry.certHash);
      const args = [entry.endpoint, certHash, salt] as const;
      return send('update', registry, encodeFunctionData({ abi, functionName: 'update', args }));
    },
    /**
     * Names the key that signs for the caller, one voting delay from now on.
     * @param consent 65-byte signature by that key over the registry's `signerDigest`; empty where the caller names itself.
     */
    setSigningKey: (signingKey: BytesLike, consent: BytesLike) => {
      const isOwn = toAddress(signingKey, 'signingKey') === own;
      const args = [toAddress(signingKey, 'signingKey'), isOwn ? '0x' : toHex(consent, 'consent', 65)] as const;
      return send('set signing key', registry, encodeFunctionData({ abi, functionName: 'setSigner', args }));
    },
    deregisterValidator: () => send('deregister', registry, encodeFunctionData({ abi, functionName: 'deregister' })),
    /** Removes a validator that was slashed below the least bond; anyone may. */
    evictValidator: (validator: BytesLike) => {
      const args = [toAddress(validator, 'validator')] as const;
      return send('evict', registry, encodeFunctionData({ abi, functionName: 'evict', args }));
    },
  };
}
