import { areEnoughWitnesses, drawWitnesses, MAX_WITNESSES, type WitnessDraw } from '../audit/witness-draw.ts';
import { bytes, type Codec, createFormat, flag, list, safeInteger, struct, u8, u64 } from '../base/codec.ts';
import type { EpochMember } from '../beacon/validator-set.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { type Silence, verifySilence } from '../exchange/silence.ts';

/** A witness's statement in evidence. The rest of the signed data follows from the entry and the draw. */
export interface Statement extends Pick<Silence, 'isRefused' | 'epoch' | 'timeMs'> {
  /** Index of the witness in the draw, from 0. */
  readonly place: number;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** Ascending by place. */
export const statementList: Codec<readonly Statement[]> = list<Statement>(
  struct({ place: u8, isRefused: flag, epoch: u64, timeMs: safeInteger, signature: bytes(65) }),
  { count: u8, max: MAX_WITNESSES, ascending: (a, b) => a.place - b.place },
);

const statementsFormat = createFormat(statementList, {});

/** Encodes statements for storage until the verdict. */
export const encodeStatements = (statements: readonly Statement[]): Uint8Array => statementsFormat.encode(statements);

/** @throws ProtocolError */
export const parseStatements = (bytes: Uint8Array): readonly Statement[] => statementsFormat.decode(bytes);

/**
 * Finds the time of a silence: the median of the witnesses' times, of two in the middle the earlier one. @param statements at
 * least one.
 */
export function findSilentMs(statements: readonly Statement[]): number {
  const times = statements.map(({ timeMs }) => timeMs).sort((a, b) => a - b);
  return times[(times.length - 1) >> 1] as number;
}

/** The claimed silence: the party, the subject, and the possible witnesses. */
export interface SilenceClaim extends WitnessDraw, Pick<Silence, 'orderHash' | 'subject'> {
  readonly ledger: LedgerDomain;
  /** The validators of the epoch that draws. */
  readonly members: readonly EpochMember[];
}

/** Finds the reason that the statements do not prove the target's silence; undefined if they do. */
export function findSilenceProblem(
  crypto: Crypto,
  claim: SilenceClaim,
  statements: readonly Statement[],
): string | undefined {
  const witnesses = drawWitnesses(crypto, claim, claim.members);
  for (const statement of statements) {
    const member = witnesses[statement.place];
    if (member === undefined) return `there is no witness at place ${statement.place}`;
    const { ledger, validator, orderHash, target, subject, asked } = claim;
    const { address: witness, signingKey } = member;
    const silence = { ...{ witness, validator, orderHash, target, subject, asked }, ...statement };
    if (!verifySilence(crypto, { ledger, signingKey }, silence))
      return `the witness at place ${statement.place} did not sign this`;
  }
  const places = statements.map(({ place }) => place);
  if (areEnoughWitnesses(places, witnesses.length)) return undefined;
  return `${places.length} of ${witnesses.length} witnesses say that the ${claim.asked} was not handed out; that is not enough`;
}
