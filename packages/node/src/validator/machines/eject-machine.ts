import { judgeMachineProof } from '@ogong/attestation/machine-proof';
import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import { Refusal } from '@ogong/host/link/link-error';
import { hashMachineEjection, type MachineEjection } from '@ogong/protocol/settlement/machine-ejection';
import { gatherWords } from '../settlement/gather-words.ts';
import { findProof, keepProof, listProofs } from '../store/machine-proof-store.ts';
import type { MachinesState } from './machine-state.ts';

/**
 * Judges a proof by itself, whoever brings it.
 * @returns the ejection that follows; undefined where the provider is ejected already.
 * @throws Refusal `precondition` where the proof does not hold; ChainError
 */
export async function judgeEjection(
  { crypto, ledger }: Pick<MachinesState, 'crypto' | 'ledger'>,
  client: Pick<ChainClient, 'ejectionOf' | 'wasMachineRevoked'>,
  proof: Uint8Array,
): Promise<MachineEjection | undefined> {
  const judge = { crypto, ledger, wasMachineRevoked: client.wasMachineRevoked.bind(client) };
  const { providerId, checks, isProven } = await judgeMachineProof(proof, judge);
  const missing = checks.find(({ status }) => status !== 'pass');
  if (!isProven || missing !== undefined)
    throw new Refusal('precondition', `the proof does not hold: ${missing?.id}: ${missing?.detail}`);
  const { since, count } = await client.ejectionOf(providerId);
  return since === 0n ? { providerId, evidence: crypto.sha256(proof), ejection: count + 1 } : undefined;
}

/** @throws SignerError */
export const signEjection = (
  { signer, settlement: domain }: Pick<MachinesState, 'signer' | 'settlement'>,
  ejected: MachineEjection,
): Promise<Uint8Array> => signer.sign({ kind: 'machine-ejection', domain, ...ejected });

/**
 * A peer's signature is asked for. What was signed for is kept, so that anybody can check it again; a proof whose ejection was lifted
 * ejects nobody a second time.
 * @throws Refusal, ChainError, SignerError
 */
export async function answerEjection(state: MachinesState, proof: Uint8Array): Promise<Uint8Array> {
  const ejected = await noteProof(state, proof);
  if (ejected === undefined) throw new Refusal('precondition', 'the provider is ejected, or was by this proof');
  return signEjection(state, ejected);
}

/** Judges a proof and keeps it. @returns the ejection that it still stands for. @throws Refusal, ChainError */
export async function noteProof(state: MachinesState, proof: Uint8Array): Promise<MachineEjection | undefined> {
  const { chain, clock, group, store } = state;
  const ejected = await judgeEjection(state, await chain.client(), proof);
  if (ejected === undefined) return undefined;
  const { evidence: hash, providerId, ejection } = ejected;
  await group.write((db) => keepProof(db, { hash, providerId, ejection, proof, notedMs: clock.nowMs() }));
  return store.read(() => findProof(store, hash))?.ejection === ejection ? ejected : undefined;
}

/** Has peers sign for the proofs that are kept here, and submits what is a quorum. @throws ChainError */
export async function stepEjections(state: MachinesState): Promise<void> {
  const { crypto, store, chain, signer, settlement, askEjection, onEjected, onError } = state;
  const proofs = store.read(() => listProofs(store));
  if (proofs.length === 0) return;
  const client = await chain.client();
  for (const { hash: evidence, providerId, ejection, proof } of proofs) {
    try {
      const { since, count } = await client.ejectionOf(providerId);
      if (since !== 0n || count + 1 !== ejection) continue;
      const ejected = { providerId, evidence, ejection };
      const quorum = await gatherWords(client, {
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
