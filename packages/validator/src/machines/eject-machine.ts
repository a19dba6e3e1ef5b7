import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { Refusal } from '@ogong/host/link/link-error';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { hashMachineEjection, type MachineEjection } from '@ogong/protocol/machine/machine-ejection';
import { gatherPeerSignatures } from '../settlement/gather-peer-signatures.ts';
import { keepProof, listProofs, markLanded } from '../store/machine-proof-store.ts';
import type { MachinesState } from './machine-state.ts';

/**
 * Checks a proof from any sender. A reply from before the provider's last reinstatement ejects nobody. The chain has
 * that time, so all validators find the same.
 * @returns the ejection that follows; undefined if the provider is ejected already.
 * @throws Refusal `precondition` if the proof does not hold, or is too old; ChainError
 */
export async function checkEjectionProof(
  { crypto, ledger }: Pick<MachinesState, 'crypto' | 'ledger'>,
  client: Pick<ChainClient, 'ejectionOf' | 'reinstatedAt' | 'wasMachineRevoked'>,
  proof: Uint8Array,
): Promise<MachineEjection | undefined> {
  const { judgeMachineProof } = await import('@ogong/attestation/machine-proof');
  const judge = { crypto, ledger, wasMachineRevoked: client.wasMachineRevoked.bind(client) };
  const { providerId, beganMs, checks, isProven } = await judgeMachineProof(proof, judge);
  const missing = checks.find(({ status }) => status !== 'pass');
  if (!isProven || missing !== undefined)
    throw new Refusal('precondition', `the proof does not hold: ${missing?.id}: ${missing?.detail}`);
  const { since, count } = await client.ejectionOf(providerId);
  if (since !== 0n) return undefined;
  // A reinstated provider may have replies in progress, and a clock that is ahead.
  if (count > 0 && beganMs <= Number(await client.reinstatedAt(providerId, count)) * 1_000 + MAX_ORDER_LIFETIME_MS)
    throw new Refusal('precondition', 'the reply is from before the reinstatement of the provider');
  return { providerId, evidence: crypto.sha256(proof), ejection: count + 1 };
}

/** @throws SignerError */
export const signEjection = (
  { signer, settlement: domain }: Pick<MachinesState, 'signer' | 'settlement'>,
  ejected: MachineEjection,
): Promise<Uint8Array> => signer.sign({ kind: 'machine-ejection', domain, ...ejected });

/**
 * Signs an ejection for a peer. Stores the proof, so that others can check it again. The peer submits it.
 * @throws Refusal, ChainError, SignerError
 */
export async function answerEjection(state: MachinesState, proof: Uint8Array): Promise<Uint8Array> {
  const ejected = await noteProof(state, proof, 'asked');
  if (ejected === undefined) throw new Refusal('precondition', 'the provider is ejected');
  return signEjection(state, ejected);
}

/** Checks a proof and stores it. @returns the ejection that follows from it. @throws Refusal, ChainError */
export async function noteProof(
  state: MachinesState,
  proof: Uint8Array,
  cause: 'asked' | 'open' = 'open',
): Promise<MachineEjection | undefined> {
  const { chain, clock, group } = state;
  const ejected = await checkEjectionProof(state, await chain.client(), proof);
  if (ejected === undefined) return undefined;
  const { evidence: hash, providerId, ejection } = ejected;
  const kept = { hash, providerId, ejection, proof, state: cause, notedMs: clock.nowMs() };
  await group.write((db) => keepProof(db, kept));
  return ejected;
}

/** Asks peers to sign the open proofs, and submits those with a quorum. @throws ChainError */
export async function stepEjections(state: MachinesState): Promise<void> {
  const { crypto, store, group, chain, signer, settlement, askEjection, onEjected, onError } = state;
  const proofs = store.read(() => listProofs(store));
  if (proofs.length === 0) return;
  const client = await chain.client();
  for (const { hash: evidence, providerId, ejection, proof, state: held } of proofs) {
    try {
      const { since, count } = await client.ejectionOf(providerId);
      if (count >= ejection) await group.write((db) => markLanded(db, evidence));
      if (held !== 'open' || since !== 0n || count + 1 !== ejection) continue;
      const ejected = { providerId, evidence, ejection };
      const quorum = await gatherPeerSignatures(client, {
        ...{ crypto, validators: chain.validators(), onError },
        own: { signer: signer.address, signature: await signEjection(state, ejected) },
        digest: hashMachineEjection(crypto, settlement, ejected),
        ask: (peer) => askEjection(peer, proof),
      });
      if (quorum === undefined) continue;
      onEjected(ejected, (await client.ejectForMachine(ejected, quorum)).transactionHash);
    } catch (error) {
      // Another validator was faster.
      if (!(error instanceof ChainError && error.revert?.name === 'EjectedAlready')) onError(error);
    }
  }
}
