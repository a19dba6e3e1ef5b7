import type { ChainClient } from '@ogong/chain/client';
import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashMachineRevocation, type MachineRevocation } from '@ogong/protocol/machine/machine-entry';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

type RevokingChain = Pick<ChainClient, 'machineRevocation'>;
export type RevokedMachine = Omit<MachineRevocation, 'number'>;

async function nameRevocation(client: RevokingChain, revoked: RevokedMachine): Promise<MachineRevocation | undefined> {
  const { isRevoked, count } = await client.machineRevocation(revoked.machine);
  return isRevoked === revoked.isRevoked ? undefined : { ...revoked, number: count + 1 };
}

/**
 * Signs that a machine is revoked or restored, after the operator has checked the evidence.
 * @returns undefined if the chain has that state already. @throws ChainError, SignerError
 */
export async function signRevocation(
  { signer, domain }: { readonly signer: ValidatorSigner; readonly domain: LedgerDomain },
  client: RevokingChain,
  revoked: RevokedMachine,
): Promise<(MachineRevocation & { readonly signature: Uint8Array }) | undefined> {
  const revocation = await nameRevocation(client, revoked);
  if (revocation === undefined) return undefined;
  return { ...revocation, signature: await signer.sign({ kind: 'machine-revocation', domain, ...revocation }) };
}

/**
 * @returns the transaction; undefined if the chain has that state already. @throws ChainError also if the signatures
 * are no quorum
 */
export async function submitRevocation(
  { crypto, domain }: { readonly crypto: Crypto; readonly domain: LedgerDomain },
  client: RevokingChain & Pick<ChainClient, 'revokeMachine'>,
  { revoked, signatures }: { readonly revoked: RevokedMachine; readonly signatures: readonly Uint8Array[] },
): Promise<string | undefined> {
  const revocation = await nameRevocation(client, revoked);
  if (revocation === undefined) return undefined;
  const quorum = await sortQuorum(hashMachineRevocation(crypto, domain, revocation), signatures);
  return (await client.revokeMachine(revocation, quorum)).transactionHash;
}
