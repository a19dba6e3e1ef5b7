import type { ChainClient } from '@ogong/chain/client';
import { sortQuorum } from '@ogong/chain/settlement/settle-call';
import { type AppealSubject, nameSubject } from '@ogong/chain/validators/cases';
import { equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { hashAcquittal } from '@ogong/protocol/settlement/conviction';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

type HearingReads = Pick<ChainClient, 'hearingOf' | 'ejectionOf' | 'heldPenaltyOf' | 'appealDepositOf'>;

/** Penalties of a payee that are searched: a day has five at most without new stake, and appeals of a month count. */
const LOOKED_AT = 150;
const NOBODY = `0x${'00'.repeat(20)}`;

/** An appeal and its panel. */
interface FoundHearing {
  /** The appealed decision. */
  readonly appealed: AppealSubject;
  /** Accounts of the panel; empty without an appeal, or before the draw. */
  readonly panel: readonly Uint8Array[];
}

interface FoundHearings {
  /** Subject that a panel signs, 32 bytes. For penalties it is the last penalty, for each appeal. */
  readonly subject: Uint8Array;
  /** Newest first. */
  readonly hearings: readonly FoundHearing[];
}

/**
 * Finds the hearings of a subject. For penalties these are all appeals with a deposit: the panel of each decides about
 * all later penalties. @throws ChainError
 */
async function findHearings(client: HearingReads, subject: AppealSubject): Promise<FoundHearings> {
  const number = await readNumber(client, subject);
  const readPanel = async (name: `0x${string}`) =>
    (await client.hearingOf(name)).panel.map((account) => fromHex(account.slice(2), 20));
  const name = nameSubject(subject, number);
  const signed = fromHex(name.slice(2), 32);
  if (!('penalized' in subject)) {
    return { subject: signed, hearings: [{ appealed: subject, panel: await readPanel(name) }] };
  }
  const { penalized } = subject;
  const hearings: FoundHearing[] = [];
  for (let appealed = number; appealed > 0 && appealed > number - LOOKED_AT; appealed--) {
    const earlier = nameSubject({ penalized }, appealed);
    if ((await client.appealDepositOf(earlier)).from === NOBODY) continue;
    const panel = await readPanel(earlier);
    if (panel.length > 0) hearings.push({ appealed: { penalized, appealed }, panel });
  }
  return { subject: signed, hearings };
}

async function readNumber(client: HearingReads, subject: AppealSubject): Promise<number> {
  if ('ejected' in subject) return (await client.ejectionOf(subject.ejected)).count;
  return 'penalized' in subject ? (await client.heldPenaltyOf(subject.penalized)).penalty : 0;
}

/**
 * Votes to lift a decision.
 * @param domain of the contract of hearings.
 * @returns 65 bytes; undefined if this validator is not on the panel. @throws ChainError, SignerError
 */
export async function signAcquittal(
  { signer, domain }: { readonly signer: ValidatorSigner; readonly domain: LedgerDomain },
  client: HearingReads,
  subject: AppealSubject,
): Promise<Uint8Array | undefined> {
  const found = await findHearings(client, subject);
  const isSeated = found.hearings.some(({ panel }) => panel.some((account) => equalBytes(signer.address, account)));
  return isSeated ? signer.sign({ kind: 'acquittal', domain, subject: found.subject }) : undefined;
}

/**
 * Submits votes in any order, for the newest panel of which they are a majority.
 * @returns the transaction. @throws ChainError also if they are no majority
 */
export async function submitAcquittal(
  { crypto, domain }: { readonly crypto: Crypto; readonly domain: LedgerDomain },
  client: HearingReads & Pick<ChainClient, 'lift'>,
  { subject, votes }: { readonly subject: AppealSubject; readonly votes: readonly Uint8Array[] },
): Promise<string> {
  const found = await findHearings(client, subject);
  const digest = hashAcquittal(crypto, domain, found.subject);
  for (const { appealed, panel } of found.hearings) {
    const own = votes.filter((vote) => {
      const member = crypto.recoverAddress(digest, vote);
      return member !== undefined && panel.some((account) => equalBytes(member, account));
    });
    if (own.length * 2 <= panel.length) continue;
    return (await client.lift(appealed, await sortQuorum(digest, own))).transactionHash;
  }
  // The chain reports which votes are missing.
  const appealed = found.hearings[0]?.appealed ?? subject;
  return (await client.lift(appealed, await sortQuorum(digest, votes))).transactionHash;
}
