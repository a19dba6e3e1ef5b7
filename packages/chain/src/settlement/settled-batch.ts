import { fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashSettlement, type Settlement } from '@ogong/protocol/settlement/batch';
import type { SettledEvidence } from '@ogong/protocol/verdict/receipt/settled';
import type { Deployment } from '../deployment.ts';
import { domainOf } from '../domain.ts';
import { toAddress } from '../hex.ts';
import type { Transactor } from '../transactor.ts';
import { readAccountsAt, readVotes } from '../validators/votes.ts';
import { readSettlement } from './read-settlement.ts';
import type { DecodedSettle } from './settle-decode.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

/** Evidence of a batch on the chain. The protocol's `checkSettled` needs the rest from the validator. */
export type BatchEvidence = Omit<SettledEvidence, 'entry' | 'index' | 'proof'>;

/**
 * Reads the batch that a transaction settled: the signed batch, its signers and their votes, and the amounts that the contract took.
 * @throws ChainError
 */
export async function readSettledBatch(
  crypto: Crypto,
  { transactor, deployment }: { readonly transactor: Pick<Transactor, 'read'>; readonly deployment: Deployment },
  transaction: string,
): Promise<BatchEvidence> {
  const { call, event, blockNumber } = await readSettlement(transactor, deployment, transaction as `0x${string}`);
  const settlement = toSettlement(call);
  const domain = domainOf(deployment, deployment.settlement);
  const digest = hashSettlement(crypto, domain, settlement);
  // One that recovers to nobody counts for nobody.
  const signed = call.quorum.flatMap((hex) => {
    const signature = bytes(hex);
    const signer = crypto.recoverAddress(digest, signature);
    return signer === undefined ? [] : [{ signer, signature }];
  });
  const signingKeys = signed.map(({ signer }) => toAddress(signer, 'signer'));
  const accounts = await readAccountsAt(transactor, deployment, { signingKeys, blockNumber });
  const { each, total } = await readVotes(transactor, deployment, { accounts, blockNumber });
  return {
    settlement,
    signatures: signed.map(({ signature }, i) => ({ signer: bytes(accounts[i] ?? ''), signature })),
    votes: accounts.map((account, i) => ({
      address: bytes(account),
      signingKey: signed[i]?.signer ?? new Uint8Array(20),
      stake: each[i] ?? 0n,
    })),
    totalVotes: total,
    event: {
      ...event,
      validator: bytes(event.validator),
      recordsRoot: bytes(event.recordsRoot),
      logHead: bytes(event.logHead),
    },
    blockNumber,
  };
}

function toSettlement({ batch, debits, lines, ejections, tallies }: DecodedSettle): Omit<Settlement, 'uncollectable'> {
  return {
    batch: {
      ...batch,
      validator: bytes(batch.validator),
      logHead: bytes(batch.logHead),
      recordsRoot: bytes(batch.recordsRoot),
    },
    debits: debits.map(({ payer, termsHash, signature, ...amounts }) => ({
      ...amounts,
      ...{ payer: bytes(payer), termsHash: bytes(termsHash), signature: bytes(signature) },
    })),
    lines: lines.map(({ gross, fine, ...parties }) => ({
      providerId: bytes(parties.providerId),
      payee: bytes(parties.payee),
      router: bytes(parties.router),
      modelRoot: bytes(parties.modelRoot),
      ...{ gross, fine },
    })),
    ejections: ejections.map(bytes),
    tallies: tallies.map(({ payee, ...counts }) => ({ payee: bytes(payee), ...counts })),
  };
}
