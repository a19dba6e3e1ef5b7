import { type AppealSubject, nameSubject } from '@ogong/chain/cases';
import type { ChainClient } from '@ogong/chain/client';
import { sortQuorum } from '@ogong/chain/settle-call';
import { equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashAcquittal } from '@ogong/protocol/settlement/conviction';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

type HearingReads = Pick<ChainClient, 'hearingOf' | 'ejectionOf' | 'heldPenaltyOf'>;

/** What is heard, and who hears it. */
export interface FoundHearing {
  /** 32 bytes. */
  readonly subject: Uint8Array;
  /** Accounts; empty where nobody appealed, or the panel was not drawn yet. */
  readonly panel: readonly `0x${string}`[];
}

/** @throws ChainError */
export async function findHearing(client: HearingReads, subject: AppealSubject): Promise<FoundHearing> {
  const name = nameSubject(subject, await readNumber(client, subject));
  const { panel } = await client.hearingOf(name);
  return { subject: fromHex(name.slice(2), 32), panel };
}

async function readNumber(client: HearingReads, subject: AppealSubject): Promise<number> {
  if ('ejected' in subject) return (await client.ejectionOf(subject.ejected)).count;
  return 'penalized' in subject ? (await client.heldPenaltyOf(subject.penalized)).penalty : 0;
}

/**
 * Votes to lift what was decided.
 * @param domain of the contract of hearings.
 * @returns 65 bytes; undefined where this validator has no seat. @throws ChainError, SignerError
 */
export async function signAcquittal(
  { signer, domain }: { readonly signer: ValidatorSigner; readonly domain: LedgerDomain },
  client: HearingReads,
  subject: AppealSubject,
): Promise<Uint8Array | undefined> {
  const hearing = await findHearing(client, subject);
  const isSeated = hearing.panel.some((account) => equalBytes(signer.address, fromHex(account.slice(2), 20)));
  return isSeated ? signer.sign({ kind: 'acquittal', domain, subject: hearing.subject }) : undefined;
}

/**
 * Submits the votes of a panel, whatever their order.
 * @returns the transaction. @throws ChainError also where they are no majority
 */
export async function submitAcquittal(
  { crypto, domain }: { readonly crypto: Crypto; readonly domain: LedgerDomain },
  client: HearingReads & Pick<ChainClient, 'lift'>,
  { subject, votes }: { readonly subject: AppealSubject; readonly votes: readonly Uint8Array[] },
): Promise<string> {
  const hearing = await findHearing(client, subject);
  const sorted = await sortQuorum(hashAcquittal(crypto, domain, hearing.subject), votes);
  return (await client.lift(subject, sorted)).transactionHash;
}
